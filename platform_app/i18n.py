"""Internationalization: sentences in English and Russian, plurals, dates and times."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

LANGUAGES = ("en", "ru")
_LOCALES = Path(__file__).parent / "locales"


@lru_cache
def _catalogs(language: str) -> tuple[Catalog, ...]:
    """Return all catalogs of a language; English is the source and has plurals only."""
    found = []
    for path in sorted((_LOCALES / language).glob("*.po")):
        with path.open("rb") as file:
            found.append(read_po(file, locale=language))
    return tuple(found)


@lru_cache(maxsize=8192)
def lookup(language: str, msgid: str) -> str:
    """Return the translation of a message id, or the id, which is the English text."""
    for catalog in _catalogs(language):
        message = catalog.get(msgid)
        if message is not None and isinstance(message.string, str) and message.string:
            return message.string
    return msgid


def translate(language: str, msgid: str, **values: object) -> str:
    """Return the translation of a message id with its {placeholders} filled."""
    text = lookup(language, msgid)
    return text.format(**values) if values else text


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
            return message.string[_plural_form(language, count)].format(count=count, **values)
    return (one if count == 1 else many).format(count=count, **values)


def _plural_form(language: str, count: int) -> int:
    if language != "ru":
        return 0 if count == 1 else 1
    if count % 10 == 1 and count % 100 != 11:
        return 0
    return 1 if 2 <= count % 10 <= 4 and not 12 <= count % 100 <= 14 else 2


def exact_time(language: str, at: datetime, zone: str) -> str:
    """Return an instant as date and time of day (24 hours) in a time zone."""
    pattern = "d MMM y, HH:mm" if language == "ru" else "MMM d, y, HH:mm"
    return format_datetime(at, pattern, tzinfo=ZoneInfo(zone), locale=language)


def relative_time(language: str, at: datetime, now: datetime) -> str:
    """Return the time from `now` to an instant in words, such as "3 hours ago"."""
    passed = at - now
    if abs(passed) < timedelta(seconds=45):
        return translate(language, "just now")
    return format_timedelta(passed, add_direction=True, locale=language, threshold=1.2)
