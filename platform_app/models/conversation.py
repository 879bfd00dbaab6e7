"""Conversation models: conversations, messages, tags, read marks and traces."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, UniqueConstraint, literal_column
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.agent import Channel
from platform_app.models.base import Instant, Owned, enum_column, factory


class ConversationState(StrEnum):
    """The state of a conversation."""

    OPEN = "open"
    HANDED_OFF = "handed_off"  # a member writes; the agent does not until it is handed back
    CLOSED = "closed"


class Author(StrEnum):
    """The author of a message."""

    CONTACT = "contact"
    AGENT = "agent"
    MEMBER = "member"


class Origin(StrEnum):
    """What caused a message of an agent or a member."""

    CONVERSATION = "conversation"  # a reply, or a message that a member wrote
    RULE = "rule"
    SEQUENCE = "sequence"
    SHADOW = "shadow"  # a reply that shadow mode keeps; never sent


class MessageState(StrEnum):
    """The state of a message."""

    DELAYED = "delayed"  # waits for the agent's delay or a worker; it has a job
    STREAMING = "streaming"
    COMPLETE = "complete"
    TO_APPROVE = "to_approve"  # written, waits for a member's approval
    PARTIAL = "partial"  # interrupted; the text so far is kept
    STOPPED = "stopped"  # stopped by a member; the text so far is kept
    FAILED = "failed"  # without any text
    DISCARDED = "discarded"  # not sent: a member or the send gate decided so
    HELD = "held"  # held by the send gate; `gate` stores the reason
    SUGGESTED = "suggested"  # written for a member who asked for it, or in shadow mode; never sent
    NOTE = "note"  # a member's note for members; never sent
    BRIEFING = "briefing"  # a member's note for the agent at the hand-back; never sent


_STREAMING: ColumnElement[bool] = literal_column("state = 'streaming'")
_UNDECIDED: ColumnElement[bool] = literal_column("state IN ('held', 'to_approve')")
_IN_CHARGE: ColumnElement[bool] = literal_column("state = 'handed_off'")
_SNOOZED: ColumnElement[bool] = literal_column("snoozed_until IS NOT NULL")
_TO_APPROVE: ColumnElement[bool] = literal_column("state = 'to_approve'")
# Conversations that members may have to act on. Queries use the same conditions as text, or no index serves them.
CURRENT_CONDITIONS = ("state <> 'closed'", "channel <> 'test'", "snoozed_until IS NULL", "deleted_at IS NULL")
_CURRENT: ColumnElement[bool] = literal_column(" AND ".join(CURRENT_CONDITIONS))


def _partial(name: str, condition: ColumnElement[bool], *columns: str) -> Index:
    """Return an index of the rows that meet a condition."""
    return Index(name, *columns, sqlite_where=condition, postgresql_where=condition)


class Conversation(Owned, table=True):
    """A conversation of a contact, or a tester, with an agent on a channel."""

    __table_args__ = (
        Index("ix_conversation_recent", "tenant_id", "channel", "last_message_at"),
        Index("ix_conversation_quiet", "tenant_id", "last_message_at"),
        Index("ix_conversation_contact", "tenant_id", "contact_id", "last_message_at"),
        Index("ix_conversation_lead", "tenant_id", "lead_id", "last_message_at"),
        Index("ix_conversation_state", "tenant_id", "state", "last_message_at"),
        _partial("ix_conversation_current", _CURRENT, "tenant_id", "last_message_at", "id"),
        _partial("ix_conversation_assignee", _CURRENT, "tenant_id", "assignee_id", "last_message_at", "id"),
        _partial("ix_conversation_agent", _CURRENT, "tenant_id", "agent_id", "last_message_at", "id"),
        _partial("ix_conversation_hand_back", _IN_CHARGE, "hand_back_at"),
        _partial("ix_conversation_snooze", _SNOOZED, "snoozed_until"),
        _partial("ix_conversation_snoozed", _SNOOZED, "tenant_id", "last_message_at", "id"),
    )
    agent_id: str = Field(foreign_key="agent.id", index=True, max_length=32)
    use_draft: bool = True  # test chat only: reply with the draft, else the published version
    contact_id: str | None = Field(default=None, foreign_key="contact.id", max_length=32)
    lead_id: str | None = Field(default=None, foreign_key="lead.id", max_length=32)
    stage_id: str | None = Field(default=None, max_length=32)  # test chat only: a stage instead of the lead's
    channel: Channel = Field(default=Channel.TEST, sa_type=enum_column(Channel))
    account_id: str | None = Field(default=None, max_length=32)  # the channel account on which it is held
    title: str = Field(default="", max_length=200)
    last_line: str = Field(default="", max_length=200)
    last_message_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    state: ConversationState = Field(default=ConversationState.OPEN, sa_type=enum_column(ConversationState))
    created_by: str = Field(default="", max_length=32)  # user
    is_live: bool = True  # it has events: rules run on it and statistics count it; a test chat only on request
    assignee_id: str | None = Field(default=None, max_length=32)  # a member's user
    in_charge_since: datetime | None = Field(default=None, sa_type=Instant)  # kept while it is closed
    in_charge_id: str | None = Field(default=None, max_length=32)  # the member's user; None: any member
    in_charge: str = Field(default="", max_length=200)  # the member's name
    member_at: datetime | None = Field(default=None, sa_type=Instant)  # when a member last wrote or took over
    hand_back_at: datetime | None = Field(default=None, sa_type=Instant)  # automatically; None: by a member only
    snoozed_until: datetime | None = Field(default=None, sa_type=Instant)
    contact_at: datetime | None = Field(default=None, sa_type=Instant)  # when the contact last wrote
    rating: int | None = None  # stars that the contact gave, from 1 to 5
    rating_comment: str = Field(default="", max_length=1_000)
    is_demo: bool = False
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class Message(Owned, table=True):
    """A message of a conversation."""

    __table_args__ = (
        Index("ix_message_order", "conversation_id", "created_at"),
        Index("ix_message_talk", "tenant_id", "conversation_id", "created_at"),
        Index("ix_message_said", "tenant_id", "conversation_id", "author", "replaced", "created_at"),
        _partial("ix_message_streaming", _STREAMING, "beat_at"),
        _partial("ix_message_undecided", _UNDECIDED, "tenant_id", "due_at"),
        _partial("ix_message_to_approve", _TO_APPROVE, "tenant_id", "replaced", "conversation_id"),
    )
    conversation_id: str = Field(foreign_key="conversation.id", max_length=32, ondelete="CASCADE")
    author: Author = Field(sa_type=enum_column(Author))
    author_name: str = Field(default="", max_length=200)
    author_id: str | None = Field(default=None, max_length=32)  # a member's user
    origin: Origin = Field(default=Origin.CONVERSATION, sa_type=enum_column(Origin))
    origin_name: str = Field(default="", max_length=200)  # name of the rule or sequence
    enrollment_id: str | None = Field(default=None, max_length=32)  # in the sequence that sends it
    text: str = ""
    state: MessageState = Field(default=MessageState.COMPLETE, sa_type=enum_column(MessageState))
    error: str = Field(default="", max_length=500)  # a message id: the reason of the failure
    task: str = ""  # prompt of a rule or sequence; the message is not a reply then
    cause_id: str | None = Field(default=None, max_length=32)  # the event that made the rule run
    depth: int = 0  # of the events that it causes
    run_id: str | None = Field(default=None, max_length=32)  # the rule run that requested it
    answers_id: str | None = Field(default=None, max_length=32, index=True)  # the message that it replies to
    replaced: bool = False  # replaced by a retry or an edit: kept, but neither shown nor in a prompt
    sources: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # see rag.passages.Passage
    figures: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # of its text that stand in no source
    without_vectors: bool = False  # the vector index was down: lexical search alone found the sources
    # Not part of the conversation: a draft for the member `author_id`, who asked for it, or an answer in shadow mode.
    is_suggestion: bool = False
    quick_replies: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # see channels.quick_replies
    template: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # see channels.outbound_content
    is_exempt: bool = False  # transactional: caps and quiet hours do not apply
    gate: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # see automation.send_gate.Decision
    own_text: str = ""  # the agent's text, if a member changed it before it was sent
    review: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # a member's: outcome, by, user_id, at
    mentions: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # users mentioned in a note
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)  # when its author deleted it at the channel
    due_at: datetime | None = Field(default=None, sa_type=Instant)  # delayed, held: next try; to approve: overdue
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    beat_at: datetime | None = Field(default=None, sa_type=Instant)  # last heartbeat of the process that streams it


class ConversationRead(Owned, table=True):
    """When a member last read a conversation."""

    __table_args__ = (UniqueConstraint("tenant_id", "user_id", "conversation_id"),)
    user_id: str = Field(foreign_key="user.id", index=True, max_length=32, ondelete="CASCADE")
    conversation_id: str = Field(foreign_key="conversation.id", index=True, max_length=32, ondelete="CASCADE")
    read_at: datetime = Field(default_factory=factory(now), sa_type=Instant)


class ConversationTag(Owned, table=True):
    """A tag of a conversation; `key` is its case-folded form for comparison."""

    __table_args__ = (
        UniqueConstraint("conversation_id", "key"),
        Index("ix_conversationtag_key", "tenant_id", "key", "conversation_id"),
    )
    conversation_id: str = Field(foreign_key="conversation.id", max_length=32, ondelete="CASCADE")
    tag: str = Field(max_length=60)
    key: str = Field(max_length=60)


class Trace(Owned, table=True):
    """The stored explanation of how a reply came about."""

    __table_args__ = (Index("ix_trace_recent", "tenant_id", "created_at"),)
    message_id: str = Field(foreign_key="message.id", unique=True, max_length=32, ondelete="CASCADE")
    agent_id: str = Field(index=True, max_length=32)
    model: str = Field(default="", max_length=200)
    prompt_tokens: int = 0
    cached_tokens: int = 0  # among those of the prompt
    completion_tokens: int = 0
    cost: float | None = None  # US dollars; None: the price is unknown
    total_ms: int = 0
    first_token_ms: int = 0
    is_unanswered: bool = False  # the agent had no answer to a contact's question
    data: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
