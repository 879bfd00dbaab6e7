"""Texts: templates with {{variables}} in Liquid, limited so that none of them can harm or hang."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.numbers import format_currency, format_decimal
from liquid import BoundTemplate, Environment, Mode, RenderContext
from liquid.exceptions import FilterArgumentError, LiquidError
from liquid.filter import string_filter, with_context

from platform_app.automation.facts import NAMES, Facts
from platform_app.automation.values import exact_number, number
from platform_app.errors import Invalid

LONGEST = 20_000  # characters of a filled text
_TAGS = {"#", "comment", "content", "illegal", "output", "if", "unless", "case"}
_FILTERS = {
    *("append", "prepend", "capitalize", "downcase", "upcase", "strip", "replace", "remove", "truncate"),
    *("truncatewords", "default", "date", "round", "ceil", "floor", "plus", "minus", "times", "divided_by", "size"),
    *("money", "number", "plural"),
}
_LANGUAGE = "language of the text"  # no template can name it


def _amount(value: object) -> Decimal:
    """Return a number that a template has, computed or as people wrote it; 0 for what is none."""
    return exact_number(str(value)) or number(str(value)) or Decimal(0)


@with_context
def _money(value: object, currency: str = "RUB", *, context: RenderContext) -> str:
    """Write a sum of money as the tenant's language does: 12 500 ₽; without idle zeros."""
    amount, language = _amount(value), str(context.globals.get(_LANGUAGE, "en"))
    pattern = None if amount != amount.to_integral_value() else "#,##0 ¤" if language == "ru" else "¤#,##0"
    code = str(currency).upper()
    return format_currency(
        amount,
        code if code.isalpha() and len(code) == 3 else "RUB",
        pattern,
        locale=language,
        currency_digits=pattern is None,
    )


@with_context
def _number(value: object, *, context: RenderContext) -> str:
    """Write a number as the tenant's language does."""
    return format_decimal(_amount(value), locale=str(context.globals.get(_LANGUAGE, "en")))


@with_context
def _plural(count: object, one: object, few: object, many: object = None, *, context: RenderContext) -> str:
    """Write a count with the form of a word that fits it: 1 день, 2 дня, 5 дней; two forms for English."""
    amount = _amount(count)
    shown = format_decimal(amount, locale=str(context.globals.get(_LANGUAGE, "en")))
    if many is None:
        return f"{shown} {one if amount == 1 else few}"
    size = abs(amount)
    whole = int(size)
    is_few = size != whole or (2 <= whole % 10 <= 4 and not 12 <= whole % 100 <= 14)
    is_one = whole % 10 == 1 and whole % 100 != 11 and size == whole
    return f"{shown} {one if is_one else few if is_few else many}"


@string_filter
def _replace(value: str, sought: object, text: object = "") -> str:
    """Put a text in place of another; a chain of these could grow without end."""
    old, new = str(sought), str(text)
    if len(value) + value.count(old) * (len(new) - len(old)) > LONGEST * 4:
        raise FilterArgumentError("the text grows too long", token=None)
    return value.replace(old, new)


class _Limited(Environment):
    """Liquid without loops, files and assignments."""

    context_depth_limit = 10
    loop_iteration_limit = 1
    local_namespace_limit = 1_000
    output_stream_limit = LONGEST * 4  # bytes

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Keep what only chooses and formats."""
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS}
        self.filters |= {"money": _money, "number": _number, "plural": _plural, "replace": _replace}
        self.filters = {name: one for name, one in self.filters.items() if name in _FILTERS}


_ENVIRONMENT = _Limited(tolerance=Mode.STRICT)


@dataclass(frozen=True)
class Problem:
    """What is wrong with a template: a message id, what fills its places, and the line it stands in, from 1."""

    sentence: str
    what: str
    line: int


@lru_cache(maxsize=1_000)
def _parsed(text: str) -> BoundTemplate:
    return _ENVIRONMENT.from_string(text)


def problems(text: str, names: Container[str] = NAMES) -> list[Problem]:
    """Return what is wrong with a template that may use these variables; nothing when it can be filled."""
    try:
        parts = _parsed(text).analyze()
    except (LiquidError, RecursionError) as error:
        message = str(error.args[0]) if error.args else ""
        return [Problem("The text cannot be read here: {what}", message.split("\n")[0][:200], _line(error))]
    found: dict[str, Problem] = {}
    for name, spans in parts.filters.items():
        if name not in _FILTERS:
            found[name] = Problem("There is no filter {what}.", name, text.count("\n", 0, spans[0].index) + 1)
    for places in parts.globals.values():
        for place in places:
            name = str(place)
            if name not in names:
                line = text.count("\n", 0, place.span.index) + 1
                found.setdefault(name, Problem("There is no variable {what}.", name, line))
    return sorted(found.values(), key=lambda problem: (problem.line, problem.what))


def _line(error: BaseException) -> int:
    context = error.context() if isinstance(error, LiquidError) else None
    return context[0] if context else 1


def variables(text: str) -> list[str]:
    """Return the names of the variables that a template uses, known or not; nothing when it cannot be read."""
    try:
        used = _parsed(text).analyze().globals
    except (LiquidError, RecursionError):
        return []
    return sorted({str(place) for places in used.values() for place in places})


def fill(text: str, facts: Facts) -> str:
    """Return a template with its variables filled; what is not known is left empty.

    Raises Invalid when it cannot be read or grows beyond the limits.
    """
    values = {name: shown(value, facts.zone) for name, value in facts.nested().items()}
    values[_LANGUAGE] = facts.language
    try:
        return _parsed(text).render(**values)[:LONGEST]
    except (LiquidError, RecursionError, ArithmeticError, ValueError) as error:
        raise Invalid("The text cannot be filled: {what}", what=str(error).split("\n")[0][:200]) from error


def shown(value: object, zone: str) -> object:
    """Return a value as people write it: a sum without idle zeros, a moment in the tenant's zone to the minute."""
    if isinstance(value, dict):
        return {name: shown(inner, zone) for name, inner in value.items()}
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0)
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else value if isinstance(value, bool) else str(value)
