"""Notifications: tell members of a tenant what concerns them, each once, and what they have read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, owned_update
from platform_app.integrations import platform_smtp
from platform_app.jobs import SendNotification, enqueue
from platform_app.models.notification import (
    EmailDelivery,
    Notification,
    NotificationKind,
    NotificationPreference,
)
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.services.notifications import preferences
from platform_app.services.notifications.preferences import Preference

MAX_LISTED = 50  # notifications that the list shows
DIGEST_AT = time(9)  # in the tenant's time zone
_MAX_VALUE_CHARS = 300


@dataclass(frozen=True)
class Notice:
    """What members are told: a message id whose {placeholders} `values` fill, and a path below /manage/{tenant}."""

    sentence: str
    link: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


def notify(
    session: Transaction,
    tenant_id: str,
    user_ids: Iterable[str],
    kind: NotificationKind,
    *,
    notice: Notice,
    cause: str,
    by: str = "",
    message_id: str | None = None,
) -> list[Notification]:
    """Tell members something in the transaction of the change; return the notifications that were added.

    `user_ids` are users; who is not an active member of the tenant, and `by`, the user who did it, is not told.
    `cause` is the id of the event, or another text of at most 64 characters: of one cause and kind a member is told
    once. `message_id` is the message that it is about, if any.
    """
    wanted = sorted(set(user_ids) & active_members(session, tenant_id).keys() - {by})
    told = _already_told(session, tenant_id, kind, cause) if wanted else set()
    chosen = preferences.of_members(session, tenant_id, kind, [one for one in wanted if one not in told])
    bounded = {name: _bounded(value) for name, value in notice.values.items()}
    rows = [
        Notification(
            tenant_id=tenant_id,
            user_id=user_id,
            kind=kind,
            cause=cause[:64],
            sentence=notice.sentence,
            values=bounded,
            link=notice.link,
            message_id=message_id,
            in_console=preference.in_console,
            in_browser=preference.in_browser,
        )
        for user_id, preference in chosen.items()
        if _is_wanted(preference)
    ]
    return rows if not rows or _add(session, rows, chosen) else []


def active_members(session: Transaction, tenant_id: str) -> dict[str, Role]:
    """Return the roles of those who may work in a tenant by their user ids; disabled members and users are left out."""
    query = (
        owned(Member, tenant_id)
        .join(User, User.id == Member.user_id)
        .where(col(Member.disabled_at).is_(None), col(User.disabled_at).is_(None))
        .with_only_columns(Member.user_id, Member.role)
    )
    return dict(iter(session.execute(query)))


def _bounded(value: Any) -> Any:
    return value[:_MAX_VALUE_CHARS] if isinstance(value, str) else value


def _already_told(session: Transaction, tenant_id: str, kind: NotificationKind, cause: str) -> set[str]:
    query = owned(Notification, tenant_id).where(Notification.kind == kind, Notification.cause == cause[:64])
    return set(session.exec(query.with_only_columns(Notification.user_id)).all())


def _is_wanted(preference: Preference) -> bool:
    is_mailed = preference.email != EmailDelivery.NEVER and platform_smtp.is_configured()
    return preference.in_console or preference.in_browser or is_mailed


def _add(session: Transaction, rows: list[Notification], chosen: dict[str, Preference]) -> bool:
    """Add notifications with their e-mails; return False if another transaction has told the same meanwhile."""
    session.flush()
    try:
        with session.savepoint():
            session.add_all(rows)
            session.flush()
    except IntegrityError:
        return False
    for row in rows:
        _deliver(session, row, chosen[row.user_id])
    return True


def _deliver(session: Transaction, row: Notification, preference: Preference) -> None:
    """Let the member's open pages know after the commit, and plan the e-mail."""
    publish_change(session, row.tenant_id, row.user_id)
    if not platform_smtp.is_configured():
        return
    if preference.email == EmailDelivery.AT_ONCE:
        payload = SendNotification(notification_id=row.id)
        enqueue(session, row.tenant_id, payload, dedupe_key=f"notification:{row.id}")
    elif preference.email == EmailDelivery.DAILY:
        tenant = session.get(Tenant, row.tenant_id)
        row.digest_at = next_digest(now(), tenant.time_zone if tenant else "UTC")


def next_digest(at: datetime, zone: str) -> datetime:
    """Return the first moment after `at` at which digests are sent in a time zone."""
    local = at.astimezone(ZoneInfo(zone))
    today = datetime.combine(local.date(), DIGEST_AT, ZoneInfo(zone))
    return today if today > local else datetime.combine(local.date() + timedelta(days=1), DIGEST_AT, ZoneInfo(zone))


def topic_of(user_id: str) -> str:
    """Return the topic under which a member's open pages are told of their notifications."""
    return f"notification:{user_id}"


def publish_change(session: Transaction, tenant_id: str, user_id: str) -> None:
    """Let the open pages of a member look at their notifications again after the commit."""
    session.after_commit.append(lambda: notifier.publish(tenant_id, topic_of(user_id), ""))


def list_recent(session: Transaction, who: Identity, *, limit: int = MAX_LISTED) -> list[Notification]:
    """Return the acting member's notifications that the console shows, newest first."""
    query = _own(who).where(col(Notification.in_console).is_(True))
    newest = query.order_by(col(Notification.created_at).desc(), col(Notification.id).desc())
    return list(session.exec(newest.limit(limit)).all())


def list_since(session: Transaction, who: Identity, since: datetime) -> list[Notification]:
    """Return the acting member's unread notifications for the browser that are newer than `since`, oldest first."""
    query = _own(who).where(
        col(Notification.in_browser).is_(True), col(Notification.read_at).is_(None), Notification.created_at > since
    )
    return list(session.exec(query.order_by(Notification.created_at, Notification.id).limit(MAX_LISTED)).all())


def count_unread(session: Transaction, who: Identity) -> int:
    """Return how many notifications in the console the acting member has not read."""
    query = _own(who).where(col(Notification.in_console).is_(True), col(Notification.read_at).is_(None))
    return int(session.exec(query.with_only_columns(func.count())).one())


def is_link_unread(session: Transaction, who: Identity, link: str) -> bool:
    """Return whether the acting member has an unread notification that leads to a page."""
    unread = _own(who).where(Notification.link == link, col(Notification.read_at).is_(None))
    return session.exec(unread.limit(1)).first() is not None


def mark_read(session: Transaction, who: Identity, notification_id: str) -> None:
    """Mark a notification of the acting member as read; does nothing if they have none with this id."""
    _mark(session, who, col(Notification.id) == notification_id)


def mark_link_read(session: Transaction, who: Identity, link: str) -> None:
    """Mark the acting member's notifications about a page as read, since they have opened it."""
    _mark(session, who, col(Notification.link) == link)


def mark_all_read(session: Transaction, who: Identity) -> None:
    """Mark all notifications of the acting member as read."""
    _mark(session, who)


def settle(session: Transaction, tenant_id: str, kind: NotificationKind, **where: str) -> None:
    """Mark notifications of a kind as read for everybody, because somebody has done what they ask for.

    `where` are columns and their values, such as `link`.
    """
    wanted = [col(getattr(Notification, name)) == value for name, value in where.items()]
    unread = owned(Notification, tenant_id).where(
        Notification.kind == kind, col(Notification.read_at).is_(None), *wanted
    )
    for row in session.exec(unread.with_for_update(skip_locked=True)).all():  # a locked one is being read
        row.read_at = now()
        publish_change(session, tenant_id, row.user_id)


def delete_of_member(session: Transaction, tenant_id: str, user_id: str) -> None:
    """Delete the notifications and preferences of a member who is removed."""
    for model in (Notification, NotificationPreference):
        session.execute(owned_delete(model, tenant_id).where(col(model.user_id) == user_id))


def _own(who: Identity) -> Any:
    return owned(Notification, who.tenant_id).where(Notification.user_id == who.user_id)


def _mark(session: Transaction, who: Identity, *where: Any) -> None:
    unread = owned_update(Notification, who.tenant_id).where(
        col(Notification.user_id) == who.user_id, col(Notification.read_at).is_(None), *where
    )
    changed = session.execute(unread.values(read_at=now()).execution_options(synchronize_session=False))
    # execute() is typed as Result; an update returns a CursorResult
    if changed.rowcount:  # type: ignore[attr-defined]
        publish_change(session, who.tenant_id, who.user_id)
