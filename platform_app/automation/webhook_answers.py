"""Webhook answers: what a webhook of a rule answered, as variables of the actions after it.

The JSON answer is at `webhook.answer`, its status at `webhook.status`. In a dry run they are not known.
"""

import json
import re
from collections.abc import Collection, Container, Iterator, Mapping
from typing import Any

MAX_CHARS = 16_000  # of an answer that is read as JSON
MAX_DEPTH = 20
_VARIABLE = re.compile(r"webhook\.(status|answer)\b")


def parse(text: str) -> Any:
    """Return a JSON object or list, bounded and fit to be stored; None for anything else."""
    if len(text) > MAX_CHARS or not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return _clean(json.loads(text, parse_constant=_refuse), MAX_DEPTH)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _clean(value: Any, depth: int) -> Any:
    """Return a value whose texts can be stored everywhere. Raises ValueError if it nests too deeply."""
    if depth == 0:
        raise ValueError("too deep")
    if isinstance(value, dict):
        return {_clean_text(name): _clean(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner, depth - 1) for inner in value]
    return _clean_text(value) if isinstance(value, str) else value


def _clean_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


class UnknownAnswer(Mapping[str, Any]):
    """Stands for an answer that is not known, and for every part of it; as text it is a sentence."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __getitem__(self, key: str) -> "UnknownAnswer":
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1

    def __str__(self) -> str:
        return self._words


class WithAnswers(Container[str]):
    """The names of variables, with those of the answer of an action before."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def __contains__(self, name: object) -> bool:
        return name in self._names or (isinstance(name, str) and _VARIABLE.match(name) is not None)
