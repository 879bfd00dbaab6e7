"""Simulation: an enrollment as a pure function: when each step would be taken, and why."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from platform_app.automation.calendar import Calendar, WaitReason, next_opening
from platform_app.automation.conditions import Group
from platform_app.automation.evaluation import Proof, evaluate
from platform_app.automation.facts import Catalogue, Facts
from platform_app.automation.send_gate import Decision, Verdict
from platform_app.automation.sequences import CompiledSequence
from platform_app.automation.step_base import StepContext, StepDecision, StepOutcome
from platform_app.automation.steps import decide

MAX_HOLDS = 50  # times that a step is tried again in a simulation


@dataclass(frozen=True)
class SimulatedEvent:
    """An event during the enrollment: a reply, a change of stage, or a change of facts."""

    at: datetime
    is_reply: bool = False
    is_stage: bool = False


class SimulationEnd(StrEnum):
    """How an enrollment ends."""

    FINISHED = "finished"
    GOAL = "goal"
    REPLIED = "replied"
    STAGE = "stage"
    CONDITION = "condition"
    AWAITED = "awaited"
    NEVER = "never"  # the window of a step never opens


@dataclass(frozen=True)
class SimulatedStep:
    """A step: when it would be taken, the reasons for waiting, and the decision."""

    step_id: str
    at: datetime
    waits: list[tuple[WaitReason, datetime]]
    decision: StepDecision
    gate: Decision = Decision()  # of the send gate, on what the step sends


@dataclass
class Simulation:
    """A simulated enrollment from entry to end."""

    steps: list[SimulatedStep] = field(default_factory=list)
    end: SimulationEnd = SimulationEnd.FINISHED
    ended_at: datetime | None = None
    stopped_before: str = ""  # id of the step that would have followed
    proof: Proof | None = None  # of the condition that ended it

    def finish(
        self, end: SimulationEnd, at: datetime | None, before: str = "", proof: Proof | None = None
    ) -> "Simulation":
        """Store how and when the enrollment ends, and return the simulation.

        `before` is the id of the step that is not taken because of it, `proof` that of the exit condition.
        """
        self.end, self.ended_at, self.stopped_before, self.proof = end, at, before, proof
        return self


@dataclass(frozen=True)
class SimulationContext:
    """The inputs of a simulation: the calendar, the facts at each moment, and the events in order."""

    calendar: Calendar
    known: Catalogue
    facts: Callable[[datetime], Facts]
    events: Sequence[SimulatedEvent] = ()
    gate: Callable[[str, datetime], Decision] = lambda step_id, at: Decision()  # on what a step sends at a moment
    waits_for_gate: Collection[str] = ()  # ids of steps at which an enrollment waits for the gate


def simulate(compiled: CompiledSequence, entered_at: datetime, key: str, context: SimulationContext) -> Simulation:
    """Return the simulation of an enrollment at a moment; `key` decides the branch of splits."""
    simulation, step_id, arrived = Simulation(), compiled.first_step_id, entered_at
    while step_id:
        due = compiled.due_time(step_id, arrived, context.calendar)
        if due.at is None:
            return simulation.finish(SimulationEnd.NEVER, None, step_id)
        if ended := _exit_between(compiled, context, entered_at, due.at):
            return simulation.finish(*ended[:2], step_id, ended[2])
        at, decision = due.at, _decide(compiled, step_id, due.at, key=key, context=context, since=due.at)
        if decision.outcome == StepOutcome.WAIT and decision.until is not None:
            ended, at, decision = _wait(compiled, step_id, due.at, key=key, context=context, until=decision.until)
            if ended:
                return simulation.finish(*ended[:2], step_id, ended[2])
        gate, done_at = Decision(), at
        if decision.outcome == StepOutcome.RUN_ACTION and not decision.is_skipped:
            gate, done_at = _pass_gate(compiled, step_id, at, context)
        simulation.steps.append(SimulatedStep(step_id, at, due.waits, decision, gate))
        if done_at > at and (ended := _exit_between(compiled, context, at, done_at)):
            return simulation.finish(*ended[:2], step_id, ended[2])
        at = done_at
        if decision.outcome == StepOutcome.LEAVE:
            return simulation.finish(SimulationEnd.AWAITED, at)
        step_id, arrived = compiled.next_step_id(step_id, decision.branch), at
    return simulation.finish(SimulationEnd.FINISHED, arrived)


def _pass_gate(
    compiled: CompiledSequence, step_id: str, at: datetime, context: SimulationContext
) -> tuple[Decision, datetime]:
    """Return the gate's first decision on a step, and when the enrollment goes on."""
    first = gated = context.gate(step_id, at)
    for _ in range(MAX_HOLDS):
        if gated.verdict != Verdict.HOLD or gated.until is None or step_id not in context.waits_for_gate:
            break
        at = next_opening(compiled.steps[step_id].timing, gated.until, context.calendar) or gated.until
        gated = context.gate(step_id, at)
    return first, at


_Exit = tuple[SimulationEnd, datetime, Proof | None]


def _exit_between(
    compiled: CompiledSequence, context: SimulationContext, since: datetime, until: datetime
) -> _Exit | None:
    """Return the exit between two moments, by an event or, at the end, by facts; None if there is none."""
    own = compiled.definition
    for assumed in context.events:
        if not since < assumed.at <= until:
            continue
        if assumed.is_reply and own.leave_on_reply:
            return SimulationEnd.REPLIED, assumed.at, None
        if assumed.is_stage and own.leave_on_stage:
            return SimulationEnd.STAGE, assumed.at, None
        if ended := _exit_by_condition(compiled, context, assumed.at):
            return ended
    return _exit_by_condition(compiled, context, until)


def _exit_by_condition(compiled: CompiledSequence, context: SimulationContext, at: datetime) -> _Exit | None:
    for end, tree in ((SimulationEnd.GOAL, compiled.goal), (SimulationEnd.CONDITION, compiled.leave_if)):
        if tree.of and (proof := _evaluate(tree, context, at)).holds:
            return end, at, proof
    return None


def _evaluate(tree: Group, context: SimulationContext, at: datetime) -> Proof:
    return evaluate(tree, context.facts(at), context.known, at)


def _decide(
    compiled: CompiledSequence,
    step_id: str,
    at: datetime,
    *,
    key: str,
    context: SimulationContext,
    since: datetime,
    is_met: bool = False,
) -> StepDecision:
    return decide(compiled.steps[step_id], StepContext(context.facts(at), context.known, at, key, since, is_met))


def _wait(
    compiled: CompiledSequence, step_id: str, since: datetime, *, key: str, context: SimulationContext, until: datetime
) -> tuple[_Exit | None, datetime, StepDecision]:
    """Wait at a step until an event meets its condition, or its time is over."""
    for assumed in context.events:
        if since < assumed.at < until:
            if ended := _exit_between(compiled, context, since, assumed.at):
                return ended, assumed.at, StepDecision(StepOutcome.LEAVE)
            decision = _decide(compiled, step_id, assumed.at, key=key, context=context, since=since)
            if decision.outcome != StepOutcome.WAIT:
                return None, assumed.at, decision
    ended = _exit_between(compiled, context, since, until)
    return ended, until, _decide(compiled, step_id, until, key=key, context=context, since=since)
