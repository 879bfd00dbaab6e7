"""Notification retention: deletes notifications that are old, or more than a member needs."""

from datetime import timedelta

from sqlalchemy import func
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, session_scope, unscoped
from platform_app.models.notification import Notification

LIFETIME = timedelta(days=90)
MAX_KEPT = 500  # of each member
BATCH = 500  # deleted per member and run


def delete_old() -> bool:
    """Delete notifications older than LIFETIME, and of each member all but the newest MAX_KEPT."""
    with session_scope(reason="notifications to delete", read_only=True) as session:
        old, many = func.min(Notification.created_at) < now() - LIFETIME, func.count() > MAX_KEPT
        members = unscoped(Notification).with_only_columns(Notification.tenant_id, Notification.user_id)
        query = members.group_by(Notification.tenant_id, Notification.user_id).having(old | many)
        found = session.execute(query).all()
    is_more = False
    for tenant_id, user_id in found:
        with session_scope(tenant_id) as session:
            is_more |= _delete(session, tenant_id, user_id)
    return is_more


def _delete(session: Transaction, tenant_id: str, user_id: str) -> bool:
    """Delete some of a member's notifications; return whether more are left."""
    own = owned(Notification, tenant_id).where(Notification.user_id == user_id).with_only_columns(Notification.id)
    newest_first = own.order_by(col(Notification.created_at).desc(), col(Notification.id).desc())
    ids = list(session.exec(own.where(Notification.created_at < now() - LIFETIME).limit(BATCH)).all())
    ids += session.exec(newest_first.offset(MAX_KEPT).limit(BATCH)).all()
    gone = owned_delete(Notification, tenant_id).where(col(Notification.id).in_(ids))
    session.execute(gone.execution_options(synchronize_session=False))
    return len(ids) >= BATCH
