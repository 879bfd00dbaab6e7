"""Guided steps: steps of a guided script with a goal and fields to collect, and the position in them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from platform_app.automation.facts import Catalogue, FactType
from platform_app.errors import Invalid

MAX_STEPS = 20
MAX_FIELDS = 12  # of a step
_CUSTOM_PREFIXES = ("contact.field.", "lead.field.")
_BUILT_IN = {
    "contact.name": "name",
    "contact.phone": "phone",
    "contact.email": "email",
    "lead.title": "text",
    "lead.budget": "number",
}
_KINDS = {FactType.NUMBER: "number", FactType.MOMENT: "date", FactType.FLAG: "yes_no"}


class CollectedField(BaseModel, frozen=True):
    """A field whose answer a step stores in a fact of the contact or lead."""

    fact: str = Field(max_length=120)
    hint: str = Field(default="", max_length=300)
    required: bool = True


class GuidedStep(BaseModel, frozen=True):
    """A step: its goal and the fields it collects."""

    goal: str = Field(default="", max_length=1_000)
    fields: list[CollectedField] = Field(default_factory=list, max_length=MAX_FIELDS)


_steps: TypeAdapter[list[GuidedStep]] = TypeAdapter(list[GuidedStep])


def parse_steps(data: Any) -> list[GuidedStep]:
    """Return steps from JSON values. Raises Invalid if they are malformed or too many."""
    try:
        steps = _steps.validate_python(data or [])
    except ValidationError as error:
        raise Invalid("The steps can’t be read.") from error
    if len(steps) > MAX_STEPS:
        raise Invalid("You can add up to {count} steps.", count=MAX_STEPS)
    if any("\x00" in text for step in steps for text in (step.goal, *(wanted.hint for wanted in step.fields))):
        raise Invalid("The steps can’t be read.")
    return steps


def collectable_facts(catalogue: Catalogue) -> dict[str, str]:
    """Return the names of the facts that can be collected, each with its type."""
    own = {name: _KINDS.get(fact.type, "text") for name, fact in catalogue.items() if name.startswith(_CUSTOM_PREFIXES)}
    return {name: kind for name, kind in _BUILT_IN.items() if name in catalogue} | own


@dataclass(frozen=True)
class Position:
    """The position of a conversation: the step, from 0, and its missing fields; None when finished."""

    step: int | None
    missing: tuple[CollectedField, ...] = ()


def current_position(steps: list[GuidedStep], given: Mapping[str, str], refused: Collection[str]) -> Position:
    """Return the first step with a missing required field, in the order of the steps."""
    for number, step in enumerate(steps):
        missing = tuple(wanted for wanted in step.fields if wanted.fact not in given and wanted.fact not in refused)
        if any(wanted.required for wanted in missing):
            return Position(number, missing)
    return Position(None)
