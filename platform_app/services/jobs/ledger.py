"""Ledger: claims jobs for workers, renews their leases, and ends, retries and releases them."""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import Transaction, session_scope, unscoped, unscoped_update
from platform_app.job_callbacks import call_on_failure
from platform_app.jobs import RunningJob, UnreadablePayload, add_to_tally, read_payload
from platform_app.models.job import Job, JobState
from platform_app.services.jobs.abandoned_jobs import MAX_CRASHES, recover_abandoned
from platform_app.services.jobs.due_jobs import MAX_PER_TENANT, dispatch_due
from platform_app.services.jobs.job_counts import counts_by_kind, counts_by_state, oldest_wait_seconds

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


def claim_jobs(
    session: Transaction, job_ids: list[str], worker_id: str | None = None, *, is_alone: bool = False
) -> list[RunningJob]:
    """Claim those of some jobs that are due. Raises IntegrityError if a lock was taken in the meantime."""
    by = {"worker_id": worker_id, "is_alone": is_alone}
    taken = _claim(session, job_ids, by, col(Job.lock_key).is_(None))
    others = set(job_ids) - {job.id for job in taken}
    if not others:
        return taken
    locked = unscoped(Job).where(
        col(Job.id).in_(others), Job.state == JobState.QUEUED, Job.run_at <= now(), col(Job.lock_key).is_not(None)
    )
    rows = session.execute(locked.with_only_columns(Job.id, Job.tenant_id, Job.lock_key)).all()
    blocked = {row.id for row in rows if _is_blocked(session, row)}
    if blocked:  # dispatched again by the next run
        session.execute(unscoped_update(Job).where(col(Job.id).in_(blocked)).values(dispatched_at=None))
    return taken + _claim(session, [row.id for row in rows if row.id not in blocked], by)


def _claim(session: Transaction, job_ids: list[str], by: dict[str, Any], *conditions: Any) -> list[RunningJob]:
    if not job_ids:
        return []
    started, token = now(), secrets.token_hex(16)
    taking = (
        unscoped_update(Job)
        .where(col(Job.id).in_(job_ids), col(Job.state) == JobState.QUEUED, col(Job.run_at) <= started, *conditions)
        .values(
            state=JobState.RUNNING,
            attempts=Job.attempts + 1,
            lease_token=token,
            lease_until=started + timedelta(seconds=settings().lease_seconds),
            started_at=started,
            **by,
        )
        .returning(*_CLAIMED_COLUMNS)  # type: ignore[call-overload]  # a tuple of columns matches no overload
    )
    rows = session.execute(taking.execution_options(synchronize_session=False)).all()
    return [job for row in rows if (job := _running(session, row, token)) is not None]


_CLAIMED_COLUMNS = (
    Job.id,
    Job.tenant_id,
    Job.kind,
    Job.payload,
    Job.attempts,
    Job.lock_key,
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
        is_suspect=row.crashes + row.shared_crashes > 0,
    )


def _end_unreadable(session: Transaction, job_id: str, error: UnreadablePayload) -> None:
    job: Job = session.exec(unscoped(Job).where(Job.id == job_id)).one()
    job.state, job.finished_at = JobState.DEAD, now()
    job.lease_token = job.lease_until = job.dispatched_at = None
    job.error, job.error_values = error.sentence, error.values
    session.flush()
    call_on_failure(session, job, job.state, error.sentence, values=error.values)
    wake_next(session, [job])


def _is_blocked(session: Transaction, job: Any) -> bool:
    """Return whether a job with the same lock is running or older."""
    other = aliased(Job)
    waits_before = (col(other.state) == JobState.QUEUED) & (col(other.id) < job.id)
    query = unscoped(other).where(
        other.tenant_id == job.tenant_id,
        other.lock_key == job.lock_key,
        or_(col(other.state) == JobState.RUNNING, waits_before),
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
    return ended


def wake_next(session: Transaction, ended: Sequence[RunningJob | Job]) -> None:
    """Wake workers after the commit for the jobs that waited for the locks of ended jobs."""
    locks = {(job.tenant_id, job.lock_key) for job in ended if job.lock_key}
    if not locks:
        return
    behind = unscoped(Job).where(tuple_(col(Job.tenant_id), col(Job.lock_key)).in_(locks), Job.state == JobState.QUEUED)
    heads = behind.with_only_columns(func.min(Job.id)).group_by(Job.tenant_id, Job.lock_key)
    due_jobs = session.exec(unscoped(Job).where(col(Job.id).in_(heads), Job.run_at <= now())).all()
    if waiting := [(job.kind, job.id) for job in due_jobs]:
        session.after_commit.append(lambda: notifier.wake_workers(waiting))


def wake_waiting(job: RunningJob) -> None:
    """Wake workers for the job that waited for the lock of an ended one."""
    with session_scope(reason="a worker frees a lock", read_only=True) as session:
        wake_next(session, [job])


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
        "dispatched_at": None,
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
            wake_next(session, [job])


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
        session.execute(
            query.values(state=JobState.QUEUED, lease_token=None, dispatched_at=None, attempts=Job.attempts - 1)
        )


def record_alone(job: RunningJob, *, is_alone: bool) -> None:
    """Record whether the worker runs nothing besides this job."""
    with session_scope(reason="a worker does a job alone") as session:
        mine = unscoped_update(Job).where(col(Job.id) == job.id, col(Job.lease_token) == job.lease_token)
        session.execute(mine.values(is_alone=is_alone))


__all__ = [
    "MAX_CRASHES",
    "MAX_PER_TENANT",
    "counts_by_state",
    "counts_by_kind",
    "dispatch_due",
    "oldest_wait_seconds",
    "recover_abandoned",
]
