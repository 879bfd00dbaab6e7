"""Steps: every kind of step of a sequence, and how a list of steps is read.

A step is one class: its label, what it takes, and what is decided at it. The first line of the docstring is its name in
the builder; each field says how it is entered.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, TypeAdapter, ValidationError

from platform_app.automation.conditions import parse_conditions
from platform_app.automation.evaluation import evaluate
from platform_app.automation.input_fields import input_field
from platform_app.automation.step_base import Step, StepContext, StepDecision, StepInput, StepOutcome
from platform_app.automation.values import parse_duration
from platform_app.errors import Invalid

MAX_STEPS = 60  # steps of a sequence
MAX_BRANCH_DEPTH = 4  # branches within branches
DEFAULT_WAIT = "3 days"


def _parse_step(data: Any) -> Any:
    """Return a step from JSON values, of the class that its kind names. Raises ValueError if the kind is unknown."""
    if isinstance(data, Step):
        return data
    kind = STEPS.get(str(data.get("kind"))) if isinstance(data, dict) else None
    if kind is None:
        raise ValueError("unknown kind of step")
    return kind.model_validate(data)


AnyStep = Annotated[SerializeAsAny[Step], BeforeValidator(_parse_step)]


class ActionStep(Step):
    """Actions"""

    kind: Literal["do"] = "do"
    action: dict[str, Any] = input_field("What is completed", StepInput.ACTION, default={})

    def decide(self, context: StepContext) -> StepDecision:
        """Decide to run the action."""
        return StepDecision(StepOutcome.RUN_ACTION)


class ConditionStep(Step):
    """Branch by condition"""

    icon: ClassVar[str] = "split"
    sentence: ClassVar[str] = "If {condition}"
    branch_labels: ClassVar[Mapping[str, str]] = {"yes": "Yes", "no": "No"}
    kind: Literal["fork"] = "fork"
    condition: dict[str, Any] = input_field("If", StepInput.CONDITION, default={})
    yes: list[AnyStep] = Field(default_factory=list)
    no: list[AnyStep] = Field(default_factory=list)

    def branches(self) -> Mapping[str, list[Any]]:
        """Return the steps of the branches "yes" and "no"."""
        return {"yes": self.yes, "no": self.no}

    def decide(self, context: StepContext) -> StepDecision:
        """Choose the branch by the condition."""
        proof = evaluate(parse_conditions(self.condition), context.facts, context.known, context.moment)
        return StepDecision(StepOutcome.CONTINUE, "yes" if proof.holds else "no", proof)


class WaitStep(Step):
    """Wait for condition"""

    icon: ClassVar[str] = "hourglass"
    sentence: ClassVar[str] = "Wait until {condition}"
    waits_for_event: ClassVar[bool] = True
    kind: Literal["await"] = "await"
    condition: dict[str, Any] = input_field("Until", StepInput.CONDITION, default={})
    at_most: str = input_field("Up to", StepInput.SPAN, default=DEFAULT_WAIT)
    then: Literal["on", "leave"] = input_field(
        "If it times out",
        StepInput.CHOICE,
        default="on",
        options={"on": "Continue", "leave": "They leave the sequence"},
    )

    def decide(self, context: StepContext) -> StepDecision:
        """Continue if the condition is met, else wait until the time is over."""
        proof = evaluate(parse_conditions(self.condition), context.facts, context.known, context.moment)
        if proof.holds or context.is_met:
            return StepDecision(StepOutcome.CONTINUE, proof=proof)
        end = context.due_since + (parse_duration(self.at_most) or timedelta(0))
        if context.moment < end:
            return StepDecision(StepOutcome.WAIT, proof=proof, until=end)
        return StepDecision(StepOutcome.CONTINUE if self.then == "on" else StepOutcome.LEAVE, proof=proof)


class SplitStep(Step):
    """A/B split"""

    icon: ClassVar[str] = "dices"
    sentence: ClassVar[str] = "{percent}% to variant A"
    branch_labels: ClassVar[Mapping[str, str]] = {"a": "Part A", "b": "Part B"}
    kind: Literal["split"] = "split"
    percent: int = input_field("Variant A, %", StepInput.PERCENT, default=50)
    a: list[AnyStep] = Field(default_factory=list)
    b: list[AnyStep] = Field(default_factory=list)

    def branches(self) -> Mapping[str, list[Any]]:
        """Return the steps of the branches "a" and "b"."""
        return {"a": self.a, "b": self.b}

    def decide(self, context: StepContext) -> StepDecision:
        """Choose the branch by a hash, so that a subject always takes the same one."""
        digest = hashlib.sha256(f"{self.id}:{context.key}".encode()).digest()
        return StepDecision(
            StepOutcome.CONTINUE, "a" if int.from_bytes(digest[:8], "big") % 100 < self.percent else "b"
        )


STEPS: dict[str, type[Step]] = {
    kind.model_fields["kind"].default: kind
    for kind in list(vars().values())
    if isinstance(kind, type) and issubclass(kind, Step) and kind is not Step
}
_adapter: TypeAdapter[list[AnyStep]] = TypeAdapter(list[AnyStep])


def parse_steps(data: list[dict[str, Any]]) -> list[Step]:
    """Return steps from JSON values. Raises Invalid if a kind is unknown, or there are too many or too deep."""
    try:
        steps = _adapter.validate_python(data)
    except (ValidationError, RecursionError) as error:
        raise Invalid("A step can’t be read.") from error
    every = list(walk(steps))
    if len(every) > MAX_STEPS:
        raise Invalid("You can add up to {count} steps.", count=MAX_STEPS)
    if any(depth > MAX_BRANCH_DEPTH for _, depth, _ in every):
        raise Invalid("Branches can be nested up to {count} levels.", count=MAX_BRANCH_DEPTH)
    if len({step.id for step, _, _ in every}) != len(every):
        raise Invalid("A step can’t be read.")
    return steps


def running_steps(steps: list[Any]) -> Iterator[Step]:
    """Yield the steps that are not turned off, nor in a branch of one that is."""
    for step in steps:
        if not step.off:
            yield step
            for inner in step.branches().values():
                yield from running_steps(inner)


def label(kind: str) -> str:
    """Return the label of a kind of step, as a message id."""
    return (STEPS[kind].__doc__ or "").split("\n")[0]


def walk(steps: list[Any], depth: int = 0, path: str = "") -> Iterator[tuple[Any, int, str]]:
    """Yield every step with its depth and the path of branches to it, in the order of the page."""
    for step in steps:
        yield step, depth, path
        for name, inner in step.branches().items():
            yield from walk(inner, depth + 1, f"{path}/{step.id}.{name}")


def decide(step: Step, context: StepContext) -> StepDecision:
    """Return the decision at a step; one that is turned off or whose condition is not met is skipped."""
    if step.off:
        return StepDecision(StepOutcome.CONTINUE, is_skipped=True, is_off=True)
    if step.only_if:
        proof = evaluate(parse_conditions(step.only_if), context.facts, context.known, context.moment)
        if not proof.holds:
            return StepDecision(StepOutcome.CONTINUE, "", proof, is_skipped=True)
        decision = step.decide(context)
        return decision if decision.proof is not None else StepDecision(decision.outcome, decision.branch, proof)
    return step.decide(context)
