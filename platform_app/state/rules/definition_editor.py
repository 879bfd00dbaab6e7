"""Definition editor: the editor shared by rules and sequences: draft, publishing, versions."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import reflex as rx

from platform_app.engine.definitions import Definitions
from platform_app.errors import Conflict, Invalid, PlatformError
from platform_app.i18n import exact_time, translate
from platform_app.models.person import Role
from platform_app.services.versions.versioned_rows import VersionedRows
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
from platform_app.state.console.versioned_editor import VersionedEditor
from platform_app.state.rules.proof_view import ViewContext, view_context

ALL = "all"


class DefinitionEditor(VersionedEditor, rx.State, mixin=True):
    """A mixin that edits a definition. The page implements `_fill_form` and `_refresh`."""

    form_key: str = ""  # changes with every load, which redraws the form
    name: str = ""
    agent: str = ALL
    agents: list[Option] = []
    trigger: str = ""
    initial: dict[str, str] = {}
    enabled: bool = False
    published: str = ""
    has_changes: bool = False
    sentence: str = ""
    problems: dict[str, str] = {}
    tried: bool = False  # to publish an incomplete draft; until then what is missing is not said of the whole

    @abstractmethod
    def _definitions(self) -> Definitions[Any, Any]:
        """Return the service of the definition's kind."""

    @abstractmethod
    async def _fill_form(self, row: Any) -> None:
        """Fill the form from the draft of a row."""

    @abstractmethod
    async def _refresh(self) -> None:
        """Update all but the form; calls `_set_status`."""

    @abstractmethod
    async def _reveal_problems(self) -> None:
        """Show also the problems of fields that were not left yet."""

    @abstractmethod
    async def _show_problem_place(self) -> Any:
        """Open what has the first problem; return the event that focuses it, or None."""

    @abstractmethod
    def _describe_field(self, field: str, value: Any, context: ViewContext, named: dict[str, str]) -> Any:
        """Return the value of a field as text, or as a value that `format_setting` formats."""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the definition and fill the form."""
        self.form_key, self.conflict, self.compared = "", False, ""
        await self._load_form()

    @handler(Role.OPERATOR)
    async def publish(self) -> Any:
        """Publish the draft."""
        try:
            version = await call(self, self._definitions().publish, self._id(), revision=self._revision)
        except PlatformError as error:
            self.tried = True
            await self._reveal_problems()
            await self._refresh()
            return [await error_toast(self, error), *filter(None, [await self._show_problem_place()])]
        self.tried = False
        await self._refresh()
        return await success_toast(self, "Version {number} is published.", number=version.number)

    @handler(Role.OPERATOR)
    async def switch(self, enabled: bool) -> Any:
        """Switch the definition on or off."""
        try:
            await call(self, self._definitions().switch, self._id(), enabled=enabled)
        except PlatformError as error:
            await self._refresh()
            return await error_toast(self, error)
        await self._refresh()
        return None

    def _versioned_rows(self) -> VersionedRows[Any, Any]:
        return self._definitions()

    async def _describe(self, names: dict[str, str]) -> Callable[[str, Any], Any]:
        context = await view_context(self)
        return lambda field, value: self._describe_field(field, value, context, names)

    async def _load_form(self) -> None:
        row = await fetch(self, self._definitions().get, self._id())
        self._revision, self.tried = row.revision, False
        await self._fill_form(row)
        await self._refresh()
        self._loads += 1
        self.form_key = f"{row.id}-{self._loads}"

    async def _save(self, changes: dict[str, Any]) -> None:
        try:
            row = await call(self, self._definitions().save, self._id(), changes, revision=self._revision)
        except Conflict:
            self.conflict = True
            return
        except Invalid as error:
            await self._show_problem(error.field or next(iter(changes)), error.sentence, **error.values)
            return
        self._revision = row.revision
        await self._refresh()

    async def _show_problem(self, field: str, sentence: str, **values: object) -> None:
        self.problems = self.problems | {field: translate((await current_user(self)).language, sentence, **values)}

    async def _set_status(self, row: Any, versions: Iterable[Any]) -> None:
        """Update name, publishing status and versions from a row."""
        zone, language = (await current_identity(self)).time_zone, (await current_user(self)).language
        self.name, self.agent, self.trigger = row.name, row.agent_id or ALL, row.draft["trigger"]
        self.enabled, self.has_changes = row.enabled, self._definitions().has_changes(row)
        self.conflict = self.conflict or row.revision > self._revision
        number = row.published_number
        self.published = translate(language, "version {number}", number=number) if number else ""
        self.saved = translate(language, "Saved {when}", when=exact_time(language, row.updated_at, zone))
        await self._show_versions(versions)
