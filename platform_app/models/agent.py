"""Agent models: agents, their settings and their published versions."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic import Field as Setting
from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from platform_app.form_fields import Control, form_fields, form_info
from platform_app.models.conduct import ConductLine
from platform_app.models.model_provider import DEFAULT_PROVIDER, NO_PROVIDER
from platform_app.models.tool_call import ToolMode
from platform_app.models.versioned import PublishedRow, RowVersion

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
    TELEGRAM = "telegram"
    MAX = "max"
    WHATSAPP = "whatsapp"
    KOMMO = "kommo"
    EMAIL = "email"
    VK = "vk"


class KnowledgeScope(StrEnum):
    """Which categories of knowledge an agent may read."""

    ALL = "all"
    CHOSEN = "chosen"
    NONE = "none"


class Effort(StrEnum):
    """How long a model that reasons is to think; DEFAULT: as it does by itself."""

    DEFAULT = "default"
    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def sent(self) -> str:
        """What is sent to the model; "" for nothing."""
        return "" if self == Effort.DEFAULT else self.value


class FigureCheck(StrEnum):
    """What an agent does with a reply whose figures stand in nothing that it cites or was given."""

    OFF = "off"
    MARK = "mark"  # it is sent; members see the figures marked
    REWRITE = "rewrite"  # it is written once more, and held if that does not help
    HOLD = "hold"  # it waits for approval


Id = Annotated[str, StringConstraints(max_length=32, pattern="^[0-9a-z]*$")]
StageText = Annotated[str, StringConstraints(max_length=4_000, pattern="^[^\\x00]*$")]
ToolName = Annotated[str, StringConstraints(max_length=100, pattern="^[A-Za-z0-9_.-]+$")]
FactName = Annotated[str, StringConstraints(max_length=120, pattern="^[a-z0-9_.]*$")]


class Scope(StrEnum):
    """All items, or the chosen ones."""

    ALL = "all"
    CHOSEN = "chosen"


class AgentSettings(BaseModel):
    """The settings of an agent, all of which apply to every reply."""

    model_config = ConfigDict(extra="ignore")

    name: Text = Setting(
        "",
        title="Name",
        min_length=1,
        max_length=120,
        json_schema_extra=form_info("basics", problem="The name needs 1 to 120 characters."),
    )
    provider: Id = Setting(  # the id of a provider of the tenant, or one of the words of models.model_provider
        DEFAULT_PROVIDER,
        title="Provider",
        description="Connected under Settings, Model providers.",
        json_schema_extra=form_info("basics", Control.SELECT),
    )
    model: Text = Setting(  # "": the provider's first
        "",
        title="Model",
        description="Models of this provider.",
        max_length=200,
        json_schema_extra=form_info("basics", Control.SELECT, placeholder="Default model"),
    )
    fallback_provider: Id = Setting(
        NO_PROVIDER,
        title="Fallback provider",
        description="Used when the model is slow, busy, failing or refuses.",
        json_schema_extra=form_info("basics", Control.SELECT),
    )
    fallback_model: Text = Setting(  # "": the provider's first
        "",
        title="Fallback model",
        max_length=200,
        json_schema_extra=form_info("basics", Control.SELECT, placeholder="Default model"),
    )
    effort: Effort = Setting(
        Effort.DEFAULT,
        title="Reasoning effort",
        description="For reasoning models. They can take longer to reply.",
        json_schema_extra=form_info(
            "basics",
            options={
                "default": "Default of the model",
                "none": "None",
                "minimal": "Minimal",
                "low": "Low",
                "medium": "Medium",
                "high": "High",
            },
        ),
    )
    temperature: float = Setting(
        0.3,
        title="Temperature",
        description="0 = most predictable, 2 = most varied.",
        ge=0,
        le=2,
        json_schema_extra=form_info("advanced", step=0.1, problem="The temperature is a number from 0 to 2."),
    )
    max_tokens: int = Setting(
        1024,
        title="Max tokens per reply",
        description="128–8,000",
        ge=128,
        le=8000,
        json_schema_extra=form_info("advanced", problem="The number of tokens is from 128 to 8000."),
    )
    max_reply_chars: int = Setting(
        4000,
        title="Max reply length (characters)",
        description="100–10,000",
        ge=100,
        le=10_000,
        json_schema_extra=form_info("advanced", problem="The longest reply is from 100 to 10000 characters."),
    )
    reply_language: ReplyLanguage = Setting(
        ReplyLanguage.CUSTOMER,
        title="Reply language",
        json_schema_extra=form_info(
            "basics",
            options={"customer": "Same as the customer", "ru": "Русский", "en": "English"},
            untranslated=frozenset({"ru", "en"}),
        ),
    )
    reply_delay_seconds: int = Setting(
        0,
        title="Reply delay (seconds)",
        description="0–86,400. The agent waits this long and replies once to several messages in a row.",
        ge=0,
        le=86_400,
        json_schema_extra=form_info("basics", problem="The delay is from 0 to 86400 seconds."),
    )
    check_before_sending: bool = Setting(
        False,
        title="Require approval before sending",
        description="Replies are held until a teammate approves them.",
        json_schema_extra=form_info("basics"),
    )
    markdown: bool = Setting(
        True,
        title="Markdown in replies",
        description="When off, replies are sent as plain text.",
        json_schema_extra=form_info("basics"),
    )
    channels: list[Channel] = Setting(
        default_factory=lambda: [Channel.TEST], title="Channels", json_schema_extra=form_info()
    )
    instructions: str = Setting(
        "",
        title="Instructions",
        description="{count} / 40,000. Describe the agent’s role, tone and limits.",
        max_length=40_000,
        json_schema_extra=form_info(
            "instructions",
            Control.TEXT_AREA,
            rows=14,
            problem="Instructions can have up to 40,000 characters.",
        ),
    )
    knowledge: KnowledgeScope = Setting(
        KnowledgeScope.ALL,
        title="Knowledge access",
        description="Documents the agent can use.",
        json_schema_extra=form_info(
            "knowledge", options={"all": "All categories", "chosen": "Selected categories", "none": "None"}
        ),
    )
    categories: list[str] = Setting(default_factory=list, title="Categories", json_schema_extra=form_info("knowledge"))
    no_answer_text: Text = Setting(  # "": a sentence of the platform in the reply's language
        "",
        title="Fallback reply",
        description="Leave empty for a polite default in the customer’s language.",
        max_length=2000,
        json_schema_extra=form_info(
            "knowledge", Control.TEXT_AREA, rows=3, problem="This text can have up to 2,000 characters."
        ),
    )
    no_answer_task: bool = Setting(
        False,
        title="Create a task when there is no answer",
        description="The question appears in the activity feed.",
        json_schema_extra=form_info("knowledge"),
    )
    figures: FigureCheck = Setting(
        FigureCheck.OFF,
        title="Figures without a source",
        description="Prices, amounts, dates, times and phone numbers that no cited source, script or message contains.",
        json_schema_extra=form_info(
            "knowledge",
            options={
                "off": "Don’t check",
                "mark": "Send and mark for the team",
                "rewrite": "Rewrite once, then hold for approval",
                "hold": "Hold for approval",
            },
        ),
    )
    works_in: Scope = Setting(  # ALL: every stage, CHOSEN: `stages`
        Scope.ALL,
        title="Active in stages",
        description="The agent also replies when there is no lead.",
        json_schema_extra=form_info("pipelines", options={"all": "All stages", "chosen": "Selected stages only"}),
    )
    stages: list[Id] = Setting(
        default_factory=list, title="Stages it works in", max_length=800, json_schema_extra=form_info("pipelines")
    )
    stage_instructions: dict[Id, StageText] = Setting(
        default_factory=dict,
        title="Instructions for stages",
        max_length=800,
        json_schema_extra=form_info("pipelines"),
    )
    sees: Scope = Setting(  # ALL: every field of contact and lead, CHOSEN: `seen_fields`
        Scope.ALL,
        title="Visible fields",
        description="Hidden fields are never sent to the model or used in scripts.",
        json_schema_extra=form_info(
            "pipelines", options={"all": "All fields of contact and lead", "chosen": "Only the chosen fields"}
        ),
    )
    tools: dict[ToolName, ToolMode] = Setting(  # those that are not named: NEVER
        default_factory=dict, title="Tools", max_length=200, json_schema_extra=form_info("tools")
    )
    conduct: list[ConductLine] = Setting(
        default_factory=list, title="Must and never", max_length=30, json_schema_extra=form_info("conduct")
    )
    tool_limit: int = Setting(
        20,
        title="Max tool calls per conversation and day",
        description="From 1 to 200. Then the agent answers without tools.",
        ge=1,
        le=200,
        json_schema_extra=form_info("tools", problem="The number of calls is from 1 to 200."),
    )
    seen_fields: list[FactName] = Setting(
        default_factory=list, title="Selected fields", max_length=200, json_schema_extra=form_info("pipelines")
    )

    @property
    def shows_unfinished_text(self) -> bool:
        """Whether contacts may see a reply while it is written: nothing that is checked when it is complete changes it.

        A person, the check of figures, a line of the must and never list, and, of an agent with tools, the check that
        what it says to have done was done may each have it written again, held back or stopped.
        """
        changes_figures = self.figures in (FigureCheck.REWRITE, FigureCheck.HOLD)
        has_tools = any(mode != ToolMode.NEVER for mode in self.tools.values())
        return not (self.check_before_sending or changes_figures or self.conduct or has_tools)


AGENT_FORM = form_fields(AgentSettings)


class Agent(PublishedRow, table=True):
    """An agent. Draft and versions are AgentSettings."""

    name: str = Field(max_length=120)  # the draft's name, for lists and search
    active: bool = False
    changed_since_publish: bool = True  # draft and published differ, for lists
    is_demo: bool = False


class AgentVersion(RowVersion, table=True):
    """A published version of an agent's settings."""

    __table_args__ = (UniqueConstraint("agent_id", "number"),)
    agent_id: str = Field(foreign_key="agent.id", index=True, max_length=32, ondelete="CASCADE")
