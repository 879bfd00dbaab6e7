"""Webhook fields: named values of a webhook's payload for use in rules and texts."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import col

from platform_app.automation import webhook_payloads
from platform_app.automation.values import fold
from platform_app.automation.webhook_payloads import Leaf, UnreadableBody
from platform_app.custom_fields import FACT_TYPES
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, Invalid, LimitReached, NotFound
from platform_app.models.crm import FieldKind
from platform_app.models.person import Identity
from platform_app.models.webhook import DeliveryOutcome, IncomingWebhook, ReceivedDelivery, WebhookField
from platform_app.services.crm import crm_values, custom_field_definitions
from platform_app.services.webhooks import delivery_bodies, incoming_webhooks

MAX_FIELDS = 50  # of a webhook
KINDS = (FieldKind.TEXT, FieldKind.NUMBER, FieldKind.DATE, FieldKind.YES_NO)


def list_fields(session: Transaction, who: Identity, webhook_id: str) -> list[WebhookField]:
    """Return the fields of a webhook in their order."""
    query = owned(WebhookField, who.tenant_id).where(WebhookField.webhook_id == webhook_id)
    return list(session.exec(query.order_by(WebhookField.position, WebhookField.id)).all())


def add_field(
    session: Transaction, who: Identity, webhook_id: str, *, path: str, name: str = "", kind: FieldKind
) -> WebhookField:
    """Add a field for a value of the payload; without a name, the last part of its path is used.

    Raises Invalid if the path is empty or the kind is not allowed, LimitReached at MAX_FIELDS, Conflict if the name is
    taken, and NotFound if there is no such webhook.
    """
    webhook, path = (
        incoming_webhooks.get(session, who, webhook_id, lock=True),
        incoming_webhooks.clean_path(path, "path"),
    )
    held = list_fields(session, who, webhook.id)
    if not path:
        raise Invalid("Enter the path to the value, for example order.total.", field="path")
    if kind not in KINDS:
        raise Invalid("This value isn’t allowed.", field="kind")
    if len(held) >= MAX_FIELDS:
        raise LimitReached("You can add up to {count} fields.", count=MAX_FIELDS)
    row = WebhookField(tenant_id=who.tenant_id, webhook_id=webhook.id, key="", name="", path=path, kind=kind)
    row.name = crm_values.clean_line(name, "name", max_length=80) or _default_name(path, held)
    if fold(row.name) in {fold(other.name) for other in held}:
        raise Conflict("There is a field of this name already.", field="name")
    keys = set(session.exec(owned(WebhookField, who.tenant_id).with_only_columns(WebhookField.key)).all())
    row.key, row.position = (
        custom_field_definitions.unique_key(row.name, keys),
        max((other.position for other in held), default=0) + 1,
    )
    session.add(row)
    session.flush()
    return row


def _default_name(path: str, held: list[WebhookField]) -> str:
    """Return the last part of a path in words, or the whole path if that name is taken."""
    last = " ".join(path.rsplit(".", 1)[-1].replace("_", " ").split())[:80]
    name = last[:1].upper() + last[1:]
    return path[:80] if not name or fold(name) in {fold(other.name) for other in held} else name


def rename(session: Transaction, who: Identity, field_id: str, *, name: str) -> WebhookField:
    """Rename a field; its key in texts and conditions stays.

    Raises NotFound if there is no such field, Conflict if the name is taken.
    """
    row = _get(session, who, field_id)
    name = crm_values.clean_line(name, "name", max_length=80, required=True)
    others = (other for other in list_fields(session, who, row.webhook_id) if other.id != row.id)
    if fold(name) in {fold(other.name) for other in others}:
        raise Conflict("There is a field of this name already.", field="name")
    row.name = name
    return row


def delete(session: Transaction, who: Identity, field_id: str) -> WebhookField:
    """Delete a field; rules that use it report it as missing. Raises NotFound if there is no such field."""
    row = _get(session, who, field_id)
    session.delete(row)
    return row


def _get(session: Transaction, who: Identity, field_id: str) -> WebhookField:
    row: WebhookField | None = session.exec(
        owned(WebhookField, who.tenant_id).where(WebhookField.id == field_id)
    ).first()
    if row is None:
        raise NotFound("Field not found.")
    return row


@dataclass(frozen=True)
class FieldSuggestion:
    """A value of the last delivery that could become a field."""

    leaf: Leaf
    kind: FieldKind


def suggest_fields(session: Transaction, who: Identity, webhook_id: str) -> list[FieldSuggestion]:
    """Return the values of the last accepted delivery that are not fields yet."""
    webhook = incoming_webhooks.get(session, who, webhook_id)
    held = {row.path for row in list_fields(session, who, webhook.id)}
    kinds = {FACT_TYPES[kind]: kind for kind in KINDS}
    leaves = webhook_payloads.leaves(_last_payload(session, webhook))
    return [FieldSuggestion(leaf, kinds[leaf.kind]) for leaf in leaves if leaf.path not in held]


def _last_payload(session: Transaction, webhook: IncomingWebhook) -> Any:
    query = owned(ReceivedDelivery, webhook.tenant_id).where(
        ReceivedDelivery.webhook_id == webhook.id, ReceivedDelivery.outcome == DeliveryOutcome.ACCEPTED
    )
    last: ReceivedDelivery | None = session.exec(query.order_by(col(ReceivedDelivery.at).desc()).limit(1)).first()
    try:
        return delivery_bodies.parse_stored_body(last.body, last.headers.get("content-type", "")) if last else None
    except UnreadableBody:
        return None


def add_all_suggested(session: Transaction, who: Identity, webhook_id: str) -> int:
    """Add all suggested fields up to MAX_FIELDS; return how many were added."""
    room = MAX_FIELDS - len(list_fields(session, who, webhook_id))
    suggestions = suggest_fields(session, who, webhook_id)[: max(room, 0)]
    for suggestion in suggestions:
        add_field(session, who, webhook_id, path=suggestion.leaf.path, kind=suggestion.kind)
    return len(suggestions)


def field_values(session: Transaction, who: Identity, webhook_id: str, payload: Any) -> dict[str, str]:
    """Return the values of a payload by field key, as text; missing or mistyped values are left out."""
    rows = session.cached(("fields of a webhook", webhook_id), lambda: list_fields(session, who, webhook_id))
    texts = {
        row.key: webhook_payloads.to_fact_text(
            webhook_payloads.value_at(payload, row.path), FACT_TYPES[row.kind], who.time_zone
        )
        for row in rows
    }
    return {key: text for key, text in texts.items() if text}
