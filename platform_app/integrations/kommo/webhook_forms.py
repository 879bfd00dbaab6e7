"""Webhook forms: the bodies of account webhooks as single changes."""

from dataclasses import dataclass
from typing import Any

from platform_app.integrations.form_trees import Tree, UnreadableForm, parse_tree

MAX_CHANGES = 1_000


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
