"""Definition list: the list shared by rules and sequences: search, switch, copy, delete, undo."""

import json
from abc import abstractmethod
from typing import Any

import reflex as rx

from platform_app.automation.values import parse_whole
from platform_app.engine.definitions import DefinitionPage, Definitions
from platform_app.errors import Invalid, PlatformError
from platform_app.models.person import Role
from platform_app.services.agents import agents as of_agents
from platform_app.services.bin.json_references import REMOVED_ID
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, error_toast, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option
from platform_app.state.console.page_address import agent_of, replace_query
from platform_app.state.console.undo import SoftDelete, Undo

NO_AGENT = "none"


class DefinitionList(Undo, rx.State, mixin=True):
    """A mixin that lists the definitions of the tenant, or of the agent in the address."""

    agent: str = ""
    agent_name: str = ""
    agents: list[Option] = []
    total: int = 0
    page: int = 1
    pages: int = 1
    total_words: str = ""
    search: str = ""
    loaded: bool = False

    @abstractmethod
    def _definitions(self) -> Definitions[Any, Any]:
        """Return the service of the listed kind."""

    @abstractmethod
    def _topics(self) -> tuple[str, ...]:
        """Return the topics whose updates change the list."""

    @abstractmethod
    def _templates(self) -> dict[str, Any]:
        """Return the templates by code."""

    @abstractmethod
    def _new_draft(self, template: str, language: str) -> tuple[str, dict[str, Any] | None]:
        """Return name and draft of a new definition from a template, "" for an empty one."""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set search and page from the address, and fetch."""
        self.agent = agent_of(self.router.url.path)
        asked = self.router.url.query_parameters
        self.search, self.page = asked.get("q", "")[:200], parse_whole(asked.get("page", "1"), 9_999) or 1
        self.undo_sentence = ""
        if self.agent:
            await fetch(self, of_agents.get, self.agent)  # raises NotFound
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when a definition or its runs change."""
        async for _ in subscribe(self, *self._topics()):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def set_search(self, search: str) -> Any:
        """Search for a text."""
        self.search, self.page = search[:200], 1
        await self._fetch()
        return replace_query(q=self.search)

    @handler(Role.VIEWER)
    async def go_to_page(self, page: int) -> Any:
        """Go to a page, counted from 1."""
        self.page = page
        await self._fetch()
        return replace_query(q=self.search, page="" if self.page == 1 else str(self.page))

    @handler(Role.OPERATOR)
    async def create(self, template: str) -> Any:
        """Create a draft, from a template if one is given, and open it. Raises Invalid if the template is unknown."""
        if template and template not in self._templates():
            raise Invalid("This value isn’t allowed.")
        name, draft = self._new_draft(template, (await current_user(self)).language)
        listed = self._definitions()
        made = await call(self, listed.create, name=name, agent_id=self.agent or None, draft=draft)
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}{listed.path}/{made.id}")

    @handler(Role.OPERATOR)
    async def switch(self, row_id: str, enabled: bool) -> Any:
        """Switch a definition on or off."""
        try:
            await call(self, self._definitions().switch, row_id, enabled=enabled)
        except PlatformError as error:
            await self._fetch()
            return await error_toast(self, error)
        await self._fetch()
        return None

    @handler(Role.OPERATOR)
    async def duplicate(self, row_id: str) -> None:
        """Copy a definition for the same agent."""
        await call(self, self._definitions().duplicate, row_id)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def copy_to(self, row_id: str, agent_id: str) -> None:
        """Copy a definition for another agent, or for all agents."""
        await call(self, self._definitions().duplicate, row_id, agent_id=None if agent_id == NO_AGENT else agent_id)
        await self._fetch()

    @rx.var
    def is_filtered(self) -> bool:
        """Whether search is set."""
        return bool(self.search)

    def _soft_delete(self) -> SoftDelete:
        definitions = self._definitions()
        return SoftDelete(definitions.delete, definitions.restore)

    def _set_list(self, agents: list[Option], listed: DefinitionPage[Any], words: str) -> None:
        """Show what is said of the whole list."""
        self.agents, self.total, self.total_words, self.loaded = agents, listed.total, words, True
        self.page, self.pages = listed.page, listed.pages
        self.agent_name = next((agent.name for agent in agents if agent.id == self.agent), "")


def definition_status(row: Any) -> str:
    """Return the publishing status of a definition: draft, differs, published, or outdated.

    An outdated one is published and names something that was deleted permanently, so that it cannot work as it says.
    """
    if not row.published_number:
        return "draft"
    if f'"{REMOVED_ID}"' in json.dumps(row.published):
        return "outdated"
    return "differs" if row.draft != row.published else "published"
