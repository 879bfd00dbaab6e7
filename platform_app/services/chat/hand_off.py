"""Hand-off: hand conversations to members and back to the agent, close them and reopen them."""

from datetime import timedelta

import structlog
from sqlmodel import col

from platform_app.automation.send_gate import OutboundMessage, Sender
from platform_app.clock import now
from platform_app.db import Transaction, session_scope, unscoped
from platform_app.errors import Conflict
from platform_app.events import emit
from platform_app.llm.reply_text import to_storable
from platform_app.models.agent import Channel
from platform_app.models.conversation import Conversation, ConversationState, MessageState
from platform_app.models.event import ActivityKind, Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.chat import conversation_rows, conversations, pending_replies, sending
from platform_app.services.chat.conversation_rows import MAX_MESSAGE_CHARS
from platform_app.services.notifications import event_notifications

_logger = structlog.get_logger()
BATCH = 100  # conversations handed back per run


def hand_off(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Hand a conversation to members: the agent does not reply until it is handed back."""
    row = conversations.get(session, who, conversation_id, lock=True)
    if row.state != ConversationState.HANDED_OFF:
        _put_in_charge(session, row)
        event = emit(session, who.tenant_id, EventKind.HANDED_OFF, **conversations.event_links(row))
        _record_change(session, who, row, "“{title}” handed off to a person", event=event)
    return row


def hand_off_by_clock(session: Transaction, row: Conversation, *, unread: str = "") -> None:
    """Hand an open conversation, already locked, to members because an approval is overdue, or a budget is spent.

    `unread` is the kind of attachment, a value of AttachmentKind, that the agent could not read.
    """
    if row.state == ConversationState.OPEN:
        _put_in_charge(session, row)
        after = {"unread": unread} if unread else None
        event = emit(session, row.tenant_id, EventKind.HANDED_OFF, after=after, **conversations.event_links(row))
        _record_change(session, None, row, "“{title}” handed off to a person", event=event)


def take_over(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Put a member in charge: nothing automatic is sent until the conversation is handed back."""
    row = conversations.get(session, who, conversation_id, lock=True)
    take_over_locked(session, who, row)
    return row


def take_over_locked(session: Transaction, who: Identity, row: Conversation) -> None:
    """Put a member in charge of a conversation, already locked; does nothing if they are in charge."""
    if row.state == ConversationState.HANDED_OFF and row.in_charge_id == who.user_id:
        return
    _put_in_charge(session, row, who)
    row.assignee_id = row.assignee_id or who.user_id
    event = emit(session, who.tenant_id, EventKind.TAKEN_OVER, after={"by": who.name}, **conversations.event_links(row))
    _record_change(session, who, row, "“{title}” taken over", event=event)


def take_over_elsewhere(session: Transaction, row: Conversation, name: str) -> None:
    """Put somebody in charge who answers in another program, called `name`; the conversation is already locked."""
    if row.state == ConversationState.OPEN:
        _put_in_charge(session, row)
        row.in_charge = name[:200]
        event = emit(session, row.tenant_id, EventKind.TAKEN_OVER, after={"by": name}, **conversations.event_links(row))
        _record_change(session, None, row, "“{title}” taken over", event=event)
    elif row.state == ConversationState.HANDED_OFF:
        note_member(session, row)


def _put_in_charge(session: Transaction, row: Conversation, who: Identity | None = None) -> None:
    """Put a member in charge, or nobody in particular, and hold the pending replies of the agent."""
    since = row.in_charge_since if row.state == ConversationState.HANDED_OFF else None
    row.state, row.in_charge_since = ConversationState.HANDED_OFF, since or now()
    row.in_charge_id, row.in_charge = (who.user_id, who.name) if who else (None, "")
    note_member(session, row)
    _hold_replies(session, row)


def note_member(session: Transaction, row: Conversation) -> None:
    """Store that a member was active in a conversation now, which restarts the time until it is handed back."""
    hours = sending.policy_of(session, row.tenant_id).hand_back_hours
    row.member_at = now()
    row.hand_back_at = row.member_at + timedelta(hours=hours) if hours else None


def hand_back(session: Transaction, who: Identity, conversation_id: str, note: str = "") -> Conversation:
    """Hand a conversation back to the agent, also a closed one.

    `note` tells the agent what happened meanwhile. On a channel, the agent then answers the contact's last message if
    nobody has.
    """
    row = conversations.get(session, who, conversation_id, lock=True)
    if row.state != ConversationState.OPEN:
        if note.strip():
            text = to_storable(note).strip()[:MAX_MESSAGE_CHARS]
            sending.add_internal(session, row, who, text, state=MessageState.BRIEFING)
        _hand_back(session, row, who)
    return row


def _hand_back(session: Transaction, row: Conversation, who: Identity | None) -> None:
    row.state, row.hand_back_at = ConversationState.OPEN, None
    row.in_charge_since, row.in_charge_id, row.in_charge = None, None, ""
    event = emit(session, row.tenant_id, EventKind.HANDED_BACK, **conversations.event_links(row))
    by_clock = "“{title}” returned to the agent: the time you set is over"
    sentence = "“{title}” returned to the agent" if who else by_clock
    _record_change(session, who, row, sentence, event=event)
    if row.channel != Channel.TEST:
        pending_replies.answer_last(session, row)


def hand_back_due() -> bool:
    """Hand back the conversations in which no member was active for their tenant's `hand_back_hours`, some of them.

    Returns whether more may be left.
    """
    with session_scope(reason="conversations to hand back", read_only=True) as session:
        due = unscoped(Conversation).where(
            Conversation.state == ConversationState.HANDED_OFF, col(Conversation.hand_back_at) <= now()
        )
        query = due.limit(BATCH).with_only_columns(Conversation.tenant_id, Conversation.id)
        due_rows = session.execute(query).all()
    for tenant_id, conversation_id in due_rows:
        try:
            with session_scope(tenant_id) as session:
                row = conversation_rows.lock(session, tenant_id, conversation_id)
                is_due = row.hand_back_at is not None and row.hand_back_at <= now()
                if is_due and row.state == ConversationState.HANDED_OFF:
                    _hand_back(session, row, None)
        except Exception:  # tried again by the next call
            _logger.exception("a conversation was not handed back", conversation_id=conversation_id)
    return len(due_rows) == BATCH


def reopen(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Reopen a closed conversation; the member who was in charge is in charge again.

    Raises Conflict if it is not closed.
    """
    row = conversations.get(session, who, conversation_id, lock=True)
    if row.state != ConversationState.CLOSED:
        raise Conflict("This conversation isn’t closed.")
    conversations.reopen_locked(session, row, who)
    return row


def close(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Close a conversation and stop its pending replies."""
    row = conversations.get(session, who, conversation_id, lock=True)
    if row.state != ConversationState.CLOSED:
        _cancel_replies(session, row)
        event = emit(session, who.tenant_id, EventKind.CONVERSATION_CLOSED, **conversations.event_links(row))
        row.state = ConversationState.CLOSED
        _record_change(session, who, row, "“{title}” closed", event=event)
    return row


def _cancel_replies(session: Transaction, row: Conversation) -> None:
    for pending in pending_replies.cancel_pending_replies(session, row):
        pending.replaced = not pending.text


def _hold_replies(session: Transaction, row: Conversation) -> None:
    """Hold pending replies: one with text so far becomes a suggestion, one not begun is replaced."""
    gate = sending.check(session, row, OutboundMessage(Sender.REPLY)).as_json()
    for reply in pending_replies.list_pending(session, row):
        is_begun = reply.state == MessageState.STREAMING
        if not is_begun and not reply.task:
            reply.state, reply.replaced = MessageState.STOPPED, True
        else:
            reply.state, reply.gate = MessageState.HELD, gate | ({"is_partial": True} if is_begun else {})
        reply.finished_at, reply.due_at = now(), None


def _record_change(
    session: Transaction, who: Identity | None, row: Conversation, sentence: str, *, event: Event
) -> None:
    """Notify members and open pages, and record an activity about a change of state."""
    conversations.publish_change(session, row)
    told = conversation_rows.record(session, row, ActivityKind.CONVERSATION, sentence, who=who)
    told.event_id = event.id
    event_notifications.notify_of_event(session, event, by=who.user_id if who else "")
