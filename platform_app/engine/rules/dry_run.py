"""Dry run: what a rule would do on one event. Nothing is changed and nothing is sent."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from platform_app import fact_snapshots
from platform_app.automation.rules import evaluate_rule, is_off
from platform_app.automation.webhook_answers import UnknownAnswer
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.actions import actions, reference_names
from platform_app.engine.actions.action_context import ActionContext, ActionPlan
from platform_app.engine.event_matching import matches_trigger
from platform_app.engine.rules import rule_evaluation, rule_runs, rules, why_not
from platform_app.engine.rules.why_not import Note
from platform_app.errors import Conflict, PlatformError
from platform_app.i18n import translate
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.models.rule import Rule
from platform_app.services.chat import automatic_messages
from platform_app.services.crm import leads
from platform_app.services.feed import event_log

NOT_KNOWN = "(not known before the webhook is called)"


@dataclass(frozen=True)
class ActionPreview:
    """What an action would do, or why it could not: a message id and its values."""

    kind: str
    sentence: str
    values: dict[str, str]
    possible: bool
    gate: dict[str, Any] = field(default_factory=dict)  # why the send gate would hold or drop its message now
    is_off: bool = False  # it is turned off, so it would not run


@dataclass(frozen=True)
class DryRun:
    """The outcome of a rule on an event."""

    reason: str  # a RunReason, or why it is not evaluated: "trigger" or "agent"
    proof: dict[str, Any] = field(default_factory=dict)
    change: list[dict[str, Any]] = field(default_factory=list)
    actions: list[ActionPreview] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def dry_run(session: Transaction, who: Identity, rule_id: str, event_id: str, *, draft: bool) -> DryRun:
    """Return what a rule's draft, or its published version, would do on an event, and why.

    Raises NotFound if there is no such rule or event, Conflict if it is not published and `draft` is false.
    """
    row, event = rules.DEFINITIONS.get(session, who, rule_id), event_log.get(session, who, event_id)
    data = row.draft if draft else row.published
    if not data:
        raise Conflict("Publish the rule first.")
    result = _dry_run(session, who, row, data, event=event)
    if draft or result.reason in ("trigger", "agent"):
        return result
    return replace(result, notes=[*result.notes, *why_not.why_no_run(session, row, event)])


def _dry_run(session: Transaction, who: Identity, row: Rule, data: dict[str, Any], *, event: Event) -> DryRun:
    said = partial(why_not.explain, session, row, data, event=event)
    if data["trigger"] != event.kind:
        return DryRun("trigger", notes=said(reason="trigger"))
    if not matches_trigger(row.agent_id, row.id, data, event=event):
        return DryRun("agent", notes=said(reason="agent"))
    own = fact_snapshots.fact_catalogue(session, who.tenant_id)
    facts = fact_snapshots.event_facts(event, reference_names.ReferenceNames(session, who.tenant_id))
    verdict = evaluate_rule(
        rule_evaluation.cached_rule(row.id, data),
        facts,
        own,
        event.at,
        depth=event.depth,
        prior_runs=lambda: rule_evaluation.prior_runs(session, row, event, zone=facts.zone),
    )
    told = _preview_actions(session, row, event, listed=data["actions"]) if verdict.fires else []
    notes = said(reason=verdict.reason)
    return DryRun(verdict.reason.value, verdict.proof.as_json(), verdict.changes_as_json(), told, notes)


def dry_run_message(session: Transaction, who: Identity, rule_id: str, text: str, *, lead_id: str = "") -> DryRun:
    """Return what a draft would do if a contact wrote this text now, or if its trigger happened for a lead."""
    row = rules.DEFINITIONS.get(session, who, rule_id)
    lead = leads.get(session, who, lead_id) if lead_id else None
    event = Event(tenant_id=who.tenant_id, kind=EventKind(row.draft["trigger"]), after={"text": text[:2_000]})
    event.agent_id = row.agent_id
    if lead is not None:
        event.lead_id, event.contact_id = lead.id, lead.contact_id
    event.after |= {"rule_id": row.id, "minutes": row.draft["minutes"], "tag": text[:60]}
    event.after["webhook_id"] = row.draft.get("webhook_id", "")
    event.facts = fact_snapshots.snapshot(session, event)
    return _dry_run(session, who, row, row.draft, event=event)


def _preview_actions(
    session: Transaction, row: Rule, event: Event, *, listed: list[dict[str, Any]]
) -> list[ActionPreview]:
    context = ActionContext(session, rule_runs.acting_identity(session, row), event, fact_snapshots.event_facts(event))
    words = UnknownAnswer(translate(context.facts.language, NOT_KNOWN))
    unknown: dict[str, object] = {"status": words, "answer": words}
    previews: list[ActionPreview] = []
    sent: list[datetime] = []  # by the actions before
    for data in listed:
        kind = str(data.get("kind"))
        if is_off(data):
            previews.append(ActionPreview(kind, "", {}, True, is_off=True))
            continue
        try:
            action = actions.parse_action(data)
            plan = action.plan(context)
            if action.is_answered:
                context = replace(context, facts=replace(context.facts, answers=unknown))
            gate = _foresee(session, row, plan, sent)
            previews.append(ActionPreview(kind, plan.sentence, plan.values, True, gate))
        except PlatformError as error:
            values = {name: str(value) for name, value in error.values.items()}
            previews.append(ActionPreview(kind, error.sentence, values, False))
            break  # later actions would not run
    return previews


def _foresee(session: Transaction, row: Rule, plan: ActionPlan, sent: list[datetime]) -> dict[str, Any]:
    """Return the send gate's decision on a plan as JSON, and add to `sent` what it would let through."""
    if plan.message is None:
        return {}
    decision = automatic_messages.foresee(session, row.tenant_id, plan.message, at=now(), sent=sent)
    if decision.sends and plan.message.outbound.is_counted:
        sent.append(now())
    return decision.as_json()
