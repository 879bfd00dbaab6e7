"""Outbound decisions: members send a message again that did not arrive, or say that it did."""

from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict
from platform_app.models.channel import ChannelIdentity, OutboundPart, OutboundState
from platform_app.models.conversation import Conversation
from platform_app.models.person import Identity
from platform_app.services.chat import conversation_rows, outbound_parts, sending
from platform_app.services.chat.gate_sentences import REFUSALS

NOTHING_TO_DO = "This message has already been sent."


def send_again(session: Transaction, who: Identity, message_id: str, *, despite_opt_out: bool = False) -> None:
    """Send the parts of a message that failed or are uncertain again; an uncertain one may then arrive twice.

    Raises Conflict if there are none, or the send gate does not let a member's message through now.
    """
    row, message = conversation_rows.get_locked(session, who, message_id)
    parts = _parts(session, row, message_id, OutboundState.FAILED, OutboundState.UNCERTAIN)
    is_template = all(part.template for part in parts)
    asked = sending.outbound(message, by=who, despite_opt_out=despite_opt_out, has_template=is_template)
    decision = sending.check(session, row, asked)
    if decision.reason is not None:
        raise Conflict(REFUSALS[decision.reason])
    identity = outbound_parts.find_identity(session, row)
    for part in parts:
        part.state, part.failures, part.error, part.error_values = OutboundState.WAITING, 0, "", {}
        part.outside_id = ""  # a late status of the attempt before says nothing of the next one
        part.identity_id = identity.id if identity else part.identity_id
    _allow(identity)
    outbound_parts.enqueue_delivery(session, row, message_id)
    conversation_rows.publish_change(session, row)


def mark_delivered(session: Transaction, who: Identity, message_id: str) -> None:
    """Store a member's word that a message has arrived. Raises Conflict if no part of it is uncertain."""
    row, _ = conversation_rows.get_locked(session, who, message_id)
    for part in _parts(session, row, message_id, OutboundState.UNCERTAIN):
        part.state, part.error, part.error_values = OutboundState.DELIVERED, "", {}
    conversation_rows.publish_change(session, row)


def _parts(session: Transaction, row: Conversation, message_id: str, *states: OutboundState) -> list[OutboundPart]:
    query = owned(OutboundPart, row.tenant_id).where(OutboundPart.message_id == message_id)
    parts: list[OutboundPart] = list(session.exec(query.order_by(OutboundPart.place).with_for_update()).all())
    wanted = [part for part in parts if part.state in states]
    if not wanted or CHANNEL_KINDS[row.channel].push is None:
        raise Conflict(NOTHING_TO_DO)
    return wanted


def _allow(identity: ChannelIdentity | None) -> None:
    """Forget that the contact has blocked the account, since it is tried again."""
    if identity is not None:
        identity.blocked_at = None
