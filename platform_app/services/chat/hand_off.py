"""Hand-off: who writes in a conversation: the agent, a person, or nobody any more."""

from platform_app.db import Transaction
from platform_app.events import emit
from platform_app.models.conversation import Conversation, ConversationState
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.services.chat import conversations
from platform_app.services.feed import activity


def hand_off(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Let a person write from now on: the agent is silent until the conversation is given back."""
    row = conversations.get(session, who, conversation_id, lock=True)
    if row.state != ConversationState.HANDED_OFF:
        _cancel_replies(session, row)
        event = emit(session, who.tenant_id, EventKind.HANDED_OFF, **conversations.event_links(row))
        row.state = ConversationState.HANDED_OFF
        _record_change(session, who, row, "“{title}” handed to a person", event_id=event.id)
    return row


def hand_back(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Let the agent write again, also after the conversation was closed."""
    row = conversations.get(session, who, conversation_id, lock=True)
    if row.state != ConversationState.OPEN:
        row.state = ConversationState.OPEN
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


def _record_change(
    session: Transaction, who: Identity, row: Conversation, sentence: str, *, event_id: str | None = None
) -> None:
    """Tell open pages and the recent updates of a change of state."""
    conversations.publish_change(session, row)
    told = activity.record_by(
        session,
        who,
        ActivityKind.CONVERSATION,
        sentence,
        agent_id=row.agent_id,
        link=f"/test-chat?c={row.id}",
        title=row.title[:80],
    )
    told.event_id = event_id
