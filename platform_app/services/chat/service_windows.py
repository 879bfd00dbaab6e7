"""Service windows: the time after a contact's message in which a channel takes free text."""

from datetime import timedelta

from platform_app.automation.send_gate import ServiceWindow
from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount, ChannelIdentity, OutboundPart
from platform_app.models.conversation import Conversation
from platform_app.models.sending import GateReason
from platform_app.services.chat import outbound_parts
from platform_app.services.chat.gate_sentences import REFUSALS


def window_of(session: Transaction, row: Conversation) -> ServiceWindow | None:
    """Return the window of a conversation, None if its channel always takes free text."""
    hours = window_hours(row.channel)
    return window_for(hours, outbound_parts.find_identity(session, row)) if hours else None


def window_hours(channel: Channel) -> int:
    """Return for how many hours after a contact's message a channel takes free text; 0: always."""
    kind = CHANNEL_KINDS.get(channel)
    return kind.push.window_hours if kind is not None and kind.push is not None else 0


def window_for(hours: int, identity: ChannelIdentity | None) -> ServiceWindow:
    """Return the window that the last message of an identity opened; one that never wrote has opened none."""
    return ServiceWindow(identity.wrote_at if identity is not None else None, timedelta(hours=hours))


def late_problem(account: ChannelAccount | None, identity: ChannelIdentity | None, part: OutboundPart) -> str:
    """Return that the window has closed since a part was sent on its way, "" if it is open or not needed."""
    hours = window_hours(account.kind) if account is not None and not part.template else 0
    return REFUSALS[GateReason.WINDOW] if hours and not window_for(hours, identity).is_open(now()) else ""
