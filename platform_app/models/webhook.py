"""Webhook: addresses at which other systems tell what happened there, what is taken from it, and what came in."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, enum_column, factory
from platform_app.models.crm import FieldKind


class IncomingWebhook(Owned, table=True):
    """An address of the tenant's own at which another system delivers."""

    name: str = Field(max_length=120)
    agent_id: str | None = Field(default=None, foreign_key="agent.id", max_length=32, ondelete="SET NULL")
    address_hash: str = Field(unique=True, max_length=64)  # SHA-256 of the address's last part: it is found by this
    address_secret: str = Field(max_length=500, repr=False)  # the last part, sealed; unsigned, it alone protects
    secret: str = Field(max_length=500, repr=False)  # whsec_…, sealed: what deliveries are signed with
    former_secret: str = Field(default="", max_length=500, repr=False)  # the one before, good until former_until
    former_until: datetime | None = Field(default=None, sa_type=Instant)
    signed: bool = True  # a delivery without a valid signature is refused
    enabled: bool = True
    email_path: str = Field(default="", max_length=200)  # where in a payload the contact's e-mail address stands
    phone_path: str = Field(default="", max_length=200)
    name_path: str = Field(default="", max_length=200)
    lead_path: str = Field(default="", max_length=200)  # where the id of a lead stands
    creates_contact: bool = False  # when nobody has the address or the number
    received_at: datetime | None = Field(default=None, sa_type=Instant)
    kept_bytes: int = Field(default=0, sa_type=BigInteger)  # of accepted bodies in the log
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class WebhookField(Owned, table=True):
    """A value of a webhook's payload that rules and texts know by name."""

    __table_args__ = (UniqueConstraint("tenant_id", "key"),)
    webhook_id: str = Field(foreign_key="incomingwebhook.id", index=True, max_length=32, ondelete="CASCADE")
    key: str = Field(max_length=40)  # its name in texts and conditions: webhook.field.{key}
    name: str = Field(max_length=80)
    path: str = Field(max_length=200)  # order.customer.email, items.0.sku
    kind: FieldKind = Field(default=FieldKind.TEXT, sa_type=enum_column(FieldKind))
    position: int = 0


class DeliveryOutcome(StrEnum):
    """What became of a delivery."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # its id was accepted before
    REFUSED = "refused"


class ReceivedDelivery(Owned, table=True):
    """What was sent to a webhook, as it came."""

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
    taken_id: str | None = Field(default=None, max_length=255)  # the same once it is accepted: no second one is
    headers: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # those that help to find a fault
    body: str = ""
    size: int = 0  # bytes of the whole body
    event_id: str | None = Field(default=None, max_length=32)  # what it wrote, or the first of its id wrote
