"""Counts of jobs: true after whatever happens to jobs, and told without reading the ledger."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from platform_app.clock import now
from platform_app.db import engine, owned, session_scope, unscoped
from platform_app.engine.rules import retention
from platform_app.errors import Conflict
from platform_app.models.job import Job, JobState, JobTally
from platform_app.models.person import Identity
from platform_app.services.jobs import job_counts, job_list, ledger
from tests.jobs.test_ledger import change, put, taken
from tests.talking import call
from worker.runner import Runner


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Collect what is asked of the database, with its parameters."""
    asked: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    event.listen(engine(), "before_cursor_execute", note)
    yield asked
    event.remove(engine(), "before_cursor_execute", note)


def plan(statement: str, parameters: Any) -> list[str]:
    """Return how SQLite goes about a statement."""
    with session_scope(reason="tests", read_only=True) as session:
        found = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row[3] for row in found]


def counted() -> tuple[dict[str, int], dict[str, int]]:
    """Return the counts by state and by kind as the rows have it."""
    with session_scope(reason="tests", read_only=True) as session:
        rows = session.execute(unscoped(Job).with_only_columns(Job.state, Job.kind)).all()
    return dict(Counter(state.value for state, _ in rows)), dict(Counter(kind for _, kind in rows))


def is_true() -> bool:
    return (job_counts.counts_by_state(), job_counts.counts_by_kind()) == counted()


def ended_somehow(who: Identity, count: int) -> None:
    """Write jobs and let each end in one of the ways in which jobs end, or not."""
    chance, runner = random.Random(5), Runner({"errand": lambda job: None}, 30)
    runner.start()

    def finish(job_id: str) -> None:
        with taken(job_id).finish():
            pass

    ends = [
        runner.run,
        finish,
        lambda job_id: ledger.end_attempt(taken(job_id), JobState.DONE, ""),
        lambda job_id: ledger.end_attempt(taken(job_id), JobState.FAILED, "No."),
        lambda job_id: call(who, job_list.cancel, job_id),
        lambda job_id: ledger.retry_later(taken(job_id), "No.", max_attempts=1),
        lambda job_id: taken(job_id) and None,
        lambda job_id: None,
    ]
    for job_id in put(who, count):
        chance.choice(ends)(job_id)
    (uncertain,) = put(who)
    ledger.end_attempt(taken(uncertain), JobState.UNCERTAIN, "Perhaps.")
    call(who, job_list.resolve_uncertain, uncertain)
    runner.stop()


def test_what_is_told_is_what_the_rows_say_whatever_happens(who: Identity, other: Identity) -> None:
    put(other, 2)
    ended_somehow(who, 40)
    assert is_true() and set(job_counts.counts_by_state()) >= {
        "done",
        "failed",
        "queued",
        "running",
        "cancelled",
        "dead",
    }
    with session_scope(who.tenant_id, read_only=True) as session:
        mine = job_counts.tenant_counts(session, who.tenant_id)
        for state in ("", *JobState):
            for kind in ("", "errand", "reply"):
                shown = job_list.list_jobs(session, who, state=state, kind=kind, page_size=100)
                assert shown[1] == len(shown[0]), (state, kind)
    assert sum(mine.values()) == 41 and mine["done"] == job_counts.counts_by_state()["done"]


def test_jobs_that_leave_the_ledger_leave_the_counts_and_tallies_are_put_together(who: Identity) -> None:
    ended_somehow(who, 20)
    done = _ids(who, JobState.DONE)
    for job_id in done[:3]:
        change(who, job_id, created_at=now() - timedelta(days=40), finished_at=now() - timedelta(days=35))
    retention.delete_old_jobs()
    assert len(_ids(who, JobState.DONE)) == len(done) - 3 and is_true()
    job_counts.merge_tallies()
    assert is_true()
    with session_scope(who.tenant_id, read_only=True) as session:
        assert len(session.exec(owned(JobTally, who.tenant_id)).all()) == 1


def test_an_end_that_is_taken_back_is_not_counted(who: Identity) -> None:
    (job_id,) = put(who)
    with pytest.raises(Conflict), taken(job_id).finish():
        raise Conflict("No.")
    assert is_true()


def _ids(who: Identity, state: JobState) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return [row.id for row in session.exec(owned(Job, who.tenant_id).where(Job.state == state)).all()]


def test_nothing_that_the_probe_or_a_page_asks_reads_the_ledger(who: Identity) -> None:
    if engine().dialect.name != "sqlite":
        pytest.skip("SQLite says its plans in these words")
    put(who, 3)
    with statements() as asked:
        job_counts.counts_by_state()
        job_counts.counts_by_kind()
        job_counts.oldest_wait_seconds()
        call(who, job_list.worker_status)
        for state in ("", *JobState):
            for kind in ("", "errand"):
                call(who, job_list.list_jobs, state=state, kind=kind)
    of_jobs = [one for one in asked if " job" in one[0] or "jobtally" in one[0]]
    assert len(of_jobs) > 30
    for statement, parameters in of_jobs:
        for line in plan(statement, parameters):
            reads_all = line.startswith("SCAN job") and not line.startswith("SCAN jobtally")
            assert not reads_all or "INDEX ix_job_open" in line, (statement, line)
            assert "TEMP B-TREE FOR ORDER BY" not in line, (statement, line)
