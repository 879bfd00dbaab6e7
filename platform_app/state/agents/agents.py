"""Agents: the list of agents with search, filter, sorting and actions."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.bin import agent_deletion
from platform_app.engine.bin.agent_deletion import AgentContents
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.agent import Agent
from platform_app.models.person import Identity, Role
from platform_app.services.agents import agents
from platform_app.services.agents.agents import AgentRow
from platform_app.services.bin import bin_entries
from platform_app.state.bin.bin import counts_in_words
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, error_toast, fetch, handler
from platform_app.state.console.list_page import ListPage
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.page_address import replace_query
from platform_app.state.console.undo import SoftDelete, Undo

STATUSES = {"active": ("Active", "green"), "inactive": ("Inactive", ""), "draft": ("Draft", "amber")}
DEFAULT_ORDER = "-updated"


@dataclass
class AgentListRow:
    """An agent in the list."""

    id: str
    name: str
    active: bool
    status: str
    colour: str
    version: str
    conversations: int
    when: str
    exact: str
    can_switch: bool


class AgentsState(ListPage, Undo, rx.State):
    """The list of agents."""

    rows: list[AgentListRow] = []
    status: str = "all"
    asked_id: str = ""  # the agent whose deletion is being confirmed; "": none
    asked_name: str = ""
    asked_words: list[str] = []  # what goes with it
    problem: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set search, filter, sorting and page from the address, and fetch."""
        asked = self._read_query(agents.SORT_KEYS, DEFAULT_ORDER)
        self.status = asked.get("status", "all") if asked.get("status") in STATUSES else "all"
        self.undo_sentence = self.asked_id = ""
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when an agent changes."""
        async for _ in subscribe(self, "agent"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def filter_status(self, status: str) -> Any:
        """Show the agents with a status, or all."""
        self.status, self.page = (status if status in STATUSES else "all"), 1
        return await self._apply_filters()

    @handler(Role.OPERATOR)
    async def switch(self, agent_id: str, active: bool) -> Any:
        """Switch an agent on or off. A refusal is shown as a toast."""
        try:
            await call(self, agents.set_active, agent_id, active=active)
        except PlatformError as error:
            await self._fetch()
            return await error_toast(self, error)
        await self._fetch()
        return None

    @handler(Role.OPERATOR)
    async def duplicate(self, agent_id: str) -> None:
        """Create a copy of an agent as a new draft."""
        await call(self, agents.duplicate, agent_id)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def delete(self, row_id: str) -> None:
        """Open the dialog that deletes an agent, which says what goes with it."""
        found, language = await fetch(self, agent_deletion.contents, row_id), (await current_user(self)).language
        self.asked_id, self.asked_name, self.problem = row_id, found.name, ""
        self.asked_words = _contents_in_words(found, language)

    @handler(Role.OPERATOR)
    async def close_question(self, is_open: bool) -> None:
        """Close the dialog that deletes an agent."""
        if not is_open:
            self.asked_id = ""

    @handler(Role.OPERATOR)
    async def confirm_delete(self, form: dict[str, Any]) -> Any:
        """Delete the agent that was asked about, if its name was typed, and offer to undo it."""
        agent_id = self.asked_id
        try:
            agent = await call(self, _delete_by_name, agent_id, name=str(form.get("name", ""))[:400])
        except Invalid as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            return browser.focus("confirmed_name")
        self.asked_id = ""
        await self._fetch()
        return await self._offer_undo(agent_id, agent.name)

    @rx.var
    def is_filtered(self) -> bool:
        """Whether search or filter are set."""
        return bool(self.search or self.status != "all")

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(agent_deletion.delete, agent_deletion.restore)

    async def _apply_filters(self) -> Any:
        await self._fetch()
        return replace_query(status=self.status, **self._query_values(DEFAULT_ORDER))

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        rows, total = await fetch(
            self,
            agents.list_agents,
            search=self.search,
            status="" if self.status == "all" else self.status,
            sort=self.sort if self.sort in agents.SORT_KEYS else "updated",
            descending=self.descending,
            page=self.page,
            page_size=int(self.size),
        )
        self._set_total(total)
        self.rows = [_row(row, identity, language) for row in rows]
        self.total_words = plural(language, "{count} agent", "{count} agents", self.total)
        self.loaded = True


def _delete_by_name(session: Transaction, who: Identity, agent_id: str, *, name: str) -> Agent:
    bin_entries.check_name(name, agents.get(session, who, agent_id).name)
    return agent_deletion.delete(session, who, agent_id)


def _contents_in_words(found: AgentContents, language: str) -> list[str]:
    """Return sentences that say what goes with an agent, what stays for now, and what loses its agent."""
    words = counts_in_words(found.counts, language)
    sentences = [translate(language, "Also moved to the bin: {words}.", words=words)] if words else []
    if found.conversations:
        one = "{count} conversation stays until the agent is permanently deleted, and goes with it then."
        many = "{count} conversations stay until the agent is permanently deleted, and go with it then."
        sentences.append(plural(language, one, many, found.conversations))
    if found.accounts:
        names = ", ".join(found.accounts)
        sentences.append(translate(language, "No agent will reply on these channels: {names}.", names=names))
    return sentences


def _row(row: AgentRow, identity: Identity, language: str) -> AgentListRow:
    words, colour = STATUSES[row.status]
    version = translate(language, "version {number}", number=row.published_number) if row.published_number else ""
    if row.changed and row.published_number:
        version += translate(language, ", unpublished changes")
    return AgentListRow(
        id=row.id,
        name=row.name,
        active=row.active,
        status=translate(language, words),
        colour=colour,
        version=version,
        conversations=row.conversations,
        when=relative_time(language, row.updated_at, now(), identity.time_zone),
        exact=exact_time(language, row.updated_at, identity.time_zone),
        can_switch=row.status != "draft",
    )
