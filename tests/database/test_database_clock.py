"""Clock of the database: processes whose machines differ by minutes agree on leases and due times."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from platform_app import clock, database_clock
from platform_app.config import settings
from platform_app.db import engine, session_scope
from platform_app.models.job import JobState
from platform_app.models.person import Identity
from platform_app.runtime import doctor
from tests.conftest import forget_process_state
from tests.jobs.test_ledger import put, row
from worker.health import Probe, SnapshotCollector
from worker.runner import Runner

SERVER = os.environ.get("PLATFORM_TEST_POSTGRES", "")
CHILD = """
import json, sys
from datetime import timedelta
from platform_app import clock
lead, own = timedelta(seconds=float(sys.argv[1])), clock.host_time
clock.host_time = lambda: own() + lead
from platform_app.db import session_scope
from platform_app.services.jobs import ledger
from platform_app.services.jobs.job_turns import Turns
ledger.recover_abandoned()
with session_scope(reason="tests") as session:
    jobs = ledger.claim_next(session, Turns(), int(sys.argv[2]), threads=100)
print(json.dumps([job.id for job in jobs]))
"""


def claimed(lead: float, count: int) -> list[str]:
    """Return what another process claims, whose machine is some seconds ahead."""
    command = [sys.executable, "-c", CHILD, str(lead), str(count)]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert out.returncode == 0, out.stderr[-2000:]
    ids: list[str] = json.loads(out.stdout.splitlines()[-1])
    return ids


@pytest.mark.skipif(not SERVER, reason="needs a server of PostgreSQL")
def test_machines_that_differ_by_two_minutes_take_nothing_early_and_nothing_twice(
    who: Identity, env: pytest.MonkeyPatch
) -> None:
    if engine().dialect.name != "postgresql":
        pytest.skip("SQLite has no clock of its own")
    env.setenv("PLATFORM_LEASE_SECONDS", "100")
    ids = put(who, 4)
    (later,) = put(who, run_at=clock.now() + timedelta(seconds=58))
    assert claimed(-60, 2) == ids[:2]
    assert claimed(60, 9) == ids[2:], "leases are kept, and what is due later is left"
    assert {row(who, one).attempts for one in ids} == {1} and row(who, later).state == JobState.QUEUED
    lease = row(who, ids[0]).lease_until
    assert lease is not None and timedelta(0) < lease - clock.now() < timedelta(seconds=100)


@pytest.fixture
def ahead(who: Identity, env: pytest.MonkeyPatch) -> Iterator[float]:
    """This machine is a minute ahead of the database."""
    env.setattr(clock, "host_time", lambda real=clock.host_time: real() + timedelta(seconds=61.2))
    env.setattr(database_clock, "_warned_at", float("-inf"))
    yield 61.2
    database_clock.stop_following()


def test_who_is_off_is_named_with_the_seconds(ahead: float, who: Identity, env: pytest.MonkeyPatch) -> None:
    if engine().dialect.name == "postgresql":
        env.setattr(database_clock, "is_enabled", True)
        forget_process_state()
    else:
        clock.follow(clock.host_time() - timedelta(seconds=ahead), time.monotonic())
    with session_scope(reason="tests", read_only=True) as session:
        session.connection()
    sentence = database_clock.problem()
    assert "61.2 s ahead of the database’s." in sentence
    probe = Probe(settings(), Runner({}, 30))
    told = probe.snapshot()["clock"]
    assert (told["error"], told["aheadSeconds"]) == (sentence, 61.2) and told["machine"] in sentence
    gauges = {metric.name: metric.samples[0].value for metric in SnapshotCollector(probe).collect() if metric.samples}
    assert gauges["platform_clock_ahead_seconds"] == 61.2
    if engine().dialect.name == "postgresql":
        finding = doctor.machine_clock(settings())
        assert (finding.detail, finding.is_well) == (sentence, False)


def test_the_time_goes_on_evenly_when_the_machine_is_set(env: pytest.MonkeyPatch) -> None:
    at = [100.0]
    env.setattr(clock.time, "monotonic", lambda: at[0])
    start = clock.host_time()
    clock.follow(start, 100.0)
    at[0] = 130.0
    env.setattr(clock, "host_time", lambda: start - timedelta(hours=1))
    assert clock.now() == start + timedelta(seconds=30)
    clock.follow(start + timedelta(seconds=30.01), 130.0, within=0.02)
    assert clock.now() == start + timedelta(seconds=30), "a difference within the measurement's own is none"
    clock.follow(start + timedelta(seconds=31), 130.0, within=0.02)
    assert clock.now() == start + timedelta(seconds=31)
    database_clock.stop_following()
    assert clock.now() == clock.host_time()
