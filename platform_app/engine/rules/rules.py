"""Rules: drafts, versions, switching, order, schedules and manual runs of a tenant's rules."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col

from platform_app import bounded_count
from platform_app.automation import condition_checks
from platform_app.automation.calendar import Calendar, Delay, DelayKind, Timing, due_time
from platform_app.automation.conditions import parse_conditions
from platform_app.automation.rules import RuleDefinition, parse_rule
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.engine.actions import action_checks
from platform_app.engine.definitions import DefinitionMessages, Definitions
from platform_app.errors import Conflict, Invalid
from platform_app.events import emit
from platform_app.i18n import translate
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.models.rule import Rule, RuleRun, RuleVersion
from platform_app.services.crm import leads
from platform_app.services.webhooks import incoming_webhooks

MAX_RULES = 1_000  # of a tenant


def problems(session: Transaction, who: Identity, row: Rule) -> dict[str, str]:
    """Return what prevents a draft from being published: sentences in the member's language by field."""
    draft, choices = parse_rule(row.draft), action_checks.tenant_choices(session, who)
    sentences = action_checks.problems(draft.actions, choices, who.language) | action_checks.missing_setup(
        session, who, draft.actions
    )
    if condition_checks.problems(parse_conditions(draft.condition), choices.catalogue, choices.ids):
        sentences["condition"] = translate(who.language, "Finish the conditions.")
    if draft.trigger == EventKind.SCHEDULE and not draft.weekdays:
        sentences["weekdays"] = translate(who.language, "Choose at least one day.")
    if not incoming_webhooks.is_valid_filter(session, who, draft.webhook_id):
        sentences["webhook_id"] = translate(
            who.language, ("Webhook not found. It may have been deleted. Choose another.")
        )
    return sentences


def next_schedule(rule: RuleDefinition, zone: str, after: datetime) -> datetime:
    """Return when a schedule is next due after a moment."""
    delay = Delay(kind=DelayKind.UNTIL, time=rule.time, days=list(rule.weekdays), may_be_today=True)
    next_due = due_time(Timing(delay=delay), after + timedelta(microseconds=1), Calendar(tenant_zone=zone)).at
    assert next_due is not None  # a weekday is found within a week
    return next_due


def _validate(changes: dict[str, Any]) -> None:
    if "condition" in changes:
        changes["condition"] = parse_conditions(changes["condition"]).model_dump(mode="json")


def _set_next_schedule(session: Transaction, who: Identity, row: Rule) -> None:
    rule = parse_rule(row.published) if row.published else None
    is_planned = rule is not None and row.enabled and rule.trigger == EventKind.SCHEDULE
    row.next_at = next_schedule(rule, who.time_zone, now()) if rule and is_planned else None


def reschedule(session: Transaction, who: Identity, zone: str) -> None:
    """Recompute a tenant's schedules for a new time zone."""
    planned = owned(Rule, who.tenant_id).where(col(Rule.next_at).is_not(None)).order_by(Rule.position, Rule.id)
    for row in session.exec(planned.with_for_update(key_share=True)).all():
        if row.next_at is not None and row.next_at > now():  # a schedule due by now still runs
            with suppress(Invalid):
                row.next_at = next_schedule(parse_rule(row.published), zone, now())


DEFINITIONS: Definitions[Rule, RuleVersion] = Definitions(
    model=Rule,
    version=RuleVersion,
    parent="rule_id",
    schema=RuleDefinition,
    kind=ActivityKind.RULE,
    topic="rule",
    path="/rules",
    max_rows=MAX_RULES,
    limit_reached="You can add up to {count} rules.",
    missing="Rule not found. It may have been deleted.",
    messages=DefinitionMessages(
        done={
            "created": "Rule “{name}” created",
            "published": "Rule “{name}” published",
            "on": "Rule “{name}” turned on",
            "off": "Rule “{name}” turned off",
            "deleted": "Rule “{name}” deleted",
        },
        incomplete="Complete the rule first.",
        unpublished="Publish the rule first.",
    ),
    problems=problems,
    validate=_validate,
    after_publish=_set_next_schedule,
    on_switch=_set_next_schedule,
)


def run_manually(session: Transaction, who: Identity, rule_id: str, lead_id: str) -> None:
    """Emit the event that runs a manually triggered rule for a lead.

    Raises NotFound if there is no such rule or lead, Conflict if the rule is not triggered by hand or is off.
    """
    row, lead = DEFINITIONS.get(session, who, rule_id), leads.get(session, who, lead_id)
    if row.trigger != EventKind.MANUAL or not row.enabled:
        raise Conflict("Publish the rule with the “Manual” trigger and turn it on first.")
    links: dict[str, Any] = {"lead_id": lead.id, "contact_id": lead.contact_id, "agent_id": row.agent_id}
    emit(session, who.tenant_id, EventKind.MANUAL, after={"rule_id": row.id, "by": who.name}, **links)


def run_counts(
    session: Transaction, who: Identity, rules: Sequence[Rule] | None = None
) -> dict[str, tuple[int, datetime]]:
    """Return by rule id how often rules ran and when last, with runs deleted from the log."""
    if rules is None:
        rules = session.exec(owned(Rule, who.tenant_id)).all()
    fired = {row.id: _fired_runs(row) for row in rules}
    counts = bounded_count.count_each(session, [query.with_only_columns(RuleRun.id) for query in fired.values()])
    counted: dict[str, tuple[int, datetime]] = {}
    for row, count in zip(rules, counts, strict=True):
        last = row.last_forgotten
        if count:
            newest = fired[row.id].order_by(col(RuleRun.at).desc()).limit(1).with_only_columns(RuleRun.at)
            last = max(filter(None, (last, session.exec(newest).one())))
        if last is not None:
            counted[row.id] = (count + row.runs_forgotten, last)
    return counted


def _fired_runs(row: Rule) -> Any:
    return owned(RuleRun, row.tenant_id).where(RuleRun.rule_id == row.id, col(RuleRun.fired).is_(True))
