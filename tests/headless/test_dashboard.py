"""Dashboard: it shows what happens while it is open, and the dashboards of a company share what they read."""

import asyncio
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.hub import Update, hub
from platform_app.models.event import ActivityKind
from platform_app.models.job import ProcessBeat, ProcessKind
from platform_app.models.person import Identity, Role
from platform_app.services.feed import activity
from platform_app.state.feed import dashboard, dashboard_reads, worker_watch
from platform_app.state.feed.dashboard import DashboardState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in

PAGE = "/manage/acme"


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is told but what a test tells, and what it tells is shown without a pause."""
    monkeypatch.setattr(hub, "_listen", asyncio.Event().wait)
    monkeypatch.setattr(hub, "is_connected", lambda tab: True)  # the tabs of these tests have no socket
    monkeypatch.setattr(dashboard, "PAUSE_SECONDS", 0.01)


def happened(who: Identity, sentence: str) -> None:
    """Record an activity, and tell the open pages."""
    with session_scope(who.tenant_id) as session:
        activity.record(session, who.tenant_id, ActivityKind.KNOWLEDGE, sentence)
    hub.tell(who.tenant_id, Update("activity", ""))


def sentences(tab: Tab) -> list[str]:
    return [group.newest.sentence for day in tab.get(DashboardState, "feed") for group in day.groups]


async def following(tab: Tab) -> None:
    """Open the dashboard, and wait until it follows what happens."""
    await tab.goto(PAGE)
    await tab.until(lambda: worker_watch.watch._followers > 0)


async def test_updates_are_shown_and_read_once_for_all_members_of_a_role(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, real = list[str](), dashboard_reads._read_statistics

    def read(session: Any, identity: Identity, language: str) -> Any:
        reads.append(identity.user_id)
        return real(session, identity, language)

    monkeypatch.setattr(dashboard_reads, "_read_statistics", read)
    member = make_member(who, Role.OPERATOR)
    async with Tab(sign_in(member)) as one, Tab(sign_in(member)) as other:
        await following(one)
        await following(other)
        await other.until(lambda: len(hub._queues[who.tenant_id]) >= 2)
        await asyncio.sleep(0.05)  # the first look at the processes is over
        reads.clear()
        happened(who, "Demo data loaded.")
        for tab in (one, other):
            await tab.until(lambda tab=tab: "Demo data loaded." in sentences(tab))
        assert len(reads) == 1
        happened(who, "Demo data removed.")
        for tab in (one, other):
            await tab.until(lambda tab=tab: sentences(tab)[:1] == ["Demo data removed."])
        assert len(reads) == 2 and not one.errors + other.errors


async def test_a_worker_that_comes_is_shown(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_watch, "SECONDS", 0.02)
    async with Tab(sign_in(who)) as tab:
        await following(tab)
        assert tab.get(DashboardState, "worker_ok") is False
        with session_scope(reason="tests") as session:
            snapshot = {"status": "ok", "process": {"machine": "worker-1", "pid": 7}, "oldestJobAge": 0}
            session.add(ProcessBeat(id="worker", kind=ProcessKind.WORKER, beat_at=now(), snapshot=snapshot))
        await tab.until(lambda: tab.get(DashboardState, "worker_ok") is True)
        assert [row.machine for row in tab.get(DashboardState, "processes")] == ["worker-1"] and not tab.errors
