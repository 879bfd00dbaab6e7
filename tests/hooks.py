"""Hooks: webhooks and deliveries as other systems send them, signed or not."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from standardwebhooks import Webhook

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.models.webhook import DeliveryOutcome, IncomingWebhook, ReceivedDelivery
from platform_app.services.webhooks import deliveries, incoming_webhooks, webhook_secrets
from platform_app.services.webhooks.deliveries import IncomingRequest
from tests.talking import call


def a_webhook(who: Identity, *, signed: bool = False, **settings: Any) -> IncomingWebhook:
    """Make a webhook with these settings."""
    row = call(who, incoming_webhooks.create, name=settings.pop("name", "Shop"), signed=signed)
    made: IncomingWebhook = call(who, incoming_webhooks.save, row.id, settings)
    return made


def body_of(payload: Any) -> bytes:
    """Return a payload as JSON."""
    return json.dumps(payload).encode()


def signed(secret: str, body: bytes, *, message_id: str = "msg_1", at: datetime | None = None) -> dict[str, str]:
    """Return the headers of a delivery in the form of Standard Webhooks."""
    at = at or now()
    signature = Webhook(secret).sign(message_id, at, body.decode())
    stamp = str(int(at.timestamp()))
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signature}


def secret_of(webhook: IncomingWebhook) -> str:
    """Return what deliveries to a webhook are signed with."""
    return webhook_secrets.get_secret(webhook)


def address_of(webhook: IncomingWebhook) -> str:
    """Return the last part of a webhook's address."""
    return webhook_secrets.get_address(webhook)


def take(webhook: IncomingWebhook, sent: IncomingRequest) -> DeliveryOutcome:
    """Let one delivery be taken; raises why it is not."""
    [result] = deliveries.accept_all(webhook, [sent])
    if isinstance(result, Exception):
        raise result
    return result


def deliver(webhook: IncomingWebhook, payload: Any, *, message_id: str = "") -> DeliveryOutcome:
    """Deliver a payload as JSON to a webhook without a signature."""
    headers = {"content-type": "application/json"} | ({"webhook-id": message_id} if message_id else {})
    return take(webhook, IncomingRequest(body_of(payload), headers))


def events(who: Identity) -> list[Event]:
    """Return the events of deliveries, oldest first."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Event, who.tenant_id).where(Event.kind == EventKind.WEBHOOK_RECEIVED)
        return list(session.exec(query.order_by(Event.at, Event.id)).all())


def log(who: Identity) -> list[ReceivedDelivery]:
    """Return what was received, oldest first."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(ReceivedDelivery, who.tenant_id)
        return list(session.exec(query.order_by(ReceivedDelivery.at, ReceivedDelivery.id)).all())


Alter = Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]]
MINUTE = timedelta(minutes=1)
