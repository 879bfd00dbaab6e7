"""Form trees: forms whose names hold brackets, as PHP writes them, as a tree.

`leads[status][0][id]=5` is a value of the tree {"leads": {"status": {"0": {"id": "5"}}}}. Every value is a text.
"""

import re
from typing import Any
from urllib.parse import parse_qsl

MAX_BYTES = 1_000_000
MAX_FIELDS = 20_000
MAX_DEPTH = 10
MAX_KEY_CHARS = 500
_NAME = re.compile(r"([^\[\]]{1,100})((?:\[[^\[\]]{0,100}\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
Tree = dict[str, Any]


class UnreadableForm(ValueError):
    """A body is no form of this kind, or too large for one."""


def parse_tree(body: bytes) -> Tree:
    """Return the tree of a form. Raises UnreadableForm if it is too large or deep, or two names contradict each other.

    Of a name that occurs twice the last value counts.
    """
    if len(body) > MAX_BYTES:
        raise UnreadableForm("too large")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace")
    except ValueError as error:
        raise UnreadableForm("too many fields, or not UTF-8") from error
    tree: Tree = {}
    for name, value in pairs:
        _put(tree, _path(name), value.replace("\x00", "\ufffd"))
    return tree


def _path(name: str) -> list[str]:
    if len(name) > MAX_KEY_CHARS or (match := _NAME.fullmatch(name)) is None:
        raise UnreadableForm("a name that cannot be read")
    path = [match[1], *_PART.findall(match[2])]
    if len(path) > MAX_DEPTH:
        raise UnreadableForm("too deep")
    return [part.replace("\x00", "\ufffd") for part in path]


def _put(tree: Tree, path: list[str], value: str) -> None:
    """Store a value; an empty part of a path appends, as in PHP."""
    for part in path[:-1]:
        held = tree.setdefault(part or str(len(tree)), {})
        if not isinstance(held, dict):
            raise UnreadableForm("a name is a value and a group")
        tree = held
    last = path[-1] or str(len(tree))
    if isinstance(tree.get(last), dict):
        raise UnreadableForm("a name is a value and a group")
    tree[last] = value
