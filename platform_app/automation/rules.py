"""Rules: definitions of rules, and their evaluation as a pure function, without clock or database."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from platform_app.automation.conditions import Group, parse_conditions
from platform_app.automation.evaluation import ConditionChange, Proof, evaluate, smallest_change
from platform_app.automation.facts import Catalogue, Facts
from platform_app.errors import Invalid
from platform_app.form_fields import Control, form_fields, form_info

MAX_CHAIN_DEPTH = 5  # automations that lead to one another
MAX_ACTIONS = 20
_DRAWN = form_info(control=Control.CUSTOM)


class RuleDefinition(BaseModel):
    """The definition of a rule."""

    trigger: str = Field(  # a kind of event
        default="message_received", title="When", max_length=40, json_schema_extra=_DRAWN
    )
    minutes: int = Field(  # of no_reply: minutes without an answer
        default=30,
        title="Minutes without a reply",
        ge=1,
        le=60 * 24 * 30,
        json_schema_extra=form_info("trigger", problem="Enter a number."),
    )
    time: str = Field(  # of schedule, in the tenant's zone
        default="09:00",
        title="Time of day",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        json_schema_extra=form_info("trigger", Control.TIME),
    )
    weekdays: list[int] = Field(  # of schedule: 1 is Monday
        default_factory=lambda: [1, 2, 3, 4, 5], title="Days", max_length=7, json_schema_extra=_DRAWN
    )
    webhook_id: str = Field(  # of webhook_received; "": any
        default="", title="Webhook", max_length=32, pattern="^[0-9a-f]*$", json_schema_extra=_DRAWN
    )
    condition: dict[str, Any] = Field(default_factory=dict, title="Condition", json_schema_extra=_DRAWN)
    actions: list[dict[str, Any]] = Field(
        default_factory=list, title="Actions", max_length=MAX_ACTIONS, json_schema_extra=_DRAWN
    )
    stop_after: bool = Field(default=False, title="Stop after this rule", json_schema_extra=form_info("limits"))
    cooldown_minutes: int = Field(
        default=0,
        title="Cooldown per lead or contact (minutes)",
        description="0 = no cooldown",
        ge=0,
        le=60 * 24 * 365,
        json_schema_extra=form_info("limits", problem="Enter a number."),
    )
    daily_cap: int = Field(
        default=0,
        title="Max runs per day",
        description="0 = unlimited",
        ge=0,
        le=1_000_000,
        json_schema_extra=form_info("limits", problem="Enter a number."),
    )


RULE_FORM = form_fields(RuleDefinition)


@dataclass(frozen=True)
class CompiledRule:
    """A definition with its compiled condition."""

    definition: RuleDefinition
    tree: Group


def compile_rule(data: dict[str, Any]) -> CompiledRule:
    """Return a compiled rule. Raises Invalid if it cannot be parsed."""
    definition = parse_rule(data)
    return CompiledRule(definition, parse_conditions(definition.condition))


def parse_rule(data: dict[str, Any]) -> RuleDefinition:
    """Return a definition from JSON values. Raises Invalid if it cannot be parsed."""
    try:
        return RuleDefinition.model_validate(data)
    except ValidationError as error:
        raise Invalid("The rule can’t be read.") from error


def is_off(action: dict[str, Any]) -> bool:
    """Return whether an action of a definition is turned off: it is kept, and no run performs it."""
    return action.get("off") is True


class RunReason(StrEnum):
    """Why a rule runs or not."""

    FIRES = "fires"
    CONDITION = "condition"
    COOLDOWN = "cooldown"
    CAPPED = "capped"
    TOO_DEEP = "too_deep"


@dataclass(frozen=True)
class PriorRuns:
    """The earlier runs of a rule, for cooldown and daily limit."""

    last_at: datetime | None = None  # for the same lead or contact
    today: int = 0  # runs of the tenant's day


@dataclass(frozen=True)
class Verdict:
    """Whether a rule runs, with the proof of its condition."""

    reason: RunReason
    proof: Proof

    @property
    def fires(self) -> bool:
        """Whether the rule runs."""
        return self.reason == RunReason.FIRES

    def smallest_change(self) -> list[ConditionChange]:
        """Return the smallest change of facts that would meet the condition."""
        return smallest_change(self.proof) or []

    def changes_as_json(self) -> list[dict[str, object]]:
        """Return the smallest change that would meet the condition, as runs store it; [] if that is not the reason."""
        if self.reason != RunReason.CONDITION:
            return []
        return [change.proof.as_json() | {"is_to_hold": change.is_to_hold} for change in self.smallest_change()]


def evaluate_rule(
    rule: CompiledRule,
    facts: Facts,
    catalogue: Catalogue,
    moment: datetime,
    *,
    depth: int,
    prior_runs: Callable[[], PriorRuns],
) -> Verdict:
    """Return whether a rule runs on an event of its trigger at `moment`, and why.

    `depth` is the number of rules that caused one another before it. `prior_runs` reads the earlier runs and is called
    only if the condition is met.
    """
    proof = evaluate(rule.tree, facts, catalogue, moment)
    return Verdict(run_reason(rule.definition, proof.holds, moment, depth=depth, prior_runs=prior_runs), proof)


def run_reason(
    definition: RuleDefinition, holds: bool, moment: datetime, *, depth: int, prior_runs: Callable[[], PriorRuns]
) -> RunReason:
    """Return why a rule runs or not, given whether its condition is met."""
    if not holds:
        return RunReason.CONDITION
    if depth >= MAX_CHAIN_DEPTH:
        return RunReason.TOO_DEEP
    if definition.cooldown_minutes or definition.daily_cap:
        done = prior_runs()
        pause = timedelta(minutes=definition.cooldown_minutes)
        if definition.cooldown_minutes and done.last_at is not None and moment < done.last_at + pause:
            return RunReason.COOLDOWN
        if definition.daily_cap and done.today >= definition.daily_cap:
            return RunReason.CAPPED
    return RunReason.FIRES
