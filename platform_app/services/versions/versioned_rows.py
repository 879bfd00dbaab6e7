"""Versioned rows: what agents, scripts, rules and sequences share: revisions and versions."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, NotFound
from platform_app.models.person import Identity
from platform_app.services.versions.deletable_rows import DeletableRows, RowT
from platform_app.services.versions.field_changes import FieldChange, diff_fields

VersionT = TypeVar("VersionT", bound=Any)


@dataclass(frozen=True, kw_only=True)
class VersionedRows(DeletableRows[RowT], ABC, Generic[RowT, VersionT]):
    """The rows of a kind that has versions.

    The state of a row is what a member edits and what a version stores: the draft, or the fields of a script.
    """

    version: type[VersionT]
    parent: str  # column of the version with the id of its row

    @abstractmethod
    def state_in(self, version: VersionT) -> dict[str, Any]:
        """Return the state that a version stores."""

    @abstractmethod
    def state_of(self, row: RowT) -> dict[str, Any]:
        """Return the state of a row."""

    @abstractmethod
    def replace_state(self, session: Transaction, who: Identity, row: RowT, state: dict[str, Any]) -> object:
        """Replace the fields of the state of a locked row that `state` has."""

    def get_for_update(self, session: Transaction, who: Identity, row_id: str, revision: int | None) -> RowT:
        """Return a locked row. Raises NotFound as `get` does, Conflict if it was changed since `revision`."""
        row = self.get(session, who, row_id, lock=True)
        if revision is not None and row.revision != revision:
            if row.updated_by == who.name:
                raise Conflict("You’ve changed this in another tab.")
            raise Conflict("{name} has changed this since you opened it.", name=row.updated_by)
        return row

    def versions(self, session: Transaction, who: Identity, row_id: str) -> list[VersionT]:
        """Return the versions of a row, newest first. Raises NotFound if there is no such row."""
        return self.versions_of(session, who.tenant_id, self.get(session, who, row_id).id)

    def versions_of(
        self, session: Transaction, tenant_id: str, row_id: str, *, limit: int | None = None
    ) -> list[VersionT]:
        """Return the versions of a row that may be deleted, or the latest `limit`, newest first."""
        query = owned(self.version, tenant_id).where(getattr(self.version, self.parent) == row_id)
        return list(session.exec(query.order_by(col(self.version.number).desc()).limit(limit)).all())

    def get_version(self, session: Transaction, row: RowT, version_id: str) -> VersionT:
        """Return a version of a row. Raises NotFound if there is no such version."""
        query = owned(self.version, row.tenant_id).where(self.version.id == version_id)
        version: VersionT | None = session.exec(query.where(getattr(self.version, self.parent) == row.id)).first()
        if version is None:
            raise NotFound("Version not found.")
        return version

    def add_version(self, session: Transaction, who: Identity, row: RowT, content: dict[str, Any]) -> VersionT:
        """Add the next version of a row with this content, and return it."""
        last = self.versions_of(session, row.tenant_id, row.id, limit=1)
        columns = {self.parent: row.id, "number": last[0].number + 1 if last else 1, "content": content}
        version: VersionT = self.version(tenant_id=row.tenant_id, author_name=who.name, **columns)
        session.add(version)
        session.flush()
        return version

    def compare_versions(
        self, session: Transaction, who: Identity, row_id: str, before: str, *, after: str = ""
    ) -> list[FieldChange]:
        """Return the fields that differ between two versions, "" for the state of the row.

        Raises NotFound if there is no such row or version.
        """
        row = self.get(session, who, row_id)
        versions = (self.get_version(session, row, side) if side else None for side in (before, after))
        old, new = (self.state_in(version) if version else self.state_of(row) for version in versions)
        return diff_fields(old, new)

    def restore_version(self, session: Transaction, who: Identity, row_id: str, version_id: str) -> RowT:
        """Copy a version into the state of a row. Raises NotFound if there is no such row or version."""
        row = self.get(session, who, row_id, lock=True)
        self.replace_state(session, who, row, self.state_in(self.get_version(session, row, version_id)))
        return row
