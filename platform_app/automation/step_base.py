"""Step base: the base class of steps, their decisions, and how their fields are entered."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from platform_app.automation.calendar import Timing
from platform_app.automation.evaluation import Proof
from platform_app.automation.facts import Catalogue, Facts


class StepInput(StrEnum):
    """How a field of a step is entered in the builder."""

    CONDITION = "condition"
    ACTION = "action"
    SPAN = "span"
    PERCENT = "percent"
    CHOICE = "choice"


@dataclass(frozen=True)
class StepContext:
    """The inputs of a step's decision."""

    facts: Facts
    known: Catalogue
    moment: datetime
    key: str  # identifies the subject: the same at every step
    due_since: datetime  # when it was first due
    is_met: bool = False  # the event that the step waits for has happened


class StepOutcome(StrEnum):
    """What happens at a step."""

    CONTINUE = "on"  # to the next step, or into a branch
    RUN_ACTION = "do"  # run the action, then continue
    WAIT = "wait"  # until an event meets the step's condition, at most until a moment
    LEAVE = "leave"


@dataclass(frozen=True)
class StepDecision:
    """The decision at a step, with the proof of its condition, if any."""

    outcome: StepOutcome
    branch: str = ""
    proof: Proof | None = None
    until: datetime | None = None
    is_skipped: bool = False
    is_off: bool = False  # skipped because the step is turned off


class Step(BaseModel, ABC, frozen=True):
    """A step of a sequence, skipped if it is turned off or its condition `only_if` is not met.

    `sentence` is a message id with placeholders for its fields; `branch_labels` are the labels of its branches.
    """

    icon: ClassVar[str] = "zap"  # in the builder
    sentence: ClassVar[str] = ""
    branch_labels: ClassVar[Mapping[str, str]] = {}
    waits_for_event: ClassVar[bool] = False  # for an event that meets its `condition`
    id: str = Field(pattern=r"^[0-9a-z]{1,32}$")
    timing: Timing = Timing()
    only_if: dict[str, Any] = Field(default_factory=dict)
    off: bool = False  # it is passed when it is due, with its branches

    def branches(self) -> Mapping[str, list[Any]]:
        """Return the steps of each branch by its name."""
        return {}

    @abstractmethod
    def decide(self, context: StepContext) -> StepDecision:
        """Return the decision at this step, if its condition is met."""
