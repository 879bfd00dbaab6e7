"""Delivery retention: limits on the number, size and age of stored deliveries."""

from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_
from sqlmodel import col

from platform_app.db import Transaction, owned, owned_delete
from platform_app.models.webhook import DeliveryOutcome, IncomingWebhook, ReceivedDelivery

MAX_REFUSED = 100  # of a webhook
MAX_TENANT_BYTES = 500_000_000  # stored bodies of a tenant; later deliveries have none
_DELETE_BATCH = 50  # refused deliveries deleted at once
RETENTION = timedelta(days=30)


def latest_delivery(session: Transaction, row: ReceivedDelivery) -> ReceivedDelivery | None:
    """Return the webhook's newest stored delivery, or None."""
    mine = owned(ReceivedDelivery, row.tenant_id).where(ReceivedDelivery.webhook_id == row.webhook_id)
    newest = mine.order_by(col(ReceivedDelivery.at).desc(), col(ReceivedDelivery.id).desc()).limit(1)
    newest_row: ReceivedDelivery | None = session.exec(newest).first()
    return newest_row


def trim_refused(session: Transaction, row: ReceivedDelivery) -> None:
    """Delete the oldest refused deliveries of a webhook beyond MAX_REFUSED, a limited number at once."""
    refused = owned(ReceivedDelivery, row.tenant_id).where(
        ReceivedDelivery.webhook_id == row.webhook_id, ReceivedDelivery.outcome == DeliveryOutcome.REFUSED
    )
    at, row_id = col(ReceivedDelivery.at), col(ReceivedDelivery.id)
    last = refused.order_by(at.desc(), row_id.desc()).offset(MAX_REFUSED - 1).limit(1)
    beyond: ReceivedDelivery | None = session.exec(last).first()
    if beyond is None:
        return
    old = refused.where(or_(at < beyond.at, and_(at == beyond.at, row_id <= beyond.id))).order_by(at, row_id)
    batch = old.with_only_columns(ReceivedDelivery.id).limit(_DELETE_BATCH).with_for_update(skip_locked=True)
    ids = session.execute(batch).scalars().all()
    session.execute(owned_delete(ReceivedDelivery, row.tenant_id).where(row_id.in_(ids)))


def stored_bytes(session: Transaction, row: ReceivedDelivery) -> int:
    """Return the size in bytes of the accepted bodies stored for a webhook."""
    accepted = owned(ReceivedDelivery, row.tenant_id).where(
        ReceivedDelivery.webhook_id == row.webhook_id,
        ReceivedDelivery.outcome == DeliveryOutcome.ACCEPTED,
        ReceivedDelivery.body != "",
    )
    return int(session.execute(accepted.with_only_columns(func.sum(ReceivedDelivery.size))).scalar() or 0)


def store_body(session: Transaction, webhook: IncomingWebhook, row: ReceivedDelivery, body: str) -> None:
    """Store the body of an accepted delivery unless the tenant's bodies exceed MAX_TENANT_BYTES."""

    def others() -> int:
        query = owned(IncomingWebhook, webhook.tenant_id).where(IncomingWebhook.id != webhook.id)
        return int(session.execute(query.with_only_columns(func.sum(IncomingWebhook.kept_bytes))).scalar() or 0)

    if session.cached("bytes of other webhooks", others) + webhook.kept_bytes + row.size <= MAX_TENANT_BYTES:
        row.body = body
        webhook.kept_bytes += row.size


def delete_old(session: Transaction, row: ReceivedDelivery, *, previous_at: datetime | None) -> bool:
    """Delete deliveries past RETENTION with the first delivery of a UTC day; return whether it ran.

    `previous_at` is the time of the delivery before `row`.
    """
    if previous_at is None or previous_at.date() == row.at.date():
        return False
    old = owned_delete(ReceivedDelivery, row.tenant_id).where(
        col(ReceivedDelivery.webhook_id) == row.webhook_id,
        col(ReceivedDelivery.at) < row.at - RETENTION,
    )
    session.execute(old)
    return True
