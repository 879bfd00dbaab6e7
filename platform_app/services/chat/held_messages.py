"""Held messages: messages that the send gate held, later sent or discarded by a member or sent when due."""

import structlog
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.errors import Conflict
from platform_app.llm.reply_text import to_storable
from platform_app.models.conversation import Conversation, Message, MessageState
from platform_app.models.person import Identity
from platform_app.services.chat import agent_messages, conversation_rows, sending
from platform_app.services.chat.conversation_rows import MAX_MESSAGE_CHARS

_logger = structlog.get_logger()
BATCH = 100  # due messages sent per run
NOT_HELD = "This message is no longer held."


def list_held(session: Transaction, who: Identity, conversation_id: str) -> list[Message]:
    """Return the held messages of a conversation, oldest first.

    A message with a `task` and no text was requested from the agent and is not written yet.
    """
    row = conversation_rows.get(session, who, conversation_id)
    query = owned(Message, who.tenant_id).where(
        Message.conversation_id == row.id,
        Message.state == MessageState.HELD,
        col(Message.replaced).is_(False),
        (Message.text != "") | (Message.task != ""),
    )
    return list(session.exec(query.order_by(Message.created_at, Message.id)).all())


def release(
    session: Transaction, who: Identity, message_id: str, text: str = "", *, despite_opt_out: bool = False
) -> Message:
    """Send a held message, unchanged or with the member's `text`; have the agent write one that has no text yet.

    Raises Conflict if it is no longer held, the conversation is closed, or the contact has opted out and
    `despite_opt_out` does not confirm that it is sent anyway.
    """
    row, message = _held(session, who, message_id)
    if not message.text and not text.strip():
        message.state, message.gate = MessageState.DELAYED, {}
        agent_messages.enqueue_writing(session, row, message)
        return message
    changed = to_storable(text).strip()[:MAX_MESSAGE_CHARS]
    if changed and changed != message.text:
        message.own_text, message.text = message.own_text or message.text, changed
        message.figures = [figure for figure in message.figures if figure in changed]
    message.created_at = now()  # it is shown where it was sent
    sending.send_for_member(session, row, message, who, despite_opt_out=despite_opt_out)
    message.review = sending.review_of(who, "released")
    return message


def discard(session: Transaction, who: Identity, message_id: str) -> Message:
    """Discard a held message. Raises Conflict if it is no longer held."""
    row, message = _held(session, who, message_id)
    message.state, message.finished_at, message.due_at = MessageState.DISCARDED, now(), None
    message.review = sending.review_of(who, "discarded")
    conversation_rows.publish_change(session, row)
    return message


def _held(session: Transaction, who: Identity, message_id: str) -> tuple[Conversation, Message]:
    row, message = conversation_rows.get_locked(session, who, message_id)
    if message.state != MessageState.HELD or message.replaced:
        raise Conflict(NOT_HELD)
    return row, message


def release_due() -> bool:
    """Send held messages that are due: quiet hours are over, or caps allow more; return whether some may be left."""
    with session_scope(reason="held messages that are due", read_only=True) as session:
        due = unscoped(Message).where(Message.state == MessageState.HELD, col(Message.due_at) <= now())
        query = due.order_by(Message.due_at).limit(BATCH).with_only_columns(Message.tenant_id, Message.id)
        due_rows = session.execute(query).all()
    for tenant_id, message_id in due_rows:
        try:
            with session_scope(tenant_id) as session:
                _release_one(session, tenant_id, message_id)
        except Exception:  # tried again by the next call
            _logger.exception("a held message was not tried again", tenant_id=tenant_id, message_id=message_id)
    return len(due_rows) == BATCH


def _release_one(session: Transaction, tenant_id: str, message_id: str) -> None:
    query = owned(Message, tenant_id).where(Message.id == message_id)
    unlocked: Message | None = session.exec(query).first()
    if unlocked is None:
        return
    row = conversation_rows.lock(session, tenant_id, unlocked.conversation_id)
    message: Message = session.exec(query.with_for_update()).one()
    if message.state != MessageState.HELD or message.replaced or message.due_at is None or message.due_at > now():
        return  # another worker or a member has handled it
    if message.text:
        message.created_at = now()
        sending.send(session, row, message)
        return
    decision = sending.check(session, row, sending.outbound(message))
    if decision.sends:
        message.state, message.gate = MessageState.DELAYED, {}
        agent_messages.enqueue_writing(session, row, message)
    else:
        sending.keep_back(session, row, message, decision)
