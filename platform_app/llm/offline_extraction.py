"""Offline extraction: field values found in a message by patterns: numbers, addresses, dates, names, free text."""

import json
import re
from dataclasses import dataclass
from datetime import date, timedelta

from platform_app.llm.personal_names import is_personal_name
from platform_app.text.courtesy_phrases import without_courtesy

_FIELD = re.compile(r"^- ([\w.]+) \((\w+)(?:: ([^)]*))?\): (.*)$", re.MULTILINE)
_TODAY = re.compile(r"^Today is (\d{4}-\d{2}-\d{2})", re.MULTILINE)
_REFUSAL = re.compile(
    r"\b(не скажу|не хочу|не дам|не буду говорить|предпочту не|rather not|won't|will not|don't want|no thanks)\b",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?i:меня зовут|мо[её] имя|my name is|my name's)\s+([^\W\d_][\w'’-]*(?:\s+[A-ZА-ЯЁ][\w'’-]+){0,2})"
    r"|(?:^|[.,!]\s*|\bи\s+)"
    r"(?i:i am|i'm|i’m|это|this is|я|зовите меня|(?:можно|зовите)(?: просто)?|(?:you can |please |just )?call me)\s+"
    r"([A-ZА-ЯЁ][\w'’-]+(?:\s+[A-ZА-ЯЁ][\w'’-]+){0,2})(?=\s*(?:[.,!;:)]|$))"
)
_EMOTICON = re.compile(r"[:;=]-?[)(DP]+|[)(]{2,}|[\U0001F300-\U0001FAFF\u2600-\u27BF\uFE0F]+")
_PATTERNS = {
    "phone": re.compile(r"\+?\d[\d ()-]{5,}\d"),
    "email": re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+\.\w{2,}"),
    "date": re.compile(r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{4})\b"),
    "number": re.compile(r"(?<![\d+.])\d[\d ]*(?:[.,]\d+)?(?![\d.])"),
}
_DAYS = (
    (2, re.compile(r"\b(послезавтра|day after tomorrow)\b", re.IGNORECASE)),
    (1, re.compile(r"\b(завтра|tomorrow)\b", re.IGNORECASE)),
    (0, re.compile(r"\b(сегодня|today)\b", re.IGNORECASE)),
)
_YES, _NO = re.compile(r"\b(да|yes|конечно|sure)\b", re.IGNORECASE), re.compile(r"\b(нет|no)\b", re.IGNORECASE)
_ORDER = (
    "email",
    "phone",
    "date",
    "number",
)  # the most specific patterns first: matched text is removed before the next
_FILLERS = re.compile(
    r"^(?:(?:ну|наверное|наверно|вероятно|думаю|кажется|пожалуй|скорее всего|в общем|так|вот|well|um+|maybe|perhaps|"
    r"probably|i think|i guess|so)\b[\s,.…-]*)+",
    re.IGNORECASE,
)
_ORIGIN = re.compile(
    r"^(?i:(?:(?:я|мы)\s+)?(?:сам[аи]?\s+)?(?:из\s+города|жив(?:у|ём|ем)\s+в(?:\s+городе)?)|(?:я|мы)\s+(?:сам[аи]?\s+)?из|"
    r"(?:i\s*am|i['’]m|we\s*are|we['’]re)\s+from|i\s+come\s+from|(?:i|we)\s+live\s+in)\s+"
    r"|^(?i:из|from)\s+(?=[A-ZА-ЯЁ])"
)
_PLACE_FIELD = re.compile(r"город|откуда|населённый|city|town|where from", re.IGNORECASE)
_QUESTION = re.compile(
    r"\?|^\s*(?:а\s+)?(?:сколько|какой|какая|какие|где|когда|почему|зачем|расскажите|скажите|how|what|where|when|why|"
    r"tell|show)\b",
    re.IGNORECASE,
)
_EDGES = " \t.,!;:—-"


@dataclass
class _Field:
    name: str
    kind: str
    options: str
    label: str


def extract(system: str, message: str) -> str:
    """Return the values of the requested fields in a message, as the JSON that the prompt `system` asks for."""
    asked = system.rpartition("Asked for last: ")[2].split(", ")
    fields = [_Field(*groups) for groups in _FIELD.findall(system)]
    if _REFUSAL.search(message):
        return _to_json({}, [name for name in asked if name != "nothing"])
    values: dict[str, str] = {}
    rest = message
    for field in sorted(fields, key=lambda field: _ORDER.index(field.kind) if field.kind in _ORDER else len(_ORDER)):
        value, matched = _find_value(field, rest, _today(system), is_asked=field.name in asked)
        if value:
            values[field.name] = value
            rest = rest.replace(matched, " ", 1)
    pending = [field for name in asked for field in fields if field.name == name and name not in values]
    free = [field for field in pending if field.kind in ("name", "text") and not field.options]
    return _to_json(values | _free_text_values(free, fields, values, rest), [])


def _to_json(values: dict[str, str], refused: list[str]) -> str:
    return json.dumps({"values": values, "refused": refused}, ensure_ascii=False)


def _today(system: str) -> date | None:
    match = _TODAY.search(system)
    return date.fromisoformat(match[1]) if match else None


def _find_value(field: _Field, message: str, today: date | None, *, is_asked: bool) -> tuple[str, str]:
    """Return the value of a field that its pattern finds, and the matched text; both empty if there is none."""
    if field.kind in _PATTERNS and (match := _PATTERNS[field.kind].search(message)):
        return match[0].strip(), match[0]
    if field.kind == "date" and today is not None and is_asked:
        days = ((ahead, pattern.search(message)) for ahead, pattern in _DAYS)
        return next(((str(today + timedelta(ahead)), match[0]) for ahead, match in days if match), ("", ""))
    if field.options:
        known = next((option for option in field.options.split(" | ") if option.casefold() in message.casefold()), "")
        return known, known
    if field.kind == "yes_no" and is_asked:
        return ("yes", "") if _YES.search(message) else ("no", "") if _NO.search(message) else ("", "")
    if field.kind == "name":
        match = next((m for m in _NAME.finditer(message) if m[1] or is_personal_name(m[2])), None)
        return (match[1] or match[2], match[0]) if match else ("", "")
    return "", ""


def _free_text_values(free: list[_Field], fields: list[_Field], values: dict[str, str], message: str) -> dict[str, str]:
    """Return the rest of a message as values of the free-text fields that were asked for, in their order."""
    parts = [_strip_fillers(part) for part in re.split(r"(?<=[.!?…])\s+|[;\n]", message) if not _QUESTION.search(part)]
    parts = [part for part in parts if part]
    if not free:
        open_fields = (field for field in fields if field.kind == "text" and field.name not in values)
        places = [field for field in open_fields if _PLACE_FIELD.search(field.label)]
        from_where = [_ORIGIN.sub("", part) for part in parts if _ORIGIN.match(part)]
        return {places[0].name: from_where[0]} if places and from_where else {}
    several = [_strip_fillers(part) for part in ", ".join(parts).split(",")]
    several = [part for part in several if part]
    if len(free) > 1 and len(several) == len(free):
        return {
            field.name: _clean_value(field, part)
            for field, part in zip(free, several, strict=True)
            if _clean_value(field, part)
        }
    value = _clean_value(free[0], ", ".join(parts))
    return {free[0].name: value} if value else {}


def _clean_value(field: _Field, words: str) -> str:
    """Return a text as the value of a field; empty if it cannot be a name and the field is one."""
    if field.kind == "name":
        return words if is_personal_name(words) else ""
    return _ORIGIN.sub("", words)


def _strip_fillers(part: str) -> str:
    """Return a part of a message without courtesies, fillers and surrounding punctuation."""
    words = without_courtesy(_EMOTICON.sub(" ", part)).strip(_EDGES)
    return _FILLERS.sub("", words).strip(_EDGES)
