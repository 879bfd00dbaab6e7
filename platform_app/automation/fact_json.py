"""Snapshots: what was known when an event happened, kept as JSON and read back as it was."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from platform_app.automation.facts import Named, Value


def kept(values: Mapping[str, Value], *, with_unknown: bool = False) -> dict[str, Any]:
    """Return values as JSON; those not known are left out unless asked for."""
    return {name: _kept(value) for name, value in values.items() if value is not None or with_unknown}


def restored(data: Mapping[str, Any]) -> dict[str, Value]:
    """Return values from what `kept` gave."""
    return {name: _restored(value) for name, value in data.items()}


def _kept(value: Value) -> Any:
    if isinstance(value, Named):
        return {"id": value.id, "name": value.name}
    if isinstance(value, Decimal):
        return {"number": str(value)}
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    return list(value) if isinstance(value, tuple) else value


def _restored(value: Any) -> Value:
    if isinstance(value, dict):
        if "id" in value:
            return Named(value["id"], value["name"])
        return Decimal(value["number"]) if "number" in value else datetime.fromisoformat(value["at"])
    return tuple(value) if isinstance(value, list) else value
