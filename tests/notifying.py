"""Notifying: what members have been told, as tests need it."""

from typing import Any

from platform_app.db import owned, session_scope
from platform_app.models.notification import Notification
from platform_app.models.person import Identity
from platform_app.services.notifications import notifications, preferences
from platform_app.services.notifications.notification_words import words_of
from tests.talking import call


def told(who: Identity) -> list[str]:
    """Return what a member has been told, oldest first."""
    return [words_of(row, "en", who.time_zone) for row in rows(who)]


def rows(who: Identity) -> list[Notification]:
    """Return the notifications of a member, oldest first."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Notification, who.tenant_id).where(Notification.user_id == who.user_id)
        return list(session.exec(query.order_by(Notification.id)).all())


def unread(who: Identity) -> int:
    """Return how many notifications a member has not read."""
    return int(call(who, notifications.count_unread))


def prefer(who: Identity, kind: str, **ways: Any) -> None:
    """Choose how a member is told of a kind."""
    call(who, preferences.save, kind, **ways)
