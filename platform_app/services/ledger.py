"""Ledger: how workers take jobs, keep them, end them, and what becomes of those a dead worker held."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import col

from platform_app import bell
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import Transaction, everywhere, everywhere_update, session_scope
from platform_app.jobs import KINDS, TELL_DOUBT, RunningJob, give_up, payload_adapter
from platform_app.models.job import Effect, Job, JobState

CRASHES = 3  # a job that takes its worker down three times, and does not come on between, is dead
PER_TENANT = 20  # wake-ups that one tick sends for one tenant: nobody's backlog fills the queue


def claim(job_id: str) -> RunningJob | None:
    """Take a job that is due, counting the attempt before the work; nothing if another has it or it has to wait."""
    try:
        with session_scope(reason="a worker claims") as session:
            return next(iter(claim_each(session, [job_id])), None)
    except IntegrityError:  # another worker runs a job with this lock
        return None


def claim_each(session: Transaction, job_ids: list[str]) -> list[RunningJob]:
    """Take those of some jobs that are due, as `claim` does; IntegrityError when a lock was taken meanwhile."""
    taken = _take(session, job_ids, col(Job.lock_key).is_(None))
    others = set(job_ids) - {job.id for job in taken}
    if not others:
        return taken
    locked = everywhere(Job).where(
        col(Job.id).in_(others), Job.state == JobState.QUEUED, Job.run_at <= now(), col(Job.lock_key).is_not(None)
    )
    rows = session.execute(locked.with_only_columns(Job.id, Job.tenant_id, Job.lock_key)).all()
    blocked = {row.id for row in rows if _is_blocked(session, row)}
    if blocked:  # the next tick rings again
        session.execute(everywhere_update(Job).where(col(Job.id).in_(blocked)).values(dispatched_at=None))
    return taken + _take(session, [row.id for row in rows if row.id not in blocked])


def _take(session: Transaction, job_ids: list[str], *conditions: Any) -> list[RunningJob]:
    if not job_ids:
        return []
    started, token = now(), secrets.token_hex(16)
    taking = (
        everywhere_update(Job)
        .where(col(Job.id).in_(job_ids), Job.state == JobState.QUEUED, Job.run_at <= started, *conditions)  # type: ignore[arg-type]
        .values(
            state=JobState.RUNNING,
            attempts=Job.attempts + 1,
            lease_token=token,
            lease_until=started + timedelta(seconds=settings().lease_seconds),
            started_at=started,
        )
        .returning(Job.id, Job.tenant_id, Job.kind, Job.payload, Job.attempts, Job.lock_key)  # type: ignore[call-overload]
    )
    rows = session.execute(taking.execution_options(synchronize_session=False)).all()
    return [
        RunningJob(
            id=row.id,
            tenant_id=row.tenant_id,
            kind=row.kind,
            payload=payload_adapter.validate_python(row.payload) if row.kind in KINDS else row.payload,
            attempt=row.attempts,
            lease_token=token,
            lock_key=row.lock_key,
        )
        for row in rows
    ]


def _is_blocked(session: Transaction, job: Any) -> bool:
    """Tell whether a job with the same lock runs or is older."""
    other = aliased(Job)
    waits_before = (col(other.state) == JobState.QUEUED) & (col(other.id) < job.id)
    query = everywhere(other).where(
        other.tenant_id == job.tenant_id,
        other.lock_key == job.lock_key,
        or_(col(other.state) == JobState.RUNNING, waits_before),
    )
    return session.exec(query.limit(1)).first() is not None


def finish_each(session: Transaction, jobs: list[RunningJob]) -> set[str]:
    """Write that jobs are done; return the ids of those that were still this worker's."""
    ids = [job.id for job in jobs]
    held = tuple_(col(Job.id), col(Job.lease_token)).in_([(job.id, job.lease_token) for job in jobs])
    done = (
        everywhere_update(Job)
        .where(Job.id.in_(ids), held, Job.state == JobState.RUNNING)  # type: ignore[attr-defined, arg-type]
        .values(state=JobState.DONE, finished_at=now(), lease_token=None, error="")
        .returning(col(Job.id))
    )
    return set(session.execute(done.execution_options(synchronize_session=False)).scalars())


def ring_next(session: Transaction, ended: list[RunningJob]) -> None:
    """Ring after the commit for the jobs that waited for the locks of those that have ended."""
    locks = {(job.tenant_id, job.lock_key) for job in ended if job.lock_key}
    if not locks:
        return
    behind = everywhere(Job).where(
        tuple_(col(Job.tenant_id), col(Job.lock_key)).in_(locks), Job.state == JobState.QUEUED
    )
    heads = behind.with_only_columns(func.min(Job.id)).group_by(Job.tenant_id, Job.lock_key)
    found = session.exec(everywhere(Job).where(col(Job.id).in_(heads), Job.run_at <= now())).all()
    if waiting := [(job.kind, job.id) for job in found]:
        session.after_commit.append(lambda: bell.ring(waiting))


def ring_behind(job: RunningJob) -> None:
    """Ring for the job that waited for the lock of one that has ended."""
    with session_scope(reason="a worker frees a lock", reading=True) as session:
        ring_next(session, [job])


def renew(held: list[RunningJob]) -> None:
    """Push the leases of running jobs forward."""
    until = now() + timedelta(seconds=settings().lease_seconds)
    with session_scope(reason="a worker renews its leases") as session:
        tokens = [job.lease_token for job in held]
        session.execute(everywhere_update(Job).where(Job.lease_token.in_(tokens)).values(lease_until=until))  # type: ignore[union-attr]


def end(job: RunningJob, state: JobState, error: str, *, run_at: datetime | None = None) -> None:
    """Write how an attempt ended, unless the lease is lost."""
    values: dict[str, object] = {
        "state": state,
        "error": error[:2000],
        "lease_token": None,
        "lease_until": None,
        "dispatched_at": None,
    }
    values |= {"run_at": run_at} if run_at else {"finished_at": now()}
    with session_scope(reason="a worker ends an attempt") as session:
        query = everywhere_update(Job).where(Job.id == job.id, Job.lease_token == job.lease_token)  # type: ignore[arg-type]
        if session.execute(query.values(**values)).rowcount and run_at is None:  # type: ignore[attr-defined]
            give_up(session, job, state, error)
            ring_next(session, [job])


def try_again(job: RunningJob, error: str, *, max_attempts: int, after: float = 0) -> None:
    """Queue a failed attempt again with a growing pause, or give the job up."""
    if job.attempt >= max_attempts:
        end(job, JobState.DEAD, error)
        return
    pause = after or min(settings().backoff_seconds * 2 ** (job.attempt - 1), 300)
    end(job, JobState.QUEUED, error, run_at=now() + timedelta(seconds=pause))


def give_back(held: list[RunningJob]) -> None:
    """Put unfinished jobs of a stopping worker back into the queue at once; the attempt does not count."""
    with session_scope(reason="a worker stops") as session:
        tokens = [job.lease_token for job in held]
        query = everywhere_update(Job).where(Job.lease_token.in_(tokens), Job.state == JobState.RUNNING)  # type: ignore[union-attr,arg-type]
        session.execute(
            query.values(state=JobState.QUEUED, lease_token=None, dispatched_at=None, attempts=Job.attempts - 1)
        )


def sweep() -> None:
    """Take jobs from workers that gave no sign of life: back to the queue, uncertain, or dead."""
    with session_scope(reason="leases that ran out") as session:
        late = everywhere(Job).where(Job.state == JobState.RUNNING, Job.lease_until < now())  # type: ignore[operator]
        for job in session.exec(late.limit(200).with_for_update(skip_locked=True)).all():
            doubtful = everywhere(Effect).where(
                Effect.job_id == job.id, col(Effect.closed_at).is_(None), col(Effect.repeatable).is_(False)
            )
            job.lease_token = None
            job.dispatched_at = None
            in_doubt = session.exec(doubtful).first() is not None
            if in_doubt and job.kind in TELL_DOUBT and job.attempts < 2 * CRASHES:
                job.state = JobState.QUEUED
            elif in_doubt:
                job.state, job.finished_at = JobState.UNCERTAIN, now()
                job.error = "The worker stopped during a call to the outside; whether it arrived is not known."
            elif job.crashes + 1 >= CRASHES:
                job.state, job.finished_at = JobState.DEAD, now()
                job.error = "The worker stopped in the middle of it, three times."
            else:
                job.state, job.crashes = JobState.QUEUED, job.crashes + 1
            give_up(session, job, job.state)


def due() -> list[tuple[str, str]]:
    """Return kind and id of jobs that could run and were not rung of late, at most 20 of a tenant; note the ring."""
    with session_scope(reason="jobs that are due") as session:
        at = now()
        silent = or_(
            col(Job.dispatched_at).is_(None),
            col(Job.dispatched_at) < at - timedelta(seconds=settings().redispatch_seconds),
        )
        waits = everywhere(Job).where(Job.state == JobState.QUEUED, Job.run_at <= at, silent)
        tenants = session.exec(waits.with_only_columns(Job.tenant_id).distinct()).all()
        found: list[Job] = []
        for tenant in tenants:
            mine = waits.where(Job.tenant_id == tenant, _is_first(tenant)).order_by(Job.run_at, Job.id)
            mine = mine.limit(PER_TENANT)
            found.extend(session.exec(mine.with_for_update(skip_locked=True)).all())
        for job in found:
            job.dispatched_at = at
        return [(job.kind, job.id) for job in sorted(found, key=lambda job: job.run_at)]


def _is_first(tenant_id: str) -> Any:
    """Return the condition that nobody before a job has its lock: the first in line may wait for its next attempt.

    The heads of the lines are read once for all jobs: to look before each would take a line's length squared.
    """
    locked = everywhere(Job).where(Job.tenant_id == tenant_id, col(Job.lock_key).is_not(None))
    heads = locked.where(Job.state == JobState.QUEUED).with_only_columns(func.min(Job.id)).group_by(Job.lock_key)
    held = locked.where(Job.state == JobState.RUNNING).with_only_columns(Job.lock_key)
    return or_(col(Job.lock_key).is_(None), col(Job.id).in_(heads) & col(Job.lock_key).not_in(held))


def counts() -> dict[str, int]:
    """Return how many jobs stand in each state, over all tenants."""
    with session_scope(reason="the worker's probe", reading=True) as session:
        query = everywhere(Job).with_only_columns(Job.state, func.count()).group_by(Job.state)
        return {state.value: count for state, count in session.execute(query).all()}


def counts_by_kind() -> dict[str, int]:
    """Return how many jobs there are of each kind, over all tenants."""
    with session_scope(reason="the worker's probe", reading=True) as session:
        query = everywhere(Job).with_only_columns(Job.kind, func.count()).group_by(Job.kind)
        return {str(kind): int(count) for kind, count in session.execute(query).all()}


def oldest_age() -> float:
    """Return for how many seconds the oldest due job has waited; 0 when none waits."""
    with session_scope(reason="the worker's probe", reading=True) as session:
        query = everywhere(Job).where(Job.state == JobState.QUEUED, Job.run_at <= now())
        oldest = session.exec(query.with_only_columns(func.min(Job.run_at))).first()
        return max(0.0, (now() - oldest).total_seconds()) if oldest else 0.0
