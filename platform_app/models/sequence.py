"""Sequence: an ordered follow-up, its published versions, who is on the way, and what became of each step."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, enum_column, factory


class Sequence(Owned, table=True):
    """Trigger, condition, ways out and steps. What runs is the published definition; `draft` is what is edited."""

    __table_args__ = (Index("ix_sequence_listening", "tenant_id", "trigger", "enabled"),)
    agent_id: str | None = Field(default=None, foreign_key="agent.id", max_length=32, index=True)  # None: every agent
    name: str = Field(max_length=200)
    enabled: bool = False
    position: int = 0
    trigger: str = Field(default="", max_length=40)  # of the published definition; empty: never published
    draft: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # see automation.sequences.Definition
    published: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    published_number: int = 0
    revision: int = 0  # grows with every change of the draft: two people do not overwrite each other unseen
    draft_saved_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    late: dict[str, str] = Field(
        default_factory=factory(dict), sa_type=JSON
    )  # by step: last moment given to one put off
    late_told_at: datetime | None = Field(default=None, sa_type=Instant)
    is_demo: bool = False
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class SequenceVersion(Owned, table=True):
    """A definition as it was published."""

    __table_args__ = (UniqueConstraint("sequence_id", "number"),)
    sequence_id: str = Field(foreign_key="sequence.id", max_length=32, ondelete="CASCADE")
    number: int
    definition: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    published_by: str = Field(default="", max_length=200)
    published_at: datetime = Field(default_factory=factory(now), sa_type=Instant)


class EnrollmentState(StrEnum):
    """How far somebody has come."""

    ACTIVE = "active"
    PAUSED = "paused"  # by a person
    HELD = "held"  # while the sequence is switched off
    FINISHED = "finished"
    GOAL = "goal"  # what the sequence is for has come about
    LEFT = "left"  # for a reason
    FAILED = "failed"  # a step failed; it can be tried again


class ExitReason(StrEnum):
    """Why somebody left before the end."""

    REPLIED = "replied"
    STAGE = "stage"
    CONDITION = "condition"
    AWAITED = "awaited"  # what a step waited for did not come
    AGAIN = "again"  # began anew
    REMOVED = "removed"  # by a person
    STOPPED = "stopped"  # by automation
    MEMBER = "member"  # a member wrote, where the tenant wants it so
    DELETED = "deleted"  # the sequence, the lead or the contact is gone


OPEN_STATES = (EnrollmentState.ACTIVE, EnrollmentState.PAUSED, EnrollmentState.HELD)
_ACTIVE = text("state = 'active'")
_INSIDE = text("state IN ('active', 'paused', 'held')")


class Enrollment(Owned, table=True):
    """One way through a sequence. `due_at` is when the step is taken; nothing: it is being done outside."""

    __table_args__ = (
        UniqueConstraint("sequence_id", "event_id", "subject_id"),
        Index("ix_enrollment_due", "tenant_id", "due_at", "id", sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
        Index(
            "uq_enrollment_inside",
            "sequence_id",
            "subject_id",
            unique=True,
            sqlite_where=_INSIDE,
            postgresql_where=_INSIDE,
        ),
        Index("ix_enrollment_subject", "tenant_id", "sequence_id", "subject_id"),
        Index("ix_enrollment_contact", "tenant_id", "contact_id", "state"),
        Index("ix_enrollment_lead", "tenant_id", "lead_id", "state"),
        Index("ix_enrollment_talk", "tenant_id", "conversation_id", "state"),
        Index("ix_enrollment_recent", "tenant_id", "sequence_id", "entered_at", "id"),
    )
    sequence_id: str = Field(foreign_key="sequence.id", max_length=32, ondelete="CASCADE")
    version: int
    lead_id: str | None = Field(default=None, max_length=32)
    contact_id: str | None = Field(default=None, max_length=32)
    conversation_id: str | None = Field(default=None, max_length=32)
    subject_id: str = Field(max_length=32)  # the lead, else the contact, else the conversation
    event_id: str | None = Field(default=None, max_length=32)  # what it began with; nothing: by hand
    origin_id: str | None = Field(default=None, max_length=32)  # of that event: what has the same takes nobody out
    depth: int = 0  # automations that led to it
    state: EnrollmentState = Field(default=EnrollmentState.ACTIVE, sa_type=enum_column(EnrollmentState))
    leaving: ExitReason | None = Field(default=None, sa_type=enum_column(ExitReason))
    proof: dict[str, Any] = Field(
        default_factory=factory(dict), sa_type=JSON
    )  # of entering, then of leaving or the goal
    step_id: str = Field(default="", max_length=32)  # the one that comes next
    arrived_at: datetime = Field(default_factory=factory(now), sa_type=Instant)  # when the delay of that step began
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    planned_at: datetime | None = Field(default=None, sa_type=Instant)  # before it was put off by a stop
    since: datetime | None = Field(default=None, sa_type=Instant)  # of a step that waits: when it was due first
    is_met: bool = False  # an event has met what the step waits for
    weighs_events: bool = False  # events of its lead or contact are weighed: a way out, a goal, a step that waits
    leaves_on_reply: bool = False
    leaves_on_stage: bool = False
    entered_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    entered_by: str = Field(default="", max_length=200)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    last_id: str | None = Field(default=None, max_length=32)  # the EnrollmentStep taken last
    is_demo: bool = False


class StepState(StrEnum):
    """What became of a step."""

    DONE = "done"
    SKIPPED = "skipped"  # its condition did not hold
    HELD = "held"  # the send gate did not let its message through: `gate` says why
    LATE = "late"  # it was due while nothing ran, and is left out then
    PASSED = "passed"  # a person let it be passed by
    OUTSIDE = "outside"  # its call is being made
    RETRYING = "retrying"
    FAILED = "failed"
    UNCERTAIN = "uncertain"  # whether its call arrived is not known
    CANCELLED = "cancelled"  # whoever it was for had left before its call was made


class EnrollmentStep(Owned, table=True):
    """What became of one step on one way; there is one row for it, however often it is tried."""

    __table_args__ = (
        UniqueConstraint("enrollment_id", "step_id"),
        Index("ix_enrollmentstep_numbers", "tenant_id", "sequence_id", "version", "step_id"),
    )
    enrollment_id: str = Field(foreign_key="enrollment.id", max_length=32, ondelete="CASCADE")
    sequence_id: str = Field(foreign_key="sequence.id", max_length=32, ondelete="CASCADE")
    version: int
    step_id: str = Field(max_length=32)
    kind: str = Field(default="", max_length=40)  # of the step, or of its action
    state: StepState = Field(sa_type=enum_column(StepState))
    branch: str = Field(default="", max_length=10)
    due_at: datetime = Field(sa_type=Instant)  # as planned
    taken_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    proof: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    sentence: str = Field(default="", max_length=200)  # a message id with {places}
    values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    error: str = Field(default="", max_length=500)  # a message id
    error_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    gate: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # of its message: see RuleRun.actions
    replied_at: datetime | None = Field(default=None, sa_type=Instant)  # the first reply before the next step
    stage_at: datetime | None = Field(default=None, sa_type=Instant)


def idempotency_key(step_row_id: str) -> str:
    """Return the idempotency key of the call of a step, by the id of its row."""
    return f"step-{step_row_id}"


class Holiday(Owned, table=True):
    """A day on which a tenant's sequences may rest."""

    __table_args__ = (UniqueConstraint("tenant_id", "day"),)
    day: date
    name: str = Field(default="", max_length=100)
