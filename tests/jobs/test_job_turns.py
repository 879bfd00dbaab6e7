"""Turns of jobs: no tenant waits for another one's backlog, urgent kinds come first, and none waits without end."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text
from sqlmodel import col

from platform_app import db, job_queue
from platform_app.clock import now
from platform_app.config import settings as own_settings
from platform_app.db import session_scope, unscoped_delete
from platform_app.jobs import KINDS, HandleEvent, IndexSource, Reply, RunningJob, enqueue, priority_of
from platform_app.models.job import Job, JobState, JobTurn, Priority
from platform_app.models.person import Identity
from platform_app.runtime import doctor
from platform_app.services.jobs import job_limits, job_turns, ledger
from platform_app.services.jobs.job_turns import PREFERRED, Turns
from tests.conftest import forget_process_state, make_tenant
from worker.__main__ import run as run_worker
from worker.ledger_writer import LedgerWriter, _Claim, _End

THREADS = 7  # of one worker, as the defaults have it
PAYLOADS: dict[str, Any] = {
    "reply": Reply(conversation_id="c", message_id="m"),
    "handle_event": HandleEvent(event_id="e"),
    "index_source": IndexSource(source_id="s"),
}


def put(who: Identity, kind: str, count: int = 1, **named: Any) -> list[str]:
    with session_scope(who.tenant_id) as session:
        return [enqueue(session, who.tenant_id, PAYLOADS[kind], **named).id for _ in range(count)]


def claim(count: int = 1, threads: int = THREADS) -> list[RunningJob]:
    with session_scope(reason="tests") as session:
        return ledger.claim_next(session, Turns(), count, threads=threads)


def finish(jobs: list[RunningJob]) -> None:
    with session_scope(reason="tests") as session:
        assert ledger.finish_jobs(session, jobs) == {job.id for job in jobs}


def starts(count: int, threads: int = 1_000) -> list[RunningJob]:
    """Claim and finish jobs one by one."""
    order = []
    for _ in range(count):
        jobs = claim(1, threads)
        finish(jobs)
        order += jobs
    return order


def test_a_reply_and_an_indexing_do_not_wait_for_another_tenants_backlog(who: Identity, other: Identity) -> None:
    put(who, "index_source", 200)
    (indexing,), (reply,) = put(other, "index_source"), put(other, "reply")
    order = [job.id for job in starts(4)]
    assert order[0] == reply and indexing in order[:3]


def test_the_thread_of_a_worker_follows_the_turns_too(who: Identity, other: Identity) -> None:
    from worker.runner import Runner

    put(who, "handle_event", 60)
    put(other, "handle_event", 1)
    order: list[str] = []
    runner = Runner({"handle_event": lambda job: order.append(job.tenant_id)}, 30)
    runner.start()
    runner.run_all()
    runner.stop()
    assert len(order) == 61 and order.index(other.tenant_id) <= job_turns.AHEAD


def test_every_priority_has_its_turn_while_the_others_have_a_backlog(who: Identity) -> None:
    for kind in PAYLOADS:
        put(who, kind, 20)
    seen = Counter(priority_of(job.kind) for job in starts(len(PREFERRED) * 2))
    assert seen == Counter(PREFERRED * 2)
    assert {priority_of(kind) for kind in KINDS} == set(Priority)


def test_threads_stay_free_for_urgent_jobs_and_for_other_tenants(who: Identity, other: Identity) -> None:
    put(who, "handle_event", 20)
    held = claim(20)
    assert Counter(job.kind for job in held) == {"handle_event": 5}
    put(other, "handle_event", 5)
    assert [job.tenant_id for job in claim(20)] == [other.tenant_id], "one thread is left for urgent jobs"
    (reply,) = put(other, "reply")
    assert [job.id for job in claim(20)] == [reply]
    assert claim(20) == [] and not job_turns.has_next()
    finish(held[:1])
    assert len(claim(20)) == 1


def test_long_work_leaves_threads_for_everything_else(who: Identity, other: Identity) -> None:
    put(who, "index_source", 20)
    put(other, "index_source", 20)
    assert Counter(job.tenant_id for job in claim(20)) == {who.tenant_id: 3, other.tenant_id: 2}
    put(who, "handle_event", 20)
    assert [job.kind for job in claim(20)] == ["handle_event"]


def test_a_kind_has_the_limit_of_the_settings(who: Identity, other: Identity, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_JOB_LIMITS", "index_source=1, reply=2")
    own_settings.cache_clear()
    put(who, "index_source", 3)
    put(other, "index_source", 3)
    put(other, "handle_event")
    assert Counter(job.kind for job in claim(20)) == {"index_source": 1, "handle_event": 1}


def test_a_limit_of_a_kind_that_does_not_exist_is_refused(
    env: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    env.setenv("PLATFORM_JOB_LIMITS", "index_source=2,index_sourse=1")
    forget_process_state()
    assert run_worker({}) == 2 and "index_sourse" in capsys.readouterr().err
    finding = doctor.job_kinds(own_settings())
    assert "index_sourse" in finding.detail and "index_source" in finding.advice


def test_threads_of_all_workers_are_counted(who: Identity) -> None:
    from platform_app.models.job import ProcessBeat

    with session_scope(reason="tests") as session:
        for number in (1, 2):
            session.add(ProcessBeat(id=str(number), beat_at=now(), snapshot={"worker": {"concurrency": 12}}))
    with session_scope(reason="tests") as session:
        assert job_limits.count_threads(session) == 24


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrivals=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(sorted(PAYLOADS)), st.integers(1, 6)), min_size=1, max_size=8
    ),
    batch=st.integers(1, 4),
)
def test_between_two_jobs_of_a_tenant_each_other_that_waits_has_one(
    tenants: list[Identity], arrivals: list[tuple[int, str, int]], batch: int
) -> None:
    with session_scope(reason="tests") as session:
        session.execute(unscoped_delete(Job))
        session.execute(unscoped_delete(JobTurn))
    waiting: Counter[tuple[Priority, str]] = Counter()
    for number, kind, count in arrivals:
        put(tenants[number], kind, count)
        waiting[priority_of(kind), tenants[number].tenant_id] += count
    order = []
    while jobs := claim(batch, 1_000):
        finish(jobs)
        order += [(priority_of(job.kind), job.tenant_id) for job in jobs]
    assert Counter(order) == waiting
    for priority in Priority:
        turns = [tenant_id for level, tenant_id in order if level == priority]
        for tenant_id in set(turns):
            places = [place for place, served in enumerate(turns) if served == tenant_id]
            for before, after in pairwise(places):
                others = Counter(turns[before + 1 : after])
                assert all(count == 1 for count in others.values()), "nobody has two turns meanwhile"
            assert all(count == 1 for count in Counter(turns[: places[0]]).values())


@pytest.fixture
def tenants(database: str) -> list[Identity]:
    return [make_tenant(name) for name in ("ada", "ben", "cleo", "dan")]


def test_a_worker_locks_claims_before_jobs(who: Identity) -> None:
    """In another order it and a worker that marks a line of jobs wait for each other."""
    put(who, "index_source", 2, lock_key="one")
    (held,) = claim(2)
    writer = LedgerWriter("w1")
    with statements() as seen:
        writer._write([_Claim("")], [_End(held)])
    first_write = next(number for number, (one, _) in enumerate(seen) if one.startswith("UPDATE job"))
    lock = [number for number, (one, _) in enumerate(seen) if "pg_advisory_xact_lock" in one]
    assert (lock[0] < first_write) if db.engine().dialect.name == "postgresql" else not lock


def test_the_search_for_jobs_to_free_writes_only_what_it_finds(who: Identity) -> None:
    put(who, "index_source", 3, lock_key="one")
    claim(3)
    with statements() as seen:
        assert job_queue.unblock_forgotten() is False
    assert not [one for one, _ in seen if one.startswith(("UPDATE", "BEGIN IMMEDIATE"))]
    with session_scope(reason="tests") as session:
        session.execute(unscoped_delete(Job).where(col(Job.state) == JobState.RUNNING))
    with statements() as seen:
        job_queue.unblock_forgotten()
    assert [one for one, _ in seen if one.startswith("UPDATE job")] and len(claim(3)) == 1


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Yield the statements that are executed meanwhile, each with its parameters."""
    seen: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *more: Any) -> None:
        seen.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)


def test_a_claim_seeks_in_an_index_whatever_the_backlog(who: Identity, other: Identity) -> None:
    put(who, "index_source", 300)
    put(who, "handle_event", 300, lock_key="contact")
    put(other, "reply", 3)
    with db.engine().begin() as connection:
        connection.execute(text("ANALYZE"))
    with statements() as asked:
        finish(claim(3))
        claim(3)
    explain = "EXPLAIN " if db.engine().dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    walks = [(statement, given) for statement, given in asked if "job" in statement.split("SET")[0]]
    with db.session_scope(reason="tests") as session:
        raw = session.connection()
        if db.engine().dialect.name == "postgresql":
            raw.exec_driver_sql("SET LOCAL enable_seqscan = off")  # 600 rows are read as fast
        for statement, given in walks:
            if statement.lstrip().startswith(("SELECT", "WITH", "UPDATE job ")):
                plan = "\n".join(str(row) for row in raw.exec_driver_sql(explain + statement, given).all())
                assert not scans(plan), statement + "\n" + plan
        session.rollback()


def scans(plan: str) -> list[str]:
    """Return the lines of a plan that read all jobs."""
    marks = ("SCAN job'", 'SCAN job"', "Seq Scan on job ", "SCAN head'")
    return [line for line in plan.splitlines() if any(mark in line for mark in marks)]
