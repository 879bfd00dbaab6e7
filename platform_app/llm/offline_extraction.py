"""Offline extraction: what a message tells, found by its form alone: numbers, addresses, dates, names after "I am"."""

import json
import re

_FIELD = re.compile(r"^- ([\w.]+) \((\w+)(?:: ([^)]*))?\): ", re.MULTILINE)
_REFUSES = re.compile(r"\b(не скажу|не хочу|не дам|rather not|won't|will not|don't want|no thanks)\b", re.IGNORECASE)
_NAME = re.compile(
    r"(?:меня зовут|мо[её] имя|my name is|i am|i'm|это)\s+([A-ZА-ЯЁ][\w'-]+(?:\s+[A-ZА-ЯЁ][\w'-]+)?)", re.IGNORECASE
)
_FORMS = {
    "phone": re.compile(r"\+?\d[\d ()-]{5,}\d"),
    "email": re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+\.\w{2,}"),
    "date": re.compile(r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{4})\b"),
    "number": re.compile(r"(?<![\d+.])\d[\d ]*(?:[.,]\d+)?(?![\d.])"),
}
_YES, _NO = re.compile(r"\b(да|yes|конечно|sure)\b", re.IGNORECASE), re.compile(r"\b(нет|no)\b", re.IGNORECASE)


def extract(system: str, said: str) -> str:
    """Return what a message tells of the fields of a request, as the JSON that was asked for."""
    asked = system.rpartition("Asked for last: ")[2].split(", ")
    values: dict[str, str] = {}
    rest = said
    fields = [(name, kind, options or "") for name, kind, options in _FIELD.findall(system)]
    order = ["email", "phone", "date"]
    for name, kind, options in sorted(fields, key=lambda one: order.index(one[1]) if one[1] in order else 9):
        if value := _found(kind, options, rest, is_asked=asked == [name]):
            values[name] = value
            rest = rest.replace(value, " ", 1)
    refused = [name for name in asked if name not in values and name != "nothing"] if _REFUSES.search(said) else []
    return json.dumps({"values": values if not refused else {}, "refused": refused}, ensure_ascii=False)


def _found(kind: str, options: str, said: str, *, is_asked: bool) -> str:
    if kind in _FORMS:
        match = _FORMS[kind].search(said)
        return match[0].strip() if match else ""
    if options:
        return next((one for one in options.split(" | ") if one.casefold() in said.casefold()), "")
    if kind == "yes_no":
        return "" if not is_asked else "yes" if _YES.search(said) else "no" if _NO.search(said) else ""
    if kind == "name" and (match := _NAME.search(said)):
        return match[1]
    short = said.strip(" .!")
    plain = 0 < len(short.split()) <= 3 and not re.search(r"[\d?@]", short)
    return short if is_asked and plain and not _REFUSES.search(said) else ""
