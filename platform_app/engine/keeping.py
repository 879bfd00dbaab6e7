"""Keeping: the log of runs is kept as long as the tenant says; what rules did is counted on."""

from collections import defaultdict
from datetime import datetime, timedelta

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
            found = bool(_old(session, tenant_id, since, most=1))
        if found:
            with session_scope(tenant_id) as session:
                is_more |= _forget(session, tenant_id, since)
    return is_more


def _old(session: Transaction, tenant_id: str, since: datetime, *, most: int) -> list[tuple[str, str, bool, datetime]]:
    """Return id, rule, whether it fired and when, of the oldest runs that are over."""
    query = owned(RuleRun, tenant_id).where(RuleRun.at < since, RuleRun.state.not_in(_UNDER_WAY))  # type: ignore[attr-defined]
    columns = (RuleRun.id, RuleRun.rule_id, RuleRun.fired, RuleRun.at)
    return [tuple(row) for row in session.execute(query.with_only_columns(*columns).order_by(RuleRun.at).limit(most))]


def _forget(session: Transaction, tenant_id: str, since: datetime) -> bool:
    found = _old(session, tenant_id, since, most=AT_ONCE)
    fired: dict[str, list[datetime]] = defaultdict(list)
    for _, rule_id, has_fired, at in found:
        if has_fired:
            fired[rule_id].append(at)
    query = owned(Rule, tenant_id).where(Rule.id.in_(list(fired))).order_by(Rule.id).with_for_update()  # type: ignore[attr-defined]
    for rule in session.exec(query).all():
        rule.runs_forgotten += len(fired[rule.id])
        rule.last_forgotten = max(fired[rule.id])
    ids = [run_id for run_id, *_ in found]
    session.execute(owned_delete(RuleRun, tenant_id).where(RuleRun.id.in_(ids)))  # type: ignore[attr-defined]
    return len(found) == AT_ONCE
