"""Sequence backtest: simulates drafts of sequences on past events, without effects."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import col

from platform_app import fact_snapshots
from platform_app.automation.evaluation import Proof, evaluate
from platform_app.automation.facts import Catalogue, Facts
from platform_app.automation.rules import MAX_CHAIN_DEPTH
from platform_app.automation.sequences import CompiledSequence, ReEnrollment
from platform_app.automation.simulation import SimulatedEvent, Simulation, SimulationContext, SimulationEnd, simulate
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.engine.actions.concurrency_limit import one_at_a_time
from platform_app.engine.actions.past_windows import PastWindows
from platform_app.engine.actions.send_forecasts import SendForecasts
from platform_app.engine.enrollments import enrollment_progress
from platform_app.engine.event_matching import matches_trigger
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.engine.sequences.step_gates import StepGates
from platform_app.errors import Conflict, Invalid
from platform_app.events import subject_of
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.models.sequence import Sequence as SequenceRow
from platform_app.services.feed import event_log

MAX_SAMPLES = 15
MAX_ENROLLMENTS = 5_000  # simulated enrollments
_MAX_EVENTS = 400  # events per subject


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
    held: Counter[str] = field(default_factory=Counter)  # messages that the send gate would hold or drop, by reason
    steps: Counter[str] = field(default_factory=Counter)  # how often each step would have been taken by now
    samples: list[PastEnrollment] = field(default_factory=list)


@dataclass(frozen=True)
class _Past:
    """What a backtest knows: the facts that there are, the send gate, and when enrollments ended, by subject."""

    catalogue: Catalogue
    forecasts: SendForecasts
    windows: PastWindows
    ends: dict[str, datetime | None] = field(default_factory=dict)


@one_at_a_time
def backtest(session: Transaction, who: Identity, sequence_id: str, *, days: int) -> SequenceBacktest:
    """Simulate a draft on the last days' events. Raises Invalid for wrong days, Conflict if it starts by hand."""
    if not 1 <= days <= 366:
        raise Invalid("Choose a number of days from 1 to {count}.", field="days", count=366)
    row = DEFINITIONS.get(session, who, sequence_id)
    if row.draft["trigger"] == EventKind.MANUAL:
        raise Conflict("Choose an event with which the sequence begins: by hand there is no past to try it on.")
    compiled, result = (
        enrollment_progress.cached_sequence(row.id, row.draft),
        SequenceBacktest(now() - timedelta(days=days)),
    )
    past = _Past(
        fact_snapshots.fact_catalogue(session, who.tenant_id), SendForecasts(session, who), PastWindows(session, who)
    )
    for event in event_log.iterate_events(session, who, [row.draft["trigger"]], after=result.since):
        if not matches_trigger(row.agent_id, row.id, row.draft, event=event):
            continue
        result.events += 1
        proof = evaluate(compiled.entry, fact_snapshots.event_facts(event), past.catalogue, event.at)
        why = _refusal(compiled, event, proof, past.ends)
        if why:
            result.refused[why] += 1
        elif result.entered >= MAX_ENROLLMENTS:
            break
        else:
            _simulate_past(session, who, row, compiled, event=event, past=past, result=result)
    return result


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
    past: _Past,
    result: SequenceBacktest,
) -> None:
    """Simulate the enrollment of a past subject, with its later events."""
    subject = enrollment_progress.event_subject(session, event)
    later = _subject_events(session, who, subject, event)
    happens = [
        SimulatedEvent(
            follower.at, follower.kind == EventKind.MESSAGE_RECEIVED, follower.kind == EventKind.STAGE_CHANGED
        )
        for follower in later[1:]
        if follower.origin_id is None or follower.origin_id != event.origin_id
    ]
    replies = [happening.at for happening in happens if happening.is_reply]
    window = past.windows.at(event.conversation_id, event.at)
    gates = StepGates(past.forecasts, compiled, subject.contact_id or subject.id, replies=replies, window=window)
    context = SimulationContext(
        enrollment_progress.calendar_for(session, who.tenant_id, subject.contact_id),
        past.catalogue,
        _facts_of(later),
        happens,
        gate=gates.decide,
        waits_for_gate=gates.waiting,
    )
    enrollment = simulate(compiled, event.at, f"{row.id}:{subject.id}", context)
    past.ends[subject.id] = enrollment.ended_at
    result.entered += 1
    is_over = enrollment.ended_at is not None and enrollment.ended_at <= now()
    result.ends[enrollment.end.value if is_over or enrollment.end == SimulationEnd.NEVER else "on the way"] += 1
    result.steps.update(line.step_id for line in enrollment.steps if line.at <= now() and not line.decision.is_skipped)
    result.held.update(line.gate.reason.value for line in enrollment.steps if line.gate.reason and line.at <= now())
    result.samples = [*result.samples[-(MAX_SAMPLES - 1) :], PastEnrollment(event.id, subject.id, event.at, enrollment)]


def _facts_of(events: list[Event]) -> Callable[[datetime], Facts]:
    """Return a function from moment to facts: those stored with the last event before it, with the clock of then."""
    moments, snapshots = (
        [past_event.at for past_event in events],
        [fact_snapshots.event_facts(past_event) for past_event in events],
    )

    def facts(at: datetime) -> Facts:
        base = snapshots[max(0, bisect_right(moments, at) - 1)]
        return Facts(
            dict(base.values) | fact_snapshots.clock_facts(at, base.zone), zone=base.zone, language=base.language
        )

    return facts


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
    later_events = session.exec(query.order_by(col(Event.at), col(Event.id)).limit(_MAX_EVENTS)).all()
    return [event, *later_events]
