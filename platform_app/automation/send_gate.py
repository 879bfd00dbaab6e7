"""Send gate: whether a message may be sent to a contact, as a pure function, without clock or database."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from platform_app.models.sending import GateReason, SendingPolicy

DAY, WEEK = timedelta(hours=24), timedelta(days=7)


class Sender(StrEnum):
    """On whose behalf a message is sent."""

    REPLY = "reply"  # the agent answers the contact
    AUTOMATION = "automation"  # a rule or a sequence
    MEMBER = "member"  # a member: their own message, or one of the agent that they release


class Verdict(StrEnum):
    """Whether a message is sent, held or dropped."""

    SEND = "send"
    HOLD = "hold"  # kept; sent later by a member, or when due
    DROP = "drop"


@dataclass(frozen=True)
class OutboundMessage:
    """The properties of a message on which the decision depends."""

    sender: Sender
    is_exempt: bool = False  # transactional: caps and quiet hours do not apply
    despite_opt_out: bool = False  # a member confirmed sending it to a contact who has opted out
    has_template: bool = False  # it can go out as a template where the channel takes no free text

    @property
    def is_counted(self) -> bool:
        """Whether caps and quiet hours apply to it."""
        return self.sender == Sender.AUTOMATION and not self.is_exempt


@dataclass(frozen=True)
class Decision:
    """A verdict with its reason. `until` is when a held message is sent again; None: a member decides."""

    verdict: Verdict = Verdict.SEND
    reason: GateReason | None = None
    values: dict[str, Any] = field(default_factory=dict)  # JSON: by, since, until, limit
    until: datetime | None = None
    as_template: bool = False  # it is sent as a template, since the channel takes no free text now

    @property
    def sends(self) -> bool:
        """Whether the message may be sent now."""
        return self.verdict == Verdict.SEND

    def as_json(self) -> dict[str, Any]:
        """Return the decision as it is stored with a message."""
        if self.reason is None:
            return {}
        until = {"until": self.until.isoformat()} if self.until else {}
        return {"verdict": self.verdict.value, "reason": self.reason.value} | self.values | until


@dataclass(frozen=True)
class ServiceWindow:
    """The time in which a channel takes free text: a span after the contact's last message there."""

    wrote_at: datetime | None  # None: the contact has never written
    span: timedelta = DAY

    @property
    def closes_at(self) -> datetime | None:
        """When the window closes, or closed; None if it was never open."""
        return self.wrote_at + self.span if self.wrote_at is not None else None

    def is_open(self, moment: datetime) -> bool:
        """Return whether free text is taken at a moment."""
        return self.wrote_at is not None and moment < self.wrote_at + self.span


@dataclass(frozen=True)
class SendContext:
    """The circumstances of a message: its conversation, agent, contact and the tenant's policy."""

    policy: SendingPolicy = SendingPolicy()
    zone: str = "UTC"  # the contact's time zone, else the tenant's
    is_closed: bool = False
    is_agent_on: bool = True
    is_on_channel: bool = True
    opted_out_at: datetime | None = None
    in_charge_since: datetime | None = None  # a person; None: the agent
    in_charge: str = ""  # name of the member; "": any member
    window: ServiceWindow | None = None  # None: the channel always takes free text
    sent: Sequence[datetime] = ()  # counted automatic messages of the last 7 days, oldest first
    is_test: bool = False  # an e-mail that follows from a test chat
    is_shadow: bool = False  # the account is in shadow mode, and so is this conversation

    def with_sent(self, moments: Sequence[datetime]) -> "SendContext":
        """Return the context in which messages were also sent at these moments."""
        return replace(self, sent=sorted((*self.sent, *moments))) if moments else self


def decide(context: SendContext, message: OutboundMessage, moment: datetime) -> Decision:
    """Return the decision on a message at a moment."""
    if dropped := _dropped(context, message):
        return dropped
    if message.sender != Sender.MEMBER and context.in_charge_since is not None:
        values = {"by": context.in_charge, "since": context.in_charge_since.isoformat()}
        return Decision(Verdict.HOLD, GateReason.PERSON, values)
    is_closed = context.window is not None and not context.window.is_open(moment)
    if is_closed and not message.has_template:
        closed_at = context.window.closes_at if context.window is not None else None
        return Decision(Verdict.HOLD, GateReason.WINDOW, {"since": closed_at.isoformat()} if closed_at else {})
    decision = limited(context.policy, context.zone, context.sent, moment) if message.is_counted else Decision()
    return replace(decision, as_template=True) if is_closed and decision.sends else decision


def _dropped(context: SendContext, message: OutboundMessage) -> Decision | None:
    """Return the decision to drop a message, or None."""
    if context.is_closed:
        return Decision(Verdict.DROP, GateReason.CLOSED)
    if context.opted_out_at is not None and not message.despite_opt_out:
        return Decision(Verdict.DROP, GateReason.OPTED_OUT, {"since": context.opted_out_at.isoformat()})
    if message.sender == Sender.MEMBER:
        return None
    if context.is_test:
        return Decision(Verdict.DROP, GateReason.TEST)
    if not context.is_agent_on:
        return Decision(Verdict.DROP, GateReason.AGENT_OFF)
    if not context.is_on_channel:
        return Decision(Verdict.DROP, GateReason.CHANNEL)
    if context.is_shadow:
        return Decision(Verdict.DROP, GateReason.SHADOW)
    return None


def limited(policy: SendingPolicy, zone: str, sent: Sequence[datetime], moment: datetime) -> Decision:
    """Return the decision of quiet hours and caps on an automatic message: to send it, or to hold it until a time.

    `zone` is the contact's time zone, `sent` the times of the automatic messages before, oldest first.
    """
    if quiet := quiet_until(policy, zone, moment):
        return Decision(Verdict.HOLD, GateReason.QUIET_HOURS, {"end": policy.quiet_to}, quiet)
    caps = (
        (GateReason.WEEKLY_CAP, policy.weekly_cap, WEEK),
        (GateReason.DAILY_CAP, policy.daily_cap, DAY),
    )
    for reason, cap, span in caps:
        counted = [at for at in sent if at > moment - span]
        if cap and len(counted) >= cap:
            return Decision(Verdict.HOLD, reason, {"limit": cap}, counted[-cap] + span)
    return Decision()


def quiet_until(policy: SendingPolicy, zone: str, moment: datetime) -> datetime | None:
    """Return the end of the quiet hours that include a moment, or None."""
    if not policy.quiet_from or not policy.quiet_to or policy.quiet_from == policy.quiet_to:
        return None
    there = moment.astimezone(ZoneInfo(zone))
    start, end = time.fromisoformat(policy.quiet_from), time.fromisoformat(policy.quiet_to)
    clock = there.time()
    is_quiet = start <= clock < end if start < end else clock >= start or clock < end
    if not is_quiet:
        return None
    day = there.date() if clock < end else there.date() + timedelta(days=1)
    quiet_end = datetime.combine(day, end, ZoneInfo(zone)).astimezone(UTC)
    while quiet_end <= moment or quiet_until(policy, zone, quiet_end):  # because of a clock change
        quiet_end += timedelta(minutes=15)
    return quiet_end
