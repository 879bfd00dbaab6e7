"""Visitor view: what the visitor of a web chat may see of the own conversation.

Only messages that were sent, and the text so far of a reply that needs nobody's approval. Notes, held messages, replies
that wait for approval, traces and texts of documents are never part of it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.errors import PlatformError
from platform_app.fact_snapshots import current_messages
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Author, Conversation, ConversationState, Message, MessageState, Origin
from platform_app.services.agents import agents
from platform_app.services.channels import inbound, opening_hours, ratings

PAGE_SIZE = 40  # messages
MAX_SOURCES = 8  # of a message
_INTERNAL = (MessageState.NOTE, MessageState.BRIEFING, MessageState.DISCARDED)
_AUTHORS = {Author.CONTACT: "visitor", Author.AGENT: "agent", Author.MEMBER: "person"}


@dataclass(frozen=True)
class LiveText:
    """A reply that is being written; its text is the part that is stored."""

    id: str
    text: str


@dataclass(frozen=True)
class VisitorView:
    """A conversation as its visitor sees it; without a conversation it is empty."""

    conversation_id: str = ""
    state: str = "agent"  # who answers: agent, person, or closed
    person: str = ""  # the name of the member in charge
    messages: list[dict[str, Any]] = field(default_factory=list)  # oldest first
    has_earlier: bool = False
    is_writing: bool = False  # the agent, or the person, writes a reply
    live: LiveText | None = None  # the reply that is being written, if its text may be shown
    has_failed: bool = False  # the last reply could not be written
    rating: int | None = None  # what the visitor thinks of it; None: nothing was said or nobody asks
    asks_rating: bool = False
    is_away: bool = False  # nobody of the team is there at this hour


def cursor_of(message: Message) -> str:
    """Return the position of a message in the order in which a visitor sees messages."""
    return f"{_sent_at(message).timestamp():.6f}-{message.id}"


def read(
    session: Transaction, account: ChannelAccount, outside_id: str, *, before: str = "", limit: int = PAGE_SIZE
) -> VisitorView:
    """Return the newest `limit` messages of a visitor's conversation, or those before the message with an id."""
    identity = inbound.find_identity(session, account, outside_id)
    if identity is None or identity.conversation_id is None:
        return VisitorView()
    query = owned(Conversation, account.tenant_id).where(Conversation.id == identity.conversation_id)
    row: Conversation | None = session.exec(query).first()
    if row is None or row.deleted_at is not None:
        return VisitorView()
    sent = _sent(session, row, before, limit + 1)
    newest = _newest(session, row)
    is_writing = newest is not None and newest.state == MessageState.STREAMING
    return VisitorView(
        conversation_id=row.id,
        state=_STATES[row.state],
        person=row.in_charge if row.state == ConversationState.HANDED_OFF else "",
        messages=[_as_json(one) for one in sent[:limit][::-1]],
        has_earlier=len(sent) > limit,
        is_writing=is_writing,
        live=live_text(session, row, newest) if newest is not None and is_writing else None,
        rating=row.rating,
        asks_rating=row.state == ConversationState.CLOSED and ratings.is_asked(account),
        is_away=opening_hours.is_away(session, account),
        has_failed=newest is not None and newest.state in (MessageState.FAILED, MessageState.PARTIAL),
    )


_STATES = {
    ConversationState.OPEN: "agent",
    ConversationState.HANDED_OFF: "person",
    ConversationState.CLOSED: "closed",
}


def _sent(session: Transaction, row: Conversation, before: str, limit: int) -> list[Message]:
    """Return messages that were sent, newest first."""
    query = current_messages(row).where(Message.state == MessageState.COMPLETE)
    if before:
        known = owned(Message, row.tenant_id).where(Message.id == before, Message.conversation_id == row.id)
        found: Message | None = session.exec(known).first()
        if found is None:
            return []
        query = query.where(col(Message.created_at) < found.created_at)
    order = query.order_by(col(Message.created_at).desc(), col(Message.id).desc())
    return list(session.exec(order.limit(limit)).all())


def _newest(session: Transaction, row: Conversation) -> Message | None:
    """Return the newest message of a conversation, sent or not, without those for members."""
    query = current_messages(row).where(col(Message.state).not_in(_INTERNAL))
    order = query.order_by(col(Message.created_at).desc(), col(Message.id).desc())
    found: Message | None = session.exec(order.limit(1)).first()
    return found


def live_text(session: Transaction, row: Conversation, reply: Message) -> LiveText | None:
    """Return the text so far of a reply, or None if the send gate or a member decides on it when it is complete."""
    if row.state != ConversationState.OPEN or reply.origin != Origin.CONVERSATION:
        return None
    try:
        own, _ = agents.effective_settings(session, row.tenant_id, row.agent_id, draft=row.use_draft)
    except PlatformError:  # the agent is deleted
        return None
    return LiveText(reply.id, reply.text) if own.shows_unfinished_text else None


def _sent_at(message: Message) -> datetime:
    return message.finished_at or message.created_at


def _as_json(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "author": _AUTHORS[message.author],
        "name": "" if message.author == Author.CONTACT else message.author_name,
        "text": message.text,
        "at": message.created_at.isoformat(),
        "cursor": cursor_of(message),
        "quick_replies": message.quick_replies,
        "sources": [
            {
                "number": one.get("number", 0),
                "title": one.get("source_title", ""),
                "heading": one.get("heading", ""),
                "address": one.get("source_address", ""),
            }
            for one in message.sources[:MAX_SOURCES]
        ],
    }
