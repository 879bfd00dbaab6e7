"""Script models: scripts, their versions, their use, and the progress of guided ones."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from platform_app.models.base import Owned, enum_column, factory
from platform_app.models.versioned import RowVersion, VersionedRow


class ScriptKind(StrEnum):
    """The purpose of a script."""

    GREETING = "greeting"
    QUALIFICATION = "qualification"
    PRESENTATION = "presentation"
    OBJECTION = "objection"
    CLOSING = "closing"


class Script(VersionedRow, table=True):
    """A sales script for one agent or all, in one stage or any, ordered by position."""

    __table_args__ = (Index("ix_script_order", "tenant_id", "position"),)
    title: str = Field(max_length=200)
    kind: ScriptKind = Field(default=ScriptKind.PRESENTATION, sa_type=enum_column(ScriptKind))
    text: str = ""
    examples: str = ""  # messages of contacts, one per line: an objection script applies to similar ones
    agent_id: str | None = Field(default=None, foreign_key="agent.id", index=True, max_length=32)  # None: all
    stage_id: str | None = Field(default=None, foreign_key="stage.id", index=True, max_length=32)  # None: any
    condition: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # a group of automation.conditions
    steps: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # a list of automation.GuidedStep
    enabled: bool = True
    position: int = 0


class ScriptVersion(RowVersion, table=True):
    """A former state of a script; changes by one person within ten minutes share one."""

    __table_args__ = (UniqueConstraint("script_id", "number"),)
    script_id: str = Field(foreign_key="script.id", max_length=32, ondelete="CASCADE")


class ScriptUse(Owned, table=True):
    """The use of a script by a reply."""

    __table_args__ = (Index("ix_scriptuse_recent", "script_id", "created_at"),)
    script_id: str = Field(foreign_key="script.id", max_length=32, ondelete="CASCADE")
    message_id: str = Field(foreign_key="message.id", index=True, max_length=32, ondelete="CASCADE")
    conversation_id: str = Field(max_length=32)


class ScriptProgress(Owned, table=True):
    """The progress of a guided script in a conversation."""

    __table_args__ = (UniqueConstraint("conversation_id", "script_id"),)
    conversation_id: str = Field(foreign_key="conversation.id", max_length=32, ondelete="CASCADE")
    script_id: str = Field(foreign_key="script.id", index=True, max_length=32, ondelete="CASCADE")
    values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # given answers by fact
    refused: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # facts that the contact declined to give
    asked: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # facts last asked for
    after: int = 0  # messages since the last answer, in which corrections are read
