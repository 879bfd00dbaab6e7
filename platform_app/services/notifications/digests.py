"""Digests: which notifications a member's daily e-mail lists, and when it is sent."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.jobs import SendDigest, enqueue
from platform_app.models.notification import Notification

MAX_LINES = 100  # notifications in one digest


def enqueue_due() -> bool:
    """Enqueue the digests that are due, one for each member; return that none is left."""
    newest = func.max(Notification.digest_at)
    with session_scope(reason="digests that are due", read_only=True) as session:
        due = unscoped(Notification).where(col(Notification.digest_at) <= now())
        query = due.with_only_columns(Notification.tenant_id, Notification.user_id, newest)
        found = session.execute(query.group_by(Notification.tenant_id, Notification.user_id)).all()
    for tenant_id, user_id, due_at in found:
        payload = SendDigest(user_id=user_id, due=due_at.isoformat())
        with session_scope(tenant_id) as session:
            enqueue(session, tenant_id, payload, dedupe_key=f"digest:{user_id}:{payload.due}")
    return False


def list_waiting(session: Transaction, tenant_id: str, user_id: str, due: str) -> list[Notification]:
    """Return the notifications of a member that wait for a digest due by `due`, locked, oldest first."""
    query = owned(Notification, tenant_id).where(
        Notification.user_id == user_id, col(Notification.digest_at) <= datetime.fromisoformat(due)
    )
    ordered = query.order_by(Notification.created_at, Notification.id)
    return list(session.exec(ordered.with_for_update()).all())


def finish(rows: Iterable[Notification]) -> None:
    """Note that notifications wait for no digest any more."""
    for row in rows:
        row.digest_at = None
