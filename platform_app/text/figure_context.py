"""Figure context: what stands around a number, and whether it then only names something: a list, an order, a house."""

import re

WINDOW = 60  # characters before a number that are looked at
_FENCE = re.compile(r"^[ \t>]*(?P<fence>```|~~~).*?(?:^[ \t>]*(?P=fence)[^\n]*$|\Z)", re.MULTILINE | re.DOTALL)
_REFERENCES = re.compile(
    r"`[^`\n]{1,400}`"
    r"|\]\([^()\s]{1,2000}\)"
    r"|(?:https?://|www\.)\S{1,2000}"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"
    r"|(?<![\w.-])[\w-]{1,63}\.(?:ru|com|org|net|рф|su|by|kz|ua|io|app|shop|store|es|de)\b(?:/\S{0,300})?"
    r"|\[[\^S]?\d{1,3}\]",
    re.IGNORECASE,
)
_LIST_NUMBERS = re.compile(
    r"^[ \t>*+#-]{0,12}(?:\*\*|__)?\d{1,3}(?:[.)](?=\s)|[.)](?:\*\*|__))|\d\ufe0f?\u20e3", re.MULTILINE
)
_LABEL = re.compile(
    r"(?<!\w)(?:n[oº°]\.?|#|номер\w*|num(?:ber|ero)?|заказ\w*|orders?|артикул\w*|арт\.|sku|модел\w*|models?"
    r"|верси\w*|versions?|v\.?|шаг\w*|steps?|пункт\w*|п\.|вариант\w*|options?|этап\w*|stages?|глав\w*|chapters?|стр\.|страниц\w*|pages?"
    r"|част[ьи]|parts?|рис\.|таблиц\w*|tables?|вопрос\w*|questions?|раздел\w*|sections?|тариф\w*|plans?|уров\w*|levels?"
    r"|класс\w*|class|кабинет\w*|каб\.|rooms?|офис\w*|оф\.|offices?|suite|apt\.?|кв\.|квартир\w*|дом\w*|д\.|корп\w*\.?"
    r"|строени\w*|этаж\w*|floors?|подъезд\w*|faq|iso|гост\w*|id|коды?|codes?|договор\w*|сч[её]т\w*|invoices?|tickets?"
    r"|заявк\w*|билет\w*|день|days?|урок\w*|lessons?|топ|top|инн|огрн|кпп|бик|стать\w*|ст\.|articles?)[\s:#.-]{0,3}$",
    re.IGNORECASE,
)
_STREET = re.compile(
    r"(?<!\w)(?:ул|улиц[аеыу]|просп\w*|пр-т|пр-кт|пер|переул\w*|бульвар\w*|б-р|шоссе|наб|набережн\w*|пл|площад\w*|проезд\w*"
    r"|street|avenue|calle|avenida|straße|strasse|вул)(?!\w)\.?[^\n;!?:]{0,40}$",
    re.IGNORECASE,
)
_STREET_AFTER = re.compile(
    r"[A-Za-z]?(?: [A-Z][\w'-]{1,20}){1,3}"
    r" (?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Boulevard|Blvd|Drive|Dr|Square|Way)\b"
)
_NAME = re.compile(r"(?<!\w)([^\W\d_][\w-]{0,30}) ?-?$")
_ACRONYM_CHARS = 4  # of a Cyrillic name such as ВАЗ or СНиП; longer words in capitals are emphasis
_EMPHASIS = frozenset({"цена", "есть", "срок", "ещё", "еще", "вес", "на", "до", "от", "за", "по", "или"})
_SENTENCE_START = re.compile(r"(?:^|[.!?:;•\n])[\s\"'“«(*_>-]*$")
_PREPOSITION = re.compile(
    r"(?<!\w)(?:с|со|в|до|к|после|около|на|from|to|at|till|until|by|after|before|um|bis|ab|von|las|з|о|після) {1,2}$",
    re.IGNORECASE,
)
_FROM = re.compile(r"(?<!\w)(?:с|from|von|de|з) {1,2}$", re.IGNORECASE)
_TO = re.compile(r" {1,2}(?:до|по|to|till|until|bis|a) {1,2}", re.IGNORECASE)
_WORD_BEFORE = re.compile(r"(?<![^\W\d_])[^\W\d_]{3,12}(?=\.? {0,2}(?:the )?$)")
_CURRENCY_BEFORE = re.compile(
    r"(?<![^\W_])(US\$|[€$₽£¥₸₴₺₹]|USD|EUR|EURO|RUB|GBP|KZT|UAH|BYN|AED|INR|Rs|руб)\.? ?$", re.IGNORECASE
)
_ATTACHED = re.compile(r"-?[^\W\d_]")
_ZIP = re.compile(r"\d{5,6}")


def without_list_numbers(text: str) -> str:
    """Return a text without the numbers of its lists."""
    return _LIST_NUMBERS.sub(" ", text)


def without_references(text: str) -> str:
    """Return a text without code, addresses, numbers of sources and numbers of lists."""
    return without_list_numbers(_REFERENCES.sub(" ", _FENCE.sub(" ", text)))


def _before(text: str, start: int) -> str:
    return text[max(0, start - WINDOW) : start]


def word_before(text: str, start: int) -> "re.Match[str] | None":
    """Return the word before a number; its positions are those in the text."""
    return _WORD_BEFORE.search(text, max(0, start - 20), start)


def currency_before(text: str, start: int) -> "re.Match[str] | None":
    """Return the sign or code of a currency before a number, as group 1; its positions are those in the text."""
    return _CURRENCY_BEFORE.search(text, max(0, start - 8), start)


def follows_preposition(text: str, start: int) -> bool:
    """Return whether a preposition stands before a number, which may then be a time of day."""
    return _PREPOSITION.search(text, max(0, start - 12), start) is not None


def is_span(text: str, start: int, end: int, later: int) -> bool:
    """Return whether a number at start and end, and one later, are the ends of a span: "from 8 to 21"."""
    return bool(_FROM.search(text, max(0, start - 8), start) and _TO.fullmatch(text, end, later))


def follows_name(text: str, start: int) -> bool:
    """Return whether the word before a number is a name, such as that of a product: iPhone 15, ВАЗ 2107."""
    before = _before(text, start)
    match = _NAME.search(before)
    if match is None:
        return False
    word = match[1]
    if not word.isascii() and (len(word) > _ACRONYM_CHARS or word.casefold() in _EMPHASIS):
        return False
    if any(char.isupper() or char.isdigit() for char in word[1:]):
        return True
    return word.isascii() and word[0].isupper() and not _SENTENCE_START.search(before[: match.start()])


def is_label(text: str, start: int, end: int) -> bool:
    """Return whether a number without a unit names something: a place of a list, an order, a product, a house."""
    before = _before(text, start)
    return bool(
        follows_name(text, start)
        or _LABEL.search(before)
        or _STREET.search(before)
        or _STREET_AFTER.match(text, end)
        or _ATTACHED.match(text, end)
        or re.search(r"[^\W\d_]-$|\d:$", before)
        or re.match(r":\d", text[end : end + 2])
        or (_ZIP.fullmatch(text, start, end) and re.match(r", [A-ZА-ЯЁ]", text[end : end + 3]))
    )
