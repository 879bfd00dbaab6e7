"""Keeping: the log of runs is kept as long as the tenant says; what rules did is counted on."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from platform_app.clock import now
from platform_app.db import Transaction, everywhere, owned, owned_delete, session_scope
from platform_app.models.person import Tenant
from platform_app.models.rule import Rule, RuleRun, RunState

AT_ONCE = 500  # runs that one transaction takes away
_UNDER_WAY = (RunState.RUNNING, RunState.RETRYING)


def forget_runs() -> bool:
    """Take runs that are older than their tenant wants out of the log, some of each; tell whether more are left."""
    with session_scope(reason="how long runs are kept", reading=True) as session:
        wishes = everywhere(Tenant).where(Tenant.run_days > 0).with_only_columns(Tenant.id, Tenant.run_days)
        kept = [(tenant_id, now() - timedelta(days=days)) for tenant_id, days in session.execute(wishes)]
    is_more = False
    for tenant_id, since in kept:
        with session_scope(tenant_id, reading=True) as session:
            found = session.exec(_old(tenant_id, since).limit(1)).first()
        if found:
            with session_scope(tenant_id) as session:
                is_more |= _forget(session, tenant_id, since)
    return is_more


def _old(tenant_id: str, since: datetime) -> Any:
    """Return a select of the ids of the runs that are over, oldest first."""
    query = owned(RuleRun, tenant_id).where(RuleRun.at < since, RuleRun.state.not_in(_UNDER_WAY))  # type: ignore[attr-defined]
    return query.with_only_columns(RuleRun.id).order_by(RuleRun.at, RuleRun.id)


def _forget(session: Transaction, tenant_id: str, since: datetime) -> bool:
    """Take some runs away, and count those that this transaction took: other workers take others."""
    ids = session.exec(_old(tenant_id, since).limit(AT_ONCE).with_for_update(skip_locked=True)).all()
    gone = owned_delete(RuleRun, tenant_id).where(RuleRun.id.in_(ids))  # type: ignore[attr-defined]
    returned = gone.returning(RuleRun.rule_id, RuleRun.fired, RuleRun.at)  # type: ignore[call-overload]
    fired: dict[str, list[datetime]] = defaultdict(list)
    for rule_id, has_fired, at in session.execute(returned.execution_options(synchronize_session=False)):
        if has_fired:
            fired[rule_id].append(at)
    query = owned(Rule, tenant_id).where(Rule.id.in_(list(fired)))  # type: ignore[attr-defined]
    in_order = query.order_by(Rule.position, Rule.id)  # in which they are weighed, each locked in its turn
    for rule in session.exec(in_order.with_for_update(key_share=True)).all():
        rule.runs_forgotten += len(fired[rule.id])
        rule.last_forgotten = max([*fired[rule.id], *filter(None, [rule.last_forgotten])])
    return len(ids) == AT_ONCE
