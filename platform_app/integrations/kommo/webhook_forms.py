"""Webhook forms: the bodies of account webhooks, forms whose names hold brackets, as a tree and as single changes.

`leads[status][0][id]=5` is a value of the tree {"leads": {"status": {"0": {"id": "5"}}}}. Every value is a text.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

MAX_BYTES = 1_000_000
MAX_FIELDS = 20_000
MAX_DEPTH = 10
MAX_KEY_CHARS = 500
MAX_CHANGES = 1_000
_NAME = re.compile(r"([^\[\]]{1,100})((?:\[[^\[\]]{0,100}\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
Tree = dict[str, Any]


class UnreadableForm(ValueError):
    """A body is no form that Kommo sends, or larger than one."""


@dataclass(frozen=True)
class Change:
    """A change of one entity: `entity` such as leads, `action` such as status; every value is a text or a tree."""

    entity: str
    action: str
    fields: Tree

    @property
    def outside_id(self) -> int:
        """The id of the entity, 0 if it has none that is a number."""
        written = str(self.fields.get("id", ""))
        return int(written) if written.isascii() and written.isdecimal() and len(written) <= 15 else 0

    @property
    def updated_at(self) -> int:
        """When it was changed, in Unix seconds, 0 if that is not told."""
        written = str(self.fields.get("updated_at") or self.fields.get("last_modified") or "")
        return int(written) if written.isascii() and written.isdecimal() and len(written) <= 12 else 0


@dataclass(frozen=True)
class AccountHook:
    """What one post of an account says."""

    account_id: str
    subdomain: str
    changes: list[Change]


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


def parse_account_hook(body: bytes) -> AccountHook:
    """Return what a post says, its changes in their order. Raises UnreadableForm if it cannot be read."""
    tree = parse_tree(body)
    account = tree.get("account")
    account = account if isinstance(account, dict) else {}
    changes = [
        Change(entity, action, fields)
        for entity, actions in tree.items()
        if entity != "account" and isinstance(actions, dict)
        for action, items in actions.items()
        if isinstance(items, dict)
        for fields in items.values()
        if isinstance(fields, dict)
    ]
    if len(changes) > MAX_CHANGES:
        raise UnreadableForm("too many changes")
    return AccountHook(_text(account.get("id")), _text(account.get("subdomain")), changes)


def _text(value: Any) -> str:
    return value[:100] if isinstance(value, str) else ""
