"""Bounded count: numbers of rows, counted up to a limit."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, true

from platform_app.db import Transaction
from platform_app.i18n import plural

LIMIT = 10_000


def count_each(session: Transaction, queries: Sequence[Any], most: int = LIMIT) -> list[int]:
    """Return for each query the number of its rows, or `most` + 1 if there are more, in one statement."""
    if not queries:
        return []
    found: list[Any] = [Select(func.count()).select_from(query.limit(most + 1).subquery()) for query in queries]
    row = session.execute(Select(*(one.scalar_subquery() for one in found)).where(true())).one()
    return [int(count) for count in row]


def count_rows(session: Transaction, query: Any, most: int = LIMIT) -> int:
    """Return the number of rows of a query, or `most` + 1 if there are more."""
    return count_each(session, [query], most)[0]


def count_words(language: str, one: str, many: str, count: int) -> str:
    """Return a count in words, with a plus sign if it exceeds LIMIT."""
    if count <= LIMIT:
        return plural(language, one, many, count)
    return plural(language, one, many, LIMIT).replace(str(LIMIT), f"{LIMIT}+", 1)
