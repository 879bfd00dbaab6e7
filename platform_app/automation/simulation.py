"""Simulation: a way through a sequence as a pure function: when each step would be taken, and why then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from platform_app.automation.calendar import Calendar, WaitReason
from platform_app.automation.conditions import Group
from platform_app.automation.evaluation import Proof, evaluate
from platform_app.automation.facts import Catalogue, Facts
from platform_app.automation.sequences import Compiled
from platform_app.automation.step_base import Decision, Go, Look
from platform_app.automation.steps import decide


@dataclass(frozen=True)
class Happening:
    """Something that happens on the way: a reply, a change of stage, or a change of what is known."""

    at: datetime
    is_reply: bool = False
    is_stage: bool = False


class End(StrEnum):
    """How a way ends."""

    FINISHED = "finished"
    GOAL = "goal"
    REPLIED = "replied"
    STAGE = "stage"
    CONDITION = "condition"
    AWAITED = "awaited"
    NEVER = "never"  # the window of a step never opens


@dataclass(frozen=True)
class Line:
    """A step on the way: when it would be taken, what was waited for, and what was decided."""

    step_id: str
    at: datetime
    waits: list[tuple[WaitReason, datetime]]
    decision: Decision


@dataclass
class Simulated:
    """A way from its beginning to its end."""

    lines: list[Line] = field(default_factory=list)
    end: End = End.FINISHED
    ended_at: datetime | None = None
    stopped_before: str = ""  # the step that would have come next
    proof: Proof | None = None  # of a condition that ended it

    def stop(self, end: End, at: datetime | None, before: str = "", proof: Proof | None = None) -> "Simulated":
        """Note how it ends."""
        self.end, self.ended_at, self.stopped_before, self.proof = end, at, before, proof
        return self


@dataclass(frozen=True)
class World:
    """What a simulation goes by: the calendar, what is known at each moment, and what happens, in order."""

    calendar: Calendar
    known: Catalogue
    facts: Callable[[datetime], Facts]
    happens: Sequence[Happening] = ()


def simulate(made: Compiled, entered: datetime, key: str, world: World) -> Simulated:
    """Return the way of somebody who enters at a moment; `key` decides into which part of a split they come."""
    found, step_id, arrived = Simulated(), made.first, entered
    while step_id:
        due = made.due(step_id, arrived, world.calendar)
        if due.at is None:
            return found.stop(End.NEVER, None, step_id)
        if ended := _ends(made, world, entered, due.at):
            return found.stop(*ended[:2], step_id, ended[2])
        at, decision = due.at, _decide(made, step_id, due.at, key=key, world=world, since=due.at)
        if decision.go == Go.WAIT and decision.until is not None:
            ended, at, decision = _wait(made, step_id, due.at, key=key, world=world, until=decision.until)
            if ended:
                return found.stop(*ended[:2], step_id, ended[2])
        found.lines.append(Line(step_id, at, due.waits, decision))
        if decision.go == Go.LEAVE:
            return found.stop(End.AWAITED, at)
        step_id, arrived = made.after(step_id, decision.branch), at
    return found.stop(End.FINISHED, arrived)


_Ending = tuple[End, datetime, Proof | None]


def _ends(made: Compiled, world: World, since: datetime, until: datetime) -> _Ending | None:
    """Return how the way ends between two moments, at what happens or, at the latter, by what is known."""
    own = made.definition
    for one in world.happens:
        if not since < one.at <= until:
            continue
        if one.is_reply and own.leave_on_reply:
            return End.REPLIED, one.at, None
        if one.is_stage and own.leave_on_stage:
            return End.STAGE, one.at, None
        if ended := _weighed(made, world, one.at):
            return ended
    return _weighed(made, world, until)


def _weighed(made: Compiled, world: World, at: datetime) -> _Ending | None:
    for end, tree in ((End.GOAL, made.goal), (End.CONDITION, made.leave_if)):
        if tree.of and (proof := _proof(tree, world, at)).holds:
            return end, at, proof
    return None


def _proof(tree: Group, world: World, at: datetime) -> Proof:
    return evaluate(tree, world.facts(at), world.known, at)


def _decide(
    made: Compiled, step_id: str, at: datetime, *, key: str, world: World, since: datetime, is_met: bool = False
) -> Decision:
    return decide(made.steps[step_id], Look(world.facts(at), world.known, at, key, since, is_met))


def _wait(
    made: Compiled, step_id: str, since: datetime, *, key: str, world: World, until: datetime
) -> tuple[_Ending | None, datetime, Decision]:
    """Wait at a step until something that happens meets it, or its time is over."""
    for one in world.happens:
        if since < one.at < until:
            if ended := _ends(made, world, since, one.at):
                return ended, one.at, Decision(Go.LEAVE)
            decision = _decide(made, step_id, one.at, key=key, world=world, since=since)
            if decision.go != Go.WAIT:
                return None, one.at, decision
    ended = _ends(made, world, since, until)
    return ended, until, _decide(made, step_id, until, key=key, world=world, since=since)
