"""Dashboard reads: what dashboards of a company show alike, read and put into words once for all of their tabs.

What is returned is shared by several tabs: nobody may change it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from babel.dates import format_date

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.i18n import plural, translate
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import members
from platform_app.services.agents import agents
from platform_app.services.attention import attention
from platform_app.services.demo import demo
from platform_app.services.feed import activity, checklist, dashboard
from platform_app.services.jobs import job_list
from platform_app.services.jobs.job_list import WorkerStatus
from platform_app.state.console.base import fetch_as
from platform_app.state.console.option_lists import Option
from platform_app.state.console.shared_reads import SharedReads
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
from platform_app.state.feed.feed_view import FeedDay, feed_days
from platform_app.state.feed.process_rows import ProcessRow, other_processes, process_problems, process_rows


@dataclass
class Figure:
    """A figure of the worker with its label."""

    label: str
    value: str


@dataclass(frozen=True)
class Statistics:
    """What a dashboard shows beside updates and processes; the fields are those of DashboardState."""

    attention: list[AttentionRow]
    cards: list[StatisticCard]
    stages: list[StageBar]
    days: list[dict[str, Any]]
    months: list[dict[str, Any]]
    days_description: str
    months_description: str
    has_months: bool
    agents: list[Option]
    members: list[Option]
    has_demo: bool
    is_empty: bool
    steps: list[StepRow]
    progress: str


@dataclass(frozen=True)
class Updates:
    """The recent updates; the field is that of DashboardState."""

    feed: list[FeedDay]


@dataclass(frozen=True)
class Processes:
    """The state of the workers, and the running processes; the fields are those of DashboardState."""

    worker_ok: bool
    worker_status: str
    worker_reason: str
    worker_figures: list[Figure]
    processes: list[ProcessRow]
    process_problems: list[str]


Part = Statistics | Updates | Processes


@dataclass(frozen=True)
class Reader:
    """Reads the parts of a dashboard for a member; members with the same role and language share what is read."""

    identity: Identity
    language: str
    kind: str = ""  # of updates; "": all
    agent: str = ""
    member: str = ""

    async def statistics(self, since: float) -> Part:
        """Return statistics that were read at `since`, a time of the monotonic clock, or later."""
        return await self._shared("statistics", since, _read_statistics)

    async def updates(self, since: float) -> Part:
        """Return the updates, read at `since` or later."""

        def read(session: Transaction, who: Identity, language: str) -> Updates:
            rows = activity.list_feed(
                session,
                who.tenant_id,
                kind=self.kind,
                agent_id=self.agent,
                user_id=self.member,
                zone=who.time_zone,
            )
            return Updates(feed_days(rows, who, language, now()))

        return await self._shared(f"updates {self.kind} {self.agent} {self.member}", since, read)

    async def processes(self, since: float) -> Part:
        """Return the state of workers and processes, read at `since` or later."""
        return await self._shared("processes", since, _read_processes)

    async def _shared(self, part: str, since: float, service: Callable[[Transaction, Identity, str], Part]) -> Part:
        who = self.identity
        key = (who.tenant_id, who.slug, who.role, who.currency, who.time_zone, self.language, part)

        def read() -> Awaitable[Part]:
            return fetch_as(self.identity, service, self.language)

        return await _parts.get(key, since, read)


_parts = SharedReads[Part]()


def _read_statistics(session: Transaction, who: Identity, language: str) -> Statistics:
    summary, below = dashboard.get_summary(session, who, now()), f"/manage/{who.slug}"
    pattern = "d MMM" if language == "ru" else "MMM d"
    rows, count = agents.list_agents(session, who, page_size=100)
    steps = checklist.list_steps(session, who)
    return Statistics(
        attention=[attention_row(item, below, language) for item in attention.list_attention(session, who, now())],
        cards=statistic_cards(summary, language, below),
        stages=stage_bars(summary, language, who),
        days=[{"name": format_date(day, pattern, language), "replies": n} for day, n in summary.days],
        months=[{"name": format_date(day, "LLL", language), "replies": n} for day, n in summary.months],
        days_description=replies_words(sum(n for _, n in summary.days), language, "days"),
        months_description=replies_words(sum(n for _, n in summary.months), language, "months"),
        has_months=sum(1 for _, n in summary.months if n) > 1,
        agents=[Option(row.id, row.name) for row in rows],
        members=[Option(user.id, user.name) for user, _ in members.list_members(session, who)],
        has_demo=demo.is_loaded(session, who),
        is_empty=count == 0,
        steps=step_rows(steps, below, language),
        progress=progress_words(steps, language),
    )


def _read_processes(session: Transaction, who: Identity, language: str) -> Processes:
    found = job_list.worker_status(session, who)
    machines = found.processes if who.role.includes(Role.ADMIN) else []  # nothing for those who only work here
    words, reason = _worker_status(found, language)
    return Processes(
        worker_ok=found.is_healthy,
        worker_status=" · ".join([words, *other_processes(machines, language)]),
        worker_reason=reason,
        worker_figures=_worker_figures(found, language),
        processes=process_rows(machines, language, who.time_zone),
        process_problems=process_problems(machines, language),
    )


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
