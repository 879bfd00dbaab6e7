"""Evaluation: evaluates conditions as a pure function that returns a proof, and finds the smallest change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from platform_app.automation import values
from platform_app.automation.conditions import Condition, Group, Match
from platform_app.automation.facts import Catalogue, Fact, Facts, FactType, Value
from platform_app.automation.operators import OPERATORS, Comparison, Operand, Operator


@dataclass(slots=True)
class Proof:
    """Why a node is met or not: a group with the proofs of its parts, or a condition with the actual value."""

    holds: bool
    match: Match | None = None  # of a group only
    of: tuple["Proof", ...] = ()
    condition: Condition | None = None
    actual: Value = None
    expected: str | list[str] = ""  # with names instead of ids
    path: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the proof as JSON values."""
        if self.condition is None:
            return {"holds": self.holds, "match": self.match, "of": [part.as_json() for part in self.of]}
        named = {"fact": self.condition.fact, "operator": self.condition.operator, "expected": self.expected}
        return {"holds": self.holds, **named, "actual": values.as_json(self.actual)}


def evaluate(node: Condition | Group, facts: Facts, catalogue: Catalogue, moment: datetime) -> Proof:
    """Return the proof of a node. Every part is evaluated, and nothing is raised. `moment` is timezone-aware."""
    return _evaluate(node, facts, catalogue, moment=moment, path=())


def _evaluate(
    node: Condition | Group, facts: Facts, catalogue: Catalogue, *, moment: datetime, path: tuple[int, ...]
) -> Proof:
    if isinstance(node, Condition):
        return _compare(node, facts, catalogue, moment=moment, path=path)
    of = tuple(_evaluate(part, facts, catalogue, moment=moment, path=(*path, at)) for at, part in enumerate(node.of))
    return Proof(group_holds(node.match, [part.holds for part in of]), node.match, of, path=path)


def fact_names(node: Condition | Group) -> set[str]:
    """Return the names of the facts that a node uses."""
    return {node.fact} if isinstance(node, Condition) else set().union(*map(fact_names, node.of))


Predicate = Callable[[Facts, datetime], bool]


def compile_condition(node: Condition | Group, catalogue: Catalogue, zone: str) -> Predicate:
    """Return a predicate that computes whether a node is met, without a proof and with short cuts.

    Values are parsed once; `zone` is the time zone of all facts that will be tested.
    """
    if isinstance(node, Condition):
        return _compile_leaf(node, catalogue, zone)
    tests = tuple(compile_condition(part, catalogue, zone) for part in node.of)
    if not tests:
        return lambda facts, moment: True
    decides = node.match != Match.ALL  # the result of a part that decides the group
    then = node.match == Match.ANY  # the result of the group then

    def holds(facts: Facts, moment: datetime) -> bool:
        for test in tests:
            if test(facts, moment) is decides:
                return then
        return not then

    return holds


def _compile_leaf(condition: Condition, catalogue: Catalogue, zone: str) -> Predicate:
    name, fact, op = condition.fact, catalogue.get(condition.fact), OPERATORS.get(condition.operator)
    wanted = expected_value(fact, op, condition.value, zone) if fact and op and fact.type in op.types else None
    if fact is None or op is None or wanted is None:
        return lambda facts, moment: False
    kind, test, fits, of_kind = fact.type, op.test, values.is_of_type, values.PYTHON_TYPES[fact.type]
    is_plain = fact.type != FactType.NUMBER  # numbers may be NaN

    def holds(facts: Facts, moment: datetime) -> bool:
        actual, before = facts.values.get(name), facts.before
        if not (is_plain and isinstance(actual, of_kind)) and not fits(actual, kind):
            return False
        return test(Comparison(kind, actual, wanted, before.get(name), name in before, moment))

    return holds


def group_holds(match: Match, parts: list[bool]) -> bool:
    """Return whether a group is met, from the results of its parts."""
    return not parts or {Match.ALL: all(parts), Match.ANY: any(parts), Match.NONE: not any(parts)}[match]


def _compare(
    condition: Condition, facts: Facts, catalogue: Catalogue, *, moment: datetime, path: tuple[int, ...]
) -> Proof:
    fact, op = catalogue.get(condition.fact), OPERATORS.get(condition.operator)
    actual = facts.values.get(condition.fact)
    is_choice = fact is None or fact.type == FactType.CHOICE
    shown = _with_names(condition.value, facts.names) if is_choice else condition.value
    if fact is None or op is None or fact.type not in op.types:
        return Proof(False, condition=condition, actual=actual, expected=shown, path=path)
    wanted = expected_value(fact, op, condition.value, facts.zone)
    holds = False
    if wanted is not None and values.is_of_type(actual, fact.type):
        before = facts.before.get(condition.fact)
        seen = Comparison(fact.type, actual, wanted, before, condition.fact in facts.before, moment)
        holds = op.test(seen)
    return Proof(holds, condition=condition, actual=actual, expected=shown, path=path)


def _with_names(value: str | list[str], names: Mapping[str, str]) -> str | list[str]:
    return names.get(value, value) if isinstance(value, str) else [names.get(code, code) for code in value]


def expected_value(fact: Fact, op: Operator, value: str | list[str], zone: str) -> Any:
    """Return the parsed value of a condition, or None if it does not fit."""
    text = value if isinstance(value, str) else ""
    if op.operand == Operand.NOTHING:
        return ""
    if op.operand in (Operand.TEXT, Operand.PATTERN):
        return text if values.fold(text) else None
    if op.operand == Operand.SPAN:
        return values.parse_duration(text)
    if op.operand == Operand.ONE:
        return values.parse(text, fact.type, zone)
    kind = FactType.TEXT if fact.type == FactType.LIST else fact.type
    parsed = [values.parse(part, kind, zone) for part in ([value] if isinstance(value, str) else value)]
    if not parsed or None in parsed or (op.operand == Operand.TWO and len(parsed) != 2):
        return None
    return parsed


@dataclass(frozen=True)
class ConditionChange:
    """A condition whose result has to change to change the whole."""

    proof: Proof
    is_to_hold: bool


def smallest_change(proof: Proof, is_to_hold: bool = True) -> list[ConditionChange] | None:
    """Return the fewest conditions to change, [] if the result is as wanted, None if impossible."""
    if proof.holds == is_to_hold:
        return []
    if proof.match is None:
        return [ConditionChange(proof, is_to_hold)]
    parts_hold = is_to_hold if proof.match != Match.NONE else not is_to_hold
    enrollments = [smallest_change(part, parts_hold) for part in proof.of if part.holds != parts_hold]
    needs_all = (proof.match == Match.ALL) == is_to_hold if proof.match != Match.NONE else is_to_hold
    possible = [enrollment for enrollment in enrollments if enrollment is not None]
    if needs_all:
        return [change for way in possible for change in way] if len(possible) == len(enrollments) > 0 else None
    return min(possible, key=len, default=None)
