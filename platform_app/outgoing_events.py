"""Outgoing events: the deliveries of an event to the webhooks that subscribe to it, in the event's transaction."""

import zlib
from typing import Any

from sqlmodel import col

from platform_app.automation.rules import MAX_CHAIN_DEPTH
from platform_app.db import Transaction, owned
from platform_app.jobs import SendWebhook, enqueue
from platform_app.models.event import Event
from platform_app.models.outgoing_webhook import OutgoingDelivery, OutgoingWebhook

LANES = 2  # deliveries of one webhook that are sent at once
_WEBHOOKS = "outgoing webhooks"


def any_webhook(tenant_id: str) -> Any:
    """Return the query of the tenant's webhooks that are switched on."""
    return owned(OutgoingWebhook, tenant_id).where(
        col(OutgoingWebhook.enabled).is_(True), col(OutgoingWebhook.deleted_at).is_(None)
    )


def set_has_webhooks(session: Transaction, *, has_any: bool) -> None:
    """Keep for this transaction whether `any_webhook` has rows; without any, they are not read."""
    if not has_any:
        session.info.setdefault(_WEBHOOKS, [])


def add_deliveries(session: Transaction, event: Event) -> None:
    """Add a delivery of an event for each webhook that subscribes to its kind, with the job that sends it."""
    if event.depth > MAX_CHAIN_DEPTH:  # a webhook of this platform that led to itself
        return
    if _WEBHOOKS not in session.info:
        session.info[_WEBHOOKS] = list(session.exec(any_webhook(event.tenant_id)).all())
    for webhook in session.info[_WEBHOOKS]:
        if event.kind.value in webhook.kinds:
            delivery = OutgoingDelivery(
                tenant_id=event.tenant_id,
                outgoing_id=webhook.id,
                type=event.kind.value,
                event_id=event.id,
                depth=event.depth + 1,
                object_id=event.contact_id or event.lead_id or event.conversation_id or event.id,
            )
            session.add(delivery)
            enqueue_delivery(session, delivery)


def enqueue_delivery(session: Transaction, delivery: OutgoingDelivery) -> None:
    """Enqueue the job that sends a delivery; the jobs of one object share a lane of the webhook, which is in order."""
    lane = zlib.crc32(delivery.object_id.encode()) % LANES
    lock_key = f"outgoing:{delivery.outgoing_id}:{lane}"
    job = enqueue(session, delivery.tenant_id, SendWebhook(delivery_id=delivery.id), lock_key=lock_key)
    job.dedupe_key = f"delivery:{delivery.id}:{job.id}"  # names the delivery if the payload cannot be read
