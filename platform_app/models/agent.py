"""Agent models: agents, their settings and their published versions."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic import Field as Setting
from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, factory

Text = Annotated[str, StringConstraints(strip_whitespace=True)]


class ReplyLanguage(StrEnum):
    """The language of an agent's replies; CUSTOMER is that of the contact's message."""

    CUSTOMER = "customer"
    RU = "ru"
    EN = "en"


class Channel(StrEnum):
    """The channel of a conversation."""

    TEST = "test"
    API = "api"
    WEB_CHAT = "web_chat"
    KOMMO = "kommo"
    EMAIL = "email"


class KnowledgeScope(StrEnum):
    """Which categories of knowledge an agent may read."""

    ALL = "all"
    CHOSEN = "chosen"
    NONE = "none"


Id = Annotated[str, StringConstraints(max_length=32, pattern="^[0-9a-z]*$")]
StageText = Annotated[str, StringConstraints(max_length=4_000, pattern="^[^\\x00]*$")]
FactName = Annotated[str, StringConstraints(max_length=120, pattern="^[a-z0-9_.]*$")]


class Scope(StrEnum):
    """All items, or the chosen ones."""

    ALL = "all"
    CHOSEN = "chosen"


class AgentSettings(BaseModel):
    """The settings of an agent, all of which apply to every reply."""

    model_config = ConfigDict(extra="ignore")

    name: Text = Setting("", min_length=1, max_length=120)
    model: Text = Setting("", max_length=200)  # "": the provider's first
    temperature: float = Setting(0.3, ge=0, le=2)
    max_tokens: int = Setting(1024, ge=128, le=8000)
    reply_delay_seconds: int = Setting(0, ge=0, le=86_400)
    check_before_sending: bool = False
    reply_language: ReplyLanguage = ReplyLanguage.CUSTOMER
    max_reply_chars: int = Setting(4000, ge=100, le=10_000)
    markdown: bool = True
    channels: list[Channel] = Setting(default_factory=lambda: [Channel.TEST])
    instructions: str = Setting("", max_length=40_000)
    knowledge: KnowledgeScope = KnowledgeScope.ALL
    categories: list[str] = Setting(default_factory=list)
    no_answer_text: Text = Setting("", max_length=2000)  # "": a sentence of the platform in the reply's language
    no_answer_task: bool = False
    works_in: Scope = Scope.ALL  # ALL: every stage, CHOSEN: `stages`
    stages: list[Id] = Setting(default_factory=list, max_length=800)
    stage_instructions: dict[Id, StageText] = Setting(default_factory=dict, max_length=800)
    sees: Scope = Scope.ALL  # ALL: every field of contact and lead, CHOSEN: `seen_fields`
    seen_fields: list[FactName] = Setting(default_factory=list, max_length=200)


class Agent(Owned, table=True):
    """An agent: its draft settings and a link to its published version."""

    name: str = Field(max_length=120)  # the draft's name, for lists and search
    active: bool = False
    draft: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    draft_saved_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    draft_saved_by: str = Field(default="", max_length=200)  # a person's name
    revision: int = 1  # incremented with each change of the draft, for optimistic locking
    published_id: str | None = Field(default=None, max_length=32)  # an AgentVersion
    published_number: int = 0
    changed_since_publish: bool = True
    is_demo: bool = False
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class AgentVersion(Owned, table=True):
    """A published version of an agent's settings."""

    __table_args__ = (UniqueConstraint("agent_id", "number"),)
    agent_id: str = Field(foreign_key="agent.id", index=True, max_length=32, ondelete="CASCADE")
    number: int
    settings: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    author_name: str = Field(default="", max_length=200)
