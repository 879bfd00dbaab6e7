"""Row order: moves rows within an order that users choose."""

from collections.abc import Sequence
from typing import Protocol


class Positioned(Protocol):
    """A row with a position."""

    id: str
    position: int


def move(rows: Sequence[Positioned], row_id: str, *, up: bool, among: list[str]) -> None:
    """Swap a row with the visible one before or after it; `among` are the ids of the visible rows, in order.

    Nothing happens at the ends or if the row is not visible.
    """
    shown = [row.id for row in rows if row.id in among]
    place = shown.index(row_id) if row_id in shown else -1
    other = place - 1 if up else place + 1
    if place < 0 or not 0 <= other < len(shown):
        return
    order = [row.id for row in rows if row.id != row_id]
    order.insert(order.index(shown[other]) + (0 if up else 1), row_id)
    _renumber(rows, order)


def place_at(rows: Sequence[Positioned], row_id: str, other_id: str) -> None:
    """Move a row to the position of another; that one and those behind it follow. Raises ValueError for unknown ids."""
    order = [row.id for row in rows]
    is_down = order.index(row_id) < order.index(other_id)
    order.remove(row_id)
    order.insert(order.index(other_id) + is_down, row_id)
    _renumber(rows, order)


def _renumber(rows: Sequence[Positioned], order: list[str]) -> None:
    for row in rows:
        row.position = order.index(row.id) + 1
