"""Job counts: numbers of jobs by state and kind, from indexes and tallies, without reading the whole ledger."""

from collections import Counter
from typing import Any

from sqlalchemy import bindparam, func
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped, unscoped_delete
from platform_app.jobs import add_to_tally
from platform_app.models.job import Job, JobState, JobTally

MERGE_LIMIT = 200  # groups of tallies merged per run
_REASON = "the worker's probe"


def _not_done() -> Any:
    """Return the condition of the partial index, as literal SQL, which query planners recognize."""
    # the class attribute is a column at run time
    return col(Job.state) != bindparam(None, JobState.DONE, type_=Job.state.type, literal_execute=True)  # type: ignore[attr-defined]


def counts_by_state() -> dict[str, int]:
    """Return the number of jobs in each state, over all tenants."""
    with session_scope(reason=_REASON, read_only=True) as session:
        return _by_state(session, unscoped(Job), unscoped(JobTally))


def tenant_counts(session: Transaction, tenant_id: str) -> dict[str, int]:
    """Return the number of a tenant's jobs in each state."""
    return _by_state(session, owned(Job, tenant_id), owned(JobTally, tenant_id))


def _by_state(session: Transaction, jobs: Any, tallies: Any) -> dict[str, int]:
    query = jobs.where(_not_done()).with_only_columns(Job.state, func.count()).group_by(Job.state)
    counts = {state.value: int(count) for state, count in session.execute(query).all()}
    done = int(session.exec(tallies.with_only_columns(func.coalesce(func.sum(JobTally.done), 0))).one())
    return counts | ({JobState.DONE.value: done} if done else {})


def counts_by_kind() -> dict[str, int]:
    """Return the number of jobs of each kind, over all tenants."""
    with session_scope(reason=_REASON, read_only=True) as session:
        query = unscoped(Job).where(_not_done()).with_only_columns(Job.kind, func.count()).group_by(Job.kind)
        counts = Counter({str(kind): int(count) for kind, count in session.execute(query).all()})
        done = unscoped(JobTally).with_only_columns(JobTally.kind, func.sum(JobTally.done)).group_by(JobTally.kind)
        counts.update({str(kind): int(count) for kind, count in session.execute(done).all()})
        return {kind: count for kind, count in counts.items() if count}


def count_jobs(session: Transaction, tenant_id: str, *, state: str = "", kind: str = "") -> int:
    """Return the number of a tenant's jobs with a state and kind; "" matches every one."""
    total = 0
    if state != JobState.DONE:
        query = owned(Job, tenant_id).where(_not_done())
        for column, value in ((col(Job.state), state), (col(Job.kind), kind)):
            query = query.where(column == value) if value else query
        total += int(session.exec(query.with_only_columns(func.count())).one())
    if state in ("", JobState.DONE):
        done = owned(JobTally, tenant_id)
        done = done.where(JobTally.kind == kind) if kind else done
        total += int(session.exec(done.with_only_columns(func.coalesce(func.sum(JobTally.done), 0))).one())
    return total


def oldest_wait_seconds() -> float:
    """Return for how many seconds the oldest due job has waited, 0 if none is due."""
    with session_scope(reason=_REASON, read_only=True) as session:
        query = unscoped(Job).where(Job.state == JobState.QUEUED, Job.run_at <= now())
        oldest = session.exec(query.with_only_columns(func.min(Job.run_at))).first()
        return max(0.0, (now() - oldest).total_seconds()) if oldest else 0.0


def merge_tallies() -> bool:
    """Merge the tallies of each kind and tenant into one row; return whether more may be left to merge."""
    with session_scope(reason="tallies of jobs", read_only=True) as session:
        groups = unscoped(JobTally).with_only_columns(JobTally.tenant_id, JobTally.kind)
        several = groups.group_by(JobTally.tenant_id, JobTally.kind).having(func.count() > 1)
        split = session.execute(several.limit(MERGE_LIMIT)).all()
    for tenant_id, kind in split:
        with session_scope(reason="tallies of jobs") as session:
            same = unscoped(JobTally).where(JobTally.tenant_id == tenant_id, JobTally.kind == kind)
            rows = session.exec(same.limit(1_000).with_for_update(skip_locked=True)).all()
            count = sum(row.done for row in rows)
            session.execute(unscoped_delete(JobTally).where(col(JobTally.id).in_([row.id for row in rows])))
            add_to_tally(session, tenant_id, kind, count)
    return len(split) == MERGE_LIMIT
