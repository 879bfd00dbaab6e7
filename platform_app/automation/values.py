"""Values: parsing and comparison of the values of facts and conditions. Nothing here raises."""

import re
import unicodedata
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from platform_app.automation.facts import FactType, NamedValue, Value

_UNITS = {"minutes": 1, "hours": 60, "days": 1_440, "weeks": 10_080}
_MAX_MINUTES = 10 * 366 * 1_440  # minutes of a span: ten years
_APOSTROPHES = re.compile("[’ʼ`´]")
_EXACT_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_NUMBER_FORMATS = [  # how numbers are written, what parts their thousands, and what stands before their decimals
    (re.compile(rf"[+-]? ?{form}"), thousands, decimals)
    for form, thousands, decimals in (
        (r"\d{1,3}(?: \d{3})+(?:[.,]\d*)?", " ", ","),
        (r"\d{1,3}(?:'\d{3})+(?:[.,]\d*)?", "'", ","),
        (r"\d{1,3}(?:,\d{3})+\.\d*", ",", "."),
        (r"\d{1,3}(?:\.\d{3})+,\d*", ".", ","),
        (r"[1-9]\d{0,2}(?:,\d{3})+", ",", "."),
        (r"[1-9]\d{0,2}(?:\.\d{3}){2,}", ".", ","),
        (r"(?![1-9]\d{0,2}\.\d{3}$)(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d{1,3})?", " ", ","),
    )
]
PYTHON_TYPES: dict[FactType, type] = {
    FactType.TEXT: str,
    FactType.NUMBER: Decimal,
    FactType.MOMENT: datetime,
    FactType.TIME: time,
    FactType.FLAG: bool,
    FactType.LIST: tuple,
    FactType.CHOICE: NamedValue,
}


def is_of_type(value: Value, kind: FactType) -> bool:
    """Return whether a value is of a type, or unknown."""
    if value is None:
        return True
    if not isinstance(value, PYTHON_TYPES[kind]):
        return False
    return value.is_finite() if isinstance(value, Decimal) else True


def fold(value: object) -> str:
    """Return a text in its form for comparison: lower case, normalized, ё as е."""
    return _fold(str(value or ""))


@lru_cache(maxsize=4_096)  # one text is compared with many conditions
def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").strip()


def is_equal(actual: Value, expected: Any) -> bool:
    """Return whether two values are equal; a NamedValue equals its id or its name."""
    if isinstance(actual, NamedValue):
        return str(expected) == actual.id or fold(expected) == fold(actual.name)
    if isinstance(actual, str):
        return fold(actual) == fold(expected)
    return type(actual) is type(expected) and bool(actual == expected)


def contains(actual: Value, wanted: object) -> bool:
    """Return whether a text contains a text, or a list contains it as an element."""
    if isinstance(actual, tuple):
        return any(fold(text) == fold(wanted) for text in actual)
    return fold(wanted) in fold(actual)


def compare(left: Any, right: Any) -> int:
    """Return -1, 0 or 1 if left is less than, equal to or greater than right."""
    return int(left > right) - int(left < right)


def parse(text: str, kind: FactType, zone: str) -> Value:
    """Return a typed value from text, or None if it is not of the type."""
    text = text.strip()
    if not text or "\x00" in text:
        return None
    if kind == FactType.NUMBER:
        return parse_number(text)
    if kind == FactType.MOMENT:
        return parse_datetime(text, zone)
    if kind == FactType.TIME:
        return _parse_time(text)
    if kind == FactType.FLAG:
        return {"yes": True, "no": False}.get(text)
    return text


def parse_number(text: str) -> Decimal | None:
    """Return a number as people write it, or None: decimals after a point or comma, grouped thousands.

    Groups are separated by spaces, apostrophes, points or commas: 12 500, 12'500, 1.234.567, 1,234.56. "12,500" is
    12500; the ambiguous "12.500" is None.
    """
    written = _APOSTROPHES.sub("'", " ".join(text.split()).replace("−", "-"))
    for form, thousands, decimals in _NUMBER_FORMATS:
        if form.fullmatch(written):
            bare = "".join(written.replace(thousands, "").split()).replace(decimals, ".")
            return parse_exact_number(bare)
    return None


def parse_exact_number(text: str) -> Decimal | None:
    """Return a number as machines write it (1.125 or 2e3), or None."""
    if not _EXACT_NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    return number if abs(number.adjusted()) < 40 else None


def parse_datetime(text: str, zone: str) -> datetime | None:
    """Return a datetime from ISO 8601, or None; one without a zone is in `zone`."""
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    except (ValueError, OverflowError):
        return None


def _parse_time(text: str) -> time | None:
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        return None


def parse_whole(text: str, most: int) -> int | None:
    """Return a whole number from 0 to `most` from digits, or None."""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(most)):
        return None
    return int(text) if int(text) <= most else None


def parse_duration(text: str) -> timedelta | None:
    """Return a duration from a text such as "3 days", or None."""
    count, _, unit = text.strip().partition(" ")
    if not count.isascii() or not count.isdigit() or len(count) > 7 or unit not in _UNITS:
        return None
    minutes = int(count) * _UNITS[unit]
    return timedelta(minutes=minutes) if 0 < minutes <= _MAX_MINUTES else None


def as_json(value: Value) -> str | bool | list[str] | None:
    """Return a value as a proof stores it."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, tuple):
        return list(value)
    return value.isoformat() if isinstance(value, (datetime, time)) else str(value)
