"""Scripts: the list of scripts that apply to an agent."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.agent import Agent
from platform_app.models.person import Identity, Role
from platform_app.models.script import SCRIPT_FORM, Script
from platform_app.services.agents import agents
from platform_app.services.scripts import scripts
from platform_app.services.scripts.scripts import ScriptUsage
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.option_lists import Option, stage_options
from platform_app.state.console.page_address import agent_of, replace_query
from platform_app.state.console.undo import SoftDelete, Undo

KINDS = SCRIPT_FORM["kind"].options


@dataclass
class ScriptRow:
    """A script in the list."""

    id: str
    title: str
    kind: str
    stage: str
    agents: str
    enabled: bool
    used: str
    when: str
    exact: str


@dataclass
class _PageData:
    """What the list is rendered from."""

    agent: Agent
    scripts: list[Script]
    total: int
    used: dict[str, ScriptUsage]
    stages: list[Option]


class ScriptsState(Undo, rx.State):
    """The scripts of the agent in the address."""

    agent: str = ""
    agent_name: str = ""
    rows: list[ScriptRow] = []
    total: int = 0
    total_words: str = ""
    stages: list[Option] = []
    search: str = ""
    kind: str = "all"
    stage: str = "all"
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set the filters from the address, and fetch."""
        asked = self.router.url.query_parameters
        self.agent = agent_of(self.router.url.path)
        self.search = asked.get("q", "")[:200]
        self.kind = asked.get("kind", "all") if asked.get("kind") in KINDS else "all"
        self.stage = asked.get("stage", "all")[:32]
        self.undo_sentence = ""
        await self._fetch()

    @handler(Role.VIEWER)
    async def set_search(self, search: str) -> Any:
        """Search for a text."""
        self.search = search[:200]
        return await self._apply_filters()

    @handler(Role.VIEWER)
    async def filter_kind(self, kind: str) -> Any:
        """Show the scripts of a kind, or all."""
        self.kind = kind if kind in KINDS else "all"
        return await self._apply_filters()

    @handler(Role.VIEWER)
    async def filter_stage(self, stage: str) -> Any:
        """Show the scripts of a stage, or all."""
        self.stage = stage[:32]
        return await self._apply_filters()

    @handler(Role.OPERATOR)
    async def create(self) -> Any:
        """Create a script for this agent and open it."""
        title = translate((await current_user(self)).language, "New script")
        made = await call(self, scripts.create, title=title, agent_id=self.agent)
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/agents/{self.agent}/scripts/{made.id}")

    @handler(Role.OPERATOR)
    async def switch(self, script_id: str, enabled: bool) -> None:
        """Switch a script on or off."""
        await call(self, scripts.set_enabled, script_id, enabled=enabled)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def move(self, script_id: str, up: bool) -> None:
        """Move a script up or down."""
        await call(self, scripts.move, script_id, up=up, among=[row.id for row in self.rows])
        await self._fetch()

    @handler(Role.OPERATOR)
    async def drop(self, script_id: str, before_id: str) -> None:
        """Move a script to the position of another one."""
        if script_id != before_id:
            await call(self, scripts.place_at, script_id, before_id)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def duplicate(self, script_id: str) -> None:
        """Copy a script; the copy is switched off."""
        await call(self, scripts.duplicate, script_id)
        await self._fetch()

    @rx.var
    def is_filtered(self) -> bool:
        """Whether search or filters are set."""
        return bool(self.search) or self.kind != "all" or self.stage != "all"

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(scripts.delete, scripts.restore)

    async def _apply_filters(self) -> Any:
        await self._fetch()
        return replace_query(q=self.search, kind=self.kind, stage=self.stage)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        filters = {"kind": self.kind, "stage_id": self.stage}
        data = await fetch(
            self,
            _read,
            self.agent,
            search=self.search,
            **{name: "" if value == "all" else value for name, value in filters.items()},
        )
        self.agent_name, self.stages, self.total = data.agent.name, data.stages, data.total
        self.rows = [_row(row, data, identity, language) for row in data.scripts]
        self.total_words = plural(language, "{count} script", "{count} scripts", self.total)
        self.loaded = True


def _read(session: Transaction, who: Identity, /, agent_id: str, **filters: str) -> _PageData:
    agent = agents.get(session, who, agent_id)
    shown = scripts.list_scripts(session, who, agent_id, **filters)
    total = len(scripts.list_scripts(session, who, agent_id))
    return _PageData(agent, shown, total, scripts.usage_by_script(session, who), stage_options(session, who))


def _row(row: Script, data: _PageData, identity: Identity, language: str) -> ScriptRow:
    stages = {stage.id: stage.name for stage in data.stages}
    used = data.used.get(row.id, ScriptUsage())
    return ScriptRow(
        id=row.id,
        title=row.title,
        kind=translate(language, KINDS[row.kind]),
        stage=stages.get(row.stage_id or "", "") or translate(language, "Every stage"),
        agents=translate(language, "This agent") if row.agent_id else translate(language, "All agents"),
        enabled=row.enabled,
        used=plural(language, "{count} reply", "{count} replies", used.count) if used.count else "",
        when=relative_time(language, used.last, now(), identity.time_zone) if used.last else "",
        exact=exact_time(language, used.last, identity.time_zone) if used.last else "",
    )
