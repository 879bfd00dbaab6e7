"""Script models: scripts, their versions, their use, and the progress of guided ones."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from platform_app.form_fields import Control, form_fields
from platform_app.models.base import Owned, enum_column, factory, in_form
from platform_app.models.versioned import RowVersion, VersionedRow

MAX_TEXT_CHARS = 8_000
MAX_QUICK_REPLIES_CHARS = 1_000


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
    title: str = Field(title="Title", max_length=200, schema_extra=in_form())
    kind: ScriptKind = Field(
        default=ScriptKind.PRESENTATION,
        title="Kind",
        sa_type=enum_column(ScriptKind),
        schema_extra=in_form(
            options={
                "greeting": "Greeting",
                "qualification": "Qualification",
                "presentation": "Presentation",
                "objection": "Objection handling",
                "closing": "Closing",
            }
        ),
    )
    text: str = Field(
        default="",
        title="Text",
        description="What the agent should say. Type {{ to insert a variable. Saved automatically.",
        schema_extra=in_form(control=Control.CUSTOM, max_length=MAX_TEXT_CHARS),
    )
    examples: str = Field(  # messages of contacts, one per line: an objection script applies to similar ones
        default="",
        title="What the contact says",
        description="One example per line. Used when the customer says something similar.",
        schema_extra=in_form(control=Control.TEXT_AREA, rows=4, max_length=MAX_TEXT_CHARS),
    )
    quick_replies: str = Field(  # one per line
        default="",
        title="Quick replies",
        description="Up to 10, one per line. A reply that follows this script offers them as buttons.",
        schema_extra=in_form(control=Control.TEXT_AREA, rows=3, max_length=MAX_QUICK_REPLIES_CHARS),
    )
    agent_id: str | None = Field(  # None: all
        default=None,
        title="Agents",
        foreign_key="agent.id",
        index=True,
        max_length=32,
        schema_extra=in_form(control=Control.SELECT),
    )
    stage_id: str | None = Field(  # None: any
        default=None,
        title="Stage",
        foreign_key="stage.id",
        index=True,
        max_length=32,
        schema_extra=in_form(control=Control.SELECT),
    )
    condition: dict[str, Any] = Field(  # a group of automation.conditions
        default_factory=factory(dict), title="Condition", sa_type=JSON, schema_extra=in_form()
    )
    steps: list[dict[str, Any]] = Field(  # a list of automation.GuidedStep
        default_factory=factory(list), title="Steps", sa_type=JSON, schema_extra=in_form()
    )
    enabled: bool = True
    position: int = 0


SCRIPT_FORM = form_fields(Script)


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
