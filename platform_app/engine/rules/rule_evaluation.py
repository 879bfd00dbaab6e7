"""Rule evaluation: evaluates the rules that an event triggers, and stores the outcomes with their proofs."""

import json
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import col

from platform_app import fact_snapshots
from platform_app.automation.facts import Catalogue, Facts
from platform_app.automation.rules import CompiledRule, PriorRuns, compile_rule, evaluate_rule, is_off
from platform_app.db import Transaction, owned
from platform_app.engine.actions import reference_names
from platform_app.engine.event_matching import matches_trigger
from platform_app.engine.rules import rule_runs
from platform_app.errors import Invalid
from platform_app.events import subject_of
from platform_app.models.event import Event
from platform_app.models.rule import Rule, RuleRun, RunState


def create_runs(session: Transaction, event: Event) -> list[RuleRun]:
    """Create a run for each rule that an event triggers; return the runs in order."""
    rules = triggered_rules(session, event)
    if not rules:
        return []
    own = fact_snapshots.fact_catalogue(session, event.tenant_id)
    facts = fact_snapshots.event_facts(event, reference_names.ReferenceNames(session, event.tenant_id))
    runs: list[RuleRun] = []
    is_stopped = False
    for place, rule in enumerate(rules):
        run = RuleRun(
            tenant_id=event.tenant_id,
            rule_id=rule.id,
            event_id=event.id,
            version=rule.published_number,
            place=place,
            at=event.at,
            subject_id=subject_of(event),
            state=RunState.STOPPED,
        )
        session.add(run)
        if not is_stopped:
            is_stopped = _evaluate(session, run, rule, event=event, facts=facts, own=own)
        else:
            rule_runs.finish_run(session, run, rule, RunState.STOPPED)
        runs.append(run)
    return runs


def _evaluate(session: Transaction, run: RuleRun, rule: Rule, *, event: Event, facts: Facts, own: Catalogue) -> bool:
    """Store a rule's outcome in its run; return whether no later rule may run."""
    try:
        ready = cached_rule(rule.id, rule.published)
    except Invalid:
        rule_runs.finish_run(session, run, rule, RunState.BROKEN)
        return False
    verdict = evaluate_rule(
        ready,
        facts,
        own,
        event.at,
        depth=event.depth,
        prior_runs=lambda: prior_runs(session, rule, event, zone=facts.zone),
    )
    run.proof, run.change = verdict.proof.as_json(), verdict.changes_as_json()
    if not verdict.fires:
        rule_runs.finish_run(session, run, rule, RunState(verdict.reason.value))
        return False
    run.fired, run.state = True, RunState.RUNNING
    run.actions = [
        {"kind": str(action.get("kind")), "state": rule_runs.OFF if is_off(action) else "waiting"}
        for action in ready.definition.actions
    ]
    return ready.definition.stop_after


def triggered_rules(session: Transaction, event: Event) -> list[Rule]:
    """Return the enabled rules that an event triggers, in the order in which they run."""
    query = owned(Rule, event.tenant_id).where(
        Rule.trigger == event.kind,
        col(Rule.enabled).is_(True),
        col(Rule.deleted_at).is_(None),
    )
    rows: list[Rule] = session.exec(query.order_by(Rule.position, Rule.id)).all()
    return [row for row in rows if matches_trigger(row.agent_id, row.id, row.published, event=event)]


def cached_rule(rule_id: str, data: dict[str, object]) -> CompiledRule:
    """Return a compiled definition from a cache. Raises Invalid if it cannot be parsed."""
    return _compile(rule_id, json.dumps(data, sort_keys=True))


@lru_cache(maxsize=4_096)
def _compile(rule_id: str, data: str) -> CompiledRule:
    return compile_rule(json.loads(data))


def prior_runs(session: Transaction, rule: Rule, event: Event, *, zone: str) -> PriorRuns:
    """Return the runs of a rule before an event; it locks the rule, so that other workers wait."""
    session.exec(owned(Rule, rule.tenant_id).where(Rule.id == rule.id).with_for_update(key_share=True)).one()
    mine = owned(RuleRun, rule.tenant_id).where(RuleRun.rule_id == rule.id, col(RuleRun.fired).is_(True))
    same = mine.where(RuleRun.subject_id == subject_of(event), RuleRun.at <= event.at)
    last = session.exec(same.with_only_columns(func.max(RuleRun.at))).one()
    start, end = day_bounds(event.at, zone)
    today = mine.where(RuleRun.at >= start, RuleRun.at < end).with_only_columns(func.count())
    return PriorRuns(last, session.exec(today).one())


def day_bounds(moment: datetime, zone: str) -> tuple[datetime, datetime]:
    """Return the start and end of a moment's day in a time zone."""
    day = moment.astimezone(ZoneInfo(zone)).date()
    start, end = (datetime.combine(date, time(), ZoneInfo(zone)) for date in (day, day + timedelta(days=1)))
    return start, end
