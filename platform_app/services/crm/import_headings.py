"""Import headings: guesses which column of a table goes into which field of a contact.

Headings of exports from amoCRM, Bitrix24, HubSpot, Google Contacts and Outlook are known, in Russian and English.
"""

import re

from platform_app.automation.values import fold

_SUFFIX = re.compile(r"\s*\((?:контакта?|contact)\)$")  # amoCRM adds the entity to a heading
_OTHERS = re.compile(  # columns of companies and leads, and columns that only describe a number or address
    r"\((?!контакта?\)|contact\))|\b(?:компани\w*|company|организаци\w*|сделк\w*|deal|lead|лид\w*|ответственн\w*|owner"
    r"|responsible|type|тип|label|метка|fax|факс|pager|пейджер|extension|добавочн\w*|country|код|code|opt|bounce\w*"
    r"|status|статус|domain|домен|last|дата|date|display|отображаем\w*|callback|telex|isdn|radio|assistant\w*"
    r"|помощник\w*|секретар\w*|verified|количество|count|number of)\b"
)
_KIND = (
    r"(?:work|home|other|personal|private|business|primary|main|mobile|secondary|additional|contact|customer|client"
    r"|рабоч\w*|раб|домашн\w*|дом|друг\w*|личн\w*|частн\w*|основн\w*|мобильн\w*|моб|дополнительн\w*|доп|контактн\w*"
    r"|прям\w*|direct|сотов\w*|cell|сот|переносн\w*|car|автомобильн\w*|whats\s?app|viber|telegram)"
)
_NUMBER = r"(?:\s*(?:№|#)?\s*\d{1,2})?"
_USE = r"(?:\s+(?:для рассылок|for newsletters))?"
_PHONE = (
    r"(?:tele)?phone(?:\s*number)?|tel|mobile(?:\s*(?:phone|number))*|cell(?:\s*phone)?|whats\s?app|viber"
    r"|телефон(?:ный номер)?|тел|номер(?:\s*телефона)?|мобильн\w*|моб|сотов\w*|phones|телефоны"
)
_MAIL = (
    r"e-?mails?|mail|e-?mail\s*address|почта|эл\w*\s*почта|адрес\s*(?:эл\w*\s*почты|e-?mail)|имейл|емейл|эл\w*\s*адрес"
)
_PATTERNS = {
    "phones": rf"(?:{_KIND}[\s-]+)*(?:{_PHONE})(?:[\s-]+{_KIND})*{_USE}{_NUMBER}(?:\s*-\s*(?:value|значение))?",
    "emails": rf"(?:{_KIND}[\s-]+)*(?:{_MAIL})(?:[\s-]+{_KIND})*{_USE}{_NUMBER}"
    rf"(?:\s+address)?(?:\s*-\s*(?:value|значение))?|адрес{_NUMBER}\s*(?:эл\w*\s*почты|e-?mail)",
    "tags": r"(?:contact'?s?\s+)?tags?|теги?|метки|labels|categor(?:y|ies)|категори[ия]|group membership|группы"
    r"|членство в группах",
    "language": r"(?:preferred\s+)?(?:language|lang)|язык(?:\s+общения)?",
    "time_zone": r"time\s*zone|часовой\s+пояс",
}
_FULL_NAMES = (
    r"full\s*name|полное\s*имя|ф\.?\s*и\.?\s*о\.?(?:\s*контакта)?|имя\s+и\s+фамилия|contact\s*name|имя\s+контакта|name",
    r"имя|контакт|contact|клиент|client|customer(?:\s*name)?|имя\s+клиента|основной\s+контакт|main\s+contact",
)
_NAME_PARTS = (
    r"(?:given|first)\s*name|имя",
    r"(?:middle|second|additional)\s*name|отчество",
    r"(?:family|last)\s*name|surname|фамилия",
)


def guess_mapping(columns: list[str], own: dict[str, str], remembered: dict[str, str]) -> dict[str, str]:
    """Return the field for each column by its heading, as index of the column (a text, from "0") to field.

    Unknown columns are left out. `own` maps names of custom fields to their keys. `remembered` maps folded headings to
    the fields of earlier imports, "" for a column that was left out.
    """
    heads = [_SUFFIX.sub("", fold(head)) for head in columns]
    names = _name_columns(heads)
    fields = {fold(name): f"field.{key}" for name, key in own.items()}
    mapping: dict[str, str] = {}
    for place, (column, head) in enumerate(zip(columns, heads, strict=True)):
        target = remembered.get(fold(column))
        if target is None:
            target = fields.get(fold(column)) or ("name" if place in names else _target(head))
        if target:
            mapping[str(place)] = target
    return mapping


def _target(head: str) -> str:
    if _OTHERS.search(head):
        return ""
    words = head.replace(".", " ").replace("_", " ")
    return next((field for field, pattern in _PATTERNS.items() if re.fullmatch(pattern, " ".join(words.split()))), "")


def _name_columns(heads: list[str]) -> set[int]:
    """Return the columns that make up the name: the one with the full name, else those with its parts."""
    parts = {place for place, head in enumerate(heads) for part in _NAME_PARTS if re.fullmatch(part, _words(head))}
    if len(parts) > 1 and any(re.fullmatch(_NAME_PARTS[2], _words(heads[place])) for place in parts):
        whole = _first(heads, _FULL_NAMES[0])
        return {whole} if whole is not None else parts
    for pattern in _FULL_NAMES:
        if (place := _first(heads, pattern)) is not None:
            return {place}
    return parts


def _words(head: str) -> str:
    return " ".join(head.replace("_", " ").split())


def _first(heads: list[str], pattern: str) -> int | None:
    return next((place for place, head in enumerate(heads) if re.fullmatch(pattern, _words(head))), None)
