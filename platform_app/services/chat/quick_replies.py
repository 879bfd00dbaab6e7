"""Quick replies: which can still be chosen in a conversation, and what a tester chooses."""

from collections.abc import Sequence

from sqlmodel import col

from platform_app.db import Transaction
from platform_app.errors import Conflict
from platform_app.fact_snapshots import current_messages
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.person import Identity
from platform_app.services.chat import conversation_rows, conversations

ANSWERED = "This question has already been answered."


def open_ids(messages: Sequence[Message]) -> set[str]:
    """Return the ids of sent messages whose quick replies can be chosen: those after the contact's last message.

    `messages` are the newest of a conversation, oldest first.
    """
    ids: set[str] = set()
    for message in reversed(messages):
        if message.author == Author.CONTACT:
            break
        if message.quick_replies and message.state == MessageState.COMPLETE:
            ids.add(message.id)
    return ids


def check_open(session: Transaction, row: Conversation, message_id: str, title: str) -> None:
    """Check that a message of a locked conversation offers a quick reply and is not answered.

    Raises Conflict if not.
    """
    query = current_messages(row).where(Message.id == message_id, Message.state == MessageState.COMPLETE)
    message: Message | None = session.exec(query).first()
    if message is None or title not in message.quick_replies:
        raise Conflict(ANSWERED)
    later = current_messages(row).where(Message.author == Author.CONTACT, col(Message.created_at) > message.created_at)
    if any(session.exists_each(later)):
        raise Conflict(ANSWERED)


def choose(session: Transaction, who: Identity, message_id: str, title: str) -> Message | None:
    """Store the choice of a tester as the contact's message; return the reply that it starts, or None.

    Raises Conflict if the message is answered or does not offer it.
    """
    row, message = conversation_rows.get_locked(session, who, message_id)
    check_open(session, row, message.id, title)
    return conversations.receive(session, who, row.id, title)[1]
