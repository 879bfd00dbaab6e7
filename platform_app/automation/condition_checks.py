"""Condition checks: problems of conditions before they are used, by their place in the tree."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from platform_app.automation import patterns
from platform_app.automation.conditions import Condition, Group
from platform_app.automation.evaluation import expected_value
from platform_app.automation.facts import Catalogue, FactType
from platform_app.automation.operators import OPERATORS, Operand
from platform_app.errors import Invalid

MAX_CONDITIONS = 100  # conditions of one tree


@dataclass(frozen=True)
class ConditionProblem:
    """A problem of a node: its place, and a message id with values."""

    path: tuple[int, ...]
    sentence: str
    values: Mapping[str, object] = field(default_factory=dict)


Choices = Mapping[str, Collection[str]]  # the existing ids by kind of choice


def problems(group: Group, catalogue: Catalogue, choices: Choices | None = None) -> list[ConditionProblem]:
    """Return the problems of a tree, [] if it can be evaluated. `choices` are checked if given."""
    listed = list(_problems(group, catalogue, (), choices or {}))
    return (
        listed
        if _count(group) <= MAX_CONDITIONS
        else [ConditionProblem((), "You can add up to {count} conditions.", {"count": MAX_CONDITIONS})]
    )


def _count(node: Condition | Group) -> int:
    return 1 if isinstance(node, Condition) else sum(_count(part) for part in node.of)


def _problems(
    node: Condition | Group, catalogue: Catalogue, path: tuple[int, ...], choices: Choices
) -> Iterable[ConditionProblem]:
    if isinstance(node, Group):
        if path and not node.of:
            yield ConditionProblem(path, "Add a condition to the group, or remove it.")
        for place, part in enumerate(node.of):
            yield from _problems(part, catalogue, (*path, place), choices)
        return
    fact, op = catalogue.get(node.fact), OPERATORS.get(node.operator)
    if fact is None:
        yield ConditionProblem(path, "This {what} no longer exists. Choose another.", {"what": node.fact})
    elif op is None or fact.type not in op.types:
        yield ConditionProblem(path, "Choose an operator.")
    elif op.operand == Operand.PATTERN and node.value:
        try:
            patterns.check(str(node.value))
        except Invalid as error:
            yield ConditionProblem(path, error.sentence, error.values)
    elif expected_value(fact, op, node.value, "UTC") is None:
        yield ConditionProblem(
            path,
            INPUT_HINTS.get(fact.type if op.operand in (Operand.ONE, Operand.TWO) else op.operand, "Enter a value."),
        )
    elif fact.type == FactType.CHOICE and fact.choices_from in choices and op.operand in (Operand.ONE, Operand.MANY):
        chosen = [node.value] if isinstance(node.value, str) else node.value
        if any(code not in choices[fact.choices_from] for code in chosen):
            yield ConditionProblem(path, "This item was deleted. Choose another.")


INPUT_HINTS: dict[str, str] = {  # sentences for values that do not fit
    FactType.NUMBER: "Enter a number.",
    FactType.MOMENT: "Choose a date.",
    FactType.TIME: "Enter a time, for example 09:30.",
    FactType.CHOICE: "Choose a value.",
    Operand.SPAN: "Enter a duration.",
    Operand.MANY: "Enter at least one value.",
}
