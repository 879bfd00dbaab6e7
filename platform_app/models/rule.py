"""Rule: what happens by itself after an event, its published versions, and the log of what became of each event."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, UniqueConstraint, literal_column
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, enum_column, factory


class Rule(Owned, table=True):
    """Trigger, condition and actions. What runs is the published definition; `draft` is what is edited."""

    __table_args__ = (
        Index("ix_rule_listening", "tenant_id", "trigger", "enabled"),
        Index("ix_rule_clock", "trigger", "enabled"),
    )
    agent_id: str | None = Field(default=None, foreign_key="agent.id", max_length=32, index=True)  # None: every agent
    name: str = Field(max_length=200)
    enabled: bool = False
    position: int = 0  # priority: the least runs first
    trigger: str = Field(default="", max_length=40)  # of the published definition; empty: never published
    draft: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # see automation.rules.Definition
    published: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    published_number: int = 0
    revision: int = 0  # grows with every change of the draft: two people do not overwrite each other unseen
    draft_saved_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    next_at: datetime | None = Field(default=None, sa_type=Instant, index=True)  # of a schedule
    is_demo: bool = False
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)
    runs_forgotten: int = 0  # that fired and are no longer in the log
    last_forgotten: datetime | None = Field(default=None, sa_type=Instant)  # when the latest of them was


class RuleVersion(Owned, table=True):
    """A definition as it was published."""

    __table_args__ = (UniqueConstraint("rule_id", "number"),)
    rule_id: str = Field(foreign_key="rule.id", max_length=32, ondelete="CASCADE")
    number: int
    definition: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    published_by: str = Field(default="", max_length=200)
    published_at: datetime = Field(default_factory=factory(now), sa_type=Instant)


class RunState(StrEnum):
    """What became of an event at a rule."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # an action failed; those behind it were not done
    RETRYING = "retrying"  # an action will be tried again by itself
    UNCERTAIN = "uncertain"  # whether an action arrived outside is not known
    CANCELLED = "cancelled"  # switched off while it waited
    CONDITION = "condition"  # the condition did not hold
    COOLDOWN = "cooldown"  # it ran for the same lead or contact a short while ago
    CAPPED = "capped"  # it ran as often as it may today
    STOPPED = "stopped"  # a rule before it lets none run after it
    TOO_DEEP = "too_deep"  # rules led to rules, five times
    BROKEN = "broken"  # the definition cannot be read


_FIRED: ColumnElement[bool] = literal_column("fired")


class RuleRun(Owned, table=True):
    """What became of one event at one rule, with the proof."""

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
    place: int = 0  # in the order in which the rules of the event run
    at: datetime = Field(sa_type=Instant)  # when the event happened
    state: RunState = Field(sa_type=enum_column(RunState))
    fired: bool = False  # the condition held and nothing kept it from running
    subject_id: str = Field(default="", max_length=32)  # lead, else contact, else conversation: whom a cooldown spares
    proof: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    change: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # smallest that would let it run
    actions: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # kind, state, sentence, values
    milliseconds: int = 0
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
