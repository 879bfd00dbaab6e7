"""Tagging: what contacts and leads share of their tags."""

from collections import Counter
from typing import Any, Protocol

from platform_app.automation.values import fold
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid
from platform_app.models.crm import Contact, Lead
from platform_app.models.person import Identity
from platform_app.services.crm import crm_values

_MAX_ROWS = 1_000  # rows tagged together, or looked at for their tags
_MAX_TAGS = 100  # tags to choose from


class TaggedService(Protocol):
    """The service whose rows have tags."""

    def get(self, session: Transaction, who: Identity, row_id: str, /, *, lock: bool = False) -> Any:
        """Return a row that is not deleted."""

    def update_row(self, session: Transaction, who: Identity, row: Any, values: dict[str, Any], /) -> Any:
        """Change some values of a row that is locked."""


def add_tag(session: Transaction, who: Identity, row_ids: list[str], tag: str, *, target: TaggedService) -> int:
    """Give rows a tag; return how many had it not. Raises Invalid if the tag is empty."""
    wanted = crm_values.parse_tags([tag])
    if not wanted:
        raise Invalid("Enter a tag.", field="tag")
    rows = [target.get(session, who, row_id, lock=True) for row_id in sorted(row_ids[:_MAX_ROWS])]
    lacking = [row for row in rows if new_tags(row.tags, wanted)]
    for row in lacking:
        target.update_row(session, who, row, {"tags": [*row.tags, *wanted]})
    return len(lacking)


def remove_tag(session: Transaction, who: Identity, row_id: str, tag: str, *, target: TaggedService) -> Any:
    """Take a tag from a row; nothing happens when it has it not."""
    row = target.get(session, who, row_id, lock=True)
    return target.update_row(session, who, row, {"tags": [one for one in row.tags if fold(one) != fold(tag)]})


def list_tags(session: Transaction, who: Identity) -> list[str]:
    """Return the tags that contacts and leads of late have, the most used first."""
    counted: Counter[str] = Counter()
    for model in (Contact, Lead):
        query = owned(model, who.tenant_id).where(model.deleted_at.is_(None))  # type: ignore[union-attr]
        latest = query.order_by(model.updated_at.desc()).with_only_columns(model.tags).limit(_MAX_ROWS)  # type: ignore[attr-defined]
        for held in session.exec(latest).all():
            counted.update(held)
    return [tag for tag, _ in counted.most_common(_MAX_TAGS)]


def new_tags(before: list[str], after: list[str]) -> list[str]:
    """Return the tags of `after` that `before` has not, however they are written."""
    had = set(map(fold, before))
    return [tag for tag in after if fold(tag) not in had]
