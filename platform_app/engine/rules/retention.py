"""Retention: deletes old rule runs as tenants configure and finished jobs after a month, keeping their counts."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, session_scope, unscoped
from platform_app.jobs import add_to_tally
from platform_app.models.job import Effect, Job, JobState
from platform_app.models.person import Tenant
from platform_app.models.rule import Rule, RuleRun, RunState

BATCH_SIZE = 500  # runs or jobs deleted per transaction
JOB_RETENTION = timedelta(days=30)
_UNFINISHED = (RunState.RUNNING, RunState.RETRYING)


def delete_old_runs() -> bool:
    """Delete some of each tenant's rule runs older than its limit; return whether more are left."""
    with session_scope(reason="how long runs are kept", read_only=True) as session:
        wishes = unscoped(Tenant).where(Tenant.run_days > 0).with_only_columns(Tenant.id, Tenant.run_days)
        kept = [(tenant_id, now() - timedelta(days=days)) for tenant_id, days in session.execute(wishes)]
    is_more = False
    for tenant_id, since in kept:
        with session_scope(tenant_id, read_only=True) as session:
            old_id = session.exec(_old_run_ids(tenant_id, since).limit(1)).first()
        if old_id:
            with session_scope(tenant_id) as session:
                is_more |= _delete_runs(session, tenant_id, since)
    return is_more


def _old_run_ids(tenant_id: str, since: datetime) -> Any:
    """Return the select of the ids of finished runs before `since`, oldest first."""
    query = owned(RuleRun, tenant_id).where(RuleRun.at < since, col(RuleRun.state).not_in(_UNFINISHED))
    return query.with_only_columns(RuleRun.id).order_by(RuleRun.at, RuleRun.id)


def _delete_runs(session: Transaction, tenant_id: str, since: datetime) -> bool:
    """Delete some runs and count those deleted by this transaction, since other workers delete too."""
    ids = session.exec(_old_run_ids(tenant_id, since).limit(BATCH_SIZE).with_for_update(skip_locked=True)).all()
    gone = owned_delete(RuleRun, tenant_id).where(col(RuleRun.id).in_(ids))
    returned = gone.returning(col(RuleRun.rule_id), col(RuleRun.fired), col(RuleRun.at))
    fired: dict[str, list[datetime]] = defaultdict(list)
    for rule_id, has_fired, at in session.execute(returned.execution_options(synchronize_session=False)):
        if has_fired:
            fired[rule_id].append(at)
    query = owned(Rule, tenant_id).where(col(Rule.id).in_(list(fired)))
    in_order = query.order_by(Rule.position, Rule.id)  # in which they are weighed, each locked in its turn
    for rule in session.exec(in_order.with_for_update(key_share=True)).all():
        rule.runs_forgotten += len(fired[rule.id])
        rule.last_forgotten = max([*fired[rule.id], *filter(None, [rule.last_forgotten])])
    return len(ids) == BATCH_SIZE


def delete_old_jobs() -> bool:
    """Take jobs that were done long ago out of the ledger with their effects, some of each tenant; tell whether more
    are left. One with a call in doubt stays: the mark keeps the call from being made again."""
    since = now() - JOB_RETENTION
    with session_scope(reason="tenants with jobs", read_only=True) as session:
        tenants = session.exec(unscoped(Tenant).with_only_columns(Tenant.id)).all()
    left = [_delete_jobs(tenant_id, since) for tenant_id in tenants]
    return any(left)


def _delete_jobs(tenant_id: str, since: datetime) -> bool:
    done = owned(Job, tenant_id).where(Job.state == JobState.DONE, Job.created_at < since, col(Job.finished_at) < since)
    in_doubt = owned(Effect, tenant_id).where(Effect.job_id == Job.id, col(Effect.closed_at).is_(None))
    over = done.where(~in_doubt.exists())
    some = over.with_only_columns(Job.id).order_by(Job.created_at).limit(BATCH_SIZE)
    with session_scope(tenant_id, read_only=True) as session:
        if session.exec(some.limit(1)).first() is None:
            return False
    with session_scope(tenant_id) as session:
        ids = session.exec(some.with_for_update(skip_locked=True)).all()
        gone = owned_delete(Job, tenant_id).where(col(Job.id).in_(ids)).returning(col(Job.kind))
        kinds = session.execute(gone.execution_options(synchronize_session=False)).scalars().all()
        for kind, count in Counter(kinds).items():
            add_to_tally(session, tenant_id, kind, -count)
    return len(ids) == BATCH_SIZE
