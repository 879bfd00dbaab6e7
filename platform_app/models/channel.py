"""Channel models: connected accounts of channels, who writes there, and the messages that came in."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Text, UniqueConstraint
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.agent import Channel
from platform_app.models.base import Instant, Owned, enum_column, factory


class AccountState(StrEnum):
    """Whether the channel accepts what the platform does in an account's name."""

    CONNECTED = "connected"
    REFUSED = "refused"  # its token was revoked


class OutboundState(StrEnum):
    """How far a part of a message has come on its way to a contact."""

    WAITING = "waiting"
    SENDING = "sending"  # a request is under way; it stays so if the worker dies
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNCERTAIN = "uncertain"  # whether it arrived is not known; only a member sends it again


class ChannelAccount(Owned, table=True):
    """A connected place of a channel, such as a site with the web chat or a Telegram bot."""

    kind: Channel = Field(sa_type=enum_column(Channel))
    name: str = Field(max_length=120)
    token: str = Field(unique=True, max_length=64)  # public: it stands in pages of the site
    agent_id: str | None = Field(  # who answers there; without one the account is off
        default=None, foreign_key="agent.id", index=True, max_length=32, ondelete="SET NULL"
    )
    settings: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # see channels.ChannelKind.settings
    enabled: bool = True
    is_shadow: bool = False  # shadow mode: what agents and automation write is kept and never sent
    live_stages: list[str] = Field(
        default_factory=factory(list), sa_type=JSON
    )  # in them the agent answers; "": no lead
    live_tags: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # as well with a tag, by its key
    state: AccountState = Field(default=AccountState.CONNECTED, sa_type=enum_column(AccountState))
    problem: str = Field(default="", max_length=500)  # a message id: why nothing comes in or goes out
    outside_id: str = Field(default="", max_length=64)  # its own id at the channel, such as that of a bot
    outside_name: str = Field(default="", max_length=120)  # its own name there
    last_message_at: datetime | None = Field(default=None, sa_type=Instant)  # last one that came in, to a minute
    is_demo: bool = False
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class ChannelIdentity(Owned, table=True):
    """A contact's id on a channel account. Two identities are never one contact because of a name."""

    __table_args__ = (UniqueConstraint("account_id", "outside_id"),)
    account_id: str = Field(foreign_key="channelaccount.id", max_length=32, ondelete="CASCADE")
    outside_id: str = Field(max_length=200)  # web chat: the SHA-256 hash of the visitor's token; else the chat's id
    source: str = Field(default="", max_length=64)  # the payload of the link by which the contact came first
    name: str = Field(default="", max_length=200)  # in the address book of the account
    blocked_at: datetime | None = Field(default=None, sa_type=Instant)  # when the contact blocked the account
    seen_at: datetime | None = Field(default=None, sa_type=Instant)  # the last sign that it is not blocked, or is there
    emailed_at: datetime | None = Field(default=None, sa_type=Instant)  # web chat: answers until then are seen to
    reply_address: str = Field(default="", max_length=300)  # where one message may be sent, see channels.push_channel
    turn_requested_at: datetime | None = Field(default=None, sa_type=Instant)  # when the channel was asked for one
    wrote_at: datetime | None = Field(default=None, sa_type=Instant)  # when the contact last wrote, as the channel says
    consented_at: datetime | None = Field(default=None, sa_type=Instant)  # when the contact agreed to `consent_text`
    consent_text: str = Field(default="", max_length=1_000)
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
    edited_at: datetime | None = Field(default=None, sa_type=Instant)  # when the contact last changed it


class WaitingUpdate(Owned, table=True):
    """What a channel posted while more came in than could be read at once: stored as it came, read by a job."""

    account_id: str = Field(foreign_key="channelaccount.id", index=True, max_length=32, ondelete="CASCADE")
    data: str = Field(sa_type=Text)  # JSON of what channels.PushChannel.parse_post returned
    failed_at: datetime | None = Field(default=None, sa_type=Instant)  # a fault of the platform: its job tries it again


class AttachmentKind(StrEnum):
    """What an attachment is to the agent and the inbox."""

    FILE = "file"
    PICTURE = "picture"
    RECORDING = "recording"


class Attachment(Owned, table=True):
    """A file that a contact, or a manager in Kommo, attached to a message.

    Of a contact's picture or recording it has the text that a model made. It stays at the channel and is fetched when a
    member opens it. That of a web chat is stored, and so are pictures and recordings once they were fetched.
    """

    message_id: str = Field(foreign_key="message.id", index=True, max_length=32, ondelete="CASCADE")
    account_id: str = Field(foreign_key="channelaccount.id", max_length=32, ondelete="CASCADE")
    label: str = Field(max_length=40)  # a message id: "Photo"
    name: str = Field(default="", max_length=200)  # of the file, if it has one
    outside_id: str = Field(max_length=2_000)  # of the file at the channel
    stored_as: str = Field(default="", max_length=64)  # its key, if it is stored
    size: int = Field(default=0, sa_type=BigInteger)  # bytes that are stored
    sha256: str = Field(default="", max_length=64)  # of what is stored; empty: not known
    kind: AttachmentKind = Field(default=AttachmentKind.FILE, sa_type=enum_column(AttachmentKind))
    text: str = ""  # the transcript of a recording or the description of a picture
    text_model: str = Field(default="", max_length=200)  # that made it
    text_at: datetime | None = Field(default=None, sa_type=Instant)  # when it was made, or could not be
    text_problem: str = Field(default="", max_length=500)  # a message id: why there is no text


class OutboundPart(Owned, table=True):
    """A part of a message that goes out on a channel whose server is called: the ledger of what was sent."""

    __table_args__ = (
        UniqueConstraint("message_id", "place"),
        Index("ix_outboundpart_account", "tenant_id", "account_id", "state"),
        Index("ix_outboundpart_outside", "account_id", "outside_id"),
    )
    message_id: str = Field(foreign_key="message.id", max_length=32, ondelete="CASCADE")
    conversation_id: str = Field(foreign_key="conversation.id", index=True, max_length=32, ondelete="CASCADE")
    account_id: str = Field(foreign_key="channelaccount.id", max_length=32, ondelete="CASCADE")
    identity_id: str | None = Field(
        default=None, foreign_key="channelidentity.id", index=True, max_length=32, ondelete="SET NULL"
    )
    place: int  # within the message, from 0
    text: str
    is_markdown: bool = False
    template: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # see channels.outbound_content
    quick_replies: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # shown as buttons of the channel
    state: OutboundState = Field(default=OutboundState.WAITING, sa_type=enum_column(OutboundState))
    outside_id: str = Field(default="", max_length=120)  # its id at the channel
    attempts: int = 0
    failures: int = 0  # since a member last asked for it
    next_at: datetime | None = Field(default=None, sa_type=Instant)  # of the next attempt
    error: str = Field(default="", max_length=500)  # a message id whose placeholders `error_values` fill
    error_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    sent_at: datetime | None = Field(default=None, sa_type=Instant)


class MessageTemplate(Owned, table=True):
    """A message that the channel has approved to be sent at any time, as it is there; its values are filled in."""

    __table_args__ = (UniqueConstraint("account_id", "name", "language"),)
    account_id: str = Field(foreign_key="channelaccount.id", max_length=32, ondelete="CASCADE")
    name: str = Field(max_length=512)
    language: str = Field(max_length=20)
    category: str = Field(default="", max_length=40)
    status: str = Field(default="", max_length=40)  # "APPROVED": it may be sent
    header: str = ""
    body: str = ""  # with {{1}} or {{name}} where values are filled in
    footer: str = ""
    parameters: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # of the body, in their order
    problem: str = Field(default="", max_length=300)  # a message id: why it cannot be sent from here


class DeliveryReceipt(Owned, table=True):
    """A status of a message that the ledger does not know yet, as it came before the answer to the request."""

    __table_args__ = (UniqueConstraint("account_id", "outside_id"),)
    account_id: str = Field(foreign_key="channelaccount.id", max_length=32, ondelete="CASCADE")
    outside_id: str = Field(max_length=120)
    state: OutboundState = Field(sa_type=enum_column(OutboundState))
    error: str = Field(default="", max_length=500)  # a message id whose placeholders `error_values` fill
    error_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)


class ChannelReceiver(Owned, table=True):
    """How messages of an account come in: what is in force at the channel, and the worker that asks for messages."""

    __table_args__ = (Index("ix_channelreceiver_due", "due_at"),)
    account_id: str = Field(foreign_key="channelaccount.id", unique=True, max_length=32, ondelete="CASCADE")
    mode: str = Field(default="", max_length=500)  # "polling", the address of the webhook, or "": nothing comes in
    cursor: str = Field(default="", max_length=64)  # of the next message to ask for
    due_at: datetime | None = Field(default_factory=factory(now), sa_type=Instant)  # next look at it
    worker: str | None = Field(default=None, max_length=32)  # that holds it by a lease
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
