"""Conversation rows: reads and locks of conversations and messages, and the notifications of their changes."""

from typing import Any

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, NotFound
from platform_app.llm.plain_text import strip_markdown
from platform_app.llm.reply_text import to_storable
from platform_app.models.agent import Channel
from platform_app.models.conversation import Author, Conversation, Message
from platform_app.models.event import Activity, ActivityKind
from platform_app.models.person import Identity
from platform_app.services.feed import activity

MAX_MESSAGE_CHARS = 20_000
_LAST_TEXT_CHARS = 1_000  # of a message, of which a list shows the first line


def get(session: Transaction, who: Identity, conversation_id: str, *, lock: bool = False) -> Conversation:
    """Return a conversation, locked if `lock`. Raises NotFound if it does not exist or is deleted."""
    query = owned(Conversation, who.tenant_id).where(Conversation.id == conversation_id)
    row: Conversation | None = session.exec(query.with_for_update(key_share=True) if lock else query).first()
    if row is None or row.deleted_at is not None:
        raise NotFound("Conversation not found.")
    return row


def lock(session: Transaction, tenant_id: str, conversation_id: str) -> Conversation:
    """Return a conversation, deleted or not, locked until the end of the transaction.

    Lock the conversation before any of its messages, so that concurrent transactions cannot deadlock. Raises
    NoResultFound if it does not exist.
    """
    query = owned(Conversation, tenant_id).where(Conversation.id == conversation_id)
    row: Conversation = session.exec(query.with_for_update(key_share=True)).one()
    return row


def get_message(session: Transaction, who: Identity, message_id: str, *, lock: bool = False) -> Message:
    """Return a message, locked if `lock`. Raises NotFound if it does not exist."""
    query = owned(Message, who.tenant_id).where(Message.id == message_id)
    row: Message | None = session.exec(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("Message not found.")
    return row


def get_locked(session: Transaction, who: Identity, message_id: str) -> tuple[Conversation, Message]:
    """Return a conversation and one of its messages, both locked. Raises NotFound if either does not exist."""
    row = get(session, who, get_message(session, who, message_id).conversation_id, lock=True)
    return row, get_message(session, who, message_id, lock=True)


def publish_change(session: Transaction, conversation: Conversation) -> None:
    """Notify open pages of a change to a conversation after the transaction commits."""
    tenant_id, conversation_id = conversation.tenant_id, conversation.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "conversation", conversation_id))


def event_links(row: Conversation) -> dict[str, Any]:
    """Return the columns (agent, conversation, contact, lead) that link an event to a conversation."""
    return {
        "agent_id": row.agent_id,
        "conversation_id": row.id,
        "contact_id": row.contact_id,
        "lead_id": row.lead_id,
    }


def first_line(text: str) -> str:
    """Return the first line of a text, at most 160 characters, as lists show it."""
    return next(iter(text.strip().splitlines()), "")[:160]


def update_last_message(session: Transaction, row: Conversation, said: Message) -> None:
    """Store a message as the last one of its conversation, which lists show and sort by."""
    text = strip_markdown(said.text[:_LAST_TEXT_CHARS]) if said.author == Author.AGENT else said.text
    row.last_message_at, row.last_line = now(), first_line(text)
    publish_change(session, row)


def checked_text(text: str) -> str:
    """Return a text stripped of surrounding space. Raises Invalid if it is empty or too long."""
    text = to_storable(text).strip()
    if not text:
        raise Invalid("Enter a message.", field="text")
    if len(text) > MAX_MESSAGE_CHARS:
        raise Invalid("A message can have up to 20,000 characters.", field="text")
    return text


def link_of(row: Conversation) -> str:
    """Return the path of a conversation's page below /manage/{tenant}."""
    page = "test-chat" if row.channel == Channel.TEST else "inbox"
    return f"/{page}?c={row.id}"


def find_link(session: Transaction, who: Identity, conversation_id: str | None) -> str:
    """Return the path of the page of a conversation by its id, "" if it does not exist or is deleted."""
    try:
        return link_of(get(session, who, conversation_id or ""))
    except NotFound:
        return ""


def record(
    session: Transaction, row: Conversation, kind: ActivityKind, sentence: str, *, who: Identity | None, **values: Any
) -> Activity:
    """Record an activity about a conversation, attributed to `who`, or to the agent if `who` is None."""
    told = {"agent_id": row.agent_id, "link": link_of(row), "title": row.title[:80]} | values
    if who is None:
        return activity.record(session, row.tenant_id, kind, sentence, **told)
    return activity.record_by(session, who, kind, sentence, **told)
