"""Analytics words: numbers, times, money and periods as the page of analytics writes them."""

from datetime import date
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent
from babel.units import format_unit

from platform_app.services.analytics.analytics_table import Kind, Value
from platform_app.services.analytics.periods import Period

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
NOTHING = "—"


def number_words(language: str, number: int) -> str:
    """Return a number with separators of thousands."""
    return str(format_decimal(number, locale=language))


def time_words(language: str, seconds: float | None) -> str:
    """Return a length of time in its largest unit with one decimal, such as "1.5 min"; NOTHING for None."""
    if seconds is None:
        return NOTHING
    unit, size = next((unit, size) for unit, size in _UNITS if seconds >= size or size == 1)
    return format_unit(
        round(seconds / size, 1 if unit != "second" else 0), f"duration-{unit}", "short", locale=language
    )


def dollar_words(language: str, amount: float) -> str:
    """Return an amount of US dollars, with four decimals if it is small."""
    digits = "#,##0.0000" if 0 < amount < 0.1 else "#,##0.00"
    pattern = f"{digits}\u00a0¤" if language == "ru" else f"¤{digits}"
    return str(format_currency(amount, "USD", pattern, locale=language, currency_digits=False))


def share_words(language: str, part: float) -> str:
    """Return a share of 1 in per cent."""
    return str(format_percent(part, "#,##0 %" if language == "ru" else "#,##0%", locale=language))


def cell_words(language: str, kind: Kind, value: Value) -> str:
    """Return a value of a breakdown; NOTHING for nothing."""
    if value is None or (kind == "count" and not value):
        return NOTHING
    if kind == "seconds":
        return time_words(language, float(value))
    if kind == "dollars":
        return dollar_words(language, float(value)) if value else NOTHING
    return share_words(language, float(value)) if kind == "share" else number_words(language, int(value))


def change_words(language: str, now: float | Decimal | None, before: float | Decimal | None) -> str:
    """Return by how many per cent a value has changed, with its sign; "" if that is not known or nothing."""
    if not now or not before:
        return ""
    change = round((float(now) - float(before)) / float(before) * 100)
    if not change:
        return ""
    return f"{'+' if change > 0 else '−'}{share_words(language, abs(change) / 100)}"


def day_words(language: str, day: date) -> str:
    """Return a day as day and month."""
    return str(format_date(day, "d MMM" if language == "ru" else "MMM d", language))


def period_words(language: str, period: Period) -> str:
    """Return the first and the last day of a period with their years."""
    pattern = "d MMM y" if language == "ru" else "MMM d, y"
    first, last = (str(format_date(day, pattern, language)) for day in (period.first, period.last))
    return first if first == last else f"{first} – {last}"
