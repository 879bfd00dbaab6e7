"""Job queue: jobs that are blocked by others with the same lock, and wake-ups of workers after the commit.

A job that another one with its lock precedes is marked as blocked when a worker first meets it, and is not looked at
until the transaction that ends its predecessor unblocks it.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, Protocol

from sqlalchemy import bindparam, exists, func
from sqlalchemy.orm import aliased
from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned_update, session_scope, unscoped
from platform_app.models.job import Job, JobState

_WAKEUPS = "wakeups"  # the key under which a transaction counts them
UNBLOCK_LIMIT = 200  # jobs unblocked per run


def in_state(job: Any, state: JobState) -> Any:
    """Return the condition that a job is in a state, as literal SQL, by which SQLite recognizes partial indexes."""
    # the class attribute is a column at run time
    return col(job.state) == bindparam(None, state, type_=Job.state.type, literal_execute=True)  # type: ignore[attr-defined]


class Locked(Protocol):
    """What has the tenant and the lock of a job."""

    @property
    def tenant_id(self) -> str:
        """The tenant of the job."""

    @property
    def lock_key(self) -> str | None:
        """Its lock."""


def request_wakeups(session: Transaction, count: int = 1) -> None:
    """Wake a worker's thread after the commit for each of `count` due jobs; a transaction sends all at once."""
    if _WAKEUPS not in session.info:
        session.after_commit.append(partial(_send_wakeups, session))
    session.info[_WAKEUPS] = session.info.get(_WAKEUPS, 0) + count


def _send_wakeups(session: Transaction) -> None:
    notifier.wake_workers(session.info.pop(_WAKEUPS))


def unblock_next(session: Transaction, ended: Iterable[Locked]) -> None:
    """Let the job after each ended one with a lock be claimed, and wake workers for those that are due."""
    for tenant_id, lock_key in sorted({(job.tenant_id, job.lock_key) for job in ended if job.lock_key}):
        unblock_oldest(session, tenant_id, lock_key)


def unblock_oldest(session: Transaction, tenant_id: str, lock_key: str, *conditions: Any) -> None:
    """Let the oldest queued job with a lock be claimed.

    Its row is written even if it is not blocked: another transaction may be marking it.
    """
    first = aliased(Job)
    waiting = unscoped(first).where(
        first.tenant_id == tenant_id, first.lock_key == lock_key, in_state(first, JobState.QUEUED)
    )
    oldest = waiting.with_only_columns(func.min(first.id)).scalar_subquery()
    unblocking = owned_update(Job, tenant_id).where(col(Job.id) == oldest, *conditions).values(is_blocked=False)
    due_at = session.execute(
        unblocking.returning(col(Job.run_at)).execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if due_at is not None and due_at <= now():
        request_wakeups(session)


def block_later_jobs(session: Transaction, tenant_id: str, lock_key: str) -> None:
    """Mark the queued jobs with a lock as blocked, but for the oldest one if none is running."""
    waiting = owned_update(Job, tenant_id).where(
        col(Job.lock_key) == lock_key, in_state(Job, JobState.QUEUED), col(Job.is_blocked).is_(False)
    )
    session.execute(waiting.values(is_blocked=True).execution_options(synchronize_session=False))
    # In a statement of its own, which sees what was committed while the first one waited for rows.
    unblock_oldest(session, tenant_id, lock_key, ~_is_running(tenant_id, lock_key))


def _is_running(tenant_id: Any, lock_key: Any) -> Any:
    other = aliased(Job)
    query = unscoped(other).where(
        other.tenant_id == tenant_id, other.lock_key == lock_key, in_state(other, JobState.RUNNING)
    )
    return exists(query.with_only_columns(other.id))


def unblock_forgotten() -> bool:
    """Unblock jobs that nothing precedes any more, as after a deletion; return whether more may be left.

    Deletions unblock nothing, and a transaction that ends a job does not see one that is added and marked meanwhile.
    """
    first = aliased(Job)
    waiting = unscoped(first).where(in_state(first, JobState.QUEUED), col(first.lock_key).is_not(None))
    oldest = waiting.with_only_columns(func.min(first.id)).group_by(first.tenant_id, first.lock_key)
    stands_first = col(Job.id).in_(oldest) & col(Job.is_blocked) & ~_is_running(Job.tenant_id, Job.lock_key)
    query = unscoped(Job).where(in_state(Job, JobState.QUEUED), stands_first)
    with session_scope(reason="blocked jobs", read_only=True) as session:  # the search keeps no writer waiting
        found = list(session.exec(query.with_only_columns(Job.id).limit(UNBLOCK_LIMIT)).all())
    if not found:
        return False
    with session_scope(reason="jobs whose lock is free") as session:
        still = unscoped(Job).where(in_state(Job, JobState.QUEUED), col(Job.id).in_(found), stands_first)
        jobs = list(session.exec(still.with_for_update(skip_locked=True)).all())
        for job in jobs:
            job.is_blocked = False
        if jobs:
            request_wakeups(session, len(jobs))
    return len(found) == UNBLOCK_LIMIT
