"""Rule models: rules, their published versions, and the log of rule runs."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, UniqueConstraint, literal_column
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column, factory
from platform_app.models.versioned import PublishedRow, RowVersion


class Rule(PublishedRow, table=True):
    """A trigger, a condition and actions, an automation.RuleDefinition. What is published runs."""

    __table_args__ = (
        Index("ix_rule_listening", "tenant_id", "trigger", "enabled"),
        Index("ix_rule_clock", "trigger", "enabled"),
    )
    agent_id: str | None = Field(default=None, foreign_key="agent.id", max_length=32, index=True)  # None: every agent
    name: str = Field(max_length=200)
    enabled: bool = False
    position: int = 0  # priority: the lowest runs first
    trigger: str = Field(default="", max_length=40)  # of the published definition; "": never published
    next_at: datetime | None = Field(default=None, sa_type=Instant, index=True)  # of a schedule
    is_demo: bool = False
    runs_forgotten: int = 0  # that fired and are no longer in the log
    last_forgotten: datetime | None = Field(default=None, sa_type=Instant)  # when the latest of them was


class RuleVersion(RowVersion, table=True):
    """A published version of a rule's definition."""

    __table_args__ = (UniqueConstraint("rule_id", "number"),)
    rule_id: str = Field(foreign_key="rule.id", max_length=32, ondelete="CASCADE")


class RunState(StrEnum):
    """The state of a rule run."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # an action failed; later ones were not run
    RETRYING = "retrying"  # an action will be retried automatically
    UNCERTAIN = "uncertain"  # the outcome of an outbound action is unknown
    CANCELLED = "cancelled"  # the rule was switched off while it waited
    CONDITION = "condition"  # the condition was not met
    COOLDOWN = "cooldown"  # it ran for the same subject within the cooldown
    CAPPED = "capped"  # it reached its daily limit
    STOPPED = "stopped"  # an earlier rule stops later ones
    TOO_DEEP = "too_deep"  # the event is too deep in a chain of automations
    BROKEN = "broken"  # the definition cannot be parsed


_FIRED: ColumnElement[bool] = literal_column("fired")


class RuleRun(Owned, table=True):
    """The outcome of one event for one rule, with its proof."""

    __table_args__ = (
        UniqueConstraint("tenant_id", "event_id", "rule_id"),
        Index("ix_rulerun_recent", "tenant_id", "at"),
        Index("ix_rulerun_rule", "tenant_id", "rule_id", "at"),
        Index("ix_rulerun_last", "tenant_id", "rule_id", "at", sqlite_where=_FIRED, postgresql_where=_FIRED),
        Index(
            "ix_rulerun_fired",
            *("tenant_id", "rule_id", "subject_id", "at"),
            sqlite_where=_FIRED,
            postgresql_where=_FIRED,
        ),
    )
    rule_id: str = Field(foreign_key="rule.id", max_length=32, ondelete="CASCADE")
    event_id: str = Field(foreign_key="event.id", max_length=32, ondelete="CASCADE")
    version: int = 0
    place: int = 0  # position in the order of the event's rules
    at: datetime = Field(sa_type=Instant)  # when the event happened
    state: RunState = Field(sa_type=enum_column(RunState))
    fired: bool = False  # the condition was met and nothing prevented the run
    subject_id: str = Field(default="", max_length=32)  # lead, else contact, else conversation, for cooldowns
    proof: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    change: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # the smallest to make it run
    actions: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # kind, state, sentence, values
    milliseconds: int = 0
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
