"""Dashboard: statistics, recent updates, the state of the worker and the running processes."""

import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from platform_app.models.person import Identity, Role
from platform_app.services.demo import demo
from platform_app.services.feed import checklist
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option
from platform_app.state.feed import worker_watch
from platform_app.state.feed.checklist import StepRow
from platform_app.state.feed.dashboard_reads import Figure, Reader
from platform_app.state.feed.dashboard_view import AttentionRow, StageBar, StatisticCard
from platform_app.state.feed.feed_view import KINDS, FeedDay
from platform_app.state.feed.process_rows import ProcessRow

PAUSE_SECONDS = 2.0  # between two live updates, in which further changes are collected


class DashboardState(rx.State):
    """The dashboard."""

    loaded: bool = False
    attention: list[AttentionRow] = []
    cards: list[StatisticCard] = []
    stages: list[StageBar] = []
    days: list[dict[str, Any]] = []
    months: list[dict[str, Any]] = []
    days_description: str = ""
    months_description: str = ""
    feed: list[FeedDay] = []
    kind: str = "all"
    agent: str = "all"
    agents: list[Option] = []
    member: str = "all"
    members: list[Option] = []
    worker_ok: bool = False
    worker_status: str = ""
    worker_reason: str = ""
    worker_figures: list[Figure] = []
    processes: list[ProcessRow] = []
    process_problems: list[str] = []
    has_months: bool = False  # at least two months have replies
    has_demo: bool = False
    is_loading_demo: bool = False
    is_empty: bool = False
    steps: list[StepRow] = []  # of the checklist; []: it is not shown
    progress: str = ""
    _loads: int = 0  # how often the page itself has read everything

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set the filters from the address; fetch statistics and updates."""
        asked = self.router.url.query_parameters
        self.kind = asked.get("kind", "all") if asked.get("kind") in KINDS else "all"
        self.agent, self.member = asked.get("agent", "all")[:32], asked.get("member", "all")[:32]
        await self._load()
        self.loaded = True

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Show what changes: statistics and updates, and the state of the worker."""
        shown, loads = dict[str, Any](), 0
        async with self:
            language = (await current_user(self)).language
        with worker_watch.watch.following():
            async for update in subscribe(self, "activity", "agent", worker_watch.TOPIC, pause=PAUSE_SECONDS):
                reader, since = self._reader(await current_identity(self), language), update.at
                values = dict[str, Any]()
                if update.topic in ("activity", "agent", "*"):
                    values |= vars(await reader.statistics(since)) | vars(await reader.updates(since))
                if update.topic in (worker_watch.TOPIC, "*"):
                    values |= vars(await reader.processes(since))
                if loads != self._loads:  # the page itself has read meanwhile
                    shown, loads = {}, self._loads
                changed = {name: value for name, value in values.items() if name not in shown or shown[name] != value}
                shown |= changed
                if changed:
                    async with self:
                        self._show(changed)

    @handler(Role.VIEWER)
    async def filter_kind(self, kind: str) -> Any:
        """Show the updates of a kind, or all."""
        return self._open_filtered(kind=kind)

    @handler(Role.VIEWER)
    async def filter_agent(self, agent: str) -> Any:
        """Show the updates of an agent, or all."""
        return self._open_filtered(agent=agent)

    @handler(Role.VIEWER)
    async def filter_member(self, member: str) -> Any:
        """Show the updates of a member, or all."""
        return self._open_filtered(member=member)

    @handler(Role.ADMIN)
    async def load_demo(self) -> AsyncIterator[Any]:
        """Add the demo data to this tenant; while that lasts `is_loading_demo` is set."""
        self.is_loading_demo = True
        yield
        try:
            await call(self, demo.load)
        finally:
            self.is_loading_demo = False
        await self._load()
        yield await success_toast(self, "Demo data loaded. Documents are being indexed.")

    @handler(Role.ADMIN)
    async def remove_demo(self) -> Any:
        """Delete the demo data of this tenant."""
        await call(self, demo.remove)
        await self._load()
        return await success_toast(self, "Demo data removed.")

    @handler(Role.ADMIN)
    async def hide_checklist(self) -> None:
        """Hide the first steps from all members of the company."""
        await call(self, checklist.hide)
        await self._load()

    def _open_filtered(self, **changed: str) -> Any:
        chosen = {"kind": self.kind, "agent": self.agent, "member": self.member} | changed
        query = urlencode({name: value[:32] for name, value in chosen.items() if value.isalnum() and value != "all"})
        return browser.redirect(f"{self.router.url.path}{'?' + query if query else ''}")

    def _reader(self, identity: Identity, language: str) -> Reader:
        kind, agent, member = ("" if value == "all" else value for value in (self.kind, self.agent, self.member))
        return Reader(identity, language, kind, agent, member)

    async def _load(self) -> None:
        """Read everything now and show it."""
        reader, since = (
            self._reader(await current_identity(self), (await current_user(self)).language),
            time.monotonic(),
        )
        for part in (await reader.statistics(since), await reader.updates(since), await reader.processes(since)):
            self._show(vars(part))
        self._loads += 1

    def _show(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(self, name, value)
