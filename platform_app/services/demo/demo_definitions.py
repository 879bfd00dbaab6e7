"""Demo definitions: rules and sequences of the demo as if published in the past."""

from datetime import datetime
from typing import Any, TypeVar

from platform_app.db import Transaction
from platform_app.models.person import Identity

RowT = TypeVar("RowT", bound=Any)


def add_published(
    session: Transaction,
    who: Identity,
    row: RowT,
    version: Any,
    *,
    drawn: dict[str, Any],
    place: int,
    at: datetime,
) -> RowT:
    """Add a rule or sequence with its first version, switched on, and return it.

    `row` and `version` come with the columns of their kind (name, agent, parent); `drawn` is the definition, `place`
    the position in the list from 0, `at` the time of publication.
    """
    row.updated_by, version.author_name = who.name, who.name
    row.enabled, row.is_demo, row.position = True, True, place + 1
    row.trigger, row.draft, row.published, row.published_number = drawn["trigger"], drawn, drawn, 1
    row.created_at = row.updated_at = at
    session.add(row)
    session.flush()
    version.number, version.content, version.created_at = 1, drawn, at
    session.add(version)
    return row
