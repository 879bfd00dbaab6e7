"""Sequence trial: simulates drafts of sequences for one subject, without effects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from platform_app import fact_snapshots
from platform_app.automation.facts import Facts, NamedValue
from platform_app.automation.sequences import exits_at_entry
from platform_app.automation.simulation import SimulatedEvent, Simulation, SimulationContext, simulate
from platform_app.db import Transaction, owned
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_context import ActionContext
from platform_app.engine.actions.send_forecasts import SendForecasts
from platform_app.engine.enrollments import enrollment_progress
from platform_app.engine.rules import rule_runs
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.engine.sequences.step_gates import StepGates
from platform_app.errors import Invalid, PlatformError
from platform_app.models.crm import Stage
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity


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
    stages = {at + event.after: _get_stage(session, who, event.stage_id) for event in assumed if event.stage_id}
    context = SimulationContext(
        enrollment_progress.calendar_for(session, who.tenant_id, subject.contact_id),
        fact_snapshots.fact_catalogue(session, who.tenant_id),
        _facts_over_time(base, stages),
    )
    action_context = ActionContext(session, rule_runs.acting_identity(session, row), event, base)
    replies = [at + event.after for event in assumed if event.kind == "reply"]
    gates = StepGates(SendForecasts(session, who), compiled, subject.contact_id or subject.id, replies=replies)
    if subject.id:
        gates.read_contexts(action_context)
    context = replace(context, events=_simulated_events(assumed, at), gate=gates.decide, waits_for_gate=gates.waiting)
    trial = SequenceTrial(simulate(compiled, at, f"{row.id}:{subject.id or 'nobody'}", context))
    trial.exits_at_entry = bool(subject.id) and exits_at_entry(compiled, context.facts(at), context.known, at)
    for line in trial.simulation.steps:
        action = getattr(compiled.steps[line.step_id], "action", None)
        if action and not line.decision.is_skipped:
            trial.previews[line.step_id] = _preview_action(action_context, action)
    return trial


def _simulated_events(assumed: Sequence[AssumedEvent], at: datetime) -> list[SimulatedEvent]:
    """Return assumed events as those of a simulation that begins at a moment, in their order."""
    events = [SimulatedEvent(at + event.after, event.kind == "reply", event.kind == "stage") for event in assumed]
    return sorted(events, key=lambda event: event.at)


def _get_stage(session: Transaction, who: Identity, stage_id: str) -> NamedValue:
    row: Stage | None = session.exec(owned(Stage, who.tenant_id).where(Stage.id == stage_id)).first()
    if row is None:
        raise Invalid("Stage not found.", field="stage")
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
