"""Notification words: the sentence of a notification in a language."""

from datetime import datetime
from typing import Any

from platform_app.i18n import exact_time, translate_stored
from platform_app.models.notification import Notification


def words_of(row: Notification, language: str, zone: str) -> str:
    """Return the sentence of a notification with its values; those whose names end in `_at` are times, said in `zone`.

    Such a time is stored in ISO 8601 with its offset.
    """
    return translate_stored(
        language, row.sentence, {name: _value(name, value, language, zone) for name, value in row.values.items()}
    )


def _value(name: str, value: Any, language: str, zone: str) -> Any:
    return exact_time(language, datetime.fromisoformat(value), zone) if name.endswith("_at") and value else value
