"""Template filters: the filters of templates, each call counted against the limits of a text."""

import html
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import Any

from babel.numbers import format_currency, format_decimal
from liquid import Environment, RenderContext
from liquid.exceptions import FilterArgumentError, ResourceLimitError
from liquid.filter import string_filter, with_context, with_environment

from platform_app.automation.output_encoding import EncodedText, Format, to_json
from platform_app.automation.values import parse_exact_number, parse_number

LANGUAGE = "language of the text"  # no template can name it
MAX_CHARACTERS = 500_000  # characters of all inputs and outputs of the filters of a text
MAX_VALUE_LENGTH = 100_000  # characters of a filter's output
MAX_NUMBER = 10**30  # of a number
_MAX_FORMAT_LENGTH = 60  # characters of a date pattern, and of a text parsed as a date
_CHARACTERS_USED = "work"
_LIBRARY_FILTERS = (
    *("append", "prepend", "capitalize", "downcase", "upcase", "strip", "remove", "truncate", "truncatewords"),
    *("default", "round", "ceil", "floor", "plus", "minus", "times", "divided_by", "size"),
)


def _language(context: RenderContext) -> str:
    return str(context.globals.get(LANGUAGE, "en"))


def _to_number(value: object) -> Decimal:
    """Return a bounded number; 0 if the value is not a number."""
    text = str(value)
    number = (parse_exact_number(text) or parse_number(text)) if len(text) <= _MAX_FORMAT_LENGTH else None
    return number if number is not None and number.is_finite() and abs(number) < MAX_NUMBER else Decimal(0)


@with_context
def _money(value: object, currency: str = "RUB", *, context: RenderContext) -> str:
    """Format an amount of money in the tenant's language, such as 12 500 ₽, without trailing zeros."""
    amount, language = _to_number(value), _language(context)
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
    """Format a number in the tenant's language."""
    return format_decimal(_to_number(value), locale=_language(context))


@with_context
def _plural(count: object, one: object, few: object, many: object = None, *, context: RenderContext) -> str:
    """Return a count with the matching plural form: 1 день, 2 дня, 5 дней; two forms for English."""
    amount = _to_number(count)
    shown = format_decimal(amount, locale=_language(context))
    if many is None:
        return f"{shown} {one if amount == 1 else few}"
    size = abs(amount)
    whole = int(size)
    is_few = size != whole or (2 <= whole % 10 <= 4 and not 12 <= whole % 100 <= 14)
    is_one = whole % 10 == 1 and whole % 100 != 11 and size == whole
    return f"{shown} {one if is_one else few if is_few else many}"


@string_filter
def _replace(value: str, sought: object, text: object = "") -> str:
    """Replace a text by another. Raises ResourceLimitError if the result is too long."""
    old, new = str(sought), str(text)
    if len(value) + value.count(old) * (len(new) - len(old)) > MAX_VALUE_LENGTH:
        raise ResourceLimitError("the text grows too long", token=None)
    return value.replace(old, new)


def _json(value: object) -> EncodedText:
    """Return a value as a JSON literal, with quotation marks."""
    return EncodedText(to_json(value), Format.JSON)


@string_filter
def _escape(value: str) -> EncodedText:
    """Return a text escaped for HTML and XML."""
    return (
        value
        if isinstance(value, EncodedText) and value.encoded_for == Format.HTML
        else EncodedText(html.escape(value), Format.HTML)
    )


def _limited_date(given: Callable[..., Any]) -> Callable[..., Any]:
    """Return the library's filter for dates with limits on patterns and texts."""

    @with_environment
    @wraps(given)
    def date(value: object, pattern: object = "%d.%m.%Y", *, environment: Environment) -> object:
        if not isinstance(value, datetime) and len(str(value)) > _MAX_FORMAT_LENGTH:
            return value
        if len(str(pattern)) > _MAX_FORMAT_LENGTH:
            raise FilterArgumentError("the pattern is too long", token=None)
        try:
            return given(value, str(pattern), environment=environment)
        except (OverflowError, OSError, ValueError) as error:
            raise FilterArgumentError("no date", token=None) from error

    return date


def _metered(given: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that counts its characters against the limits of the text."""
    takes_context, takes_environment = (getattr(given, name, False) for name in ("with_context", "with_environment"))

    @with_context
    @wraps(given)
    def metered(value: object, *more: object, context: RenderContext, **named: Any) -> object:
        if takes_context:
            named["context"] = context
        if takes_environment:
            named["environment"] = context.env
        _count_characters(context, value, *more)
        result = given(value, *more, **named)
        _count_characters(context, result)
        return result

    metered.with_environment = False  # type: ignore[attr-defined]  # Liquid reads this attribute of a filter function
    return metered


def _count_characters(context: RenderContext, *values: object) -> None:
    lengths = [len(text) for text in values if isinstance(text, str)]
    spent = context.tag_namespace.get(_CHARACTERS_USED, 0) + sum(lengths)
    context.tag_namespace[_CHARACTERS_USED] = spent
    if (
        spent > MAX_CHARACTERS
        or max(lengths, default=0) > MAX_VALUE_LENGTH
        or any(isinstance(value, (int, float)) and abs(value) > MAX_NUMBER for value in values)
    ):
        raise ResourceLimitError("the text grows too long", token=None)


def template_filters(library: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Return the filters that templates may use: some of the library's, and the platform's."""
    kept = {name: library[name] for name in _LIBRARY_FILTERS} | {"date": _limited_date(library["date"])}
    own = {"money": _money, "number": _number, "plural": _plural, "replace": _replace, "json": _json, "escape": _escape}
    return {name: _metered(function) for name, function in (kept | own).items()}
