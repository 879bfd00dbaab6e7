"""Kommo chats models: a channel of our own in Kommo, and the messages that are shown there or come from there."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, enum_column, factory


class ShownState(StrEnum):
    """How far a message has come on its way into Kommo, or what Kommo was told of one that came from there."""

    SENDING = "sending"  # a request is under way; it stays so if the worker dies
    PARTIAL = "partial"  # some of its parts are shown, the others follow
    SHOWN = "shown"
    FAILED = "failed"
    UNCERTAIN = "uncertain"  # whether it is shown is not known; it is not sent again
    RECEIVED = "received"  # came from Kommo, which waits for its delivery
    REPORTED = "reported"  # came from Kommo, which knows how its delivery ended


class KommoChats(Owned, table=True):
    """A channel of our own in Kommo: conversations of other channels are shown there, and managers answer there."""

    __table_args__ = (Index("ix_kommochats_due", "due_at"),)
    account_id: str = Field(foreign_key="channelaccount.id", unique=True, max_length=32, ondelete="CASCADE")
    channel_id: str = Field(max_length=64)  # given by the vendor, as is the secret
    bot_id: str = Field(max_length=64)  # in whose name agents write there
    amojo_id: str = Field(max_length=64)  # of the account in the Chats API
    scope: str = Field(max_length=200)  # of the channel in the account
    since: datetime = Field(default_factory=factory(now), sa_type=Instant)  # messages of later events are shown
    due_at: datetime = Field(default_factory=factory(now), sa_type=Instant)  # next look at them
    problem: str = Field(default="", max_length=500)  # a message id: why nothing is shown
    problem_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # fill its placeholders


class KommoChatMessage(Owned, table=True):
    """A message that is shown in Kommo, once, or that a manager wrote there, by its id there."""

    __table_args__ = (UniqueConstraint("chats_id", "message_id"), UniqueConstraint("chats_id", "outside_id"))
    chats_id: str = Field(foreign_key="kommochats.id", max_length=32, ondelete="CASCADE")
    message_id: str = Field(foreign_key="message.id", index=True, max_length=32, ondelete="CASCADE")
    outside_id: str | None = Field(default=None, max_length=100)  # of a message that came from Kommo
    state: ShownState = Field(sa_type=enum_column(ShownState))
    parts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # that have been sent there
