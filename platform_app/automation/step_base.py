"""Step base: what a step is, what it is decided on, and how its fields are entered."""

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
    """How a field of a step is entered."""

    CONDITION = "condition"
    ACTION = "action"
    SPAN = "span"
    PERCENT = "percent"
    CHOICE = "choice"


@dataclass(frozen=True)
class StepContext:
    """What a step is decided on."""

    facts: Facts
    known: Catalogue
    moment: datetime
    key: str  # of whoever goes through the sequence: the same at every step
    due_since: datetime  # when it was due first
    is_met: bool = False  # an event has met what a step waits for


class StepOutcome(StrEnum):
    """What happens at a step."""

    CONTINUE = "on"  # to the next step, or into a branch
    RUN_ACTION = "do"  # the step's action, then on
    WAIT = "wait"  # until an event meets the step's condition, at most until a moment
    LEAVE = "leave"


@dataclass(frozen=True)
class StepDecision:
    """What is decided at a step, with the proof where a condition was weighed."""

    outcome: StepOutcome
    branch: str = ""
    proof: Proof | None = None
    until: datetime | None = None
    is_skipped: bool = False


class Step(BaseModel, ABC, frozen=True):
    """A place in a sequence. `only_if` is a condition without which it is passed by.

    `sentence` is a message id with places for its fields; `branch_labels` are the names of its branches in words.
    """

    icon: ClassVar[str] = "zap"  # in the builder
    sentence: ClassVar[str] = ""
    branch_labels: ClassVar[Mapping[str, str]] = {}
    waits_for_event: ClassVar[bool] = False  # for an event that meets its `condition`
    id: str = Field(pattern=r"^[0-9a-z]{1,32}$")
    timing: Timing = Timing()
    only_if: dict[str, Any] = Field(default_factory=dict)

    def branches(self) -> Mapping[str, list[Any]]:
        """Return the steps of each branch by its name."""
        return {}

    @abstractmethod
    def decide(self, context: StepContext) -> StepDecision:
        """Return what is done here, when its condition holds."""
