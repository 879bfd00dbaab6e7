"""Unsafe text: detects Reflex's reserved tag in values that a browser sends."""

from typing import Any
from urllib.parse import unquote_plus

TAG = "<reflex.Var>"  # Reflex marks variables in texts with it; its decoder loops for ever on a tag it did not write
_ENCODINGS = 3  # levels of percent-encoding that are decoded


def has_tag(value: Any, *, is_address: bool = False) -> bool:
    """Return whether any string or key in a JSON value contains Reflex's tag, in linear time.

    With `is_address` percent-encoded tags are found too.
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
