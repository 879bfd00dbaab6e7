"""Suggestions: replies that the agent drafts for a member, who edits and sends them, or does not."""

import re

from sqlmodel import col

from platform_app.db import Transaction, owned, owned_update
from platform_app.errors import Conflict, NotFound
from platform_app.fact_snapshots import current_messages
from platform_app.models.conversation import Author, Message, MessageState
from platform_app.models.person import Identity
from platform_app.services.chat import conversation_rows, conversations, sending
from platform_app.services.chat.pending_replies import agent_settings
from platform_app.services.chat.reply_context import check_channel

_CITATION = re.compile(r"[ \t]*\[\d{1,3}\]")


def start(session: Transaction, who: Identity, conversation_id: str) -> Message:
    """Create the row of a suggestion in state STREAMING, which the caller streams; it replaces the member's last one.

    Raises Conflict if nobody waits for an answer, Forbidden if the agent is switched off or not on the channel, and
    NotFound if there is no such conversation.
    """
    row = conversation_rows.get(session, who, conversation_id, lock=True)
    settings = agent_settings(session, row)
    check_channel(session, row, settings)
    spoken = current_messages(row).where(Message.state == MessageState.COMPLETE)
    last: Message | None = session.exec(
        spoken.order_by(col(Message.created_at).desc(), col(Message.id).desc()).limit(1)
    ).first()
    if last is None or last.author != Author.CONTACT:
        raise Conflict("Nothing to reply to: no new message since the last reply.")
    _replace(session, who, row.id)
    suggestion = sending.new_message(
        session, row, Author.AGENT, settings.name, state=MessageState.STREAMING, is_suggestion=True, answers_id=last.id
    )
    suggestion.author_id = who.user_id
    conversation_rows.publish_change(session, row)
    return suggestion


def get(session: Transaction, who: Identity, conversation_id: str) -> Message | None:
    """Return the member's suggestion in a conversation, being written, finished or failed, or None."""
    query = owned(Message, who.tenant_id).where(
        Message.conversation_id == conversation_id,
        Message.author_id == who.user_id,
        col(Message.is_suggestion).is_(True),
        col(Message.replaced).is_(False),
    )
    found: Message | None = session.exec(query.order_by(col(Message.created_at).desc()).limit(1)).first()
    return found


def take(session: Transaction, who: Identity, conversation_id: str) -> str:
    """Return the text of the member's suggestion, without citations, and end the suggestion.

    Raises NotFound if there is none with a text.
    """
    found = get(session, who, conversation_id)
    if found is None or not found.text.strip():
        raise NotFound("This suggestion is no longer available.")
    _end(session, who, found, "used")
    return _CITATION.sub("", found.text).strip()


def dismiss(session: Transaction, who: Identity, conversation_id: str) -> None:
    """End the member's suggestion, if there is one; one that is being written is stopped."""
    found = get(session, who, conversation_id)
    if found is not None:
        _end(session, who, found, "discarded")


def _end(session: Transaction, who: Identity, found: Message, outcome: str) -> None:
    conversations.stop(session, who, found.id)
    found.review, found.replaced = sending.review_of(who, outcome), True
    conversation_rows.publish_change(session, conversation_rows.get(session, who, found.conversation_id))


def _replace(session: Transaction, who: Identity, conversation_id: str) -> None:
    """Mark the member's suggestions in a conversation as replaced; their writers notice it and end."""
    session.execute(
        owned_update(Message, who.tenant_id)
        .where(
            col(Message.conversation_id) == conversation_id,
            col(Message.author_id) == who.user_id,
            col(Message.is_suggestion).is_(True),
            col(Message.replaced).is_(False),
        )
        .values(replaced=True)
    )
