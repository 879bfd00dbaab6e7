"""Event models: events, and the activities that tell people about them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, enum_column, factory


class EventKind(StrEnum):
    """The kinds of events; each can start automation."""

    MESSAGE_RECEIVED = "message_received"
    REPLY_SENT = "reply_sent"
    CONVERSATION_STARTED = "conversation_started"
    CONVERSATION_CLOSED = "conversation_closed"
    CONVERSATION_RATED = "conversation_rated"
    HANDED_OFF = "handed_off"
    TAKEN_OVER = "taken_over"
    HANDED_BACK = "handed_back"
    CONVERSATION_REOPENED = "conversation_reopened"
    CONVERSATION_ASSIGNED = "conversation_assigned"
    CONVERSATION_SNOOZED = "conversation_snoozed"
    SNOOZE_ENDED = "snooze_ended"
    APPROVAL_REQUESTED = "approval_requested"
    APPROVAL_OVERDUE = "approval_overdue"
    REPLY_APPROVED = "reply_approved"
    REPLY_REJECTED = "reply_rejected"
    OPTED_OUT = "opted_out"
    MESSAGE_HELD = "message_held"
    MEMBER_REPLIED = "member_replied"
    NOTE_ADDED = "note_added"
    LEAD_CREATED = "lead_created"
    LEAD_UPDATED = "lead_updated"
    STAGE_CHANGED = "stage_changed"
    CONTACT_CREATED = "contact_created"
    CONTACT_UPDATED = "contact_updated"
    TASK_CREATED = "task_created"
    TASK_COMPLETED = "task_completed"
    TASK_DUE = "task_due"
    TAG_ADDED = "tag_added"
    SEQUENCE_FINISHED = "sequence_finished"
    NO_REPLY = "no_reply"
    SCHEDULE = "schedule"
    WEBHOOK_RECEIVED = "webhook_received"
    MANUAL = "manual"
    MEMBER_INVITED = "member_invited"
    INVITATION_REVOKED = "invitation_revoked"
    MEMBER_JOINED = "member_joined"
    MEMBER_CHANGED = "member_changed"  # role, access, ownership, second factor
    MEMBER_REMOVED = "member_removed"


class Event(Owned, table=True):
    """Something that happened; never deleted."""

    __table_args__ = (
        Index("ix_event_recent", "tenant_id", "at"),
        Index("ix_event_kind", "tenant_id", "kind", "at"),
        Index("ix_event_contact", "tenant_id", "contact_id", "kind", "at"),
        Index("ix_event_lead", "tenant_id", "lead_id", "kind", "at"),
        Index("ix_event_message", "tenant_id", "kind", "message_id"),
        Index("ix_event_talk", "tenant_id", "conversation_id", "kind", "at"),
    )
    kind: EventKind = Field(sa_type=enum_column(EventKind))
    at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    agent_id: str | None = Field(default=None, max_length=32)
    conversation_id: str | None = Field(default=None, max_length=32)
    message_id: str | None = Field(default=None, max_length=32, index=True)
    contact_id: str | None = Field(default=None, max_length=32)
    lead_id: str | None = Field(default=None, max_length=32)
    before: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    after: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    facts: dict[str, Any] = Field(
        default_factory=factory(dict), sa_type=JSON
    )  # facts at that time: see fact_snapshots.snapshot
    depth: int = 0  # how many automations led to it
    cause_id: str | None = Field(default=None, max_length=32)
    run_id: str | None = Field(default=None, max_length=32, index=True)  # the rule run that caused it
    origin_id: str | None = Field(default=None, max_length=32)  # shared by all events of one act: see events.origin_of


class ActivityKind(StrEnum):
    """The subject of an activity, which decides its colour."""

    AGENT = "agent"
    KNOWLEDGE = "knowledge"
    CONVERSATION = "conversation"
    REPLY = "reply"
    PERSON = "person"
    RULE = "rule"
    SEQUENCE = "sequence"
    INTEGRATION = "integration"
    FAILURE = "failure"


class Activity(Owned, table=True):
    """An entry of the activity feed: what a person or the platform did."""

    __table_args__ = (Index("ix_activity_recent", "tenant_id", "at"),)
    at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    kind: ActivityKind = Field(sa_type=enum_column(ActivityKind))
    sentence: str = Field(max_length=200)  # a message id with {places}
    values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    actor: str = Field(default="", max_length=200)  # name of a person or an agent; "": the platform
    user_id: str | None = Field(default=None, max_length=32, index=True)
    agent_id: str | None = Field(default=None, max_length=32, index=True)
    link: str = Field(default="", max_length=300)  # path below /manage/{tenant}
    event_id: str | None = Field(default=None, max_length=32)  # the event that it tells of, if any
    is_demo: bool = False
