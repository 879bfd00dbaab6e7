"""Conditions: nested groups of conditions, each of a fact, an operator and a value."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from platform_app.errors import Invalid

MAX_DEPTH = 5  # groups within groups
MAX_VALUE_LENGTH = 1_000
MAX_VALUES = 1_000  # of a tree: conditions and values in lists


class Match(StrEnum):
    """How many parts of a group have to be met."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


class Condition(BaseModel, frozen=True):
    """A comparison of a fact with a value."""

    kind: Literal["condition"] = "condition"
    fact: str = Field(max_length=120)
    operator: str = Field(max_length=40)
    value: str | list[str] = ""


class Group(BaseModel, frozen=True):
    """Parts of which all, any or none have to be met; an empty group is met."""

    kind: Literal["group"] = "group"
    match: Match = Match.ALL
    of: list["Node"] = Field(default_factory=list)


Node = Annotated[Condition | Group, Field(discriminator="kind")]
_group: TypeAdapter[Group] = TypeAdapter(Group)


def parse_conditions(data: Any) -> Group:
    """Return a tree from JSON values. Raises Invalid if it is malformed, too deep or too large."""
    if not data:
        return Group()
    if _count_values(data, 0) > MAX_VALUES:
        raise Invalid("You can add up to {count} values.", count=MAX_VALUES)
    try:
        return _group.validate_python(data)
    except (ValidationError, RecursionError) as error:
        raise Invalid("These conditions couldn’t be loaded.") from error


def _count_values(data: Any, depth: int) -> int:
    """Return the total length of the lists in a tree. Raises Invalid beyond the limits."""
    if depth > MAX_DEPTH * 2 + 2:
        raise Invalid("Groups can be nested up to {count} levels.", count=MAX_DEPTH)
    if isinstance(data, str) and len(data) > MAX_VALUE_LENGTH:
        raise Invalid("A value is longer than {count} characters.", count=MAX_VALUE_LENGTH)
    if isinstance(data, list):
        return len(data) + (sum(_count_values(part, depth + 1) for part in data) if len(data) <= MAX_VALUES else 0)
    return sum(_count_values(part, depth + 1) for part in data.values()) if isinstance(data, dict) else 0
