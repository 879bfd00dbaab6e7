"""Channel models: connected accounts of channels, who writes there, and the messages that came in."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from platform_app.models.agent import Channel
from platform_app.models.base import Instant, Owned, enum_column, factory


class ChannelAccount(Owned, table=True):
    """A connected place of a channel, such as a site with the web chat."""

    kind: Channel = Field(sa_type=enum_column(Channel))
    name: str = Field(max_length=120)
    token: str = Field(unique=True, max_length=64)  # public: it stands in pages of the site
    agent_id: str | None = Field(  # who answers there; without one the account is off
        default=None, foreign_key="agent.id", index=True, max_length=32, ondelete="SET NULL"
    )
    settings: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # see channels.ChannelKind.settings
    enabled: bool = True
    last_message_at: datetime | None = Field(default=None, sa_type=Instant)  # last one that came in, to a minute
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class ChannelIdentity(Owned, table=True):
    """A contact's id on a channel account. Two identities are never one contact because of a name."""

    __table_args__ = (UniqueConstraint("account_id", "outside_id"),)
    account_id: str = Field(foreign_key="channelaccount.id", max_length=32, ondelete="CASCADE")
    outside_id: str = Field(max_length=200)  # web chat: the SHA-256 hash of the visitor's token
    contact_id: str | None = Field(
        default=None, foreign_key="contact.id", index=True, max_length=32, ondelete="SET NULL"
    )
    conversation_id: str | None = Field(
        default=None, foreign_key="conversation.id", index=True, max_length=32, ondelete="SET NULL"
    )


class InboundMessage(Owned, table=True):
    """A message that came in on a channel account, by its id there: one that is repeated is stored once."""

    __table_args__ = (
        UniqueConstraint("account_id", "outside_id"),
        Index("ix_inboundmessage_message", "message_id"),
    )
    account_id: str = Field(foreign_key="channelaccount.id", max_length=32, ondelete="CASCADE")
    outside_id: str = Field(max_length=120)
    message_id: str = Field(foreign_key="message.id", max_length=32, ondelete="CASCADE")
