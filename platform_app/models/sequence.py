"""Sequence models: sequences, their published versions, enrollments and the outcomes of their steps."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, enum_column, factory
from platform_app.models.versioned import PublishedRow, RowVersion


class Sequence(PublishedRow, table=True):
    """A trigger, a condition, exits and steps, an automation.SequenceDefinition. What is published runs."""

    __table_args__ = (Index("ix_sequence_listening", "tenant_id", "trigger", "enabled"),)
    agent_id: str | None = Field(default=None, foreign_key="agent.id", max_length=32, index=True)  # None: every agent
    name: str = Field(max_length=200)
    enabled: bool = False
    position: int = 0
    trigger: str = Field(default="", max_length=40)  # of the published definition; "": never published
    late: dict[str, str] = Field(default_factory=factory(dict), sa_type=JSON)  # by step: latest time of a postponed one
    late_told_at: datetime | None = Field(default=None, sa_type=Instant)
    is_demo: bool = False


class SequenceVersion(RowVersion, table=True):
    """A published version of a sequence's definition."""

    __table_args__ = (UniqueConstraint("sequence_id", "number"),)
    sequence_id: str = Field(foreign_key="sequence.id", max_length=32, ondelete="CASCADE")


class EnrollmentState(StrEnum):
    """The state of an enrollment."""

    ACTIVE = "active"
    PAUSED = "paused"  # by a member
    HELD = "held"  # while the sequence is switched off
    FINISHED = "finished"
    GOAL = "goal"  # the goal's condition was met
    LEFT = "left"  # for a reason
    FAILED = "failed"  # a step failed; it can be retried


class ExitReason(StrEnum):
    """Why an enrollment ended early."""

    REPLIED = "replied"
    STAGE = "stage"
    CONDITION = "condition"
    AWAITED = "awaited"  # the event that a step waited for did not happen
    AGAIN = "again"  # enrolled again
    REMOVED = "removed"  # by a member
    STOPPED = "stopped"  # by automation
    MEMBER = "member"  # a member wrote, and the tenant's settings end sequences then
    DELETED = "deleted"  # the sequence, lead or contact was deleted


OPEN_STATES = (EnrollmentState.ACTIVE, EnrollmentState.PAUSED, EnrollmentState.HELD)
_ACTIVE = text("state = 'active'")
_INSIDE = text("state IN ('active', 'paused', 'held')")


class Enrollment(Owned, table=True):
    """One subject's way through a sequence. `due_at` is when the next step is due; None: an outbound call runs."""

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
    event_id: str | None = Field(default=None, max_length=32)  # the event that enrolled it; None: by hand
    origin_id: str | None = Field(default=None, max_length=32)  # of that event; events of the same origin do not end it
    depth: int = 0  # automations that led to it
    state: EnrollmentState = Field(default=EnrollmentState.ACTIVE, sa_type=enum_column(EnrollmentState))
    leaving: ExitReason | None = Field(default=None, sa_type=enum_column(ExitReason))
    proof: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # of the entry, then of the exit or goal
    step_id: str = Field(default="", max_length=32)  # the next step
    arrived_at: datetime = Field(default_factory=factory(now), sa_type=Instant)  # when the delay of that step started
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    planned_at: datetime | None = Field(default=None, sa_type=Instant)  # the due time before a stop postponed it
    since: datetime | None = Field(default=None, sa_type=Instant)  # of a waiting step: when it was first due
    is_met: bool = False  # the event that the step waits for has happened
    weighs_events: bool = False  # it has an exit, a goal or a waiting step, which events of its subject may meet
    leaves_on_reply: bool = False
    leaves_on_stage: bool = False
    entered_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    entered_by: str = Field(default="", max_length=200)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    last_id: str | None = Field(default=None, max_length=32)  # the EnrollmentStep taken last
    is_demo: bool = False


class StepState(StrEnum):
    """The state of a step."""

    DONE = "done"
    SKIPPED = "skipped"  # its condition did not hold
    OFF = "off"  # it was turned off in the version that ran
    HELD = "held"  # the send gate held its message; `gate` stores the reason
    LATE = "late"  # it was due while no worker ran, and was left out
    PASSED = "passed"  # a member skipped it
    OUTSIDE = "outside"  # its outbound call is running
    RETRYING = "retrying"
    FAILED = "failed"
    UNCERTAIN = "uncertain"  # the outcome of its call is unknown
    CANCELLED = "cancelled"  # the enrollment ended before its call was made


class EnrollmentStep(Owned, table=True):
    """The outcome of one step of an enrollment; one row, however often it is tried."""

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
    """Return the idempotency key of a step's outbound call."""
    return f"step-{step_row_id}"


class Holiday(Owned, table=True):
    """A day on which a tenant's sequences may pause."""

    __table_args__ = (UniqueConstraint("tenant_id", "day"),)
    day: date
    name: str = Field(default="", max_length=100)
