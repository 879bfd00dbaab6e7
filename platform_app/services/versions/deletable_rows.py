"""Deletable rows: rows that members delete and restore."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import func

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import LimitReached, NotFound
from platform_app.models.person import Identity
from platform_app.services.bin import bin_entries

RowT = TypeVar("RowT", bound=Any)


@dataclass(frozen=True, kw_only=True)
class DeletableRows(Generic[RowT]):
    """The rows of a kind that has a column `deleted_at`."""

    model: type[RowT]
    missing: str  # message if there is no such row
    max_rows: int = 0  # of a tenant, without the deleted ones; 0: any number
    limit_reached: str = ""  # message if there are `max_rows`, with a placeholder for their number

    def get(self, session: Transaction, who: Identity, row_id: str, *, lock: bool = False) -> RowT:
        """Return a row. Raises NotFound if it does not exist or is deleted."""
        return self._find(session, who, row_id, lock=lock, is_deleted=False)

    def _find(self, session: Transaction, who: Identity, row_id: str, *, lock: bool, is_deleted: bool) -> RowT:
        query = owned(self.model, who.tenant_id).where(self.model.id == row_id)
        row: RowT | None = session.exec(query.with_for_update() if lock else query).first()
        if row is None or (row.deleted_at is not None) != is_deleted:
            raise NotFound(self.missing)
        return row

    def delete(self, session: Transaction, who: Identity, row_id: str, *, with_id: str = "") -> RowT:
        """Delete a row; it can be restored from the bin. Raises NotFound if there is no such row.

        `with_id` is the agent that it is deleted with, if any.
        """
        row = self.get(session, who, row_id, lock=True)
        row.deleted_at = now()
        bin_entries.put(session, row, by=who.name, with_id=with_id)
        return row

    def restore(self, session: Transaction, who: Identity, row_id: str) -> RowT:
        """Restore a deleted row as it was.

        Raises NotFound if there is no such deleted row, LimitReached if there are `max_rows`.
        """
        row = self._find(session, who, row_id, lock=True, is_deleted=True)
        self._check_room(session, who)
        row.deleted_at = None
        was_enabled = bin_entries.remove_restored(session, who, row)
        if hasattr(row, "enabled"):
            row.enabled = was_enabled
        return row

    def _check_room(self, session: Transaction, who: Identity) -> None:
        if not self.max_rows:
            return
        query = owned(self.model, who.tenant_id).where(self.model.deleted_at.is_(None))
        if session.exec(query.with_only_columns(func.count())).one() >= self.max_rows:
            raise LimitReached(self.limit_reached, count=self.max_rows)
