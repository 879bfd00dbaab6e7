"""Sending models: a tenant's sending policy, the reasons of the send gate, and what the caps count."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic import Field as Setting
from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from platform_app.clock import now
from platform_app.form_fields import Control, form_fields, form_info
from platform_app.models.base import Instant, Owned, factory

MAX_CAP = 1_000  # automatic messages
MAX_HAND_BACK_HOURS = 24 * 90
MAX_APPROVAL_MINUTES = 60 * 24 * 7
MAX_OPT_OUT_WORDS = 50  # per language
_CAP_HELP = "Per contact, from all rules and sequences. 0 = unlimited"

TimeOfDay = Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")]
OptOutWord = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=60)]


class GateReason(StrEnum):
    """Why the send gate holds or drops a message."""

    CLOSED = "closed"  # the conversation is closed
    OPTED_OUT = "opted_out"  # the contact does not want messages
    AGENT_OFF = "agent_off"  # the agent is switched off or deleted
    CHANNEL = "channel"  # the agent does not work on the channel
    SHADOW = "shadow"  # the channel account is in shadow mode
    TEST = "test"  # an e-mail that follows from a test chat
    PERSON = "person"  # a person is in charge of the conversation
    WINDOW = "window"  # the channel allows no messages now
    QUIET_HOURS = "quiet_hours"
    DAILY_CAP = "daily_cap"
    WEEKLY_CAP = "weekly_cap"


class OverdueApproval(StrEnum):
    """What happens to a reply whose approval is overdue."""

    WAIT = "wait"
    NOTIFY = "notify"
    HAND_OFF = "hand_off"  # the conversation is handed off to members


class SendingPolicy(BaseModel):
    """A tenant's limits on messages to its contacts, and on how members and agents share conversations."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    quiet_from: TimeOfDay = Setting(  # "HH:MM"; "" or equal to quiet_to: no quiet hours
        "",
        title="Quiet hours from",
        description="In the contact’s time zone. Leave empty for none.",
        json_schema_extra=form_info("limits", Control.TIME),
    )
    quiet_to: TimeOfDay = Setting("", title="Quiet hours to", json_schema_extra=form_info("limits", Control.TIME))
    daily_cap: int = Setting(
        0,
        title="Automatic messages in 24 hours",
        description=_CAP_HELP,
        ge=0,
        le=MAX_CAP,
        json_schema_extra=form_info("limits"),
    )
    weekly_cap: int = Setting(
        0,
        title="Automatic messages in 7 days",
        description=_CAP_HELP,
        ge=0,
        le=MAX_CAP,
        json_schema_extra=form_info("limits"),
    )
    hand_back_hours: int = Setting(
        0,
        title="Return a conversation to the agent after (hours)",
        description="After a member’s last message. 0 = only manually",
        ge=0,
        le=MAX_HAND_BACK_HOURS,
        json_schema_extra=form_info("limits"),
    )
    approval_minutes: int = Setting(
        0,
        title="Approval timeout (minutes)",
        description="0 = no timeout",
        ge=0,
        le=MAX_APPROVAL_MINUTES,
        json_schema_extra=form_info("approval"),
    )
    approval_overdue: OverdueApproval = Setting(
        OverdueApproval.WAIT,
        title="After the timeout",
        json_schema_extra=form_info(
            "approval",
            options={"wait": "Keep waiting", "notify": "Notify", "hand_off": "Hand off to a person"},
        ),
    )
    opt_out_words: dict[str, list[OptOutWord]] = Setting(default_factory=dict)  # by language; missing: the defaults


SENDING_FORM = form_fields(SendingPolicy)


class OptOutCause(StrEnum):
    """How a contact was opted out."""

    MEMBER = "member"  # a member set it
    AUTOMATION = "automation"  # a rule or a sequence set it
    WORD = "word"  # the contact wrote one of the tenant's words
    LINK = "link"  # the contact used the link to unsubscribe of an e-mail


class Dispatch(Owned, table=True):
    """An automatic message or e-mail to a contact, as the caps count it."""

    __table_args__ = (
        UniqueConstraint("tenant_id", "key"),
        Index("ix_dispatch_contact", "tenant_id", "contact_id", "at"),
        Index("ix_dispatch_at", "tenant_id", "at"),
    )
    contact_id: str = Field(foreign_key="contact.id", max_length=32, ondelete="CASCADE")
    key: str = Field(max_length=200)  # id of the message, or the idempotency key of the e-mail
    at: datetime = Field(default_factory=factory(now), sa_type=Instant)
