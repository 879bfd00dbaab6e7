"""Shadow model: answers that agents write in shadow mode, compared with what people answered."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column


class ShadowMark(StrEnum):
    """A member's judgement of an agent's answer beside that of a person."""

    AGREED = "agreed"
    BETTER = "better"  # the agent's is
    WORSE = "worse"
    UNSAFE = "unsafe"  # it must not be sent


class ShadowAnswer(Owned, table=True):
    """An agent's answer in shadow mode to a message of a contact: it is kept as a suggestion and never sent."""

    __table_args__ = (
        Index("ix_shadowanswer_asked", "tenant_id", "account_id", "asked_at"),
        Index("ix_shadowanswer_conversation", "conversation_id", "answered_at"),
    )
    account_id: str = Field(foreign_key="channelaccount.id", max_length=32, ondelete="CASCADE")
    conversation_id: str = Field(foreign_key="conversation.id", max_length=32, ondelete="CASCADE")
    question_id: str = Field(foreign_key="message.id", index=True, max_length=32, ondelete="CASCADE")
    answer_id: str = Field(foreign_key="message.id", unique=True, max_length=32, ondelete="CASCADE")
    person_message_id: str | None = Field(  # the first message of a person after the question, if its text is known
        default=None, foreign_key="message.id", index=True, max_length=32, ondelete="SET NULL"
    )
    asked_at: datetime = Field(sa_type=Instant)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)  # when a person answered
    stage_id: str = Field(default="", max_length=32)  # of the contact's lead when the contact wrote; "": no lead
    is_unanswered: bool = False  # the agent had no answer
    mark: ShadowMark | None = Field(default=None, sa_type=enum_column(ShadowMark))
    marked_by: str = Field(default="", max_length=200)  # the member's name
    marked_by_id: str | None = Field(default=None, max_length=32)  # the member's user
    marked_at: datetime | None = Field(default=None, sa_type=Instant)
