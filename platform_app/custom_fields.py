"""Custom fields: fields that tenants add to contacts, leads and webhooks, as facts."""

from typing import Any

from sqlmodel import col

from platform_app.automation.facts import Fact, FactType, Value
from platform_app.automation.values import parse_datetime, parse_exact_number
from platform_app.db import Transaction, owned
from platform_app.models.crm import CustomField, FieldKind, Holder
from platform_app.models.event import Event, EventKind
from platform_app.models.webhook import IncomingWebhook, WebhookField

FACT_TYPES = {
    FieldKind.TEXT: FactType.TEXT,
    FieldKind.NUMBER: FactType.NUMBER,
    FieldKind.MONEY: FactType.NUMBER,
    FieldKind.DATE: FactType.MOMENT,
    FieldKind.CHOICE: FactType.TEXT,
    FieldKind.YES_NO: FactType.FLAG,
}


def list_custom_fields(session: Transaction, tenant_id: str, holder: Holder | None = None) -> list[CustomField]:
    """Return the custom fields in their order, of contacts and leads or of one of them."""
    return session.cached(("own fields", holder), lambda: _read_custom_fields(session, tenant_id, holder))


def _read_custom_fields(session: Transaction, tenant_id: str, holder: Holder | None) -> list[CustomField]:
    query = owned(CustomField, tenant_id)
    if holder is not None:
        query = query.where(CustomField.holder == holder)
    return list(session.exec(query.order_by(CustomField.holder, CustomField.position, CustomField.id)).all())


def custom_field_facts(held: list[CustomField]) -> list[Fact]:
    """Return custom fields as facts of the catalogue."""
    return [
        Fact(
            f"{row.holder}.field.{row.key}", row.name, FACT_TYPES[row.kind], options=tuple(row.options), is_custom=True
        )
        for row in held
    ]


def custom_field_values(held: list[CustomField], kept: dict[str, Any], holder: Holder, zone: str) -> dict[str, Value]:
    """Return the values of a row's custom fields by fact.

    `kept` are the stored values by key, `zone` is the time zone of dates without one.
    """
    return {
        f"{holder}.field.{row.key}": _typed_value(row.kind, str(kept.get(row.key) or ""), zone)
        for row in held
        if row.holder == holder
    }


def list_webhook_fields(session: Transaction, tenant_id: str) -> list[tuple[WebhookField, str]]:
    """Return the fields of all webhooks in their order, each with the name of its webhook."""
    query = owned(WebhookField, tenant_id).join(IncomingWebhook, IncomingWebhook.id == WebhookField.webhook_id)
    query = query.where(col(IncomingWebhook.deleted_at).is_(None)).with_only_columns(WebhookField, IncomingWebhook.name)
    order = (IncomingWebhook.name, IncomingWebhook.id, WebhookField.position, WebhookField.id)
    return [(row, name) for row, name in session.execute(query.order_by(*order))]


def webhook_field_facts(held: list[tuple[WebhookField, str]]) -> list[Fact]:
    """Return fields of webhooks as facts of the catalogue."""
    return [
        Fact(f"webhook.field.{row.key}", f"{row.name} · {name}", FACT_TYPES[row.kind], is_custom=True, event_only=True)
        for row, name in held
    ]


def delivery_values(session: Transaction, event: Event, zone: str) -> dict[str, Value]:
    """Return the values of a delivery by fact; {} for an event of another kind."""
    if event.kind != EventKind.WEBHOOK_RECEIVED:
        return {}
    found: dict[str, Value] = {"webhook.name": str(event.after.get("name") or "") or None}
    brought = event.after.get("fields", {})
    if not brought:
        return found
    query = owned(WebhookField, event.tenant_id).where(WebhookField.webhook_id == event.after.get("webhook_id"))
    return found | {
        f"webhook.field.{row.key}": _typed_value(row.kind, str(brought.get(row.key) or ""), zone)
        for row in session.exec(query).all()
    }


def _typed_value(kind: FieldKind, text: str, zone: str) -> Value:
    if not text:
        return None
    if kind in (FieldKind.NUMBER, FieldKind.MONEY):
        return parse_exact_number(text)
    if kind == FieldKind.DATE:
        return parse_datetime(text, zone)
    return text == "yes" if kind == FieldKind.YES_NO else text
