"""Agent: a configured AI assistant, its draft and its published versions."""

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
    """The language an agent writes in."""

    CUSTOMER = "customer"
    RU = "ru"
    EN = "en"


class Channel(StrEnum):
    """Where something is said."""

    TEST = "test"
    API = "api"
    WEB_CHAT = "web_chat"
    KOMMO = "kommo"
    EMAIL = "email"


class KnowledgeScope(StrEnum):
    """What an agent may read."""

    ALL = "all"
    CHOSEN = "chosen"
    NONE = "none"


Id = Annotated[str, StringConstraints(max_length=32, pattern="^[0-9a-z]*$")]
StageText = Annotated[str, StringConstraints(max_length=4_000, pattern="^[^\\x00]*$")]
FactName = Annotated[str, StringConstraints(max_length=120, pattern="^[a-z0-9_.]*$")]


class Scope(StrEnum):
    """All of something, or what is chosen."""

    ALL = "all"
    CHOSEN = "chosen"


class AgentSettings(BaseModel):
    """Every setting that a reply obeys."""

    model_config = ConfigDict(extra="ignore")

    name: Text = Setting("", min_length=1, max_length=120)
    model: Text = Setting("", max_length=200)  # empty: the provider's first
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
    no_answer_text: Text = Setting("", max_length=2000)  # empty: a sentence of the platform in the reply's language
    no_answer_task: bool = False
    works_in: Scope = Scope.ALL  # in every stage, or in those chosen
    stages: list[Id] = Setting(default_factory=list, max_length=800)
    stage_instructions: dict[Id, StageText] = Setting(default_factory=dict, max_length=800)
    sees: Scope = Scope.ALL  # every field of contact and lead, or those chosen
    seen_fields: list[FactName] = Setting(default_factory=list, max_length=200)


class Agent(Owned, table=True):
    """An agent: its draft settings, and which version is published."""

    name: str = Field(max_length=120)  # the draft's name, for lists and search
    active: bool = False
    draft: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    draft_saved_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    draft_saved_by: str = Field(default="", max_length=200)  # a person's name
    revision: int = 1  # grows with every change of the draft: the token of optimistic locking
    published_id: str | None = Field(default=None, max_length=32)  # an AgentVersion
    published_number: int = 0
    changed_since_publish: bool = True
    is_demo: bool = False
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class AgentVersion(Owned, table=True):
    """One published state of an agent."""

    __table_args__ = (UniqueConstraint("agent_id", "number"),)
    agent_id: str = Field(foreign_key="agent.id", index=True, max_length=32, ondelete="CASCADE")
    number: int
    settings: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    author_name: str = Field(default="", max_length=200)
