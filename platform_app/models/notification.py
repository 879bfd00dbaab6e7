"""Notification models: what members are told, and how each wants to be told."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, UniqueConstraint, literal_column
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column, factory


class NotificationKind(StrEnum):
    """The kinds of notifications; each member chooses for each how to be told."""

    ASSIGNED = "assigned"
    HANDED_OFF = "handed_off"
    APPROVAL = "approval"
    HELD = "held"
    SNOOZE_ENDED = "snooze_ended"
    MENTION = "mention"
    TASK_ASSIGNED = "task_assigned"
    TASK_DUE = "task_due"
    RULE = "rule"  # the action "Notify a teammate"
    IMPORT_DONE = "import_done"
    BUDGET = "budget"
    FAILURE = "failure"
    COMPANY = "company"  # the company is to be deleted, or no longer


class EmailDelivery(StrEnum):
    """When a notification is sent by e-mail."""

    NEVER = "never"
    AT_ONCE = "at_once"
    DAILY = "daily"  # if it is still unread at the next digest


_UNREAD: ColumnElement[bool] = literal_column("read_at IS NULL")
_IN_DIGEST: ColumnElement[bool] = literal_column("digest_at IS NOT NULL")


class Notification(Owned, table=True):
    """A notification of a member."""

    __table_args__ = (
        UniqueConstraint("tenant_id", "user_id", "kind", "cause"),
        Index("ix_notification_recent", "tenant_id", "user_id", "created_at", "id"),
        Index("ix_notification_unread", "tenant_id", "user_id", sqlite_where=_UNREAD, postgresql_where=_UNREAD),
        Index("ix_notification_digest", "digest_at", sqlite_where=_IN_DIGEST, postgresql_where=_IN_DIGEST),
    )
    user_id: str = Field(foreign_key="user.id", index=True, max_length=32, ondelete="CASCADE")
    kind: NotificationKind = Field(sa_type=enum_column(NotificationKind))
    cause: str = Field(max_length=64)  # id of the event, or another text for what a member is told of once
    sentence: str = Field(max_length=200)  # a message id with {places}
    values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    link: str = Field(default="", max_length=300)  # path below /manage/{tenant}
    message_id: str | None = Field(default=None, max_length=32, index=True)  # the message that it is about, if any
    in_console: bool = True
    in_browser: bool = True
    read_at: datetime | None = Field(default=None, sa_type=Instant)
    digest_at: datetime | None = Field(default=None, sa_type=Instant)  # of the e-mail that it waits for, if any


class NotificationPreference(Owned, table=True):
    """How a member wants to be told of a kind; without a row the defaults hold."""

    __table_args__ = (UniqueConstraint("tenant_id", "user_id", "kind"),)
    user_id: str = Field(foreign_key="user.id", index=True, max_length=32, ondelete="CASCADE")
    kind: NotificationKind = Field(sa_type=enum_column(NotificationKind))
    in_console: bool = True
    in_browser: bool = True
    email: EmailDelivery = Field(default=EmailDelivery.NEVER, sa_type=enum_column(EmailDelivery))
