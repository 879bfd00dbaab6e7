"""Operators: how a condition compares a fact with its value.

An operator is one function below, with its label, the types of facts it fits and what it is compared with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Any

from platform_app.automation import patterns, similarity, values
from platform_app.automation.facts import FactType, Value


class Operand(StrEnum):
    """What an operator compares a fact with."""

    NOTHING = "nothing"
    ONE = "one"  # a value of the fact's own type
    TWO = "two"  # minimum and maximum
    MANY = "many"
    TEXT = "text"
    PATTERN = "pattern"
    SPAN = "span"  # a number of minutes, hours, days or weeks


@dataclass(slots=True)
class Comparison:
    """The typed values that an operator compares. `moment` is the time of the evaluation."""

    type: FactType
    actual: Value
    expected: Any
    before: Value
    has_changed: bool
    moment: datetime

    @property
    def is_empty(self) -> bool:
        """Whether the fact is unknown or empty."""
        return self.actual is None or self.actual in ("", ())


@dataclass(frozen=True)
class Operator:
    """A comparison: its label, the types it fits, its operand and its function."""

    code: str
    label: str
    types: frozenset[FactType]
    operand: Operand
    test: Callable[[Comparison], bool]


OPERATORS: dict[str, Operator] = {}
_T = FactType
_EVERY = frozenset(FactType)
_ORDERED = (_T.NUMBER, _T.MOMENT, _T.TIME)


def operator(label: str, types: Iterable[FactType], operand: Operand = Operand.ONE) -> Callable[[Any], Any]:
    """Decorate a function as an operator; the function's name is its code."""

    def wrap(test: Callable[[Comparison], bool]) -> Callable[[Comparison], bool]:
        code = test.__name__.strip("_")
        OPERATORS[code] = Operator(code, label, frozenset(types), operand, test)
        return test

    return wrap


@operator("is", _EVERY - {_T.LIST, _T.MOMENT})
def _equals(seen: Comparison) -> bool:
    return not seen.is_empty and values.is_equal(seen.actual, seen.expected)


@operator("isn’t", _EVERY - {_T.LIST, _T.MOMENT})
def _not_equals(seen: Comparison) -> bool:
    return not _equals(seen)


@operator("contains", (_T.TEXT, _T.LIST), Operand.TEXT)
def _contains(seen: Comparison) -> bool:
    return values.contains(seen.actual, seen.expected)


@operator("doesn’t contain", (_T.TEXT, _T.LIST), Operand.TEXT)
def _not_contains(seen: Comparison) -> bool:
    return not values.contains(seen.actual, seen.expected)


@operator("contains any of", (_T.TEXT, _T.LIST), Operand.MANY)
def _contains_any(seen: Comparison) -> bool:
    return any(values.contains(seen.actual, value) for value in seen.expected)


@operator("contains all of", (_T.TEXT, _T.LIST), Operand.MANY)
def _contains_all(seen: Comparison) -> bool:
    return all(values.contains(seen.actual, value) for value in seen.expected)


@operator("starts with", (_T.TEXT,), Operand.TEXT)
def _starts(seen: Comparison) -> bool:
    return values.fold(seen.actual).startswith(values.fold(seen.expected))


@operator("ends with", (_T.TEXT,), Operand.TEXT)
def _ends(seen: Comparison) -> bool:
    return values.fold(seen.actual).endswith(values.fold(seen.expected))


@operator("matches the pattern", (_T.TEXT,), Operand.PATTERN)
def _matches(seen: Comparison) -> bool:
    return patterns.matches(str(seen.expected), str(seen.actual or ""))


@operator("is similar to one of", (_T.TEXT,), Operand.MANY)
def _like(seen: Comparison) -> bool:
    return similarity.best_match(str(seen.actual or ""), seen.expected).is_like


@operator("is one of", (_T.TEXT, _T.NUMBER, _T.CHOICE), Operand.MANY)
def _in_list(seen: Comparison) -> bool:
    return not seen.is_empty and any(values.is_equal(seen.actual, value) for value in seen.expected)


@operator("is none of", (_T.TEXT, _T.NUMBER, _T.CHOICE), Operand.MANY)
def _not_in_list(seen: Comparison) -> bool:
    return not _in_list(seen)


@operator("is greater than", (_T.NUMBER,))
def _greater(seen: Comparison) -> bool:
    return not seen.is_empty and values.compare(seen.actual, seen.expected) > 0


@operator("is less than", (_T.NUMBER,))
def _less(seen: Comparison) -> bool:
    return not seen.is_empty and values.compare(seen.actual, seen.expected) < 0


@operator("is between", _ORDERED, Operand.TWO)
def _between(seen: Comparison) -> bool:
    least, greatest = seen.expected
    if seen.is_empty:
        return False
    above, below = values.compare(seen.actual, least) >= 0, values.compare(seen.actual, greatest) <= 0
    over_midnight = isinstance(least, time) and values.compare(least, greatest) > 0
    return above or below if over_midnight else above and below


@operator("is before", (_T.MOMENT, _T.TIME))
def _before(seen: Comparison) -> bool:
    return not seen.is_empty and values.compare(seen.actual, seen.expected) < 0


@operator("is after", (_T.MOMENT, _T.TIME))
def _after(seen: Comparison) -> bool:
    return not seen.is_empty and values.compare(seen.actual, seen.expected) > 0


@operator("is in the last", (_T.MOMENT,), Operand.SPAN)
def _within_last(seen: Comparison) -> bool:
    return isinstance(seen.actual, datetime) and seen.moment - seen.expected <= seen.actual <= seen.moment


@operator("is more than … ago", (_T.MOMENT,), Operand.SPAN)
def _longer_ago(seen: Comparison) -> bool:
    return isinstance(seen.actual, datetime) and seen.actual < seen.moment - seen.expected


@operator("is empty", _EVERY, Operand.NOTHING)
def _empty(seen: Comparison) -> bool:
    return seen.is_empty


@operator("isn’t empty", _EVERY, Operand.NOTHING)
def _not_empty(seen: Comparison) -> bool:
    return not seen.is_empty


@operator("changed", _EVERY, Operand.NOTHING)
def _changed(seen: Comparison) -> bool:
    return seen.has_changed


@operator("changed to", _EVERY - {_T.LIST, _T.MOMENT})
def _changed_to(seen: Comparison) -> bool:
    return seen.has_changed and _equals(seen)


@operator("changed from", _EVERY - {_T.LIST, _T.MOMENT})
def _changed_from(seen: Comparison) -> bool:
    return seen.has_changed and values.is_equal(seen.before, seen.expected)
