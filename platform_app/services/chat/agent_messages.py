"""Agent messages: messages in an agent's name that do not answer a contact, sent by automation."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from platform_app.channels.quick_replies import cut_titles
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Invalid
from platform_app.jobs import Reply, enqueue
from platform_app.llm.reply_text import to_storable
from platform_app.models.conversation import Author, Conversation, Message
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.chat import conversation_rows, sending
from platform_app.services.chat.conversation_rows import MAX_MESSAGE_CHARS


def send_message(
    session: Transaction,
    who: Identity,
    conversation_id: str,
    text: str,
    *,
    is_exempt: bool = False,
    template: dict[str, Any] | None = None,
    quick_replies: Sequence[str] = (),
) -> Message:
    """Send a message in the agent's name; return it, with the send gate's reason in `gate` if it was not sent.

    `quick_replies` are titles whose variables are filled in; what exceeds their bounds is cut. `template`, a
    TemplateUse, is sent in place of the text where the channel takes no free text. `is_exempt` marks a
    transactional message: caps and quiet hours do not apply. Raises Invalid if the text is empty, NotFound if there is
    no such conversation, or its agent is deleted.
    """
    row = conversation_rows.get(session, who, conversation_id, lock=True)
    text = to_storable(text).strip()[:MAX_MESSAGE_CHARS]
    if not text:
        raise Invalid("The text of the message is empty.", field="text")
    origin = sending.origin_of_act(session, who)
    name = _agent_name(session, row)
    message = sending.new_message(session, row, Author.AGENT, name, text=text, is_exempt=is_exempt, **origin)
    message.template, message.quick_replies = template or {}, cut_titles(quick_replies)
    sending.send(session, row, message)
    return message


def request_message(
    session: Transaction, who: Identity, conversation_id: str, task: str, *, is_exempt: bool = False
) -> Message:
    """Ask the agent to write a message, which a worker then writes and sends; return its row.

    If the send gate does not let it through now, no text is generated and the message is held or dropped at once.
    Raises Invalid if `task`, the prompt, is empty, and NotFound if there is no such
    conversation or its agent is deleted.
    """
    row = conversation_rows.get(session, who, conversation_id, lock=True)
    task = to_storable(task).strip()[:MAX_MESSAGE_CHARS]
    if not task:
        raise Invalid("Describe what the agent should write.", field="prompt")
    origin = sending.origin_of_act(session, who)
    name = _agent_name(session, row)
    message = sending.new_message(session, row, Author.AGENT, name, task=task, is_exempt=is_exempt, **origin)
    decision = sending.check(session, row, sending.outbound(message))
    if decision.sends:
        enqueue_writing(session, row, message)
    else:
        sending.keep_back(session, row, message, decision)
    return message


def enqueue_writing(session: Transaction, row: Conversation, message: Message) -> None:
    """Enqueue the job in which the agent writes a requested message."""
    message.due_at, message.beat_at = now(), now() + timedelta(seconds=1)
    payload = Reply(conversation_id=row.id, message_id=message.id)
    is_first = not message.finished_at  # the job of a message that was held has already run
    enqueue(session, row.tenant_id, payload, dedupe_key=f"reply:{message.id}" if is_first else None)
    conversation_rows.publish_change(session, row)


def _agent_name(session: Transaction, row: Conversation) -> str:
    """Return the name of a conversation's agent. Raises NotFound if the agent is deleted."""
    return agents.effective_settings(session, row.tenant_id, row.agent_id, draft=row.use_draft)[0].name
