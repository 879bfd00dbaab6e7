"""Outgoing webhook models: addresses that are told of events, and what was sent to each."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, literal_column
from sqlmodel import Field

from platform_app.form_fields import form_fields
from platform_app.models.base import Instant, Owned, enum_column, factory, in_form

OUTGOING_SECRET_COLUMNS = ("secret", "former_secret")
TEST_TYPE = "test"  # the type of a test event, which no event stands behind


class OutgoingWebhook(Owned, table=True):
    """An address of another system that is sent the events it subscribes to."""

    name: str = Field(title="Name", min_length=1, max_length=120, schema_extra=in_form("settings"))
    url: str = Field(
        title="URL",
        description="Where events are posted to. It has to be reachable from the internet.",
        min_length=1,
        max_length=1000,
        schema_extra=in_form("settings", placeholder="https://example.com/hooks"),
    )
    kinds: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # of the events that are sent
    enabled: bool = True
    secret: str = Field(max_length=500, repr=False)  # whsec_…, encrypted: the signing key
    former_secret: str = Field(default="", max_length=500, repr=False)  # the key before, used until former_until
    former_until: datetime | None = Field(default=None, sa_type=Instant)
    delivered_at: datetime | None = Field(default=None, sa_type=Instant)  # the last time that the address took one
    failures: int = 0  # attempts in a row that failed
    failing_since: datetime | None = Field(default=None, sa_type=Instant)
    paused_until: datetime | None = Field(default=None, sa_type=Instant)  # nothing is sent before
    stopped_why: str = Field(default="", max_length=200)  # a message id: why the platform switched it off
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)

    def secret_purpose(self, column: str) -> str:
        """Return the purpose that a secret is encrypted for; a replaced one keeps it in `former_secret`."""
        return f"outgoing webhook {self.id} signature"


OUTGOING_FORM = form_fields(OutgoingWebhook)


class OutgoingState(StrEnum):
    """The state of a delivery."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


_IS_DUE: ColumnElement[bool] = literal_column("next_at IS NOT NULL")
_IS_OPEN: ColumnElement[bool] = literal_column("finished_at IS NULL")


class OutgoingDelivery(Owned, table=True):
    """An event that is sent to an outgoing webhook, with its attempts."""

    __table_args__ = (
        Index("ix_outgoingdelivery_recent", "tenant_id", "id"),
        Index("ix_outgoingdelivery_webhook", "tenant_id", "outgoing_id", "id"),
        Index("ix_outgoingdelivery_finished", "finished_at"),
        Index("ix_outgoingdelivery_due", "next_at", sqlite_where=_IS_DUE, postgresql_where=_IS_DUE),
        Index(
            "ix_outgoingdelivery_open",
            "tenant_id",
            "outgoing_id",
            "object_id",
            "id",
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
    )
    outgoing_id: str = Field(foreign_key="outgoingwebhook.id", max_length=32, ondelete="CASCADE")
    type: str = Field(max_length=40)  # the kind of the event, or TEST_TYPE
    event_id: str | None = Field(default=None, max_length=32)
    depth: int = 1  # how many automations led to what the receiver does, if that is this platform
    object_id: str = Field(max_length=32)  # the deliveries of one object are sent in order
    state: OutgoingState = Field(default=OutgoingState.WAITING, sa_type=enum_column(OutgoingState))
    attempts: int = 0  # since it was created or sent again
    next_at: datetime | None = Field(default=None, sa_type=Instant)  # None: its job or an earlier delivery is awaited
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    status: int | None = None  # of the last answer
    error: str = Field(default="", max_length=500)  # a message id with {places}: why the last attempt failed
    error_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    history: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # attempts, see `Attempt`

    @property
    def message_id(self) -> str:
        """Return the webhook-id that every attempt carries, by which the receiver finds repetitions."""
        return f"msg_{self.id}"
