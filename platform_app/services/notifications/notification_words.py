"""Notification words: the sentence of a notification in a language."""

from platform_app.i18n import translate_stored
from platform_app.models.notification import Notification


def words_of(row: Notification, language: str) -> str:
    """Return the sentence of a notification with its values."""
    return translate_stored(language, row.sentence, row.values)
