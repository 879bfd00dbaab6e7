"""Internationalization: sentences in English and Russian, plurals, dates and times."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

LANGUAGES = ("en", "ru")
_LOCALES = Path(__file__).parent / "locales"
_NO_LARGER_UNIT = 1_000
_WEEK = 7
_DURATIONS = (("day", 1440), ("hour", 60), ("minute", 1))
_INNER = {"ru": str.maketrans("«»“”", "„“„“"), "en": str.maketrans("“”«»„", "‘’‘’‘")}
_QUOTED = re.compile("[“«]{(\\w+)}")


@lru_cache
def _catalogs(language: str) -> tuple[Catalog, ...]:
    """Return all catalogs of a language.

    English is the source: its catalogs have what differs from the message id, which is an id with a meaning after "|",
    and sentences that older versions stored, with what they are called now.
    """
    found = []
    for path in sorted((_LOCALES / language).glob("*.po")):
        with path.open("rb") as file:
            found.append(read_po(file, locale=language))
    return tuple(found)


@lru_cache(maxsize=8192)
def lookup(language: str, msgid: str) -> str:
    """Return the translation of a message id, of the id that has replaced it, or the id, which is the English text."""
    for catalog in _catalogs(language):
        message = catalog.get(msgid)
        if message is not None and isinstance(message.string, str) and message.string:
            return message.string
    current = lookup("en", msgid) if language != "en" else msgid
    return lookup(language, current) if current != msgid else msgid


def translate(language: str, msgid: str, **values: object) -> str:
    """Return the translation of a message id with its {placeholders} filled."""
    text = lookup(language, msgid)
    return text.format(**_with_inner_quotes(language, text, values)) if values else text


def _with_inner_quotes(language: str, text: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return values with the quotation marks that they have within those of the text."""
    within = {name for name in _QUOTED.findall(text) if isinstance(values.get(name), str)}
    return values | {name: values[name].translate(_INNER.get(language, _INNER["en"])) for name in within}


def translate_stored(language: str, msgid: str, values: Mapping[str, Any]) -> str:
    """Return the translation of a stored message id with its stored values.

    The value `reason` is a message id too, whose placeholders `reason_values` fill.
    """
    filled = dict(values)
    if isinstance(filled.get("reason"), str):
        more = filled.pop("reason_values", None)
        filled["reason"] = translate(language, filled["reason"], **(more if isinstance(more, dict) else {}))
    return translate(language, msgid, **filled)


def plural(language: str, one: str, many: str, count: int, **values: object) -> str:
    """Return the translated plural form for a count, with `{count}` and other placeholders filled."""
    for catalog in _catalogs(language):
        message = catalog.get(one)
        if message is not None and isinstance(message.string, tuple):
            text = message.string[_plural_form(language, count)]
            return text.format(count=count, **_with_inner_quotes(language, text, values))
    text = one if count == 1 else many
    return text.format(count=count, **_with_inner_quotes(language, text, values))


def _plural_form(language: str, count: int) -> int:
    if language != "ru":
        return 0 if count == 1 else 1
    if count % 10 == 1 and count % 100 != 11:
        return 0
    return 1 if 2 <= count % 10 <= 4 and not 12 <= count % 100 <= 14 else 2


@lru_cache(maxsize=10_000)
def exact_time(language: str, at: datetime, zone: str) -> str:
    """Return an instant as date and time of day (24 hours) in a time zone."""
    pattern = "d MMM y, HH:mm" if language == "ru" else "MMM d, y, HH:mm"
    return format_datetime(at, pattern, tzinfo=ZoneInfo(zone), locale=language)


def relative_time(language: str, at: datetime, now: datetime, zone: str) -> str:
    """Return an instant in words as seen from `now`, days being those of a time zone.

    Under a minute "just now", then minutes, hours of the same day, yesterday or tomorrow, weekday within 7 days, date.
    """
    passed, there, here = at - now, at.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    days = (there.date() - here.date()).days
    if abs(passed) < timedelta(minutes=1):
        return translate(language, "just now")
    if abs(passed) < timedelta(hours=1) or days == 0:
        unit: Literal["minute", "hour"] = "minute" if abs(passed) < timedelta(hours=1) else "hour"
        return format_timedelta(passed, unit, add_direction=True, locale=language, threshold=_NO_LARGER_UNIT)
    if abs(days) == 1:
        words = "yesterday {time}" if days < 0 else "tomorrow {time}"
        return translate(language, words, time=f"{there:%H:%M}")
    if abs(days) < _WEEK:
        return format_datetime(there, "EEE HH:mm", locale=language)
    year = "" if there.year == here.year else (" y" if language == "ru" else ", y")
    return format_datetime(there, ("d MMM" if language == "ru" else "MMM d") + year, locale=language)


def day_name(language: str, at: datetime, now: datetime, zone: str) -> str:
    """Return the day of an instant in a time zone in words: "Today", "Yesterday", or the date."""
    there, here = at.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    days = (there.date() - here.date()).days
    if days in (0, -1):
        return translate(language, "Today" if days == 0 else "Yesterday")
    year = "" if there.year == here.year else (" y" if language == "ru" else ", y")
    return format_datetime(there, ("d MMMM" if language == "ru" else "MMMM d") + year, locale=language)


def money(language: str, amount: Decimal, currency: str) -> str:
    """Return an amount with its currency, without a fraction if it is whole; an empty currency is left out."""
    digits = "#,##0" if amount == amount.to_integral_value() else "#,##0.00"
    if not currency:
        return str(format_decimal(amount, digits, locale=language))
    pattern = f"{digits}\u00a0¤" if language == "ru" else f"¤{digits}"
    return str(format_currency(amount, currency, pattern, locale=language, currency_digits=False))


def duration(language: str, minutes: int) -> str:
    """Return a number of minutes in the largest unit that takes it whole, such as "2 days"."""
    unit, size = next((unit, size) for unit, size in _DURATIONS if minutes % size == 0)
    return span(language, minutes // size, unit)


def span(language: str, count: int, unit: str) -> str:
    """Return a length of time in words: `unit` is minute, hour, day or week."""
    return format_unit(count, f"duration-{unit}", locale=language)


def quoted(language: str, text: str) -> str:
    """Return a text in the quotation marks of a language; marks within it become the inner ones."""
    return translate(language, "“{text}”", text=text)


def sentence_case(text: str) -> str:
    """Return a clause that stands by itself: its first letter is a capital."""
    return text[:1].upper() + text[1:]


def clause(text: str) -> str:
    """Return a label as a part of a sentence: its first letter is small, unless its first word is in capitals."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
