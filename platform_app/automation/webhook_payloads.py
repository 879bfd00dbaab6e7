"""Webhook payloads: parsing of payloads within limits, and access to their values by path."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from platform_app.automation.facts import FactType
from platform_app.automation.values import fold, parse_datetime, parse_exact_number, parse_number
from platform_app.errors import PlatformError

MAX_DEPTH = 64  # lists and objects within each other
MAX_VALUE_LENGTH = 2_000  # characters of a value
_MAX_LEAVES = 60
_YES_NO = {"yes": "yes", "true": "yes", "да": "yes", "1": "yes", "no": "no", "false": "no", "нет": "no", "0": "no"}


class UnreadableBody(PlatformError):
    """A body that is neither JSON nor a form, or is nested too deeply."""


def parse_json(body: bytes, encoding: str = "utf-8") -> Any:
    """Return the value of a JSON text. Raises UnreadableBody if it is not JSON or has infinite numbers."""
    try:
        payload = json.loads(body.decode(encoding), parse_constant=_reject_constant, parse_float=_finite_float)
    except RecursionError as error:
        raise UnreadableBody("The body nests too deeply.") from error
    except ValueError as error:  # not UTF-8, not JSON, or a number of thousands of digits
        raise UnreadableBody("The body is neither JSON nor a form.") from error
    if _is_too_deep(payload):
        raise UnreadableBody("The body nests too deeply.")
    return _clean(payload)


def parse_form(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the fields of a form; one that occurs several times becomes a list."""
    members: dict[str, Any] = {}
    for name, value in ((_clean(name), _clean(value)) for name, value in pairs):
        held = members.get(name)
        members[name] = value if name not in members else [*held, value] if isinstance(held, list) else [held, value]
    return members


def _reject_constant(word: str) -> Any:
    raise ValueError(word)  # NaN and Infinity are not JSON


def _finite_float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def _is_too_deep(value: Any) -> bool:
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        if depth > MAX_DEPTH:
            return True
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return False


def _clean(value: Any) -> Any:
    """Return a value without NUL and lone surrogates, which databases and sockets reject."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return {_clean(key): _clean(item) for key, item in value.items()} if isinstance(value, dict) else value


def value_at(payload: Any, path: str) -> Any:
    """Return the value at a path of names and indexes, such as order.items.0.sku, or None."""
    while path:
        if isinstance(payload, dict) and path in payload:  # a name that contains dots
            return payload[path]
        name, _, path = path.partition(".")
        if isinstance(payload, dict):
            payload = payload.get(name)
        elif isinstance(payload, list) and name.isascii() and name.isdigit() and len(name) < 7:
            payload = payload[int(name)] if int(name) < len(payload) else None
        else:
            return None
    return payload


def to_fact_text(value: Any, kind: FactType, zone: str) -> str:
    """Return a value as the text of a fact of this type, "" if it is not of the type."""
    if kind == FactType.NUMBER:
        read = parse_exact_number if isinstance(value, (int, float)) else parse_number
        number = None if isinstance(value, bool) else read(_text(value))
        return "" if number is None else str(number)
    if kind == FactType.MOMENT:
        at = _moment(value, zone)
        return at.isoformat() if at else ""
    if kind == FactType.FLAG:
        return _YES_NO.get(fold(_text(value)), "")
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value):
        return ", ".join(_text(item) for item in value)[:MAX_VALUE_LENGTH]
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return text.strip()[:MAX_VALUE_LENGTH]


def _moment(value: Any, zone: str) -> datetime | None:
    if isinstance(value, str):
        return parse_datetime(value.strip(), zone)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:  # seconds since 1970, or milliseconds
        return datetime.fromtimestamp(value / 1_000 if abs(value) > 10**11 else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


@dataclass(frozen=True)
class Leaf:
    """A value within a payload: its path, its apparent type and its text."""

    path: str
    kind: FactType
    text: str


def leaves(payload: Any) -> list[Leaf]:
    """Return the values of a payload in order; of a list of objects those of the first."""
    leaves_so_far: list[Leaf] = []
    _walk(payload, "", leaves_so_far)
    return leaves_so_far[:_MAX_LEAVES]


def _walk(value: Any, path: str, leaves_so_far: list[Leaf]) -> None:
    if len(leaves_so_far) >= _MAX_LEAVES or len(path) > 200:
        return
    if isinstance(value, list) and value and isinstance(value[0], (dict, list)):
        value = {"0": value[0]}
    if not isinstance(value, dict):
        if path:
            leaves_so_far.append(Leaf(path, _type_of(value), _text(value)))
        return
    for name, inner in value.items():
        _walk(inner, f"{path}.{name}" if path else name, leaves_so_far)


def _type_of(value: Any) -> FactType:
    if isinstance(value, bool):
        return FactType.FLAG
    if isinstance(value, (int, float)):
        return FactType.NUMBER
    is_date = (
        isinstance(value, str) and len(value) >= 10 and value[4:5] == "-" and parse_datetime(value, "UTC") is not None
    )
    return FactType.MOMENT if is_date else FactType.TEXT
