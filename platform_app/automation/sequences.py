"""Sequences: definitions of sequences and the order of their steps, without clock or database."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from platform_app.automation.calendar import Calendar, DueTime, due_time
from platform_app.automation.conditions import Condition, Group, Match, parse_conditions
from platform_app.automation.evaluation import evaluate
from platform_app.automation.facts import Catalogue, Facts
from platform_app.automation.step_base import Step
from platform_app.automation.steps import parse_steps
from platform_app.errors import Invalid
from platform_app.form_fields import Control, form_fields, form_info

_DRAWN = form_info(control=Control.CUSTOM)


class ReEnrollment(StrEnum):
    """Whether a subject can be enrolled again."""

    NEVER = "never"
    FINISHED = "finished"  # when the enrollment has ended
    ALWAYS = "always"  # also while enrolled, which starts again


class OverduePolicy(StrEnum):
    """What happens to steps that became due while no worker ran."""

    SPREAD = "spread"  # they are taken one after another, within their windows
    SKIP = "skip"


class SequenceDefinition(BaseModel):
    """The definition of a sequence."""

    trigger: str = Field(  # a kind of event; manual: by hand and by rules alone
        default="manual", title="Trigger", max_length=40, json_schema_extra=_DRAWN
    )
    minutes: int = Field(  # of no_reply: minutes without an answer
        default=30, title="Minutes without a reply", ge=1, le=60 * 24 * 30, json_schema_extra=_DRAWN
    )
    condition: dict[str, Any] = Field(default_factory=dict, title="Condition", json_schema_extra=_DRAWN)
    leave_on_reply: bool = Field(default=True, title="Leave when they reply", json_schema_extra=_DRAWN)
    leave_on_stage: bool = Field(default=False, title="Leave when the stage changes", json_schema_extra=_DRAWN)
    leave_if: dict[str, Any] = Field(default_factory=dict, title="Exit when", json_schema_extra=_DRAWN)
    goal: dict[str, Any] = Field(default_factory=dict, title="Goal", json_schema_extra=_DRAWN)
    again: ReEnrollment = Field(
        default=ReEnrollment.FINISHED,
        title="Re-enrollment",
        json_schema_extra=form_info(
            options={
                "never": "Only once",
                "finished": "After finishing",
                "always": "Any time (restarts from step 1)",
            }
        ),
    )
    late: OverduePolicy = Field(
        default=OverduePolicy.SPREAD,
        title="Late steps",
        description="Steps more than 15 minutes late",
        json_schema_extra=form_info(options={"spread": "Run them gradually", "skip": "Skip them"}),
    )
    pace: int = Field(  # of SPREAD
        default=10, title="Late steps per minute", ge=1, le=600, json_schema_extra=form_info(problem="Enter a number.")
    )
    steps: list[dict[str, Any]] = Field(default_factory=list, title="Steps", json_schema_extra=_DRAWN)


SEQUENCE_FORM = form_fields(SequenceDefinition)


@dataclass(frozen=True)
class CompiledSequence:
    """A definition with its steps by id and their successors."""

    definition: SequenceDefinition
    entry: Group
    leave_if: Group
    goal: Group
    first_step_id: str  # id; empty: there are no steps
    steps: dict[str, Step] = field(default_factory=dict)
    next_step_ids: dict[str, str] = field(default_factory=dict)  # once a step and its branches are over
    branch_step_ids: dict[tuple[str, str], str] = field(default_factory=dict)  # the first step of a branch

    def next_step_id(self, step_id: str, branch: str = "") -> str:
        """Return the id of the next step, or of the first of a branch; "" at the end."""
        return self.branch_step_ids.get((step_id, branch)) or self.next_step_ids.get(step_id, "")

    def due_time(self, step_id: str, arrived: datetime, calendar: Calendar) -> DueTime:
        """Return when a step is due that was reached at `arrived`."""
        return due_time(self.steps[step_id].timing, arrived, calendar)


def exits_at_entry(compiled: CompiledSequence, facts: Facts, catalogue: Catalogue, moment: datetime) -> bool:
    """Return whether an exit or the goal is met already, so that the enrollment would end at once.

    A condition describes a state, not an event, so it applies from the entry on.
    """
    return any(
        tree.of and evaluate(tree, facts, catalogue, moment).holds for tree in (compiled.goal, compiled.leave_if)
    )


def is_implied(condition: Group, entry: Group) -> bool:
    """Return whether a condition is met whenever another is, as far as their parts alone show."""
    return bool(condition.of) and _is_implied(condition, _implied_conditions(entry))


def _implied_conditions(entry: Group) -> set[Condition]:
    """Return the conditions that are met whenever a group is."""
    conditions: set[Condition] = set()
    if entry.match == Match.ALL or (entry.match == Match.ANY and len(entry.of) == 1):
        for part in entry.of:
            conditions |= _implied_conditions(part) if isinstance(part, Group) else {_hashable(part)}
    return conditions


def _is_implied(node: Condition | Group, sure: set[Condition]) -> bool:
    if isinstance(node, Condition):
        return _hashable(node) in sure
    if node.match == Match.NONE:
        return not node.of
    return (all if node.match == Match.ALL else any)(_is_implied(part, sure) for part in node.of) or not node.of


def _hashable(leaf: Condition) -> Condition:
    """Return a condition that can be an element of a set."""
    value = leaf.value if isinstance(leaf.value, str) else "\x00".join(sorted(leaf.value))
    return Condition(fact=leaf.fact, operator=leaf.operator, value=value)


def parse_sequence(data: dict[str, Any]) -> SequenceDefinition:
    """Return a definition from JSON values. Raises Invalid if it cannot be parsed."""
    try:
        return SequenceDefinition.model_validate(data)
    except ValidationError as error:
        raise Invalid("The sequence can’t be read.") from error


def compile_sequence(data: dict[str, Any]) -> CompiledSequence:
    """Return a compiled sequence. Raises Invalid if it cannot be parsed."""
    own = parse_sequence(data)
    steps = parse_steps(own.steps)
    compiled = CompiledSequence(
        own,
        parse_conditions(own.condition),
        parse_conditions(own.leave_if),
        parse_conditions(own.goal),
        first_step_id=str(steps[0].id) if steps else "",
    )
    for step_id, step, then in _with_next_step(steps, ""):
        compiled.steps[step_id], compiled.next_step_ids[step_id] = step, then
        for name, inner in step.branches().items():
            if inner:
                compiled.branch_step_ids[step_id, name] = inner[0].id
    return compiled


def _with_next_step(steps: list[Any], then: str) -> Iterator[tuple[str, Step, str]]:
    """Yield each step with the id of the one that follows it and its branches."""
    for place, step in enumerate(steps):
        following = steps[place + 1].id if place + 1 < len(steps) else then
        yield step.id, step, following
        for inner in step.branches().values():
            yield from _with_next_step(inner, following)
