"""Job queue: lines of jobs with the same lock, and wake-ups of workers after the commit.

A job that another one with its lock precedes is marked as behind when a worker first meets it, and is not looked at
until the transaction that ends its predecessor frees it.
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
FREE_LIMIT = 200  # lines freed per run


def in_state(job: Any, state: JobState) -> Any:
    """Return the condition that a job is in a state, as literal SQL, by which SQLite recognizes partial indexes."""
    # the class attribute is a column at run time
    return col(job.state) == bindparam(None, state, type_=Job.state.type, literal_execute=True)  # type: ignore[attr-defined]


class Line(Protocol):
    """What says which line a job stands in."""

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


def free_next(session: Transaction, ended: Iterable[Line]) -> None:
    """Let the job after each ended one with a lock be claimed, and wake workers for those that are due."""
    for tenant_id, lock_key in sorted({(job.tenant_id, job.lock_key) for job in ended if job.lock_key}):
        free_head(session, tenant_id, lock_key)


def free_head(session: Transaction, tenant_id: str, lock_key: str, *conditions: Any) -> None:
    """Let the oldest queued job with a lock be claimed.

    Its row is written even if it is free: another transaction may be marking it as behind.
    """
    first = aliased(Job)
    line = unscoped(first).where(
        first.tenant_id == tenant_id, first.lock_key == lock_key, in_state(first, JobState.QUEUED)
    )
    head = line.with_only_columns(func.min(first.id)).scalar_subquery()
    freeing = owned_update(Job, tenant_id).where(col(Job.id) == head, *conditions).values(is_behind=False)
    due_at = session.execute(
        freeing.returning(col(Job.run_at)).execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if due_at is not None and due_at <= now():
        request_wakeups(session)


def hold_line(session: Transaction, tenant_id: str, lock_key: str) -> None:
    """Mark the queued jobs with a lock as behind, but for the oldest one if none is running."""
    line = owned_update(Job, tenant_id).where(
        col(Job.lock_key) == lock_key, in_state(Job, JobState.QUEUED), col(Job.is_behind).is_(False)
    )
    session.execute(line.values(is_behind=True).execution_options(synchronize_session=False))
    # In a statement of its own, which sees what was committed while the first one waited for rows.
    free_head(session, tenant_id, lock_key, ~_is_running(tenant_id, lock_key))


def _is_running(tenant_id: Any, lock_key: Any) -> Any:
    other = aliased(Job)
    query = unscoped(other).where(
        other.tenant_id == tenant_id, other.lock_key == lock_key, in_state(other, JobState.RUNNING)
    )
    return exists(query.with_only_columns(other.id))


def free_forgotten() -> bool:
    """Free jobs that are behind although nothing precedes them, as after a deletion; return whether more may be left.

    Deletions free nothing, and a transaction that ends a job does not see one that is added and marked meanwhile.
    """
    first = aliased(Job)
    line = unscoped(first).where(in_state(first, JobState.QUEUED), col(first.lock_key).is_not(None))
    heads = line.with_only_columns(func.min(first.id)).group_by(first.tenant_id, first.lock_key)
    stands_first = col(Job.id).in_(heads) & col(Job.is_behind) & ~_is_running(Job.tenant_id, Job.lock_key)
    query = unscoped(Job).where(in_state(Job, JobState.QUEUED), stands_first)
    with session_scope(reason="jobs to look at", read_only=True) as session:  # the search keeps no writer waiting
        found = list(session.exec(query.with_only_columns(Job.id).limit(FREE_LIMIT)).all())
    if not found:
        return False
    with session_scope(reason="jobs whose lock is free") as session:
        still = unscoped(Job).where(in_state(Job, JobState.QUEUED), col(Job.id).in_(found), stands_first)
        jobs = list(session.exec(still.with_for_update(skip_locked=True)).all())
        for job in jobs:
            job.is_behind = False
        if jobs:
            request_wakeups(session, len(jobs))
    return len(found) == FREE_LIMIT
