"""Hook forms: a tree as a form whose names hold brackets, as PHP writes it."""

from typing import Any
from urllib.parse import urlencode


def encode(tree: dict[str, Any]) -> bytes:
    """Return the body of a hook; every value is a text."""
    return urlencode(list(_pairs("", tree))).encode()


def _pairs(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        inner = [(f"{name}[{key}]" if name else str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        inner = [(f"{name}[{place}]", item) for place, item in enumerate(value)]
    else:
        return [(name, "" if value is None else str(int(value) if isinstance(value, bool) else value))]
    return [pair for key, item in inner for pair in _pairs(key, item)]
