"""Custom field values: of all kinds of fields, read from the API into plain values and written back.

Writing a field replaces all of its values, and null clears it.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from platform_app.integrations.kommo.entities import CustomField

TEXT_KINDS = frozenset(["text", "textarea", "url", "streetaddress", "tracking_data", "category"])
NUMBER_KINDS = frozenset(["numeric", "price", "monetary"])
CHOICE_KINDS = frozenset(["select", "radiobutton"])
DATE_KINDS = frozenset(["date", "birthday"])
OBJECT_KINDS = frozenset(["legal_entity", "file", "items", "linked_entity", "chained_list", "payer", "supplier"])
LIST_KINDS = frozenset(["multiselect", "smart_address", "multitext"])
KINDS = TEXT_KINDS | NUMBER_KINDS | CHOICE_KINDS | DATE_KINDS | OBJECT_KINDS | LIST_KINDS | {"checkbox", "date_time"}
SMART_ADDRESS_PARTS = ("address_line_1", "address_line_2", "city", "state", "zip", "country")
DEFAULT_ENUM_CODES = {"PHONE": "WORK", "EMAIL": "WORK"}


class FieldValue(BaseModel):
    """The values of a field of an entity, as the API gives them."""

    model_config = ConfigDict(extra="ignore")

    field_id: int
    field_code: str | None = None
    field_name: str | None = None
    field_type: str | None = None
    values: list[dict[str, Any]] = []


def read_values(custom_fields_values: Iterable[Any]) -> dict[int, FieldValue]:
    """Return the values of an entity by the id of their field; what is malformed is left out."""
    read: dict[int, FieldValue] = {}
    for item in custom_fields_values:
        if isinstance(item, dict) and isinstance(item.get("field_id"), int) and isinstance(item.get("values"), list):
            values = [value for value in item["values"] if isinstance(value, dict)]
            words = {name: str(item[f"field_{name}"]) for name in ("code", "name", "type") if item.get(f"field_{name}")}
            read[item["field_id"]] = FieldValue(
                field_id=item["field_id"],
                field_code=words.get("code"),
                field_name=words.get("name"),
                field_type=words.get("type"),
                values=values,
            )
    return read


def coded_values(custom_fields_values: Iterable[Any], code: str) -> list[str]:
    """Return the texts of a field by its code, such as those of PHONE or EMAIL."""
    read = read_values(custom_fields_values).values()
    values = [value for field in read if field.field_code == code for value in field.values]
    return [str(value["value"]) for value in values if value.get("value") not in (None, "")]


def to_python(field: FieldValue) -> Any:
    """Return the value of a field: a text, number, bool, date, datetime, list of texts, or list of objects.

    None if the field is empty or its value does not fit its kind.
    """
    kind = field.field_type or "text"
    values = [value.get("value") for value in field.values if value.get("value") is not None]
    if not values:
        return None
    if kind in ("multiselect", "multitext"):
        return [str(value) for value in values]
    if kind == "smart_address":
        parts = {str(v.get("enum_code") or v.get("enum_id")): str(v["value"]) for v in field.values if v.get("value")}
        return ", ".join(parts[name] for name in SMART_ADDRESS_PARTS if name in parts) or ", ".join(parts.values())
    if kind in OBJECT_KINDS:
        return values
    try:
        read: Callable[[Any], Any] = _READERS.get(kind, _read_text)
        return read(values[0])
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _read_text(value: Any) -> str:
    return str(value)


def _read_number(value: Any) -> float | int:
    number = float(str(value).replace(",", "."))
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError(value)
    return int(number) if number.is_integer() else number


def _read_flag(value: Any) -> bool:
    return value in (True, 1, "1", "true", "on")


def _read_instant(value: Any) -> datetime:
    if isinstance(value, (int, float)) or str(value).lstrip("-").isdecimal():
        return datetime.fromtimestamp(int(value), UTC)
    read = datetime.fromisoformat(str(value))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _read_date(value: Any) -> date:
    return _read_instant(value).date()


_READERS: dict[str, Callable[[Any], Any]] = (
    dict.fromkeys(NUMBER_KINDS, _read_number)
    | dict.fromkeys(DATE_KINDS, _read_date)
    | {"checkbox": _read_flag, "date_time": _read_instant}
)


def to_kommo(field: CustomField, value: Any) -> dict[str, Any]:
    """Return the item of custom_fields_values that sets a field; None, "" and [] clear it.

    Raises ValueError if the value does not fit the kind of the field.
    """
    item: dict[str, Any] = {"field_id": field.id}
    if value is None or value == "" or value == []:
        return item | {"values": None}
    return item | {"values": _values(field, value)}


def _values(field: CustomField, value: Any) -> list[dict[str, Any]]:
    if field.type == "multitext":
        given = value if isinstance(value, list) else [value]
        code = DEFAULT_ENUM_CODES.get(field.code, "WORK")
        return [item if isinstance(item, dict) else {"value": str(item), "enum_code": code} for item in given]
    if field.type in CHOICE_KINDS:
        return [_choice(field, value)]
    if field.type == "multiselect":
        return [_choice(field, item) for item in (value if isinstance(value, list) else [value])]
    if field.type == "smart_address":
        parts = value if isinstance(value, dict) else {"address_line_1": str(value)}
        return [{"value": str(text), "enum_code": part} for part, text in parts.items() if part in SMART_ADDRESS_PARTS]
    if field.type in OBJECT_KINDS:
        given = value if isinstance(value, list) else [value]
        if not all(isinstance(item, dict) for item in given):
            raise ValueError(f"a field of kind {field.type} takes objects")
        return [{"value": item} for item in given]
    write: Callable[[Any], Any] = _WRITERS.get(field.type, _write_text)
    return [{"value": write(value)}]


def _choice(field: CustomField, value: Any) -> dict[str, Any]:
    """Return a choice by its id or its text. Raises ValueError if the field does not have it."""
    for option in field.options:
        if option.id == value or option.value.casefold() == str(value).strip().casefold():
            return {"enum_id": option.id}
    raise ValueError(f"“{value}” is no choice of {field.name}")


def _write_text(value: Any) -> str:
    return str(value)


def _write_number(value: Any) -> str:
    return str(_read_number(value))


def _write_instant(value: Any) -> int:
    read = value
    if not isinstance(value, datetime):
        read = datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None
    return int((read or _read_instant(value)).timestamp())


_WRITERS: dict[str, Callable[[Any], Any]] = (
    dict.fromkeys(NUMBER_KINDS, _write_number)
    | dict.fromkeys(DATE_KINDS, _write_instant)
    | {"checkbox": _read_flag, "date_time": _write_instant}
)
