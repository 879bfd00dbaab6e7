"""Conversation: what was said, and the trace of why."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, UniqueConstraint, literal_column
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.agent import Channel
from platform_app.models.base import Instant, Owned, enum_column, factory


class ConversationState(StrEnum):
    """Whether a conversation goes on."""

    OPEN = "open"
    HANDED_OFF = "handed_off"  # a person writes; the agent is silent until it is given back
    CLOSED = "closed"


class Author(StrEnum):
    """Who said it."""

    CONTACT = "contact"
    AGENT = "agent"
    MEMBER = "member"


class Origin(StrEnum):
    """What a message of the agent or a member came from."""

    CONVERSATION = "conversation"  # an answer, or a member's own words
    RULE = "rule"
    SEQUENCE = "sequence"


class MessageState(StrEnum):
    """How far a message has come."""

    DELAYED = "delayed"  # waits for the agent's delay; a job is due
    STREAMING = "streaming"
    COMPLETE = "complete"
    TO_APPROVE = "to_approve"  # written, waits for a person
    PARTIAL = "partial"  # broke off; what had arrived is kept
    STOPPED = "stopped"  # a person stopped it; what had arrived is kept
    FAILED = "failed"  # nothing had arrived
    DISCARDED = "discarded"  # a person or the send gate did not let it go out
    HELD = "held"  # the send gate holds it: `gate` says why
    NOTE = "note"  # a member's note for other members; never sent
    BRIEFING = "briefing"  # what a member tells the agent when handing back; never sent


_STREAMING: ColumnElement[bool] = literal_column("state = 'streaming'")
_UNDECIDED: ColumnElement[bool] = literal_column("state IN ('held', 'to_approve')")
_IN_CHARGE: ColumnElement[bool] = literal_column("state = 'handed_off'")
_SNOOZED: ColumnElement[bool] = literal_column("snoozed_until IS NOT NULL")


class Conversation(Owned, table=True):
    """One contact, or tester, with one agent on one channel."""

    __table_args__ = (
        Index("ix_conversation_recent", "tenant_id", "channel", "last_message_at"),
        Index("ix_conversation_quiet", "tenant_id", "last_message_at"),
        Index("ix_conversation_contact", "tenant_id", "contact_id", "last_message_at"),
        Index("ix_conversation_lead", "tenant_id", "lead_id", "last_message_at"),
        Index("ix_conversation_state", "tenant_id", "state", "last_message_at"),
        Index("ix_conversation_assignee", "tenant_id", "assignee_id", "state", "last_message_at"),
        Index("ix_conversation_hand_back", "hand_back_at", sqlite_where=_IN_CHARGE, postgresql_where=_IN_CHARGE),
        Index("ix_conversation_snooze", "snoozed_until", sqlite_where=_SNOOZED, postgresql_where=_SNOOZED),
    )
    agent_id: str = Field(foreign_key="agent.id", index=True, max_length=32)
    use_draft: bool = True  # test chat only: play with the draft, or with what is published
    contact_id: str | None = Field(default=None, foreign_key="contact.id", max_length=32)
    lead_id: str | None = Field(default=None, foreign_key="lead.id", max_length=32)
    stage_id: str | None = Field(default=None, max_length=32)  # test chat only: a stage to play in
    channel: Channel = Field(default=Channel.TEST, sa_type=enum_column(Channel))
    title: str = Field(default="", max_length=200)
    last_line: str = Field(default="", max_length=200)
    last_message_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    state: ConversationState = Field(default=ConversationState.OPEN, sa_type=enum_column(ConversationState))
    created_by: str = Field(default="", max_length=32)  # user
    is_live: bool = True  # rules run on it and numbers count it; a test chat only where the tester asks for it
    assignee_id: str | None = Field(default=None, max_length=32)  # a member's user
    in_charge_since: datetime | None = Field(default=None, sa_type=Instant)  # a person, kept while it is closed
    in_charge_id: str | None = Field(default=None, max_length=32)  # the member's user; None: handed to whoever is free
    in_charge: str = Field(default="", max_length=200)  # the member's name
    member_at: datetime | None = Field(default=None, sa_type=Instant)  # when a member wrote or took over last
    hand_back_at: datetime | None = Field(default=None, sa_type=Instant)  # by itself; None: by hand alone
    snoozed_until: datetime | None = Field(default=None, sa_type=Instant)
    contact_at: datetime | None = Field(default=None, sa_type=Instant)  # when the contact wrote last
    is_demo: bool = False
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class Message(Owned, table=True):
    """One thing said."""

    __table_args__ = (
        Index("ix_message_order", "conversation_id", "created_at"),
        Index("ix_message_talk", "tenant_id", "conversation_id", "created_at"),
        Index("ix_message_said", "tenant_id", "conversation_id", "author", "replaced", "created_at"),
        Index("ix_message_streaming", "beat_at", sqlite_where=_STREAMING, postgresql_where=_STREAMING),
        Index("ix_message_undecided", "tenant_id", "due_at", sqlite_where=_UNDECIDED, postgresql_where=_UNDECIDED),
    )
    conversation_id: str = Field(foreign_key="conversation.id", max_length=32, ondelete="CASCADE")
    author: Author = Field(sa_type=enum_column(Author))
    author_name: str = Field(default="", max_length=200)
    author_id: str | None = Field(default=None, max_length=32)  # of a member: the user
    origin: Origin = Field(default=Origin.CONVERSATION, sa_type=enum_column(Origin))
    origin_name: str = Field(default="", max_length=200)  # of the rule or the sequence
    enrollment_id: str | None = Field(default=None, max_length=32)  # of the sequence that sends
    text: str = ""
    state: MessageState = Field(default=MessageState.COMPLETE, sa_type=enum_column(MessageState))
    error: str = Field(default="", max_length=500)  # a message id: why it broke off
    task: str = ""  # what a rule asked the agent to write; the message answers nobody then
    cause_id: str | None = Field(default=None, max_length=32)  # the event that led a rule to ask
    depth: int = 0  # of what follows from it
    run_id: str | None = Field(default=None, max_length=32)  # of the rule that asked
    answers_id: str | None = Field(default=None, max_length=32, index=True)  # the message this one replies to
    replaced: bool = False  # retried or edited away: kept, not shown, not in any prompt
    sources: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # see llm.prompts.Passage
    without_vectors: bool = False  # the vector index was away: the words alone found the sources
    is_exempt: bool = False  # transactional: free of caps and quiet hours
    gate: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # see automation.send_gate.Decision
    own_text: str = ""  # the agent's own words, where a member changed them before they were sent
    review: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # a member's: outcome, by, user_id, at
    mentions: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # of a note: users
    due_at: datetime | None = Field(default=None, sa_type=Instant)  # delayed, held: next try; to approve: overdue
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    beat_at: datetime | None = Field(default=None, sa_type=Instant)  # last sign of life of who streams it


class ConversationRead(Owned, table=True):
    """Until when a member has read a conversation."""

    __table_args__ = (UniqueConstraint("tenant_id", "user_id", "conversation_id"),)
    user_id: str = Field(foreign_key="user.id", index=True, max_length=32, ondelete="CASCADE")
    conversation_id: str = Field(foreign_key="conversation.id", index=True, max_length=32, ondelete="CASCADE")
    read_at: datetime = Field(default_factory=factory(now), sa_type=Instant)


class ConversationTag(Owned, table=True):
    """A tag of a conversation; `key` is the tag as it is compared."""

    __table_args__ = (
        UniqueConstraint("conversation_id", "key"),
        Index("ix_conversationtag_key", "tenant_id", "key", "conversation_id"),
    )
    conversation_id: str = Field(foreign_key="conversation.id", max_length=32, ondelete="CASCADE")
    tag: str = Field(max_length=60)
    key: str = Field(max_length=60)


class Trace(Owned, table=True):
    """Why a reply came out as it did."""

    message_id: str = Field(foreign_key="message.id", unique=True, max_length=32, ondelete="CASCADE")
    agent_id: str = Field(index=True, max_length=32)
    model: str = Field(default="", max_length=200)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None  # US dollars; None: the price is unknown
    total_ms: int = 0
    first_token_ms: int = 0
    data: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
