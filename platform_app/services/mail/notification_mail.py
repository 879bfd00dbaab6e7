"""Notification mail: the jobs that e-mail a member's notifications, one at once or those of a day."""

from typing import Any

from platform_app.config import settings
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict
from platform_app.i18n import plural, translate
from platform_app.integrations import platform_smtp
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import RunningJob, SendDigest, SendNotification
from platform_app.models.job import Job, JobState
from platform_app.models.notification import Notification
from platform_app.models.person import Tenant, User
from platform_app.services.mail import platform_mail
from platform_app.services.notifications import digests, notifications
from platform_app.services.notifications.notification_words import words_of

_SETTINGS_LINK = "/settings/notifications"
_NOT_SENT = "Email notification to {name} not sent: {reason}"


def send_notification(job: RunningJob) -> None:
    """Send the e-mail of a notification, unless its member has read it or has left meanwhile."""

    def compose() -> dict[str, str] | None:
        with job.transaction() as session:
            row = _row(session, job.tenant_id, job.payload.notification_id)
            is_wanted = row is not None and row.read_at is None
            return _compose(session, job.tenant_id, row.user_id, [row]) if row and is_wanted else None

    platform_mail.send_once(job, f"notification:{job.payload.notification_id}", compose)


def send_digest(job: RunningJob) -> None:
    """Send a member the e-mail with the notifications of a day that are still unread; none if there are none."""

    def compose() -> dict[str, str] | None:
        with job.transaction() as session:
            rows = digests.list_waiting(session, job.tenant_id, job.payload.user_id, job.payload.due)
            unread = [row for row in rows if row.read_at is None]
            return _compose(session, job.tenant_id, job.payload.user_id, unread) if unread else None

    platform_mail.send_once(job, f"digest:{job.id}", compose)
    with job.finish() as session:
        digests.finish(digests.list_waiting(session, job.tenant_id, job.payload.user_id, job.payload.due))


def _compose(session: Transaction, tenant_id: str, user_id: str, rows: list[Notification]) -> dict[str, str] | None:
    """Return receiver, subject and text of the e-mail with some notifications, or None if their member has left."""
    if user_id not in notifications.active_members(session, tenant_id):
        return None
    tenant, user = session.get(Tenant, tenant_id), session.get(User, user_id)
    assert tenant is not None and user is not None
    home, language, zone = f"{_origin()}/manage/{tenant.slug}", user.language, tenant.time_zone
    lines = [f"{words_of(row, language, zone)}\n{home}{row.link}" for row in rows[: digests.MAX_LINES]]
    if len(rows) == 1:
        subject = f"{tenant.name}: {words_of(rows[0], language, zone)}"[:200]
    else:
        unread = plural(language, "{count} unread notification", "{count} unread notifications", len(rows))
        subject = f"{tenant.name}: {unread}"
    why = translate(language, "Choose which notifications you get by email:")
    return {"to": user.email, "subject": subject, "text": "\n\n".join([*lines, f"{why}\n{home}{_SETTINGS_LINK}"])}


def _origin() -> str:
    own = settings()
    return (own.public_url or f"http://{own.host}:{own.port}").rstrip("/")


def _row(session: Transaction, tenant_id: str, notification_id: str) -> Notification | None:
    query = owned(Notification, tenant_id).where(Notification.id == notification_id)
    found: Notification | None = session.exec(query).first()
    return found


def on_failure(
    session: Transaction,
    tenant_id: str,
    payload: SendNotification | SendDigest,
    *,
    state: JobState,
    sentence: str,
    values: Any,
) -> None:
    """Report in the feed that an e-mail was not sent, or that it is not known; nobody is notified of it."""
    user_id = _user_id(session, tenant_id, payload)
    platform_mail.report_failure(
        session, tenant_id, user_id, _NOT_SENT, kind=payload.kind, sentence=sentence, values=values
    )


def _user_id(session: Transaction, tenant_id: str, payload: SendNotification | SendDigest) -> str:
    if isinstance(payload, SendDigest):
        return payload.user_id
    row = _row(session, tenant_id, payload.notification_id)
    return row.user_id if row else ""


def on_retry(session: Transaction, tenant_id: str, payload: SendNotification | SendDigest) -> None:
    """Check that there is a mail server. Raises Conflict if there is none any more."""
    if not platform_smtp.is_configured():
        raise Conflict("The platform has no mail server.")


def payload_from_keys(session: Transaction, job: Job) -> SendNotification | None:
    """Return the payload of the job of a notification from its dedupe key, or None."""
    notification_id = id_from_key(job.dedupe_key, "notification:")
    return SendNotification(notification_id=notification_id) if notification_id else None


def digest_from_keys(session: Transaction, job: Job) -> SendDigest | None:
    """Return the payload of the job of a digest from its dedupe key, or None."""
    user_id, _, due = id_from_key(job.dedupe_key, "digest:").partition(":")
    return SendDigest(user_id=user_id, due=due) if due else None
