"""Delivery log: lists of the deliveries to webhooks."""

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.errors import NotFound
from platform_app.models.person import Identity
from platform_app.models.webhook import IncomingWebhook, ReceivedDelivery

PAGE_SIZE = 50


def list_deliveries(
    session: Transaction,
    who: Identity,
    *,
    webhook_id: str = "",
    outcome: str = "",
    page: int = 1,
    size: int = PAGE_SIZE,
) -> list[ReceivedDelivery]:
    """Return a page of deliveries, newest first, with one more than `size` if there is a next page."""
    query = owned(ReceivedDelivery, who.tenant_id)
    if webhook_id:
        query = query.where(ReceivedDelivery.webhook_id == webhook_id)
    if outcome:
        query = query.where(ReceivedDelivery.outcome == outcome)
    query = query.order_by(col(ReceivedDelivery.at).desc(), col(ReceivedDelivery.id).desc())
    return list(session.exec(query.offset((max(page, 1) - 1) * size).limit(size + 1)).all())


def get(session: Transaction, who: Identity, delivery_id: str) -> ReceivedDelivery:
    """Return a delivery. Raises NotFound if there is none."""
    query = owned(ReceivedDelivery, who.tenant_id).where(ReceivedDelivery.id == delivery_id)
    row: ReceivedDelivery | None = session.exec(query).first()
    if row is None:
        raise NotFound("Delivery not found.")
    return row


def webhook_names(session: Transaction, who: Identity) -> dict[str, str]:
    """Return the names of all webhooks by id, also of deleted ones."""
    query = owned(IncomingWebhook, who.tenant_id).with_only_columns(IncomingWebhook.id, IncomingWebhook.name)
    return {webhook_id: name for webhook_id, name in session.execute(query)}  # noqa: C416
