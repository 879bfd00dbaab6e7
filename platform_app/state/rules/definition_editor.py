"""Defined: the builder of one definition: saved as it is typed, published, switched, compared, restored."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.engine.definitions import Definitions
from platform_app.errors import Conflict, Invalid, PlatformError
from platform_app.i18n import exact_time, translate
from platform_app.models.person import Role
from platform_app.state.agents.agent import FieldDiff
from platform_app.state.agents.agent_stages import format_setting
from platform_app.state.console.base import (
    call,
    current_identity,
    current_user,
    error_toast,
    fetch,
    handler,
    success_toast,
)
from platform_app.state.console.option_lists import Option
from platform_app.state.rules.proof_view import Reader, reader_of
from platform_app.state.rules.rule_words import names_of

ALL = "all"
MOST_SHOWN = 600  # characters of one side of a change


@dataclass
class VersionLine:
    """A published version."""

    id: str
    number: str
    when: str
    author: str


class Defined(rx.State, mixin=True):
    """The definition that the address names. What is its own, a page draws in `_draw` and `_refresh`."""

    drawn: str = ""  # changes with every load: fields are drawn anew then, and only then
    name: str = ""
    agent: str = ALL
    agents: list[Option] = []
    trigger: str = ""
    initial: dict[str, str] = {}
    enabled: bool = False
    published: str = ""
    differs: bool = False
    sentence: str = ""
    problems: dict[str, str] = {}
    conflict: bool = False
    saved: str = ""
    versions: list[VersionLine] = []
    changes: list[FieldDiff] = []
    compared: str = ""
    _revision: int = 0  # of the draft that the fields show; a save that knows an older one is refused
    _loads: int = 0

    @abstractmethod
    def _definitions(self) -> Definitions[Any, Any]:
        """Return the definitions among which this one is."""

    @abstractmethod
    async def _draw_fields(self, row: Any) -> None:
        """Fill the fields from the draft of a row."""

    @abstractmethod
    async def _refresh(self) -> None:
        """Draw everything but what is being typed; calls `_stand`."""

    @abstractmethod
    def _field_labels(self) -> dict[str, str]:
        """Return what each field of the definition is called."""

    @abstractmethod
    def _side(self, field: str, value: Any, reader: Reader, named: dict[str, str]) -> Any:
        """Return a field of a definition as people read it."""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the definition and draw its fields."""
        self.drawn, self.conflict, self.compared = "", False, ""
        await self._draw()

    @handler(Role.OPERATOR)
    async def publish(self) -> Any:
        """Make the draft the version that runs."""
        try:
            version = await call(self, self._definitions().publish, self._id(), revision=self._revision)
        except PlatformError as error:
            await self._refresh()
            return await error_toast(self, error)
        await self._refresh()
        return await success_toast(self, "Version {number} is published.", number=version.number)

    @handler(Role.OPERATOR)
    async def switch(self, enabled: bool) -> Any:
        """Switch it on or off."""
        try:
            await call(self, self._definitions().switch, self._id(), enabled=enabled)
        except PlatformError as error:
            await self._refresh()
            return await error_toast(self, error)
        await self._refresh()
        return None

    @handler(Role.VIEWER)
    async def load_latest(self) -> None:
        """Show it as somebody else left it."""
        self.conflict = False
        await self._draw()

    @handler(Role.VIEWER)
    async def compare(self, version_id: str) -> None:
        """Show what the draft has otherwise than a version."""
        reader, named = await reader_of(self), await fetch(self, names_of)
        found, words = await fetch(self, self._definitions().difference, self._id(), version_id), self._field_labels()
        self.changes = []
        for change in found:
            sides = (self._side(change.field, side, reader, named) for side in (change.before, change.after))
            before, after = (format_setting(side, named)[:MOST_SHOWN] for side in sides)
            self.changes.append(FieldDiff(translate(reader.language, words[change.field]), before, after, []))
        self.compared = version_id

    @handler(Role.OPERATOR)
    async def restore(self, version_id: str) -> Any:
        """Put a version into the draft."""
        await call(self, self._definitions().restore_version, self._id(), version_id)
        await self._draw()
        return await success_toast(self, "The draft is as that version was.")

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _draw(self) -> None:
        row = await fetch(self, self._definitions().get, self._id())
        self._revision = row.revision
        await self._draw_fields(row)
        await self._refresh()
        self._loads += 1
        self.drawn = f"{row.id}-{self._loads}"

    async def _save(self, changes: dict[str, Any]) -> None:
        try:
            row = await call(self, self._definitions().save, self._id(), changes, revision=self._revision)
        except Conflict:
            self.conflict = True
            return
        except Invalid as error:
            await self._wrong_at(error.field or next(iter(changes)), error.sentence, **error.values)
            return
        self._revision = row.revision
        await self._refresh()

    async def _wrong_at(self, field: str, sentence: str, **values: object) -> None:
        self.problems = self.problems | {field: translate((await current_user(self)).language, sentence, **values)}

    async def _stand(self, row: Any, versions: Iterable[Any]) -> None:
        """Show how the definition stands: its head and its history."""
        zone, language = (await current_identity(self)).time_zone, (await current_user(self)).language
        self.name, self.agent, self.trigger = row.name, row.agent_id or ALL, row.draft["trigger"]
        self.enabled, self.differs = row.enabled, row.draft != row.published
        self.conflict = self.conflict or row.revision > self._revision
        number = row.published_number
        self.published = translate(language, "version {number}", number=number) if number else ""
        self.saved = translate(language, "Saved {when}", when=exact_time(language, row.updated_at, zone))
        self.versions = [
            VersionLine(one.id, str(one.number), exact_time(language, one.published_at, zone), one.published_by)
            for one in versions
        ]
