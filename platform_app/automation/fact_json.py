"""Fact JSON: the facts of an event as JSON values, and back."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from platform_app.automation.facts import NamedValue, Value


def to_json(values: Mapping[str, Value], *, with_unknown: bool = False) -> dict[str, Any]:
    """Return values as JSON; unknown ones (None) are omitted unless `with_unknown`."""
    return {name: _value_to_json(value) for name, value in values.items() if value is not None or with_unknown}


def from_json(data: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values that `to_json` converted."""
    return {name: _value_from_json(value) for name, value in data.items()}


def _value_to_json(value: Value) -> Any:
    if isinstance(value, NamedValue):
        return {"id": value.id, "name": value.name}
    if isinstance(value, Decimal):
        return {"number": str(value)}
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    return list(value) if isinstance(value, tuple) else value


def _value_from_json(value: Any) -> Value:
    if isinstance(value, dict):
        if "id" in value:
            return NamedValue(value["id"], value["name"])
        return Decimal(value["number"]) if "number" in value else datetime.fromisoformat(value["at"])
    return tuple(value) if isinstance(value, list) else value
