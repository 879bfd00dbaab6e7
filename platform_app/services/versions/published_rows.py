"""Published rows: rows whose draft takes effect when it is published: agents, rules and sequences."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Conflict
from platform_app.models.person import Identity
from platform_app.services.versions.deletable_rows import RowT
from platform_app.services.versions.versioned_rows import VersionedRows, VersionT


@dataclass(frozen=True, kw_only=True)
class PublishedRows(VersionedRows[RowT, VersionT], ABC, Generic[RowT, VersionT]):
    """The rows of a kind that has a draft and published versions; the state of a row is its draft."""

    def normalize(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return a stored draft or version with the fields of today."""
        return dict(content)

    @abstractmethod
    def check_draft(self, session: Transaction, who: Identity, row: RowT) -> None:
        """Raise Invalid with the name of a field if the draft cannot be published."""

    @abstractmethod
    def on_publish(self, session: Transaction, who: Identity, row: RowT) -> None:
        """Change what depends on the newest version of a row, which `publish` has just stored."""

    def state_in(self, version: VersionT) -> dict[str, Any]:
        """Return the draft that was published as a version."""
        return self.normalize(version.content)

    def state_of(self, row: RowT) -> dict[str, Any]:
        """Return the draft of a row."""
        return self.normalize(row.draft)

    def replace_state(self, session: Transaction, who: Identity, row: RowT, state: dict[str, Any]) -> None:
        """Replace the fields of the draft of a locked row that `state` has."""
        row.draft, row.revision = row.draft | state, row.revision + 1
        row.updated_at, row.updated_by = now(), who.name

    def has_changes(self, row: RowT) -> bool:
        """Return whether the draft of a row differs from its newest version, or there is none."""
        return not row.published_number or self.state_of(row) != self.normalize(row.published)

    def publish(self, session: Transaction, who: Identity, row_id: str, *, revision: int | None = None) -> VersionT:
        """Publish the draft as a new version and return it.

        Raises NotFound if there is no such row, Invalid if the draft cannot be published, and Conflict if nothing has
        changed since the newest version or the draft was changed since `revision`.
        """
        row = self.get_for_update(session, who, row_id, revision)
        if not self.has_changes(row):
            raise Conflict("Nothing has changed since it was published.")
        self.check_draft(session, who, row)
        version = self.add_version(session, who, row, self.state_of(row))
        row.published, row.published_number = version.content, version.number
        self.on_publish(session, who, row)
        return version
