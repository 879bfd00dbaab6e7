"""Conversation: what was said, and the trace of why."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, literal_column
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.agent import Channel
from platform_app.models.base import Instant, Owned, fresh, word


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


class MessageState(StrEnum):
    """How far a message has come."""

    DELAYED = "delayed"  # waits for the agent's delay; a job is due
    STREAMING = "streaming"
    COMPLETE = "complete"
    TO_APPROVE = "to_approve"  # written, waits for a person
    PARTIAL = "partial"  # broke off; what had arrived is kept
    STOPPED = "stopped"  # a person stopped it; what had arrived is kept
    FAILED = "failed"  # nothing had arrived
    DISCARDED = "discarded"  # a person did not let it go out


_STREAMING: ColumnElement[bool] = literal_column("state = 'streaming'")


class Conversation(Owned, table=True):
    """One contact, or tester, with one agent on one channel."""

    __table_args__ = (
        Index("ix_conversation_recent", "tenant_id", "channel", "last_message_at"),
        Index("ix_conversation_quiet", "tenant_id", "last_message_at"),
        Index("ix_conversation_contact", "tenant_id", "contact_id", "last_message_at"),
        Index("ix_conversation_lead", "tenant_id", "lead_id", "last_message_at"),
    )
    agent_id: str = Field(foreign_key="agent.id", index=True, max_length=32)
    use_draft: bool = True  # test chat only: play with the draft, or with what is published
    contact_id: str | None = Field(default=None, foreign_key="contact.id", max_length=32)
    lead_id: str | None = Field(default=None, foreign_key="lead.id", max_length=32)
    stage_id: str | None = Field(default=None, max_length=32)  # test chat only: a stage to play in
    channel: Channel = Field(default=Channel.TEST, sa_type=word(Channel))
    title: str = Field(default="", max_length=200)
    last_line: str = Field(default="", max_length=200)
    last_message_at: datetime = Field(default_factory=fresh(now), sa_type=Instant)
    state: ConversationState = Field(default=ConversationState.OPEN, sa_type=word(ConversationState))
    created_by: str = Field(default="", max_length=32)  # user
    is_demo: bool = False
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class Message(Owned, table=True):
    """One thing said."""

    __table_args__ = (
        Index("ix_message_order", "conversation_id", "created_at"),
        Index("ix_message_talk", "tenant_id", "conversation_id", "created_at"),
        Index("ix_message_said", "tenant_id", "conversation_id", "author", "replaced", "created_at"),
        Index("ix_message_streaming", "beat_at", sqlite_where=_STREAMING, postgresql_where=_STREAMING),
    )
    conversation_id: str = Field(foreign_key="conversation.id", max_length=32, ondelete="CASCADE")
    author: Author = Field(sa_type=word(Author))
    author_name: str = Field(default="", max_length=200)
    text: str = ""
    state: MessageState = Field(default=MessageState.COMPLETE, sa_type=word(MessageState))
    error: str = Field(default="", max_length=500)  # a message id: why it broke off
    task: str = ""  # what a rule asked the agent to write; the message answers nobody then
    cause_id: str | None = Field(default=None, max_length=32)  # the event that led a rule to ask
    depth: int = 0  # of what follows from it
    run_id: str | None = Field(default=None, max_length=32)  # of the rule that asked
    answers_id: str | None = Field(default=None, max_length=32, index=True)  # the message this one replies to
    replaced: bool = False  # retried or edited away: kept, not shown, not in any prompt
    sources: list[dict[str, Any]] = Field(default_factory=fresh(list), sa_type=JSON)  # see llm.prompts.Passage
    without_vectors: bool = False  # the vector index was away: the words alone found the sources
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    beat_at: datetime | None = Field(default=None, sa_type=Instant)  # last sign of life of who streams it


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
    data: dict[str, Any] = Field(default_factory=fresh(dict), sa_type=JSON)
