"""Tool call models: what an agent asked to do while it wrote a reply, and what became of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column, factory


class ToolMode(StrEnum):
    """Whether an agent may use a tool."""

    NEVER = "never"
    ASK = "ask"  # a person decides on each call
    ALLOWED = "allowed"


class ToolCallState(StrEnum):
    """The state of a tool call."""

    NEW = "new"  # asked for by the model, not yet looked at
    WAITING = "waiting"  # for a person
    APPROVED = "approved"  # by a person; the call to the other system is still to be made
    CALLING = "calling"  # another system is being called, outside any transaction
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"  # by a person, or because the agent may not


class ToolCall(Owned, table=True):
    """A call of a tool that the model asked for while it wrote a reply."""

    __table_args__ = (UniqueConstraint("reply_id", "round", "place"),)
    reply_id: str = Field(foreign_key="message.id", max_length=32, ondelete="CASCADE")
    conversation_id: str = Field(foreign_key="conversation.id", index=True, max_length=32, ondelete="CASCADE")
    answers_id: str = Field(default="", index=True, max_length=32)  # the message that the reply is to
    round: int  # the request to the model that asked for it, from 0
    place: int  # among the calls of the round
    call_id: str = Field(max_length=200)  # the model's name for it
    name: str = Field(max_length=100)
    arguments: str  # JSON as the model wrote it, or as a person changed it
    key: str = Field(max_length=64, index=True)  # equal for equal calls in answer to one message
    state: ToolCallState = Field(default=ToolCallState.NEW, sa_type=enum_column(ToolCallState))
    sentence: str = Field(default="", max_length=300)  # a message id: what it does or did, or why it could not
    values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    result: str = ""  # told to the model, beside the sentence
    decided_by: str = Field(default="", max_length=200)  # the member who approved or refused it
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
