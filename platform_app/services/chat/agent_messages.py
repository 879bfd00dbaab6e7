"""Outgoing: messages that answer nobody: written by automation, or by the agent because automation asks for one."""

from datetime import timedelta

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Conflict, Invalid
from platform_app.events import cause_of
from platform_app.jobs import Reply, enqueue
from platform_app.llm.reply_text import mended
from platform_app.models.conversation import Author, Conversation, ConversationState, Message, MessageState
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.chat import conversations, reply_store


def send_message(session: Transaction, who: Identity, conversation_id: str, text: str) -> Message:
    """Send a message in the agent's name."""
    row, name = _get_open_conversation(session, who, conversation_id)
    text = mended(text).strip()[: conversations.MAX_MESSAGE_CHARS]
    if not text:
        raise Invalid("The text of the message is empty.", field="text")
    message = Message(tenant_id=row.tenant_id, conversation_id=row.id, author=Author.AGENT, author_name=name, text=text)
    message.finished_at = message.created_at
    session.add(message)
    session.flush()
    reply_store.record_sent(session, message, row)
    conversations.update_last_message(session, row, message)
    return message


def request_message(session: Transaction, who: Identity, conversation_id: str, task: str) -> Message:
    """Let the agent write a message and send it; the worker does it, as its settings say."""
    row, name = _get_open_conversation(session, who, conversation_id)
    task = mended(task).strip()[: conversations.MAX_MESSAGE_CHARS]
    if not task:
        raise Invalid("Say what the agent is to write.", field="prompt")
    message = Message(
        tenant_id=row.tenant_id,
        conversation_id=row.id,
        author=Author.AGENT,
        author_name=name,
        state=MessageState.DELAYED,
        task=task,
        due_at=now(),
        beat_at=now() + timedelta(seconds=1),
    )
    cause = cause_of(session)
    if cause is not None:
        message.cause_id, message.depth, message.run_id = cause.event_id, cause.depth, cause.run_id
    session.add(message)
    payload = Reply(conversation_id=row.id, message_id=message.id)
    enqueue(session, row.tenant_id, payload, dedupe_key=f"reply:{message.id}")
    conversations.publish_change(session, row)
    return message


def _get_open_conversation(session: Transaction, who: Identity, conversation_id: str) -> tuple[Conversation, str]:
    """Return a conversation that can be written in, and the name of its agent."""
    row = conversations.get(session, who, conversation_id, lock=True)
    if row.state == ConversationState.CLOSED:
        raise Conflict("This conversation is closed.")
    return row, agents.effective_settings(session, who.tenant_id, row.agent_id, draft=row.use_draft)[0].name
