"""Approvals: what a member decides on a reply that waits to be checked before it is sent."""

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Conflict
from platform_app.llm.reply_text import mended
from platform_app.models.conversation import Conversation, Message, MessageState
from platform_app.models.person import Identity
from platform_app.services.chat import conversation_rows, sending
from platform_app.services.chat.conversation_rows import MAX_MESSAGE_CHARS


def approve(session: Transaction, who: Identity, reply_id: str, text: str) -> Message:
    """Send a reply that waited, as it is or as the member changed it."""
    row, reply = _waiting(session, who, reply_id)
    reply.text = mended(text).strip()[:MAX_MESSAGE_CHARS] or reply.text
    sending.send_for_member(session, row, reply, who)
    return reply


def reject(session: Transaction, who: Identity, reply_id: str) -> Message:
    """Do not send a reply that waited."""
    row, reply = _waiting(session, who, reply_id)
    reply.state, reply.finished_at = MessageState.DISCARDED, now()
    conversation_rows.publish_change(session, row)
    return reply


def _waiting(session: Transaction, who: Identity, reply_id: str) -> tuple[Conversation, Message]:
    row, reply = conversation_rows.get_locked(session, who, reply_id)
    if reply.state != MessageState.TO_APPROVE or reply.replaced:
        raise Conflict("This reply does not wait for approval.")
    return row, reply
