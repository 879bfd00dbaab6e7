"""HTML cells: the rows of a table, with spanning cells repeated in each row."""

from collections.abc import Callable
from typing import Any

Spans = dict[int, tuple[int, str]]  # by column: rows that a cell above still covers, and its words


def row_of(row: Any, spans: Spans, read: Callable[[Any], str]) -> list[str]:
    """Return the cells of a row as `read` converts them, with cells of earlier rows that span into it."""
    cells: list[str] = []

    def covered() -> None:
        while len(cells) in spans:
            left, words = spans.pop(len(cells))
            if left > 1:
                spans[len(cells)] = (left - 1, words)
            cells.append(words)

    for cell in row:
        if cell.tag not in ("td", "th"):
            continue
        covered()
        words, below = read(cell), _count(cell.get("rowspan"))
        for place in range(_count(cell.get("colspan"))):
            if below > 1:
                spans[len(cells)] = (below - 1, words)
            cells.append("" if place else words)
    covered()
    return cells


def _count(written: str | None) -> int:
    return min(int(written), 100) if written and written.isdecimal() and int(written) else 1
