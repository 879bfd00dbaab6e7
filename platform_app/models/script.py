"""Script: a prepared talk of the tenant that an agent uses where agent, stage and words fit."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, enum_column, factory


class ScriptKind(StrEnum):
    """What a script is for."""

    GREETING = "greeting"
    QUALIFICATION = "qualification"
    PRESENTATION = "presentation"
    OBJECTION = "objection"
    CLOSING = "closing"


class Script(Owned, table=True):
    """A script: for one agent or all, in one stage or any, in the order of its position."""

    __table_args__ = (Index("ix_script_order", "tenant_id", "position"),)
    title: str = Field(max_length=200)
    kind: ScriptKind = Field(default=ScriptKind.PRESENTATION, sa_type=enum_column(ScriptKind))
    text: str = ""
    examples: str = ""  # of what a contact says, one a line: an objection is handled when one is like it
    agent_id: str | None = Field(default=None, foreign_key="agent.id", index=True, max_length=32)  # None: all
    stage_id: str | None = Field(default=None, foreign_key="stage.id", index=True, max_length=32)  # None: any
    condition: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # a group of automation.conditions
    steps: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # guided: see automation.guided
    enabled: bool = True
    position: int = 0
    revision: int = 1  # grows with every change: the token of optimistic locking
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    updated_by: str = Field(default="", max_length=200)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class ScriptVersion(Owned, table=True):
    """What a script was before a change; changes of one person within ten minutes are one."""

    __table_args__ = (UniqueConstraint("script_id", "number"),)
    script_id: str = Field(foreign_key="script.id", max_length=32, ondelete="CASCADE")
    number: int
    data: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    author_name: str = Field(default="", max_length=200)


class ScriptUse(Owned, table=True):
    """A reply that stands on a script; written with the reply's trace."""

    __table_args__ = (Index("ix_scriptuse_recent", "script_id", "created_at"),)
    script_id: str = Field(foreign_key="script.id", max_length=32, ondelete="CASCADE")
    message_id: str = Field(foreign_key="message.id", index=True, max_length=32, ondelete="CASCADE")
    conversation_id: str = Field(max_length=32)


class ScriptProgress(Owned, table=True):
    """How far a guided script has come in a conversation."""

    __table_args__ = (UniqueConstraint("conversation_id", "script_id"),)
    conversation_id: str = Field(foreign_key="conversation.id", max_length=32, ondelete="CASCADE")
    script_id: str = Field(foreign_key="script.id", index=True, max_length=32, ondelete="CASCADE")
    values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # what was given, by fact
    refused: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # facts that the contact will not tell
    asked: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # facts that were asked for last
    after: int = 0  # messages since all was given: a correction may still come
