"""Offline extraction: what a message tells, found by its form: numbers, addresses, dates, names, own words."""

import json
import re
from dataclasses import dataclass
from datetime import date, timedelta

from platform_app.text.courtesy_phrases import LIGHT, without_courtesy
from platform_app.text.stemming import stems

_FIELD = re.compile(r"^- ([\w.]+) \((\w+)(?:: ([^)]*))?\): (.*)$", re.MULTILINE)
_TODAY = re.compile(r"^Today is (\d{4}-\d{2}-\d{2})", re.MULTILINE)
_REFUSES = re.compile(
    r"\b(не скажу|не хочу|не дам|не буду говорить|предпочту не|rather not|won't|will not|don't want|no thanks)\b",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?i:меня зовут|мо[её] имя|my name is|my name's)\s+([^\W\d_][\w'’-]*(?:\s+[A-ZА-ЯЁ][\w'’-]+){0,2})"
    r"|(?:^|[.,!]\s*|\bи\s+)(?i:i am|i'm|это|this is)\s+([A-ZА-ЯЁ][\w'’-]+(?:\s+[A-ZА-ЯЁ][\w'’-]+){0,2})"
    r"(?=\s*(?:[.,!;]|$))"
)
_FORMS = {
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
_ORDER = ("email", "phone", "date", "number")  # the plainest forms first: what is found is not looked at again
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
_IS_PLACE = re.compile(r"город|откуда|населённый|city|town|where from", re.IGNORECASE)
_ASKS_BACK = re.compile(
    r"\?|^\s*(?:а\s+)?(?:сколько|какой|какая|какие|где|когда|почему|зачем|расскажите|скажите|how|what|where|when|why|"
    r"tell|show)\b",
    re.IGNORECASE,
)


@dataclass
class _Field:
    name: str
    kind: str
    options: str
    words: str


def extract(system: str, said: str) -> str:
    """Return what a message tells of the fields of a request, as the JSON that was asked for."""
    asked = system.rpartition("Asked for last: ")[2].split(", ")
    fields = [_Field(*found) for found in _FIELD.findall(system)]
    if _REFUSES.search(said):
        return _told({}, [name for name in asked if name != "nothing"])
    values: dict[str, str] = {}
    rest = said
    for one in sorted(fields, key=lambda field: _ORDER.index(field.kind) if field.kind in _ORDER else len(_ORDER)):
        value, where = _found(one, rest, _today(system), is_asked=one.name in asked)
        if value:
            values[one.name] = value
            rest = rest.replace(where, " ", 1)
    pending = [one for name in asked for one in fields if one.name == name and name not in values]
    free = [one for one in pending if one.kind in ("name", "text") and not one.options]
    return _told(values | _in_own_words(free, fields, values, rest), [])


def _told(values: dict[str, str], refused: list[str]) -> str:
    return json.dumps({"values": values, "refused": refused}, ensure_ascii=False)


def _today(system: str) -> date | None:
    match = _TODAY.search(system)
    return date.fromisoformat(match[1]) if match else None


def _found(one: _Field, said: str, today: date | None, *, is_asked: bool) -> tuple[str, str]:
    """Return the value of a field that its form gives away, and the words that gave it."""
    if one.kind in _FORMS and (match := _FORMS[one.kind].search(said)):
        return match[0].strip(), match[0]
    if one.kind == "date" and today is not None and is_asked:
        days = ((ahead, pattern.search(said)) for ahead, pattern in _DAYS)
        return next(((str(today + timedelta(ahead)), found[0]) for ahead, found in days if found), ("", ""))
    if one.options:
        known = next((option for option in one.options.split(" | ") if option.casefold() in said.casefold()), "")
        return known, known
    if one.kind == "yes_no" and is_asked:
        return ("yes", "") if _YES.search(said) else ("no", "") if _NO.search(said) else ("", "")
    if one.kind == "name" and (match := _NAME.search(said)):
        return match[1] or match[2], match[0]
    return "", ""


def _in_own_words(free: list[_Field], fields: list[_Field], values: dict[str, str], said: str) -> dict[str, str]:
    """Return what is left of a message as the values of the fields of text that were asked for, in their order."""
    parts = [_bare(part) for part in re.split(r"(?<=[.!?…])\s+|[;\n]", said) if not _ASKS_BACK.search(part)]
    parts = [part for part in parts if part]
    if not free:
        open_fields = (one for one in fields if one.kind == "text" and one.name not in values)
        places = [one for one in open_fields if _IS_PLACE.search(one.words)]
        from_where = [_ORIGIN.sub("", part) for part in parts if _ORIGIN.match(part)]
        return {places[0].name: from_where[0]} if places and from_where else {}
    several = [_bare(part) for part in ", ".join(parts).split(",")]
    several = [part for part in several if part]
    if len(free) > 1 and len(several) == len(free):
        return {one.name: _value(one, part) for one, part in zip(free, several, strict=True) if _value(one, part)}
    value = _value(free[0], ", ".join(parts))
    return {free[0].name: value} if value else {}


def _value(one: _Field, words: str) -> str:
    """Return words as the value of a field; a name is short and has no digits."""
    if one.kind == "name":
        is_name = len(words.split()) <= 3 and not re.search(r"[\d@,]", words) and LIGHT.isdisjoint(stems(words))
        return words if is_name else ""
    return _ORIGIN.sub("", words)


def _bare(part: str) -> str:
    """Return a part of a message without courtesies, fillers and what surrounds words."""
    return _FILLERS.sub("", without_courtesy(part).strip(" \t.,!;:—-")).strip(" \t.,!;:—-")
