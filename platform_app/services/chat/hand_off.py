"""Hand-off: who writes in a conversation: the agent, a person, or nobody any more."""

from platform_app.automation.send_gate import OutboundMessage, Sender
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.events import emit
from platform_app.models.conversation import Conversation, ConversationState, MessageState
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.services.chat import conversation_rows, conversations, sending


def hand_off(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Let a person write from now on: the agent is silent until the conversation is given back."""
    row = conversations.get(session, who, conversation_id, lock=True)
    if row.state != ConversationState.HANDED_OFF:
        row.state, row.in_charge_since, row.in_charge_id, row.in_charge = ConversationState.HANDED_OFF, now(), None, ""
        _hold_replies(session, row)
        event = emit(session, who.tenant_id, EventKind.HANDED_OFF, **conversations.event_links(row))
        _record_change(session, who, row, "“{title}” handed to a person", event_id=event.id)
    return row


def hand_back(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Let the agent write again, also after the conversation was closed."""
    row = conversations.get(session, who, conversation_id, lock=True)
    if row.state != ConversationState.OPEN:
        row.state, row.in_charge_since, row.in_charge_id, row.in_charge = ConversationState.OPEN, None, None, ""
        _record_change(session, who, row, "“{title}” given back to the agent")
    return row


def close(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """End a conversation: nobody is answered in it any more."""
    row = conversations.get(session, who, conversation_id, lock=True)
    if row.state != ConversationState.CLOSED:
        _cancel_replies(session, row)
        event = emit(session, who.tenant_id, EventKind.CONVERSATION_CLOSED, **conversations.event_links(row))
        row.state = ConversationState.CLOSED
        _record_change(session, who, row, "“{title}” closed", event_id=event.id)
    return row


def _cancel_replies(session: Transaction, row: Conversation) -> None:
    for pending in conversations.cancel_pending_replies(session, row):
        pending.replaced = not pending.text


def _hold_replies(session: Transaction, row: Conversation) -> None:
    """Hold what the agent is writing: a reply in the making is kept as a suggestion, one not begun is not wanted."""
    gate = sending.check(session, row, OutboundMessage(Sender.REPLY)).as_json()
    for reply in conversations.pending_replies(session, row):
        is_begun = reply.state == MessageState.STREAMING
        if not is_begun and not reply.task:
            reply.state, reply.replaced = MessageState.STOPPED, True
        else:
            reply.state, reply.gate = MessageState.HELD, gate | ({"is_partial": True} if is_begun else {})
        reply.finished_at, reply.due_at = now(), None


def _record_change(
    session: Transaction, who: Identity, row: Conversation, sentence: str, *, event_id: str | None = None
) -> None:
    """Tell open pages and the recent updates of a change of state."""
    conversations.publish_change(session, row)
    told = conversation_rows.record(session, row, ActivityKind.CONVERSATION, sentence, who=who)
    told.event_id = event_id
