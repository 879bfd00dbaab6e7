"""Processes on the dashboard: one line while all is well, what is wrong else, and the table for every role."""

import pytest

from platform_app import __version__
from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.models.job import ProcessBeat, ProcessKind
from platform_app.models.person import Identity, Role
from platform_app.state.feed.dashboard import DashboardState
from tests.conftest import make_tenant
from tests.headless.harness import Tab, sign_in
from tests.jobs.test_process_beats import beat


def worker_beat(**said: object) -> None:
    """Store the heartbeat of a worker that is well."""
    process = {"machine": "worker-1", "pid": 7, "version": __version__, "doing": {"jobs": 2}} | said
    with session_scope(reason="tests") as session:
        snapshot = {"status": "ok", "process": process, "oldestJobAge": 0}
        session.add(ProcessBeat(id="worker", kind=ProcessKind.WORKER, beat_at=now(), snapshot=snapshot))


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.OWNER])
async def test_all_is_well_in_one_line(database: str, role: Role) -> None:
    who = make_tenant("acme", role)
    worker_beat()
    beat("web-1", pid=5)
    beat("hooks-1", ProcessKind.HOOKS, pid=6)
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme")
        line = tab.get(DashboardState, "worker_status")
        rows = [(row.kind, row.machine, row.pid, row.doing) for row in tab.get(DashboardState, "processes")]
        if role == Role.OPERATOR:  # the machines are nothing of theirs
            assert (line, rows) == ("1 worker connected", [])
            return
        assert line == "1 worker connected · 1 console · 1 webhook server"
        assert tab.get(DashboardState, "worker_ok") is True and tab.get(DashboardState, "process_problems") == []
        assert rows == [
            ("Console", "web-1", "5", "2 open tabs, 5 requests a minute"),
            ("Webhook server", "hooks-1", "6", "5 requests a minute"),
            ("Worker", "worker-1", "7", "2 jobs running"),
        ]


async def test_what_is_wrong_is_said_in_the_language_of_the_member(database: str) -> None:
    who = make_tenant("acme", language="ru")
    worker_beat(version="9.9")
    beat("web-1", aheadSeconds=2.1)
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme")
        assert tab.get(DashboardState, "worker_status") == "На связи 1 обработчик · 1 консоль"
        versions, clock = tab.get(DashboardState, "process_problems")
        assert versions.startswith("Запущены процессы разных версий.") and "9.9: worker-1 (7)" in versions
        assert clock.startswith("Часы машины «web-1» спешат на 2,1 с")
        assert [row.has_wrong_clock for row in tab.get(DashboardState, "processes")] == [True, False]


async def test_without_a_worker_the_other_processes_are_seen(who: Identity) -> None:
    beat("web-1")
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme")
        assert tab.get(DashboardState, "worker_status") == "No worker is responding · 1 console"
        assert tab.get(DashboardState, "worker_ok") is False and len(tab.get(DashboardState, "processes")) == 1
