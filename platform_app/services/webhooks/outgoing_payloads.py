"""Outgoing payloads: the body and the headers of a delivery, in the form of Standard Webhooks."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import col
from standardwebhooks import Webhook

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.models.event import Event
from platform_app.models.outgoing_webhook import TEST_TYPE, OutgoingDelivery, OutgoingWebhook
from platform_app.services.webhooks import webhook_secrets

DEPTH_HEADER = "x-automation-depth"
MAX_BODY_BYTES = 64_000
_LINKS = ("agent_id", "conversation_id", "message_id", "contact_id", "lead_id")


def body_of(session: Transaction, delivery: OutgoingDelivery) -> str | None:
    """Return the JSON body of a delivery, the same at every attempt; None if its event was deleted for good."""
    if delivery.type == TEST_TYPE:
        return _write(TEST_TYPE, delivery.created_at, {"event_id": None, "test": True})
    query = owned(Event, delivery.tenant_id).where(col(Event.id) == delivery.event_id)
    event: Event | None = session.exec(query).first()
    if event is None:
        return None
    data: dict[str, Any] = {"event_id": event.id} | {name: getattr(event, name) for name in _LINKS}
    details = {"before": event.before, "after": event.after, "facts": _plain_facts(event.facts.get("values", {}))}
    body = _write(delivery.type, event.at, data | details)
    if len(body.encode()) > MAX_BODY_BYTES:
        body = _write(delivery.type, event.at, data | {"truncated": True})
    return body


def _write(kind: str, at: datetime, data: dict[str, Any]) -> str:
    body = json.dumps({"type": kind, "timestamp": at.isoformat(), "data": data}, ensure_ascii=False)
    return body.encode("utf-8", "replace").decode()


def _plain_facts(values: dict[str, Any]) -> dict[str, Any]:
    """Return facts without the marks of their types: numbers and times as texts, the others as they are."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        return next(iter(value.values()))  # {"number": "590.00"}, {"at": "2026-11-30T10:00:00+00:00"}
    return value


def headers_of(webhook: OutgoingWebhook, delivery: OutgoingDelivery, body: str) -> dict[str, str]:
    """Return the headers of an attempt that is made now, signed with each valid secret.

    Raises Conflict if a secret cannot be decrypted.
    """
    return signed_headers(webhook_secrets.valid_secrets(webhook), delivery.message_id, body, depth=delivery.depth)


def signed_headers(secrets: Sequence[str], message_id: str, body: str, *, depth: int) -> dict[str, str]:
    """Return the headers of Standard Webhooks for a body that is sent now.

    `depth` is how many automations led to it: a webhook of this platform that receives it goes on counting, so that
    webhooks that lead to each other come to an end.
    """
    at = now()
    headers = {
        "content-type": "application/json",
        "user-agent": "gpt-agents-webhooks",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        DEPTH_HEADER: str(depth),
    }
    signatures = " ".join(Webhook(secret).sign(message_id, at, body) for secret in secrets)
    return headers | ({"webhook-signature": signatures} if signatures else {})
