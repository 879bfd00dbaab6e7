"""Demo runs: what the rules of the demo did with the messages that were received since they were published."""

from datetime import datetime, timedelta

from sqlmodel import col

from platform_app import fact_snapshots
from platform_app.automation.facts import Catalogue
from platform_app.automation.rules import PriorRuns, compile_rule, evaluate_rule
from platform_app.db import Transaction, owned
from platform_app.events import subject_of
from platform_app.models.conversation import Conversation, Message, Origin
from platform_app.models.event import Activity, ActivityKind, Event, EventKind
from platform_app.models.person import Identity
from platform_app.models.rule import Rule, RuleRun, RunState

_ACTION_MS = 12
_DONE = {"send_message": "Send “{text}”", "hand_off": "Hand off to a person"}  # what the run log says of an action


def write(session: Transaction, who: Identity, rules: list[Rule], since: datetime) -> None:
    """Write a run of each rule about messages for each message received since `since`, with its proof."""
    catalogue = fact_snapshots.fact_catalogue(session, who.tenant_id)
    listening = [rule for rule in rules if rule.trigger == EventKind.MESSAGE_RECEIVED]
    talks = owned(Conversation, who.tenant_id).where(col(Conversation.is_demo).is_(True))
    events = owned(Event, who.tenant_id).where(
        Event.kind == EventKind.MESSAGE_RECEIVED,
        Event.at >= since,
        col(Event.conversation_id).in_(talks.with_only_columns(Conversation.id)),
    )
    for event in session.exec(events.order_by(Event.at, Event.id)).all():
        for place, rule in enumerate(listening):
            _write_run(session, rule, event, catalogue, place=place)


def _write_run(session: Transaction, rule: Rule, event: Event, catalogue: Catalogue, *, place: int) -> None:
    facts = fact_snapshots.event_facts(event)
    verdict = evaluate_rule(
        compile_rule(rule.published), facts, catalogue, event.at, depth=event.depth, prior_runs=PriorRuns
    )
    run = RuleRun(
        tenant_id=rule.tenant_id,
        rule_id=rule.id,
        event_id=event.id,
        version=rule.published_number,
        place=place,
        at=event.at,
        subject_id=subject_of(event),
        state=RunState.DONE if verdict.fires else RunState(verdict.reason.value),
        fired=verdict.fires,
        proof=verdict.proof.as_json(),
        change=verdict.changes_as_json(),
        created_at=event.at,
        finished_at=event.at + timedelta(milliseconds=40),
    )
    session.add(run)
    if verdict.fires:
        _finish(session, rule, run, event)


def _finish(session: Transaction, rule: Rule, run: RuleRun, event: Event) -> None:
    """Add what the actions of a run did, and its activity; the message that it sent is there already."""
    sent = owned(Message, rule.tenant_id).where(
        Message.conversation_id == event.conversation_id, Message.origin == Origin.RULE
    )
    for message in session.exec(sent).all():
        message.run_id, message.cause_id, message.depth = run.id, event.id, 1
    for action in rule.published["actions"]:
        done = {"kind": action["kind"], "state": RunState.DONE.value, "ms": _ACTION_MS}
        values = {"text": action["text"]} if "text" in action else {}
        run.actions = [*run.actions, done | {"sentence": _DONE[action["kind"]], "values": values}]
    run.milliseconds = _ACTION_MS * len(run.actions)
    told = Activity(
        tenant_id=rule.tenant_id,
        at=event.at,
        created_at=event.at,
        kind=ActivityKind.RULE,
        sentence="Rule “{name}” ran",
        values={"actor": rule.name, "name": rule.name, "reason": ""},
        actor=rule.name,
        agent_id=rule.agent_id,
        event_id=event.id,
        link=f"/rules/runs/{run.id}",
        is_demo=True,
    )
    session.add(told)
