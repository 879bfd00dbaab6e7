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


class Takes(StrEnum):
    """What an operator compares with."""

    NOTHING = "nothing"
    ONE = "one"  # a value of the fact's own type
    TWO = "two"  # the least and the greatest
    MANY = "many"
    TEXT = "text"
    PATTERN = "pattern"
    SPAN = "span"  # a number of minutes, hours, days or weeks


@dataclass(slots=True)
class Seen:
    """What an operator is given: values of one type, ready to be compared. `moment` is when it is weighed."""

    type: FactType
    actual: Value
    expected: Any
    before: Value
    has_changed: bool
    moment: datetime

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        return self.actual is None or self.actual in ("", ())


@dataclass(frozen=True)
class Operator:
    """A way to compare: its words for people, the types it fits, what it takes, and its test."""

    code: str
    words: str
    types: frozenset[FactType]
    takes: Takes
    test: Callable[[Seen], bool]


OPERATORS: dict[str, Operator] = {}
_T = FactType
_EVERY = frozenset(FactType)
_ORDERED = (_T.NUMBER, _T.MOMENT, _T.TIME)


def operator(words: str, types: Iterable[FactType], takes: Takes = Takes.ONE) -> Callable[[Any], Any]:
    """Make an operator of a function; the function's name is its code."""

    def wrap(test: Callable[[Seen], bool]) -> Callable[[Seen], bool]:
        code = test.__name__.strip("_")
        OPERATORS[code] = Operator(code, words, frozenset(types), takes, test)
        return test

    return wrap


@operator("is", _EVERY - {_T.LIST, _T.MOMENT})
def _equals(seen: Seen) -> bool:
    return not seen.is_empty and values.same(seen.actual, seen.expected)


@operator("is not", _EVERY - {_T.LIST, _T.MOMENT})
def _not_equals(seen: Seen) -> bool:
    return not _equals(seen)


@operator("contains", (_T.TEXT, _T.LIST), Takes.TEXT)
def _contains(seen: Seen) -> bool:
    return values.holds(seen.actual, seen.expected)


@operator("does not contain", (_T.TEXT, _T.LIST), Takes.TEXT)
def _not_contains(seen: Seen) -> bool:
    return not values.holds(seen.actual, seen.expected)


@operator("contains any of", (_T.TEXT, _T.LIST), Takes.MANY)
def _contains_any(seen: Seen) -> bool:
    return any(values.holds(seen.actual, one) for one in seen.expected)


@operator("contains all of", (_T.TEXT, _T.LIST), Takes.MANY)
def _contains_all(seen: Seen) -> bool:
    return all(values.holds(seen.actual, one) for one in seen.expected)


@operator("starts with", (_T.TEXT,), Takes.TEXT)
def _starts(seen: Seen) -> bool:
    return values.folded(seen.actual).startswith(values.folded(seen.expected))


@operator("ends with", (_T.TEXT,), Takes.TEXT)
def _ends(seen: Seen) -> bool:
    return values.folded(seen.actual).endswith(values.folded(seen.expected))


@operator("matches the pattern", (_T.TEXT,), Takes.PATTERN)
def _matches(seen: Seen) -> bool:
    return patterns.found(str(seen.expected), str(seen.actual or ""))


@operator("is like one of", (_T.TEXT,), Takes.MANY)
def _like(seen: Seen) -> bool:
    return similarity.closest(str(seen.actual or ""), seen.expected)[1] >= similarity.LIKE


@operator("is one of", (_T.TEXT, _T.NUMBER, _T.CHOICE), Takes.MANY)
def _in_list(seen: Seen) -> bool:
    return not seen.is_empty and any(values.same(seen.actual, one) for one in seen.expected)


@operator("is none of", (_T.TEXT, _T.NUMBER, _T.CHOICE), Takes.MANY)
def _not_in_list(seen: Seen) -> bool:
    return not _in_list(seen)


@operator("is greater than", (_T.NUMBER,))
def _greater(seen: Seen) -> bool:
    return not seen.is_empty and values.order(seen.actual, seen.expected) > 0


@operator("is less than", (_T.NUMBER,))
def _less(seen: Seen) -> bool:
    return not seen.is_empty and values.order(seen.actual, seen.expected) < 0


@operator("is between", _ORDERED, Takes.TWO)
def _between(seen: Seen) -> bool:
    least, greatest = seen.expected
    if seen.is_empty:
        return False
    above, below = values.order(seen.actual, least) >= 0, values.order(seen.actual, greatest) <= 0
    over_midnight = isinstance(least, time) and values.order(least, greatest) > 0
    return above or below if over_midnight else above and below


@operator("is before", (_T.MOMENT, _T.TIME))
def _before(seen: Seen) -> bool:
    return not seen.is_empty and values.order(seen.actual, seen.expected) < 0


@operator("is after", (_T.MOMENT, _T.TIME))
def _after(seen: Seen) -> bool:
    return not seen.is_empty and values.order(seen.actual, seen.expected) > 0


@operator("is within the last", (_T.MOMENT,), Takes.SPAN)
def _within_last(seen: Seen) -> bool:
    return isinstance(seen.actual, datetime) and seen.moment - seen.expected <= seen.actual <= seen.moment


@operator("is longer ago than", (_T.MOMENT,), Takes.SPAN)
def _longer_ago(seen: Seen) -> bool:
    return isinstance(seen.actual, datetime) and seen.actual < seen.moment - seen.expected


@operator("is empty", _EVERY, Takes.NOTHING)
def _empty(seen: Seen) -> bool:
    return seen.is_empty


@operator("is not empty", _EVERY, Takes.NOTHING)
def _not_empty(seen: Seen) -> bool:
    return not seen.is_empty


@operator("has changed", _EVERY, Takes.NOTHING)
def _changed(seen: Seen) -> bool:
    return seen.has_changed


@operator("has changed to", _EVERY - {_T.LIST, _T.MOMENT})
def _changed_to(seen: Seen) -> bool:
    return seen.has_changed and _equals(seen)


@operator("has changed from", _EVERY - {_T.LIST, _T.MOMENT})
def _changed_from(seen: Seen) -> bool:
    return seen.has_changed and values.same(seen.before, seen.expected)
