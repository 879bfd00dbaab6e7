"""Sequence trial: simulates drafts of sequences for one subject, and on past events, without effects."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col

from platform_app import fact_snapshots
from platform_app.automation.evaluation import Proof, evaluate
from platform_app.automation.facts import Catalogue, Facts, NamedValue
from platform_app.automation.rules import MAX_CHAIN_DEPTH
from platform_app.automation.sequences import CompiledSequence, ReEnrollment, exits_at_entry
from platform_app.automation.simulation import SimulatedEvent, Simulation, SimulationContext, SimulationEnd, simulate
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_context import ActionContext
from platform_app.engine.actions.concurrency_limit import one_at_a_time
from platform_app.engine.enrollments import enrollment_progress
from platform_app.engine.event_matching import matches_trigger
from platform_app.engine.rules import rule_runs
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.errors import Conflict, Invalid, PlatformError
from platform_app.events import subject_of
from platform_app.models.crm import Stage
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.models.sequence import Sequence as SequenceRow
from platform_app.services.feed import event_log

MAX_SAMPLES = 15
MAX_ENROLLMENTS = 5_000  # simulated enrollments
_MAX_EVENTS = 400  # events per subject


@dataclass(frozen=True)
class AssumedEvent:
    """An event that is assumed to happen some time after the entry."""

    after: timedelta
    kind: str  # "reply" or "stage"
    stage_id: str = ""


@dataclass
class SequenceTrial:
    """A simulated enrollment, with previews of its actions by step."""

    simulation: Simulation
    exits_at_entry: bool = False  # an exit or the goal is met at the entry
    previews: dict[str, tuple[str, dict[str, str], bool]] = field(default_factory=dict)  # sentence, values, possible


def try_sequence(
    session: Transaction,
    who: Identity,
    sequence_id: str,
    *,
    at: datetime,
    subject_id: str = "",
    assumed: Sequence[AssumedEvent] = (),
) -> SequenceTrial:
    """Simulate a draft for a lead, a contact or an unknown subject. Raises Invalid if it cannot be parsed."""
    row = DEFINITIONS.get(session, who, sequence_id)
    compiled = enrollment_progress.cached_sequence(row.id, row.draft)
    subject = enrollment_progress.get_subject(session, who, subject_id) if subject_id else enrollment_progress.Subject()
    event = Event(tenant_id=who.tenant_id, kind=EventKind.MANUAL, at=at, agent_id=row.agent_id)
    event.lead_id, event.contact_id = subject.lead_id, subject.contact_id
    event.facts = fact_snapshots.snapshot(session, event)
    names = fact_snapshots.entity_names(session, who.tenant_id)
    base = fact_snapshots.event_facts(event, names)
    happens = sorted(
        (SimulatedEvent(at + one.after, one.kind == "reply", one.kind == "stage") for one in assumed), key=_at
    )
    stages = {at + one.after: _get_stage(session, who, one.stage_id) for one in assumed if one.stage_id}
    context = SimulationContext(
        enrollment_progress.calendar_for(session, who.tenant_id, subject.contact_id),
        fact_snapshots.fact_catalogue(session, who.tenant_id),
        _facts_over_time(base, stages),
    )
    context = SimulationContext(context.calendar, context.known, context.facts, happens)
    found = SequenceTrial(simulate(compiled, at, f"{row.id}:{subject.id or 'nobody'}", context))
    found.exits_at_entry = bool(subject.id) and exits_at_entry(compiled, context.facts(at), context.known, at)
    action_context = ActionContext(session, rule_runs.acting_identity(session, row), event, base)
    for line in found.simulation.steps:
        action = getattr(compiled.steps[line.step_id], "action", None)
        if action and not line.decision.is_skipped:
            found.previews[line.step_id] = _preview_action(action_context, action)
    return found


def _at(one: SimulatedEvent) -> datetime:
    return one.at


def _get_stage(session: Transaction, who: Identity, stage_id: str) -> NamedValue:
    row: Stage | None = session.exec(owned(Stage, who.tenant_id).where(Stage.id == stage_id)).first()
    if row is None:
        raise Invalid("There is no such stage.", field="stage")
    return NamedValue(row.id, row.name)


def _facts_over_time(base: Facts, stages: dict[datetime, NamedValue]) -> Callable[[datetime], Facts]:
    """Return a function from moment to facts: those of now, the clock of then, and assumed stages."""

    def facts(at: datetime) -> Facts:
        values = dict(base.values) | fact_snapshots.clock_facts(at, base.zone)
        for since, stage in sorted(stages.items()):
            if since <= at:
                values["lead.stage"] = stage
        return Facts(values, zone=base.zone, language=base.language, names=base.names)

    return facts


def _preview_action(context: ActionContext, action: dict[str, Any]) -> tuple[str, dict[str, str], bool]:
    try:
        plan = actions.parse_action(action).plan(context)
    except PlatformError as error:
        return error.sentence, {name: str(value) for name, value in error.values.items()}, False
    return plan.sentence, plan.values, True


@dataclass(frozen=True)
class PastEnrollment:
    """A past event that would have enrolled its subject, and the simulated enrollment."""

    event_id: str
    subject_id: str
    at: datetime
    simulation: Simulation


@dataclass
class SequenceBacktest:
    """What a draft would have done with the events of a period."""

    since: datetime
    events: int = 0
    entered: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by EntryResult
    ends: Counter[str] = field(default_factory=Counter)  # by SimulationEnd; "on the way" if not ended by now
    steps: Counter[str] = field(default_factory=Counter)  # how often each step would have been taken by now
    samples: list[PastEnrollment] = field(default_factory=list)


@one_at_a_time
def backtest(session: Transaction, who: Identity, sequence_id: str, *, days: int) -> SequenceBacktest:
    """Simulate a draft on the last days' events. Raises Invalid for wrong days, Conflict if it starts by hand."""
    if not 1 <= days <= 366:
        raise Invalid("Choose between 1 and {count} days.", field="days", count=366)
    row = DEFINITIONS.get(session, who, sequence_id)
    if row.draft["trigger"] == EventKind.MANUAL:
        raise Conflict("Choose an event with which the sequence begins: by hand there is no past to try it on.")
    compiled, found = (
        enrollment_progress.cached_sequence(row.id, row.draft),
        SequenceBacktest(now() - timedelta(days=days)),
    )
    own, ends = fact_snapshots.fact_catalogue(session, who.tenant_id), dict[str, datetime | None]()
    for event in event_log.iterate_events(session, who, [row.draft["trigger"]], after=found.since):
        if not matches_trigger(row.agent_id, row.id, row.draft, event=event):
            continue
        found.events += 1
        why = _refusal(
            compiled, event, evaluate(compiled.entry, fact_snapshots.event_facts(event), own, event.at), ends
        )
        if why:
            found.refused[why] += 1
        elif found.entered >= MAX_ENROLLMENTS:
            break
        else:
            _simulate_past(session, who, row, compiled, event=event, own=own, ends=ends, found=found)
    return found


def _refusal(compiled: CompiledSequence, event: Event, proof: Proof, ends: dict[str, datetime | None]) -> str:
    subject_id = subject_of(event)
    if not proof.holds:
        return "condition"
    if not subject_id:
        return "nobody"
    if event.depth >= MAX_CHAIN_DEPTH:
        return "too_deep"
    if subject_id in ends and compiled.definition.again != ReEnrollment.ALWAYS:
        end = ends[subject_id]
        if end is None or end > event.at:
            return "inside"
        return "before" if compiled.definition.again == ReEnrollment.NEVER else ""
    return ""


def _simulate_past(
    session: Transaction,
    who: Identity,
    row: SequenceRow,
    compiled: CompiledSequence,
    *,
    event: Event,
    own: Catalogue,
    ends: dict[str, datetime | None],
    found: SequenceBacktest,
) -> None:
    """Simulate the enrollment of a past subject, with its later events."""
    subject = enrollment_progress.event_subject(session, event)
    later = _subject_events(session, who, subject, event)
    moments, snapshots = [one.at for one in later], [fact_snapshots.event_facts(one) for one in later]

    def facts(at: datetime) -> Facts:
        base = snapshots[max(0, bisect_right(moments, at) - 1)]
        return Facts(
            dict(base.values) | fact_snapshots.clock_facts(at, base.zone), zone=base.zone, language=base.language
        )

    happens = [
        SimulatedEvent(one.at, one.kind == EventKind.MESSAGE_RECEIVED, one.kind == EventKind.STAGE_CHANGED)
        for one in later[1:]
        if one.origin_id is None or one.origin_id != event.origin_id
    ]
    context = SimulationContext(
        enrollment_progress.calendar_for(session, who.tenant_id, subject.contact_id), own, facts, happens
    )
    enrollment = simulate(compiled, event.at, f"{row.id}:{subject.id}", context)
    ends[subject.id] = enrollment.ended_at
    found.entered += 1
    is_over = enrollment.ended_at is not None and enrollment.ended_at <= now()
    found.ends[enrollment.end.value if is_over or enrollment.end == SimulationEnd.NEVER else "on the way"] += 1
    found.steps.update(line.step_id for line in enrollment.steps if line.at <= now() and not line.decision.is_skipped)
    found.samples = [*found.samples[-(MAX_SAMPLES - 1) :], PastEnrollment(event.id, subject.id, event.at, enrollment)]


def _subject_events(
    session: Transaction, who: Identity, subject: enrollment_progress.Subject, event: Event
) -> list[Event]:
    """Return an event and the later events of its subject, in order."""
    column, value = next(
        (column, value)
        for column, value in (
            (Event.contact_id, subject.contact_id),
            (Event.lead_id, subject.lead_id),
            (Event.conversation_id, subject.conversation_id),
        )
        if value
    )
    query = owned(Event, who.tenant_id).where(column == value, Event.at >= event.at, Event.id != event.id)
    found = session.exec(query.order_by(col(Event.at), col(Event.id)).limit(_MAX_EVENTS)).all()
    return [event, *found]
