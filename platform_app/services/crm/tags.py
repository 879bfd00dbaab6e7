"""Tags: adding, removing and listing the tags of contacts and leads."""

from collections import Counter
from typing import Any, Protocol

from sqlmodel import col

from platform_app.automation.values import fold
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid
from platform_app.models.crm import Contact, Lead
from platform_app.models.person import Identity
from platform_app.services.crm import crm_values

_MAX_ROWS = 1_000  # tagged together, or read for their tags
_MAX_TAGS = 100  # offered to choose from


class TaggedService(Protocol):
    """A service module whose rows have tags: contacts or leads."""

    def get(self, session: Transaction, who: Identity, row_id: str, /, *, lock: bool = False) -> Any:
        """Return a row. Raises NotFound if it does not exist."""

    def update_row(self, session: Transaction, who: Identity, row: Any, values: dict[str, Any], /) -> Any:
        """Update some values of a locked row."""


def add_tag(session: Transaction, who: Identity, row_ids: list[str], tag: str, *, target: TaggedService) -> int:
    """Add a tag to rows of `target`; return how many did not have it.

    Raises Invalid if the tag is empty or too long, and NotFound if a row does not exist.
    """
    wanted = crm_values.parse_tags([tag])
    if not wanted:
        raise Invalid("Enter a tag.", field="tag")
    rows = [target.get(session, who, row_id, lock=True) for row_id in sorted(row_ids[:_MAX_ROWS])]
    lacking = [row for row in rows if new_tags(row.tags, wanted)]
    for row in lacking:
        target.update_row(session, who, row, {"tags": [*row.tags, *wanted]})
    return len(lacking)


def remove_tag(session: Transaction, who: Identity, row_id: str, tag: str, *, target: TaggedService) -> Any:
    """Remove a tag from a row of `target`, if it has it; return the row. Raises NotFound if there is none."""
    row = target.get(session, who, row_id, lock=True)
    return target.update_row(session, who, row, {"tags": [held for held in row.tags if fold(held) != fold(tag)]})


def list_tags(session: Transaction, who: Identity) -> list[str]:
    """Return the most used tags of the contacts and leads that changed last, at most _MAX_TAGS."""
    counted: Counter[str] = Counter()
    for model in (Contact, Lead):
        query = owned(model, who.tenant_id).where(col(model.deleted_at).is_(None))
        latest = query.order_by(col(model.updated_at).desc()).with_only_columns(model.tags).limit(_MAX_ROWS)
        for held in session.exec(latest).all():
            counted.update(held)
    return [tag for tag, _ in counted.most_common(_MAX_TAGS)]


def new_tags(before: list[str], after: list[str]) -> list[str]:
    """Return the tags of `after` that are not in `before`, compared without case."""
    had = set(map(fold, before))
    return [tag for tag in after if fold(tag) not in had]
