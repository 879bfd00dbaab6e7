"""Definition list: the list of the definitions of one noun: found, switched, copied, deleted, brought back."""

from abc import abstractmethod
from typing import Any

import reflex as rx

from platform_app.automation.values import parse_whole
from platform_app.engine.definitions import DefinitionPage, Definitions
from platform_app.errors import Invalid, PlatformError
from platform_app.models.person import Role
from platform_app.services.agents import agents as of_agents
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, error_toast, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option
from platform_app.state.console.page_address import agent_of, replace_query
from platform_app.state.console.undo import SoftDelete, Undo

NO_AGENT = "none"


class DefinitionList(Undo, rx.State, mixin=True):
    """The definitions of the tenant, or of the agent that the address names. A page draws them in `_fetch`."""

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
        """Return the definitions that are listed."""

    @abstractmethod
    def _topics(self) -> tuple[str, ...]:
        """Return the topics of the bell that change the list."""

    @abstractmethod
    def _templates(self) -> dict[str, Any]:
        """Return the templates by code."""

    @abstractmethod
    def _new(self, template: str, language: str) -> tuple[str, dict[str, Any] | None]:
        """Return the name and the draft of a new one; template "" is from nothing."""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Read the search from the address, and fetch."""
        self.agent = agent_of(self.router.url.path)
        asked = self.router.url.query_parameters
        self.search, self.page = asked.get("q", "")[:200], parse_whole(asked.get("page", "1"), 9_999) or 1
        self.undo_sentence = ""
        if self.agent:
            await fetch(self, of_agents.get, self.agent)  # raises NotFound
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Follow what runs, and what others change, while the page is open."""
        async for _ in subscribe(self, *self._topics()):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def set_search(self, search: str) -> Any:
        """Search as one types."""
        self.search, self.page = search[:200], 1
        await self._fetch()
        return replace_query(q=self.search)

    @handler(Role.VIEWER)
    async def go_to_page(self, page: int) -> Any:
        """Turn to a page."""
        self.page = page
        await self._fetch()
        return replace_query(q=self.search, page="" if self.page == 1 else str(self.page))

    @handler(Role.OPERATOR)
    async def create(self, template: str) -> Any:
        """Make a draft, from a template where one is named, and open it."""
        if template and template not in self._templates():
            raise Invalid("This value cannot be taken.")
        name, draft = self._new(template, (await current_user(self)).language)
        listed = self._definitions()
        made = await call(self, listed.create, name=name, agent_id=self.agent or None, draft=draft)
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}{listed.path}/{made.id}")

    @handler(Role.OPERATOR)
    async def switch(self, row_id: str, enabled: bool) -> Any:
        """Switch one on or off."""
        try:
            await call(self, self._definitions().switch, row_id, enabled=enabled)
        except PlatformError as error:
            await self._fetch()
            return await error_toast(self, error)
        await self._fetch()
        return None

    @handler(Role.OPERATOR)
    async def duplicate(self, row_id: str) -> None:
        """Make a copy for the same agent."""
        await call(self, self._definitions().duplicate, row_id)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def copy_to(self, row_id: str, agent_id: str) -> None:
        """Make a copy for another agent, or for all."""
        await call(self, self._definitions().duplicate, row_id, agent_id=None if agent_id == NO_AGENT else agent_id)
        await self._fetch()

    @rx.var
    def is_filtered(self) -> bool:
        """Whether the search hides some."""
        return bool(self.search)

    def _soft_delete(self) -> SoftDelete:
        definitions = self._definitions()
        return SoftDelete(definitions.delete, definitions.restore)

    def _listed(self, agents: list[Option], listed: DefinitionPage[Any], words: str) -> None:
        """Show what is said of the whole list."""
        self.agents, self.total, self.total_words, self.loaded = agents, listed.total, words, True
        self.page, self.pages = listed.page, listed.pages
        self.agent_name = next((one.name for one in agents if one.id == self.agent), "")


def stand_of(row: Any) -> str:
    """Return how a definition stands: draft, differs, published."""
    if not row.published_number:
        return "draft"
    return "differs" if row.draft != row.published else "published"
