"""Dashboard: statistics, recent updates, the state of the worker and the running processes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import reflex as rx
from babel.dates import format_date

from platform_app.clock import now
from platform_app.i18n import plural, translate
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import members
from platform_app.services.agents import agents
from platform_app.services.attention import attention
from platform_app.services.demo import demo
from platform_app.services.feed import activity, checklist, dashboard
from platform_app.services.feed.activity import FeedRow
from platform_app.services.jobs import job_list
from platform_app.services.jobs.job_list import WorkerStatus
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option
from platform_app.state.feed.checklist import StepRow, progress_words, step_rows
from platform_app.state.feed.dashboard_view import (
    AttentionRow,
    StageBar,
    StatisticCard,
    attention_row,
    replies_words,
    stage_bars,
    statistic_cards,
)
from platform_app.state.feed.feed_view import KINDS, FeedDay, feed_days
from platform_app.state.feed.process_rows import ProcessRow, other_processes, process_problems, process_rows


@dataclass
class Figure:
    """A figure of the worker with its label."""

    label: str
    value: str


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

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set the filters from the address; fetch statistics and updates."""
        asked = self.router.url.query_parameters
        self.kind = asked.get("kind", "all") if asked.get("kind") in KINDS else "all"
        self.agent, self.member = asked.get("agent", "all")[:32], asked.get("member", "all")[:32]
        await self._load_statistics()
        await self._load_updates()
        self.loaded = True

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch statistics, updates and the state of the worker again when something changes."""
        async for update in subscribe(self, "activity", "agent", every=2):
            async with self:
                if update.topic in ("activity", "*"):
                    await self._load_updates()
                if update.topic in ("activity", "agent"):
                    await self._load_statistics()
                await self._load_worker()

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
        await self._load_statistics()
        await self._load_updates()
        yield await success_toast(self, "Demo data loaded. Documents are being indexed.")

    @handler(Role.ADMIN)
    async def remove_demo(self) -> Any:
        """Delete the demo data of this tenant."""
        await call(self, demo.remove)
        await self._load_statistics()
        await self._load_updates()
        return await success_toast(self, "Demo data removed.")

    @handler(Role.ADMIN)
    async def hide_checklist(self) -> None:
        """Hide the first steps from all members of the company."""
        await call(self, checklist.hide)
        await self._load_statistics()

    def _open_filtered(self, **changed: str) -> Any:
        chosen = {"kind": self.kind, "agent": self.agent, "member": self.member} | changed
        query = urlencode({name: value[:32] for name, value in chosen.items() if value.isalnum() and value != "all"})
        return browser.redirect(f"{self.router.url.path}{'?' + query if query else ''}")

    async def _load_statistics(self) -> None:
        language = (await current_user(self)).language
        found = await fetch(self, dashboard.get_summary, now())
        self.cards = statistic_cards(found, language, f"/manage/{(await current_identity(self)).slug}")
        self.stages = stage_bars(found, language, await current_identity(self))
        pattern = "d MMM" if language == "ru" else "MMM d"
        self.days = [{"name": format_date(day, pattern, language), "replies": n} for day, n in found.days]
        self.months = [{"name": format_date(day, "LLL", language), "replies": n} for day, n in found.months]
        self.days_description = replies_words(sum(n for _, n in found.days), language, "days")
        self.months_description = replies_words(sum(n for _, n in found.months), language, "months")
        self.has_months = sum(1 for _, n in found.months if n) > 1
        rows, count = await fetch(self, agents.list_agents, page_size=100)
        self.agents = [Option(row.id, row.name) for row in rows]
        self.members = [Option(user.id, user.name) for user, _ in await fetch(self, members.list_members)]
        self.is_empty = count == 0
        self.has_demo = await fetch(self, demo.is_loaded)
        below = f"/manage/{(await current_identity(self)).slug}"
        steps = await fetch(self, checklist.list_steps)
        self.steps, self.progress = step_rows(steps, below, language), progress_words(steps, language)
        waiting = await fetch(self, attention.list_attention, now())
        self.attention = [attention_row(item, below, language) for item in waiting]
        await self._load_worker()

    async def _load_updates(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        kind, agent, member = ("" if value == "all" else value for value in (self.kind, self.agent, self.member))

        def read_feed(session: Any, asking: Identity) -> list[FeedRow]:
            zone = asking.time_zone
            return activity.list_feed(session, asking.tenant_id, kind=kind, agent_id=agent, user_id=member, zone=zone)

        self.feed = feed_days(await fetch(self, read_feed), identity, language, now())

    async def _load_worker(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        card = await fetch(self, job_list.worker_status)
        self.worker_ok = card.is_healthy
        words, self.worker_reason = _worker_status(card, language)
        self.worker_status = " · ".join([words, *other_processes(card.processes, language)])
        self.worker_figures = _worker_figures(card, language)
        self.processes = process_rows(card.processes, language, identity.time_zone)
        self.process_problems = process_problems(card.processes, language)


def _worker_status(card: WorkerStatus, language: str) -> tuple[str, str]:
    if not card.is_responding:
        return translate(language, "No worker is responding"), translate(
            language, ("Jobs will wait until a worker starts.")
        )
    if card.is_healthy:
        return plural(language, "{count} worker connected", "{count} workers connected", card.count), ""
    redis, database = card.snapshot["redis"], card.snapshot["database"]
    if not redis["connected"]:
        return translate(language, "Not connected to Redis"), redis["error"] or ""
    if not database["connected"]:
        return translate(language, "The database isn’t responding."), database["error"] or ""
    return translate(language, "A part of the worker isn’t responding"), card.snapshot["worker"].get("stuck") or ""


def _worker_figures(card: WorkerStatus, language: str) -> list[Figure]:
    shot, counted = card.snapshot, card.tenant_jobs
    rows = [
        ("Queued", str(counted.get("queued", 0))),
        ("Oldest job, waiting", translate(language, "{count} s", count=round(shot.get("oldestJobAge", 0)))),
        ("In progress", str(counted.get("running", 0))),
        ("Failed", str(counted.get("failed", 0))),
        ("Out of retries", str(counted.get("dead", 0))),
    ]
    return [Figure(translate(language, label), value) for label, value in rows]
