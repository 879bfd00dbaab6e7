"""Incoming: text of a browser that Reflex must not be given."""

from typing import Any
from urllib.parse import unquote_plus

TAG = "<reflex.Var>"  # Reflex's mark for a variable in a text; its decoder loops on one that it did not write
_ENCODINGS = 3  # times that an address may be percent-encoded


def has_tag(value: Any, *, is_address: bool = False) -> bool:
    """Tell whether any text in a JSON value, its keys among them, holds Reflex's mark. Linear, whatever the depth.

    In an address it is also found percent-encoded.
    """
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if TAG in one or (is_address and "%" in one and TAG in _decoded(one)):
                return True
        elif isinstance(one, dict):
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
    return False


def _decoded(text: str) -> str:
    for _ in range(_ENCODINGS):
        text = unquote_plus(text)
    return text
