"""Custom field definitions: the fields that a tenant adds to contacts and leads, and the validation of their values."""

import re
from collections.abc import Container
from datetime import date
from itertools import count
from typing import Any

from platform_app.automation.values import fold, parse_number
from platform_app.custom_fields import list_custom_fields
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, Invalid, LimitReached, NotFound
from platform_app.models.crm import CustomField, FieldKind, Holder
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.services.feed import activity

MAX_FIELDS = 50  # of contacts, and as many of leads
MAX_VALUE_CHARS = 500  # characters of a value
_TRANSLITERATION = dict(zip("абвгдезийклмнопрстуфхцыэ", "abvgdezijklmnoprstufhcye", strict=True)) | {
    "ж": "zh",
    "ч": "ch",
    "ш": "sh",
    "щ": "sch",
    "ю": "yu",
    "я": "ya",
    "ь": "",
    "ъ": "",
}


def create(
    session: Transaction,
    who: Identity,
    holder: Holder,
    *,
    name: str,
    kind: FieldKind,
    options: str = "",
    is_demo: bool = False,
) -> CustomField:
    """Add a custom field at the end; its key is derived from its name and never changes.

    `options` are the choices of a field of kind CHOICE, one a line. Raises LimitReached at MAX_FIELDS, Invalid for a
    wrong name or no options, and Conflict if the name is taken.
    """
    held = list_custom_fields(session, who.tenant_id, holder)
    if len(held) >= MAX_FIELDS:
        raise LimitReached("You can add up to {count} fields.", count=MAX_FIELDS)
    row = CustomField(tenant_id=who.tenant_id, holder=holder, key="", name="", kind=kind, position=len(held))
    row.is_demo = is_demo
    _set_definition(row, held, name=name, options=options)
    row.key = unique_key(row.name, {other.key for other in held})
    session.add(row)
    session.flush()
    if not is_demo:
        _record(session, who, row, "Field “{name}” added")
    return row


def update(session: Transaction, who: Identity, field_id: str, *, name: str, options: str = "") -> CustomField:
    """Rename a custom field, or change the options of a choice; stored values stay.

    Raises NotFound if there is no such field, Invalid for a wrong name or no options, and Conflict if the name is
    taken.
    """
    row = _get(session, who, field_id)
    _set_definition(
        row,
        [other for other in list_custom_fields(session, who.tenant_id, row.holder) if other.id != row.id],
        name,
        options,
    )
    if session.is_modified(row):
        _record(session, who, row, "Field “{name}” changed")
    return row


def delete(session: Transaction, who: Identity, field_id: str) -> CustomField:
    """Delete a custom field; its stored values are no longer shown or used. Raises NotFound if there is none."""
    row = _get(session, who, field_id)
    session.delete(row)
    _record(session, who, row, "Field “{name}” deleted")
    return row


def _record(session: Transaction, who: Identity, row: CustomField, sentence: str) -> None:
    activity.record_by(session, who, ActivityKind.PERSON, sentence, link="/settings/crm", name=row.name)


def _get(session: Transaction, who: Identity, field_id: str) -> CustomField:
    row: CustomField | None = session.exec(owned(CustomField, who.tenant_id).where(CustomField.id == field_id)).first()
    if row is None:
        raise NotFound("Field not found.")
    return row


def _set_definition(row: CustomField, others: list[CustomField], name: str, options: str) -> None:
    name = " ".join(name.split())
    if not name or len(name) > 80 or "\x00" in name:
        raise Invalid("Enter a name.", field="name")
    if fold(name) in {fold(other.name) for other in others}:
        raise Conflict("There is a field of this name already.", field="name")
    choices = list(
        dict.fromkeys(line.strip()[:80] for line in options.replace("\x00", "").splitlines() if line.strip())
    )
    if row.kind == FieldKind.CHOICE and not 1 <= len(choices) <= 100:
        raise Invalid("Enter the options, one per line.", field="options")
    row.name, row.options = name, choices if row.kind == FieldKind.CHOICE else []


def unique_key(name: str, taken: Container[str]) -> str:
    """Return the key of a field with this name: lower-case Latin letters, digits and _, not in `taken`."""
    base = re.sub(r"[^a-z0-9]+", "_", transliterate(name)).strip("_")[:30] or "field"
    base = base if base[0].isalpha() else f"f_{base}"
    return next(key for place in count(1) if (key := base if place == 1 else f"{base}_{place}") not in taken)


def transliterate(text: str) -> str:
    """Return a text in lower case with Russian letters in the Latin alphabet."""
    return "".join(_TRANSLITERATION.get(letter, letter) for letter in fold(text))


def validate_value(field: CustomField, value: Any) -> str:
    """Return a field's value in its stored form, "" for an empty one. Raises Invalid at `field.{key}`."""
    place = f"field.{field.key}"
    if not isinstance(value, str) or len(value) > MAX_VALUE_CHARS or "\x00" in value:
        raise Invalid("This value isn’t allowed.", field=place)
    text = value.strip()
    if not text or field.kind == FieldKind.TEXT:
        return text
    if field.kind in (FieldKind.NUMBER, FieldKind.MONEY):
        number = parse_number(text)
        if number is None or abs(number) >= 10**15:
            raise Invalid("Enter a number.", field=place)
        if field.kind == FieldKind.MONEY:
            return f"{number:.2f}"
        kept = f"{number.normalize():f}"
        return kept if parse_number(kept) == number else f"{kept}0"  # 1.125 could be read as a thousand; 1.1250 cannot
    if field.kind == FieldKind.DATE:
        return _date(text, place)
    options = ["yes", "no"] if field.kind == FieldKind.YES_NO else field.options
    chosen = next((option for option in options if fold(option) == fold(_YES_NO.get(fold(text), text))), None)
    if chosen is None:
        raise Invalid("Choose one of: {options}", field=place, options=", ".join(options))
    return chosen


_YES_NO = {"да": "yes", "нет": "no", "true": "yes", "false": "no", "1": "yes", "0": "no"}


_DAY_FIRST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?:[T ,]+\d{1,2}:\d{2}.*)?")


def _date(text: str, place: str) -> str:
    """Return a date in ISO 8601 from ISO 8601 or day.month.year; a time of day after it is ignored.

    Raises Invalid at `field` if it is no date.
    """
    match = _DAY_FIRST.fullmatch(text)
    try:
        if not match:
            return date.fromisoformat(re.split(r"[T ]", text, maxsplit=1)[0]).isoformat()
        day, month, year = int(match[1]), int(match[3]), int(match[4])
        if match[2] == "/" and month > 12:
            day, month = month, day
        return date(year if year > 99 else 2000 + year, month, day).isoformat()
    except ValueError as error:
        raise Invalid("Choose a date.", field=place) from error
