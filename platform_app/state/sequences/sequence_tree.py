"""Sequence tree: changes to steps and branches as JSON values."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from platform_app.automation.steps import STEPS
from platform_app.clock import new_id
from platform_app.errors import Invalid

Data = dict[str, Any]
BRANCHES = {kind: tuple(step_class.model_validate({"id": "x"}).branches()) for kind, step_class in STEPS.items()}


@dataclass(frozen=True)
class Place:
    """A row of the drawn sequence: a step, or the heading of a branch, which has the branching step and the name."""

    step: Data
    depth: int
    number: str  # such as 2, or 2A.1 in the first branch of step 2
    branch: str = ""
    first: bool = False  # in its branch
    last: bool = False


def layout(steps: list[Data], depth: int = 0, number: str = "") -> Iterator[Place]:
    """Yield steps and branch headings from top to bottom."""
    for place, step in enumerate(steps, 1):
        own = f"{number}{place}"
        yield Place(step, depth, own, first=place == 1, last=place == len(steps))
        for letter, name in zip(ascii_uppercase, BRANCHES.get(str(step.get("kind")), ()), strict=False):
            yield Place(step, depth + 1, f"{own}{letter}", name)
            yield from layout(step.get(name) or [], depth + 1, f"{own}{letter}.")


def walk(steps: list[Data]) -> Iterator[Data]:
    """Return every step, those of branches too, in the order in which they are drawn."""
    return (place.step for place in layout(steps) if not place.branch)


def find(steps: list[Data], step_id: str) -> Data:
    """Return a step. Raises Invalid if there is none."""
    return containing_list(steps, step_id)[0][containing_list(steps, step_id)[1]]


def containing_list(steps: list[Data], step_id: str) -> tuple[list[Data], int]:
    """Return the list that contains a step and its index there. Raises Invalid if there is none."""
    for place, step in enumerate(steps):
        if step["id"] == step_id:
            return steps, place
        for branch in BRANCHES.get(str(step.get("kind")), ()):
            try:
                return containing_list(step.get(branch) or [], step_id)
            except Invalid:
                continue
    raise Invalid("This value isn’t allowed.")


def branch(steps: list[Data], where: str) -> list[Data]:
    """Return the list of steps of a branch ("step.branch"), or the outermost for "".

    Raises Invalid if there is none.
    """
    if not where:
        return steps
    step_id, _, name = where.partition(".")
    step = find(steps, step_id)
    if name not in BRANCHES.get(str(step.get("kind")), ()):
        raise Invalid("This value isn’t allowed.")
    inner_steps: list[Data] = step.setdefault(name, [])
    return inner_steps


def add(steps: list[Data], where: str, data: Data) -> str:
    """Add a new step at the end of a branch; return its id."""
    step_id = new_id()[-12:]
    branch(steps, where).append(data | {"id": step_id})
    return step_id


def insert(steps: list[Data], before_id: str, data: Data) -> str:
    """Insert a new step before another; return its id. Raises Invalid if there is no such step."""
    siblings, place = containing_list(steps, before_id)
    step_id = new_id()[-12:]
    siblings.insert(place, data | {"id": step_id})
    return step_id


def remove(steps: list[Data], step_id: str) -> None:
    """Remove a step with its branches."""
    siblings, place = containing_list(steps, step_id)
    siblings.pop(place)


def move(steps: list[Data], step_id: str, *, up: bool) -> None:
    """Swap a step with its neighbour in the same branch."""
    siblings, place = containing_list(steps, step_id)
    other = place - 1 if up else place + 1
    if 0 <= other < len(siblings):
        siblings.insert(other, siblings.pop(place))


def move_onto(steps: list[Data], step_id: str, other_id: str) -> None:
    """Move a step to the position of another, also in another branch. Raises Invalid for its own branch."""
    moved = find(steps, step_id)
    if step_id == other_id or any(step["id"] == other_id for step in walk([moved])):
        return
    old, was = containing_list(steps, step_id)
    new, place = containing_list(steps, other_id)
    same_and_below = old is new and was < place
    old.pop(was)
    _, place = containing_list(steps, other_id)
    new.insert(place + 1 if same_and_below else place, moved)


def copy_step_data(step: Data) -> Data:
    """Return a copy of a step and its branches with new ids."""
    made = copy.deepcopy(step)
    for copied in walk([made]):
        copied["id"] = new_id()[-12:]
    return made
