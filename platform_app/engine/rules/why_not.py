"""Why not: explains why a rule did not run on an event, beyond its condition."""

from dataclasses import dataclass
from typing import Any

from platform_app.automation.rules import RunReason
from platform_app.db import Transaction, owned
from platform_app.engine.rules import rule_evaluation
from platform_app.models.event import Event, EventKind
from platform_app.models.rule import Rule, RuleRun, RuleVersion


@dataclass(frozen=True)
class Note:
    """A message id and its values; `kind` is a kind of event, `at` a moment."""

    sentence: str
    values: dict[str, Any]


def explain(session: Transaction, row: Rule, data: dict[str, Any], *, event: Event, reason: str) -> list[Note]:
    """Return further explanations of a rule's outcome on an event."""
    if reason == "trigger":
        return [Note("It waits for: {kind}.", {"kind": data["trigger"]})]
    if reason == "agent":
        return [_why_not_for_rule(row, data, event)]
    if reason in (RunReason.COOLDOWN, RunReason.CAPPED):
        return [_explain_limit(session, row, data, event=event, reason=reason)]
    return []


def why_no_run(session: Transaction, row: Rule, event: Event) -> list[Note]:
    """Return why there is no run of a published rule for an event that triggers it; [] if there is one."""
    mine = owned(RuleRun, row.tenant_id).where(RuleRun.rule_id == row.id, RuleRun.event_id == event.id)
    if session.exec(mine.with_only_columns(RuleRun.id)).first() is not None:
        return []
    query = owned(RuleVersion, row.tenant_id).where(RuleVersion.rule_id == row.id).order_by(RuleVersion.number)
    first: RuleVersion | None = session.exec(query).first()
    if first is not None and first.created_at > event.at:
        return [Note("It didn’t look at this event: it was first published later, {at}.", {"at": first.created_at})]
    if not row.enabled:
        return [Note("It didn’t look at this event: it is turned off.", {})]
    return [Note("It didn’t check this event: it was off or uses another trigger.", {})]


def _why_not_for_rule(row: Rule, data: dict[str, Any], event: Event) -> Note:
    if row.agent_id and event.agent_id and row.agent_id != event.agent_id:
        return Note("The event is another agent’s.", {})
    if event.kind == EventKind.NO_REPLY:
        return Note("Minutes without a reply that it waits for: {count}.", {"count": data.get("minutes")})
    return Note("The event was made for another rule.", {})


def _explain_limit(session: Transaction, row: Rule, data: dict[str, Any], *, event: Event, reason: str) -> Note:
    zone = str(event.facts.get("zone") or "UTC")
    before = rule_evaluation.prior_runs(session, row, event, zone=zone)
    if reason == RunReason.COOLDOWN:
        values = {"at": before.last_at, "count": data.get("cooldown_minutes")}
        return Note("It ran for the same lead or contact at {at}. Cooldown in minutes: {count}.", values)
    return Note("Daily limit reached. Runs that day: {count}.", {"count": before.today})
