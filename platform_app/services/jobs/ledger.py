"""Ledger: claims jobs for workers, renews their leases, and ends, retries and releases them."""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import col

from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import Transaction, session_scope, unscoped, unscoped_update
from platform_app.job_callbacks import call_on_failure
from platform_app.job_queue import block_later_jobs, in_state, request_wakeups, unblock_next
from platform_app.jobs import RunningJob, UnreadablePayload, add_to_tally, read_payload
from platform_app.models.job import Job, JobState
from platform_app.services.jobs.abandoned_jobs import MAX_CRASHES, recover_abandoned
from platform_app.services.jobs.job_counts import counts_by_kind, counts_by_state, oldest_wait_seconds
from platform_app.services.jobs.job_turns import Choice, Turns, has_next, lock_claims

MAX_ROUNDS = 20  # of looks for jobs that nothing precedes, in one transaction
UNKNOWN_KIND = "This version doesn’t support this kind of job."


def claim(job_id: str) -> RunningJob | None:
    """Claim a due job and count the attempt. Returns None if another worker has it or it has to wait.

    The worker must run nothing else beside it, so that a crash of the worker is a crash of the job.
    """
    try:
        with session_scope(reason="a worker claims") as session:
            return next(iter(claim_jobs(session, [job_id], is_alone=True)), None)
    except IntegrityError:  # another worker runs a job with this lock
        return None


def claim_next(
    session: Transaction, turns: Turns, count: int, *, threads: int, worker_id: str | None = None
) -> list[RunningJob]:
    """Claim up to `count` jobs that are next, by priority and in turn among the tenants, within the limits.

    `turns` is kept by the worker; `threads` is the number of jobs that all workers may run at once, from which the
    limits follow. Raises IntegrityError if a worker of the previous release took a lock in the meantime.
    """
    turns.begin(session, threads)
    taken: list[RunningJob] = []
    for attempt in range(MAX_ROUNDS):
        picked = turns.choose(count - len(taken), again=attempt > 0)
        free = _block(session, picked)
        claimed = _claim(session, free, {"worker_id": worker_id, "is_alone": False})
        turns.settle(picked, {job.id for job in claimed})
        taken += claimed
        if len(taken) == count or (not picked and turns.is_fresh):
            break
    return taken


def claim_jobs(
    session: Transaction, job_ids: list[str], worker_id: str | None = None, *, is_alone: bool = False
) -> list[RunningJob]:
    """Claim those of some jobs that are due, out of turn. Raises IntegrityError if a lock was taken in the meantime."""
    rows = session.exec(unscoped(Job).where(col(Job.id).in_(job_ids), Job.state == JobState.QUEUED)).all()
    free = _block(session, [job for job in rows if job.run_at <= now()])
    return _claim(session, free, {"worker_id": worker_id, "is_alone": is_alone})


def _block(session: Transaction, jobs: Sequence[Choice | Job]) -> list[str]:
    """Return the ids of the jobs that nothing precedes; the others are marked as blocked, with those behind them."""
    blocked = [job for job in jobs if job.lock_key and _is_blocked(session, job)]
    for tenant_id, lock_key in sorted({(job.tenant_id, job.lock_key or "") for job in blocked}):
        block_later_jobs(session, tenant_id, lock_key)
    held = {job.id for job in blocked}
    return [job.id for job in jobs if job.id not in held]


def _claim(session: Transaction, job_ids: list[str], by: dict[str, Any]) -> list[RunningJob]:
    if not job_ids:
        return []
    started, token = now(), secrets.token_hex(16)
    taking = (
        unscoped_update(Job)
        .where(col(Job.id).in_(job_ids), col(Job.state) == JobState.QUEUED, col(Job.run_at) <= started)
        .values(
            state=JobState.RUNNING,
            attempts=Job.attempts + 1,
            lease_token=token,
            lease_until=started + timedelta(seconds=settings().lease_seconds),
            started_at=started,
            is_blocked=False,
            **by,
        )
        .returning(*_CLAIMED_COLUMNS)  # type: ignore[call-overload]  # a tuple of columns matches no overload
    )
    place = {job_id: number for number, job_id in enumerate(job_ids)}
    claimed = session.execute(taking.execution_options(synchronize_session=False)).all()
    rows = sorted(claimed, key=lambda row: place[row.id])
    return [job for row in rows if (job := _running(session, row, token)) is not None]


_CLAIMED_COLUMNS = (
    Job.id,
    Job.tenant_id,
    Job.kind,
    Job.payload,
    Job.attempts,
    Job.lock_key,
    Job.run_at,
    Job.started_at,
    Job.traceparent,
    Job.crashes,
    Job.shared_crashes,
)


def _running(session: Transaction, row: Any, token: str) -> RunningJob | None:
    """Return a claimed job, or None after ending one whose payload cannot be read."""
    try:
        payload = read_payload(row.kind, row.payload)
    except UnreadablePayload as error:
        _end_unreadable(session, row.id, error)
        return None
    return RunningJob(
        id=row.id,
        tenant_id=row.tenant_id,
        kind=row.kind,
        payload=payload,
        attempt=row.attempts,
        lease_token=token,
        lock_key=row.lock_key,
        traceparent=row.traceparent,
        wait_seconds=max((row.started_at - row.run_at).total_seconds(), 0.0),
        is_suspect=row.crashes + row.shared_crashes > 0,
    )


def _end_unreadable(session: Transaction, job_id: str, error: UnreadablePayload) -> None:
    job: Job = session.exec(unscoped(Job).where(Job.id == job_id)).one()
    job.state, job.finished_at = JobState.DEAD, now()
    job.lease_token = job.lease_until = None
    job.error, job.error_values = error.sentence, error.values
    session.flush()
    call_on_failure(session, job, job.state, error.sentence, values=error.values)
    unblock_next(session, [job])


def _is_blocked(session: Transaction, job: Any) -> bool:
    """Return whether a job with the same lock is running or older."""
    other = aliased(Job)
    waits_before = in_state(other, JobState.QUEUED) & (col(other.id) < job.id)
    query = unscoped(other).where(
        other.tenant_id == job.tenant_id,
        other.lock_key == job.lock_key,
        or_(in_state(other, JobState.RUNNING), waits_before),
    )
    return session.exec(query.limit(1)).first() is not None


def finish_jobs(session: Transaction, jobs: list[RunningJob]) -> set[str]:
    """Mark jobs as done; return the ids of those whose leases this worker still held."""
    ids = [job.id for job in jobs]
    held = tuple_(col(Job.id), col(Job.lease_token)).in_([(job.id, job.lease_token) for job in jobs])
    done = (
        unscoped_update(Job)
        .where(col(Job.id).in_(ids), held, col(Job.state) == JobState.RUNNING)
        .values(state=JobState.DONE, finished_at=now(), lease_token=None, error="")
        .returning(col(Job.id))
    )
    ended = set(session.execute(done.execution_options(synchronize_session=False)).scalars())
    for (tenant_id, kind), count in Counter((job.tenant_id, job.kind) for job in jobs if job.id in ended).items():
        add_to_tally(session, tenant_id, kind, count)
    unblock_next(session, [job for job in jobs if job.id in ended])
    return ended


def renew_leases(held: list[RunningJob]) -> None:
    """Extend the leases of running jobs by the configured seconds."""
    until = now() + timedelta(seconds=settings().lease_seconds)
    with session_scope(reason="a worker renews its leases") as session:
        tokens = [job.lease_token for job in held]
        session.execute(unscoped_update(Job).where(col(Job.lease_token).in_(tokens)).values(lease_until=until))


def end_attempt(
    job: RunningJob,
    state: JobState,
    error: str,
    *,
    run_at: datetime | None = None,
    values: Mapping[str, object] | None = None,
) -> None:
    """Record how an attempt ended, unless the lease is lost.

    `values` fill the placeholders of the message id `error`.
    """
    told = {name: str(value)[:200] for name, value in (values or {}).items()}
    changes: dict[str, object] = {
        "state": state,
        "error": error[:2000],
        "error_values": told,
        "lease_token": None,
        "lease_until": None,
    }
    changes |= {"run_at": run_at} if run_at else {"finished_at": now()}
    with session_scope(reason="a worker ends an attempt") as session:
        query = unscoped_update(Job).where(col(Job.id) == job.id, col(Job.lease_token) == job.lease_token)
        # execute() is typed as Result; an update returns a CursorResult
        if session.execute(query.values(**changes)).rowcount and run_at is None:  # type: ignore[attr-defined]
            if state == JobState.DONE:
                add_to_tally(session, job.tenant_id, job.kind)
            is_said = state == JobState.FAILED or error == UNKNOWN_KIND
            call_on_failure(session, job, state, error if is_said else "", values=told if is_said else {})
            unblock_next(session, [job])


def retry_later(
    job: RunningJob, error: str, *, max_attempts: int, after: float = 0, values: Mapping[str, object] | None = None
) -> None:
    """Queue a failed attempt again after a growing pause, or mark the job as dead after `max_attempts`."""
    if job.attempt >= max_attempts:
        end_attempt(job, JobState.DEAD, error, values=values)
        return
    pause = after or min(settings().backoff_seconds * 2 ** (job.attempt - 1), 300)
    end_attempt(job, JobState.QUEUED, error, run_at=now() + timedelta(seconds=pause), values=values)


def postpone(job: RunningJob, error: str, *, seconds: float, values: Mapping[str, object] | None = None) -> None:
    """Queue a job again in some seconds, however often it was."""
    end_attempt(job, JobState.QUEUED, error, run_at=now() + timedelta(seconds=seconds), values=values)


def release_jobs(held: list[RunningJob]) -> None:
    """Put running jobs of a stopping worker back into the queue; the attempt does not count."""
    with session_scope(reason="a worker stops") as session:
        tokens = [job.lease_token for job in held]
        query = unscoped_update(Job).where(col(Job.lease_token).in_(tokens), col(Job.state) == JobState.RUNNING)
        session.execute(query.values(state=JobState.QUEUED, lease_token=None, attempts=Job.attempts - 1))
        request_wakeups(session, len(held))


def record_alone(job: RunningJob, *, is_alone: bool) -> None:
    """Record whether the worker runs nothing besides this job."""
    with session_scope(reason="a worker does a job alone") as session:
        mine = unscoped_update(Job).where(col(Job.id) == job.id, col(Job.lease_token) == job.lease_token)
        session.execute(mine.values(is_alone=is_alone))


__all__ = [
    "MAX_CRASHES",
    "counts_by_state",
    "counts_by_kind",
    "has_next",
    "lock_claims",
    "oldest_wait_seconds",
    "recover_abandoned",
]
