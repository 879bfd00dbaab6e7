"""Ledger: a job is taken once, in order, kept while its worker lives, and ends as it ended."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from platform_app import job_queue, notifier
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import owned, session_scope
from platform_app.errors import Conflict
from platform_app.jobs import LeaseLost, RunningJob, enqueue
from platform_app.models.job import Effect, Job, JobState
from platform_app.models.person import Identity
from platform_app.services.jobs import job_list, job_turns, ledger
from tests.conftest import wait_for
from tests.talking import call
from worker.ledger_writer import LedgerWriter
from worker.runner import Runner


class Errand(BaseModel):
    """A job for tests."""

    kind: str = "errand"


def put(who: Identity, count: int = 1, **named: Any) -> list[str]:
    with session_scope(who.tenant_id) as session:
        return [enqueue(session, who.tenant_id, Errand(), **named).id for _ in range(count)]


def row(who: Identity, job_id: str) -> Job:
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Job = session.exec(owned(Job, who.tenant_id).where(Job.id == job_id)).one()
        return found


def change(who: Identity, job_id: str, **values: Any) -> None:
    with session_scope(who.tenant_id) as session:
        job = session.exec(owned(Job, who.tenant_id).where(Job.id == job_id)).one()
        for name, value in values.items():
            setattr(job, name, value)


def taken(job_id: str) -> RunningJob:
    job = ledger.claim(job_id)
    assert job is not None
    return job


def test_taken_once_and_counted_before_the_work(who: Identity) -> None:
    (job_id,) = put(who)
    job = taken(job_id)
    assert (job.attempt, job.kind, job.tenant_id, ledger.claim(job_id)) == (1, "errand", who.tenant_id, None)
    stored = row(who, job_id)
    assert (stored.state, stored.attempts, stored.lease_token) == (JobState.RUNNING, 1, job.lease_token)
    assert stored.lease_until is not None and stored.lease_until > now()
    with job.finish():
        pass
    assert (row(who, job_id).state, job.is_finished, ledger.claim(job_id)) == (JobState.DONE, True, None)


def test_not_before_it_is_due_and_never_when_unknown(who: Identity) -> None:
    (job_id,) = put(who, run_at=now() + timedelta(hours=1))
    assert ledger.claim(job_id) is None
    assert ledger.claim("0" * 32) is None
    assert not job_turns.has_next()


def test_a_key_makes_one_job_of_two(who: Identity, other: Identity) -> None:
    assert put(who, dedupe_key="once") == put(who, dedupe_key="once")
    assert put(other, dedupe_key="once") != put(who, dedupe_key="once")


def test_one_lock_one_job_oldest_first(who: Identity, other: Identity) -> None:
    first, second = put(who, 2, lock_key="door")
    (theirs,) = put(other, lock_key="door")
    assert ledger.claim(second) is None and row(who, second).is_blocked
    job = taken(first)
    assert ledger.claim(second) is None and taken(theirs)
    with job.finish():
        pass
    assert taken(second)


def test_of_many_at_once_each_goes_to_one(who: Identity) -> None:
    ids = put(who, 20) + put(who, 3, lock_key="door")
    with ThreadPoolExecutor(8) as pool:
        found = [job.id for job in pool.map(ledger.claim, ids * 3) if job is not None]
    assert sorted(found) == sorted(ids[:20] + [ids[20]])


def test_whose_lease_is_lost_writes_nothing(who: Identity) -> None:
    (job_id,) = put(who)
    late = taken(job_id)
    change(who, job_id, lease_until=now() - timedelta(seconds=1))
    ledger.recover_abandoned()
    assert row(who, job_id).state == JobState.QUEUED
    current = taken(job_id)
    assert current.attempt == 2
    with pytest.raises(LeaseLost), late.finish() as session:
        enqueue(session, who.tenant_id, Errand())
    ledger.end_attempt(late, JobState.FAILED, "late")
    assert row(who, job_id).state == JobState.RUNNING
    with session_scope(who.tenant_id, read_only=True) as session:
        assert len(session.exec(owned(Job, who.tenant_id)).all()) == 1


def test_a_renewed_lease_is_not_swept(who: Identity) -> None:
    (job_id,) = put(who)
    job = taken(job_id)
    change(who, job_id, lease_until=now() - timedelta(seconds=1))
    ledger.renew_leases([job])
    ledger.recover_abandoned()
    assert row(who, job_id).state == JobState.RUNNING


def test_three_crashes_are_enough(who: Identity) -> None:
    (job_id,) = put(who)
    for _ in range(ledger.MAX_CRASHES):
        taken(job_id)
        change(who, job_id, lease_until=now() - timedelta(seconds=1))
        ledger.recover_abandoned()
    stored = row(who, job_id)
    assert (stored.state, stored.error) == (
        JobState.DEAD,
        "The worker crashed three times while running this job.",
    )


@pytest.mark.parametrize(("repeatable", "state"), [(True, JobState.QUEUED), (False, JobState.UNCERTAIN)])
def test_a_crash_within_a_call_to_the_outside(who: Identity, repeatable: bool, state: JobState) -> None:
    (job_id,) = put(who)
    taken(job_id)
    with session_scope(who.tenant_id) as session:
        session.add(Effect(tenant_id=who.tenant_id, job_id=job_id, key="k", repeatable=repeatable))
    change(who, job_id, lease_until=now() - timedelta(seconds=1))
    ledger.recover_abandoned()
    assert row(who, job_id).state == state


def test_failures_wait_longer_each_time_and_end(who: Identity) -> None:
    (job_id,) = put(who)
    pauses = []
    for _ in range(3):
        job = taken(job_id)
        ledger.retry_later(job, "no luck", max_attempts=3)
        stored = row(who, job_id)
        pauses.append((stored.run_at - now()).total_seconds())
        change(who, job_id, run_at=now())
    base = settings().backoff_seconds
    assert base * 0.5 < pauses[0] <= base and base < pauses[1] <= base * 2
    assert (row(who, job_id).state, row(who, job_id).error) == (JobState.DEAD, "no luck")


def test_a_stopping_worker_gives_back_and_the_attempt_does_not_count(who: Identity) -> None:
    (job_id,) = put(who)
    ledger.release_jobs([taken(job_id)])
    assert (row(who, job_id).state, row(who, job_id).attempts) == (JobState.QUEUED, 0)


def next_ids(count: int = 1) -> list[str]:
    """Claim the jobs that are next, as one worker with a hundred threads does."""
    with session_scope(reason="tests") as session:
        return [job.id for job in ledger.claim_next(session, job_turns.Turns(), count, threads=100)]


def test_jobs_that_wait_for_a_lock_do_not_keep_others_from_being_claimed(who: Identity) -> None:
    ids = put(who, 25, lock_key="contact")
    first = taken(ids[0])
    (free,) = put(who)
    assert next_ids(5) == [free]
    ledger.retry_later(first, "no answer", max_attempts=3)
    assert next_ids() == [] and not job_turns.has_next()
    change(who, ids[0], run_at=now())
    assert next_ids(5) == [ids[0]]
    assert next_ids() == []
    ledger.end_attempt(taken_again(who, ids[0]), JobState.DONE, "")
    assert next_ids(5) == [ids[1]]


def taken_again(who: Identity, job_id: str) -> RunningJob:
    """Return a running job as its worker holds it."""
    stored = row(who, job_id)
    return RunningJob(
        job_id, who.tenant_id, stored.kind, {}, stored.attempts, stored.lease_token or "", lock_key=stored.lock_key
    )


def test_of_thousands_that_wait_for_a_lock_the_first_is_found_at_once(who: Identity) -> None:
    ids = put(who, 4_000, lock_key="contact", run_at=now())
    began = time.perf_counter()
    assert next_ids() == ids[:1]
    assert next_ids() == []  # now all others are marked
    ledger.end_attempt(taken_again(who, ids[0]), JobState.DONE, "")
    assert next_ids() == ids[1:2]
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("how", ["cancelled", "deleted", "dead"])
def test_the_next_in_line_is_freed_however_the_one_before_goes(who: Identity, how: str) -> None:
    first, second, third = put(who, 3, lock_key="door", run_at=now() + timedelta(hours=1))
    change(who, first, run_at=now() - timedelta(hours=1))
    for later in (second, third):
        change(who, later, run_at=now())
        assert ledger.claim(later) is None and row(who, later).is_blocked
    if how == "cancelled":
        call(who, job_list.cancel, first)
    elif how == "deleted":
        with session_scope(who.tenant_id) as session:
            session.delete(session.exec(owned(Job, who.tenant_id).where(Job.id == first)).one())
        assert next_ids(3) == []
        assert job_queue.unblock_forgotten() is False
    else:
        for _ in range(ledger.MAX_CRASHES):
            taken(first)
            change(who, first, lease_until=now() - timedelta(seconds=1))
            ledger.recover_abandoned()
        assert row(who, first).state == JobState.DEAD
    assert (next_ids(3), row(who, third).is_blocked) == ([second], True)
    job_queue.unblock_forgotten()
    assert next_ids(3) == [], "the third one still waits"


@pytest.mark.parametrize("end", ["batch", "finish", "fail"])
def test_the_next_in_line_is_rung_when_the_lock_is_free(
    who: Identity, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    first, second, _ = put(who, 3, lock_key="door")
    rung: list[int] = []
    monkeypatch.setattr(notifier, "wake_workers", rung.append)

    def handle(job: RunningJob) -> None:
        if end == "fail":
            raise Conflict("No.")
        if end == "finish":
            with job.finish():
                pass

    runner = Runner({"errand": handle}, 30)
    runner.start()
    runner.run(first)
    runner.stop()
    assert rung == [1] and not row(who, second).is_blocked


def all_of(who: Identity) -> list[Job]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(Job, who.tenant_id)).all())


def test_threads_claim_and_end_together(who: Identity) -> None:
    ids = put(who, 40) + put(who, 2, lock_key="door")
    batch = LedgerWriter()
    batch.start()

    def work(job_id: str) -> str | None:
        job = batch.claim(job_id)
        if job is None:
            return None
        batch.done(job)
        return job.id

    with ThreadPoolExecutor(8) as pool:
        done = [job_id for job_id in pool.map(work, [*ids, *ids[:20]]) if job_id]
    batch.stop()
    assert len(done) == len(set(done)) >= 41
    assert {row(who, job_id).state for job_id in done} == {JobState.DONE}


def test_an_end_without_its_lease_is_not_written(who: Identity) -> None:
    first, second = put(who, 2)
    batch = LedgerWriter()
    batch.start()
    late, kept = batch.claim(first), batch.claim(second)
    assert late is not None and kept is not None
    change(who, first, lease_token="another")
    batch.done(late)
    batch.done(kept)
    batch.stop()
    assert (row(who, first).state, row(who, second).state) == (JobState.RUNNING, JobState.DONE)


def test_an_end_is_written_when_the_database_is_back(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    (job_id,) = put(who)
    batch = LedgerWriter()
    batch.start()
    job = batch.claim(job_id)
    assert job is not None
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "finish_jobs", _away)
        batch.done(job)
        with pytest.raises(OSError, match="away"):
            broken.setattr(ledger, "claim_jobs", _away)
            batch.claim(job_id)
    wait_for(lambda: row(who, job_id).state == JobState.DONE)
    batch.stop()


def _away(*given: Any) -> Any:
    raise OSError("away")
