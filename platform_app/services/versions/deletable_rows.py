"""Deletable rows: rows that members delete and restore."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import NotFound
from platform_app.models.person import Identity

RowT = TypeVar("RowT", bound=Any)


@dataclass(frozen=True, kw_only=True)
class DeletableRows(Generic[RowT]):
    """The rows of a kind that has a column `deleted_at`."""

    model: type[RowT]
    missing: str  # message if there is no such row

    def get(self, session: Transaction, who: Identity, row_id: str, *, lock: bool = False) -> RowT:
        """Return a row. Raises NotFound if it does not exist or is deleted."""
        return self._find(session, who, row_id, lock=lock, is_deleted=False)

    def _find(self, session: Transaction, who: Identity, row_id: str, *, lock: bool, is_deleted: bool) -> RowT:
        query = owned(self.model, who.tenant_id).where(self.model.id == row_id)
        row: RowT | None = session.exec(query.with_for_update() if lock else query).first()
        if row is None or (row.deleted_at is not None) != is_deleted:
            raise NotFound(self.missing)
        return row

    def delete(self, session: Transaction, who: Identity, row_id: str) -> RowT:
        """Delete a row; it can be restored. Raises NotFound if there is no such row."""
        row = self.get(session, who, row_id, lock=True)
        row.deleted_at = now()
        return row

    def restore(self, session: Transaction, who: Identity, row_id: str) -> RowT:
        """Restore a deleted row. Raises NotFound if there is no such deleted row."""
        row = self._find(session, who, row_id, lock=True, is_deleted=True)
        row.deleted_at = None
        return row
