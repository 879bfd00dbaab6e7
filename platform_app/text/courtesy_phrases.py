"""Courtesy phrases: greetings, thanks, introductions and signatures, in Russian and English."""

import re

from platform_app.text.stemming import STOP, stems, words

_SAYS_NOTHING = (
    "hi hello hey bye goodbye yes yep no nope ok okay got thanks thank please cheers dear sir madam "
    "привет приветик здравствуй здравствуйте спасибо спс благодарю ок окей хорошо ладно ясно понятно понял поняла "
    "отлично супер до свидания да ага нет неа пожалуйста пж"
)
_IN_GREETINGS = (  # elsewhere these say something
    "there good morning day afternoon evening night great fine it you very much and team "
    "и всем добрый день вечер доброе утро доброго дня времени суток большое огромное вам тебе пока"
)
COURTESY = frozenset(words(f"{_SAYS_NOTHING} {_IN_GREETINGS}"))  # a message of these words alone asks nothing
LIGHT = STOP | frozenset(
    stems(
        f"{_SAYS_NOTHING} much many long far does could would should please tell know wonder wondering have has had "
        "am get need want just also still really some any there them they he she him her his its was were been being "
        "more стоит стоят стоить скажите подскажите подскажи скажи узнать хотелось хочу хотел хотела интересует вопрос "
        "еще ещё тоже там тут его ее её их него нее них ему ей им такой такая такие этот эту этого тогда если как "
        "у вас ли уже сам сама"
    )
)  # stems of words that ask rather than say what about

_NAME = r"[A-ZА-ЯЁ][\w'’-]+"
_PHRASES = (
    # greetings
    r"(?i:здравствуй(?:те)?|приветствую(?:\s+вас)?|привет(?:ик)?(?:\s+всем)?|добр(?:ый|ого|ое|ой)\s+"
    r"(?:день|дня|вечера?|утр[оа]|ночи|времени(?:\s+суток)?)|доброго\s+времени\s+суток|hello|hi|hey|greetings|"
    r"good\s+(?:morning|day|afternoon|evening)|dear\s+(?:team|all|sir(?:\s+or\s+madam)?|colleagues|support))"
    r"(?i:\s+(?:there|all|team|everyone|everybody|коллеги|друзья))?",
    # wishes and thanks
    r"(?i:(?:заранее\s+)?(?:(?:большое|огромное)\s+)?спасибо(?:\s+(?:большое|огромное|вам|заранее|за\s+(?:ответ|помощь)))*|"
    r"(?:заранее\s+)?благодар(?:ю|им|ен|на|ствую)(?:\s+(?:вас|заранее|за\s+(?:ответ|помощь)))*|"
    r"буд(?:у|ем)\s+(?:\w+\s+)?(?:благодар\w+|признател\w+)(?:\s+за\s+(?:ответ|помощь))?|"
    r"(?:всего|хорошего|приятного|удачного)\s+(?:вам\s+)?(?:доброго|хорошего|дня|вечера)(?:\s+вам)?|до\s+свидания|"
    r"(?:many\s+)?thanks(?:\s+(?:a\s+lot|so\s+much|very\s+much|in\s+advance|again))*|"
    r"thank\s+you(?:\s+(?:so\s+much|very\s+much|in\s+advance|again|for\s+your\s+(?:help|time|answer)))*|"
    r"(?:i\s+(?:would|'d|’d)\s+(?:really\s+)?|much\s+)appreciated?(?:\s+(?:your\s+help|it|an\s+answer))?|"
    r"(?:have|wish\s+you)\s+a\s+(?:nice|good|great|lovely)\s+(?:day|evening|weekend|one)|"
    r"(?:i\s+)?hope\s+(?:you\s+are|you're|this\s+finds\s+you|all\s+is)\s+(?:doing\s+)?well|cheers|goodbye|bye)",
    # ways to begin a question
    r"(?i:(?:не\s+)?(?:подскажите|подскажешь|подскажи|скажите)(?:\s+мне)?|не\s+могли\s+бы\s+вы\s+(?:под)?сказать|"
    r"(?:очень\s+)?(?:хотел(?:а|и|ось)?\s+бы|хочу|можно)\s+(?:у\s+вас\s+)?(?:узнать|спросить|уточнить)|"
    r"будьте\s+(?:так\s+)?(?:добры|любезны)|пожалуйста|у\s+меня\s+(?:\w+\s+)?вопрос|"
    r"извините(?:\s+за\s+беспокойство)?|простите(?:\s+за\s+беспокойство)?|"
    r"(?:could|can|would)\s+you\s+(?:please\s+|kindly\s+)?(?:tell|let)\s+me(?:\s+know)?|"
    r"(?:please\s+)?tell\s+me|i\s+(?:was|am|'m)\s+wondering(?:\s+if)?|i\s+have\s+a\s+(?:quick\s+)?question|"
    r"i\s*(?:would|'d|’d)\s+like\s+to\s+(?:know|ask)|(?:i'm\s+|i\s+am\s+)?sorry\s+to\s+(?:bother|trouble|disturb)\s+you|"
    r"excuse\s+me|please)",
    # who writes
    rf"(?i:меня\s+зовут|мо[её]\s+имя|my\s+name\s+is|my\s+name's)\s+[^\W\d_][\w'’-]*(?:\s+{_NAME}){{0,2}}",
    rf"(?i:это|this\s+is|i\s+am|i'm)\s+{_NAME}(?:\s+{_NAME}){{0,2}}(?:\s+(?i:из|from)\s+{_NAME}(?:\s+{_NAME})?)?(?=\s*[.,!;:—-])",
    rf"(?i:с\s+уважением|с\s+наилучшими\s+пожеланиями|(?:kind|best|warm)?\s*regards|best\s+wishes|yours\s+(?:sincerely|faithfully)|sincerely)"
    rf"(?:\s*,?\s*{_NAME}(?:\s+{_NAME}){{0,2}})?",
)
_COURTESIES = re.compile("|".join(rf"(?<![\w-]){phrase}(?![\w-])" for phrase in _PHRASES))
_EDGES = " ,;:—-"
_LOOSE = re.compile(r"(?<=[,.!?;:—-])(?:\s*[,.!;:—-])+")


def without_courtesy(text: str) -> str:
    """Return a text without greetings, thanks, introductions and signatures; "" if nothing is left."""
    left = _COURTESIES.sub(" ", " ".join(text.split()))
    bare = _LOOSE.sub("", " ".join(left.split())).rstrip(_EDGES).lstrip(f"{_EDGES}.!")
    return bare if any(word not in COURTESY for word in words(bare)) else ""


def asks(text: str) -> bool:
    """Return whether a text is more than a greeting, thanks or a yes."""
    return "?" in text or bool(without_courtesy(text))


def subject_words(text: str) -> list[str]:
    """Return the words that tell what a text is about, without repetition."""
    return list(dict.fromkeys(word for word in words(text) if not LIGHT.issuperset(stems(word))))
