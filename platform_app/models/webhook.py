"""Webhook models: incoming webhooks, their fields, and received deliveries."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from platform_app.clock import now
from platform_app.form_fields import Control, form_fields
from platform_app.models.base import Instant, Owned, enum_column, factory, in_form
from platform_app.models.crm import FieldKind

WEBHOOK_SECRET_COLUMNS = ("address_secret", "secret", "former_secret")


class IncomingWebhook(Owned, table=True):
    """An address of the tenant to which another system delivers."""

    name: str = Field(title="Name", min_length=1, max_length=120, schema_extra=in_form("settings"))
    agent_id: str | None = Field(
        default=None,
        title="Agent",
        description="Triggers this agent’s rules and rules for all agents.",
        foreign_key="agent.id",
        max_length=32,
        ondelete="SET NULL",
        schema_extra=in_form("settings", Control.SELECT),
    )
    address_hash: str = Field(unique=True, max_length=64)  # SHA-256 of the address's last part, for lookup
    address_secret: str = Field(max_length=500, repr=False)  # the last part, encrypted; the only protection if unsigned
    secret: str = Field(max_length=500, repr=False)  # whsec_…, encrypted: the signing key
    former_secret: str = Field(default="", max_length=500, repr=False)  # the key before, valid until former_until
    former_until: datetime | None = Field(default=None, sa_type=Instant)
    signed: bool = True  # a delivery without a valid signature is refused
    enabled: bool = True
    email_path: str = Field(  # of the contact's e-mail address in the payload
        default="",
        title="Path of the email address",
        max_length=200,
        schema_extra=in_form("subject", Control.PATH, placeholder="customer.email"),
    )
    phone_path: str = Field(
        default="",
        title="Path of the phone number",
        max_length=200,
        schema_extra=in_form("subject", Control.PATH, placeholder="customer.phone"),
    )
    name_path: str = Field(
        default="",
        title="Path of the name",
        max_length=200,
        schema_extra=in_form("subject", Control.PATH, placeholder="customer.name"),
    )
    lead_path: str = Field(
        default="",
        title="Path of a lead’s id",
        max_length=200,
        schema_extra=in_form("subject", Control.PATH, placeholder="lead_id"),
    )
    creates_contact: bool = Field(  # if no contact has the address or number
        default=False, title="Create a contact if none matches", schema_extra=in_form("subject")
    )
    received_at: datetime | None = Field(default=None, sa_type=Instant)
    kept_bytes: int = Field(default=0, sa_type=BigInteger)  # of stored accepted bodies
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)

    def secret_purpose(self, column: str) -> str:
        """Return the purpose that a column is encrypted for; a replaced secret keeps its purpose in `former_secret`."""
        return f"webhook {self.id} {'address' if column == 'address_secret' else 'signature'}"


WEBHOOK_FORM = form_fields(IncomingWebhook)


class WebhookField(Owned, table=True):
    """A named value of a webhook's payload, for rules and texts."""

    __table_args__ = (UniqueConstraint("tenant_id", "key"),)
    webhook_id: str = Field(foreign_key="incomingwebhook.id", index=True, max_length=32, ondelete="CASCADE")
    key: str = Field(max_length=40)  # in texts and conditions: webhook.field.{key}
    name: str = Field(max_length=80)
    path: str = Field(max_length=200)  # order.customer.email, items.0.sku
    kind: FieldKind = Field(default=FieldKind.TEXT, sa_type=enum_column(FieldKind))
    position: int = 0


class DeliveryOutcome(StrEnum):
    """The outcome of a delivery."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # its id was accepted before
    REFUSED = "refused"


class ReceivedDelivery(Owned, table=True):
    """A delivery to a webhook, as received."""

    __table_args__ = (
        UniqueConstraint("webhook_id", "taken_id"),
        Index("ix_receiveddelivery_recent", "tenant_id", "at"),
        Index("ix_receiveddelivery_webhook", "tenant_id", "webhook_id", "at"),
        Index("ix_receiveddelivery_outcome", "tenant_id", "webhook_id", "outcome", "at"),
    )
    webhook_id: str = Field(foreign_key="incomingwebhook.id", max_length=32, ondelete="CASCADE")
    at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    outcome: DeliveryOutcome = Field(sa_type=enum_column(DeliveryOutcome))
    why: str = Field(default="", max_length=200)  # a message id: why it was refused
    message_id: str = Field(default="", max_length=255)  # the sender's webhook-id
    taken_id: str | None = Field(default=None, max_length=255)  # message_id if accepted; finds duplicates
    headers: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # those useful for diagnosis
    body: str = ""
    size: int = 0  # bytes of the whole body
    event_id: str | None = Field(default=None, max_length=32)  # the event, or that of the first with this id
