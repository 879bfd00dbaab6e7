"""Process beats: every process tells what it is and does, is gone after its time, and what is wrong is named."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from platform_app import __version__, clock
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import session_scope
from platform_app.models.job import ProcessBeat, ProcessKind
from platform_app.models.person import Identity
from platform_app.runtime import process_checks
from platform_app.services.jobs import job_limits, job_list, process_beats
from platform_app.services.jobs.process_beats import RunningProcess
from platform_app.state.feed.process_rows import other_processes, process_problems, process_rows
from tests.jobs.test_worker_health import a_probe
from tests.talking import call
from worker.health import SnapshotCollector, metrics


def beat(name: str, kind: ProcessKind = ProcessKind.CONSOLE, *, age: float = 0, **said: Any) -> None:
    """Store the heartbeat of a process."""
    described = process_beats.describe({"sockets": 2, "requests": 5}) | {"machine": name} | said
    with session_scope(reason="tests") as session:
        snapshot = {"status": "ok", "process": described}
        session.add(ProcessBeat(id=name, kind=kind, beat_at=now() - timedelta(seconds=age), snapshot=snapshot))


def running() -> list[RunningProcess]:
    with session_scope(reason="tests", read_only=True) as session:
        return process_beats.running_processes(process_beats.recent_beats(session))


async def test_a_process_is_there_while_it_lives_and_tells_what_it_does(who: Identity) -> None:
    doing: dict[str, int] = {"sockets": 1, "requests": 0}
    async with process_beats.beating(ProcessKind.HOOKS, lambda: doing):
        while not (found := await asyncio.to_thread(running)):
            await asyncio.sleep(0.01)
        (process,) = found
        assert (process.kind, process.pid, process.version) == (ProcessKind.HOOKS, os.getpid(), __version__)
        assert process.memory_bytes > 10_000_000 and process.doing == {"sockets": 1, "requests": 0}
        assert process.since is not None and timedelta(0) < now() - process.since < timedelta(hours=2)
    assert running() == []


async def test_a_database_that_fails_is_asked_again(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = process_beats.write, list[str]()

    def fail_first(beat_id: str, kind: ProcessKind, snapshot: dict[str, Any]) -> None:
        calls.append(beat_id)
        if len(calls) < 3:
            raise OSError
        real(beat_id, kind, snapshot)

    monkeypatch.setattr(process_beats, "write", fail_first)
    monkeypatch.setattr(process_beats, "BEAT_SECONDS", 0.01)
    async with process_beats.beating(ProcessKind.CONSOLE, dict):
        while not await asyncio.to_thread(running):
            await asyncio.sleep(0.01)
    assert len(set(calls)) == 1 and running() == []


def test_a_process_that_was_killed_is_gone_after_its_time(who: Identity) -> None:
    beat("living")
    beat("killed", age=process_beats.BEAT_TIMEOUT + 1)
    assert [process.machine for process in running()] == ["living"]
    beat("long ago", age=process_beats.KEPT.total_seconds() + 60)
    process_beats.delete_old()
    with session_scope(reason="tests", read_only=True) as session:
        assert session.get(ProcessBeat, "long ago") is None and session.get(ProcessBeat, "killed") is not None


def test_consoles_and_hooks_processes_are_no_workers(who: Identity) -> None:
    beat("console")
    beat("hooks", ProcessKind.HOOKS)
    status = call(who, job_list.worker_status)
    assert (status.count, status.is_healthy, len(status.processes)) == (0, False, 2)
    with session_scope(reason="tests", read_only=True) as session:
        assert job_limits.count_threads(session) == settings().worker_concurrency


def test_a_worker_of_the_previous_release_is_read(who: Identity) -> None:
    snapshot = {
        "status": "ok",
        "clock": {"machine": "old", "aheadSeconds": 3.0},
        "worker": {"pid": 7, "version": "0.1"},
    }
    with session_scope(reason="tests") as session:
        session.add(ProcessBeat(id="old", beat_at=now(), snapshot=snapshot))
    assert running() == [RunningProcess(ProcessKind.WORKER, "old", 7, "0.1", None, 3.0)]
    (row,) = process_rows(running(), "en", "UTC")
    assert (row.since, row.memory, row.doing, row.clock, row.has_wrong_clock) == ("", "", "", "+3.0 s", True)


def test_worker_tells_of_itself_and_metrics_of_all(who: Identity) -> None:
    beat("console", aheadSeconds=-4.5)
    beat("hooks", ProcessKind.HOOKS, version="9.9")
    probe = a_probe()
    probe.write_beat()
    assert [process.kind for process in running()] == list(ProcessKind)
    assert running()[-1].doing == {"jobs": 0} and running()[-1].pid == os.getpid()
    registry = CollectorRegistry()
    probe._measured_at = float("-inf")
    registry.register(SnapshotCollector(probe))
    lines = generate_latest(registry).decode().splitlines()
    for kind in ProcessKind:
        assert f'platform_processes{{kind="{kind}"}} 1.0' in lines
        assert any(line.startswith(f'platform_process_memory_bytes{{kind="{kind}"}}') for line in lines)
    assert {"platform_process_versions 2.0", "platform_process_clock_off_seconds 4.5"} <= set(lines)
    assert {"platform_open_sockets 4.0", "platform_requests_per_minute 10.0"} <= set(lines)
    assert metrics(probe.snapshot())["processes"]["counts"] == {"console": 1, "hooks": 1, "worker": 1}
    probe.delete_beat()
    assert len(running()) == 2


WELL: Mapping[str, list[str]] = {"en": ["2 consoles", "1 webhook server"], "ru": ["2 консоли", "1 сервер вебхуков"]}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_nothing_is_said_while_versions_and_clocks_agree(who: Identity, language: str) -> None:
    beat("one")
    beat("two", aheadSeconds=1.9)
    beat("three", ProcessKind.HOOKS)
    assert other_processes(running(), language) == WELL[language]
    assert process_problems(running(), language) == []
    assert process_checks.processes(settings()).is_well


def test_versions_that_differ_and_wrong_clocks_are_named(who: Identity) -> None:
    beat("one", pid=11)
    beat("two", ProcessKind.HOOKS, pid=22, version="9.9", aheadSeconds=-2.5)
    beat("three", ProcessKind.WORKER, pid=33, aheadSeconds=61.0)
    assert process_problems(running(), "en") == [
        f"Processes of different versions are running. {__version__}: one (11), three (33); 9.9: two (22).",
        "The clock of “two” is 2.5 s behind the database’s. Synchronize it, with NTP for example.",
        "The clock of “three” is 61.0 s ahead of the database’s. Synchronize it, with NTP for example.",
    ]
    assert process_problems(running(), "ru")[1].startswith("Часы машины «two» отстают на 2,5 с")
    finding = process_checks.processes(settings())
    assert "consoles: 1, hooks processes: 1, workers: 1" in finding.detail and "9.9: hooks two (22)" in finding.detail
    assert finding.advice


def test_many_processes_of_a_version_are_named_in_part(who: Identity) -> None:
    for number in range(8):
        beat(f"m{number}", pid=number)
    beat("other", version="9.9", pid=99)
    (sentence,) = process_problems(running(), "en")
    assert "m4 (4)…" in sentence and "m5" not in sentence


@pytest.fixture
def ahead() -> Iterator[None]:
    """The clock of this machine is 3 seconds ahead of the database's."""
    import time

    clock.follow(clock.host_time() - timedelta(seconds=3), time.monotonic(), within=0.0)
    yield
    clock.follow(None)


@pytest.mark.usefixtures("ahead")
def test_a_heartbeat_tells_how_far_the_clock_of_its_machine_is_off(who: Identity) -> None:
    assert process_beats.describe({})["aheadSeconds"] == pytest.approx(3.0, abs=0.1)
