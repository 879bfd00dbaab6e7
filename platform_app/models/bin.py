"""Bin models: what members deleted and can restore for a month."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column, factory


class BinKind(StrEnum):
    """The kind of a deleted row; the value is the name of its table."""

    AGENT = "agent"
    SCRIPT = "script"
    RULE = "rule"
    SEQUENCE = "sequence"
    CONTACT = "contact"
    LEAD = "lead"
    TASK = "task"
    CONVERSATION = "conversation"
    SOURCE = "source"
    CATEGORY = "category"
    SITE = "website"
    WEBHOOK = "incomingwebhook"
    OUTGOING_WEBHOOK = "outgoingwebhook"
    CHANNEL_ACCOUNT = "channelaccount"


class BinEntry(Owned, table=True):
    """A deleted row that can be restored until `expires_at`; then the worker removes it for good."""

    __table_args__ = (
        UniqueConstraint("tenant_id", "kind", "row_id"),
        Index("ix_binentry_recent", "tenant_id", "with_id", "deleted_at", "id"),
        Index("ix_binentry_expiry", "expires_at"),
    )
    kind: BinKind = Field(sa_type=enum_column(BinKind))
    row_id: str = Field(max_length=32)
    name: str = Field(default="", max_length=300)
    name_key: str = Field(default="", max_length=600)  # folded, for search
    deleted_at: datetime = Field(sa_type=Instant)
    deleted_by: str = Field(default="", max_length=200)  # name of the member; "": the platform
    with_id: str = Field(default="", max_length=32)  # the agent or web address with which it is restored
    was_enabled: bool = False
    details: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # of a category: what it held
    expires_at: datetime = Field(sa_type=Instant)
