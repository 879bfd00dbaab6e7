"""Versioned editor: what the editors of agents, scripts, rules and sequences share: conflicts and versions."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.i18n import exact_time, translate
from platform_app.models.person import Role
from platform_app.services.versions.field_changes import FieldChange, changed_lines
from platform_app.services.versions.versioned_rows import VersionedRows
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.setting_text import format_setting, names_by_id

MAX_DIFF_CHARS = 600  # of one side of a difference
MAX_DIFF_LINES = 400


@dataclass
class VersionLine:
    """A version of the row."""

    id: str
    number: str
    when: str
    author: str
    text: str = ""


@dataclass
class FieldDiff:
    """A field that differs between a version and the row."""

    field: str
    before: str
    after: str
    lines: list[str]


class VersionedEditor(rx.State, mixin=True):
    """A mixin for the editor of the row whose id ends the address."""

    conflict: bool = False  # another user changed the row meanwhile
    saved: str = ""
    versions: list[VersionLine] = []
    changes: list[FieldDiff] = []
    compared: str = ""  # id of the version whose differences are shown
    _revision: int = 0  # of the row in the form; a save with an older one is refused
    _loads: int = 0

    @abstractmethod
    def _versioned_rows(self) -> VersionedRows[Any, Any]:
        """Return the service of the kind of row."""

    @abstractmethod
    def _field_labels(self) -> dict[str, str]:
        """Return the labels of the row's fields by name."""

    @abstractmethod
    async def _load_form(self) -> None:
        """Fetch the row and fill the form."""

    async def _describe(self, names: dict[str, str]) -> Callable[[str, Any], Any]:
        """Return a function that returns a field's value as text, or as a value that `format_setting` formats."""
        return lambda field, value: value

    def _restored_message(self) -> str:
        """Return the message after a version was restored."""
        return "Version restored to the draft."

    @handler(Role.VIEWER)
    async def load_latest(self) -> None:
        """Fill the form with what another user saved."""
        self.conflict = False
        await self._load_form()

    @handler(Role.VIEWER)
    async def compare(self, version_id: str) -> None:
        """Show the differences between a version and the row."""
        language, labels = (await current_user(self)).language, self._field_labels()
        names = await fetch(self, names_by_id)
        describe = await self._describe(names)
        changes = await fetch(self, self._versioned_rows().compare_versions, self._id(), version_id)
        self.changes = [
            _field_diff(change, translate(language, labels[change.field]), describe, names) for change in changes
        ]
        self.compared = version_id

    @handler(Role.OPERATOR)
    async def restore(self, version_id: str) -> Any:
        """Replace what is edited by a version."""
        await call(self, self._versioned_rows().restore_version, self._id(), version_id)
        await self._load_form()
        return await success_toast(self, self._restored_message())

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _show_versions(self, versions: Iterable[Any]) -> None:
        """Show the versions, newest first."""
        zone, language = (await current_identity(self)).time_zone, (await current_user(self)).language
        self.versions = [self._version_line(one, language, zone) for one in versions]

    def _version_line(self, version: Any, language: str, zone: str) -> VersionLine:
        when = exact_time(language, version.created_at, zone)
        return VersionLine(version.id, str(version.number), when, version.author_name)


def _field_diff(
    change: FieldChange, label: str, describe: Callable[[str, Any], Any], names: dict[str, str]
) -> FieldDiff:
    """Return the difference of a field in words; a value that is described in several lines is compared by line."""
    before, after = (format_setting(describe(change.field, value), names) for value in (change.before, change.after))
    lines = change.lines or changed_lines(before, after)
    return FieldDiff(label, before[:MAX_DIFF_CHARS], after[:MAX_DIFF_CHARS], lines[:MAX_DIFF_LINES])
