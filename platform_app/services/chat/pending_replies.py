"""Pending replies: replies of agents that are being written or wait for their delay."""

from datetime import timedelta

from sqlmodel import col

from platform_app.automation.send_gate import OutboundMessage, Sender
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import NotFound
from platform_app.fact_snapshots import current_messages
from platform_app.jobs import Reply, enqueue
from platform_app.models.agent import AgentSettings, Channel
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.email import EmailDetails
from platform_app.services.agents import agents
from platform_app.services.chat import sending
from platform_app.services.chat.conversation_rows import update_last_message

PENDING = (MessageState.STREAMING, MessageState.DELAYED)


def start_reply(session: Transaction, row: Conversation, *, said: Message, settings: AgentSettings) -> Message:
    """Create the row of a pending reply to `said`, replacing other pending ones; enqueue its job if delayed."""
    with session.no_autoflush:  # new rows are flushed together at the end
        pending = cancel_pending_replies(session, row)
    for other in pending:
        other.replaced = True
    delay = settings.reply_delay_seconds
    state = MessageState.DELAYED if delay else MessageState.STREAMING
    at = max(now(), said.created_at + timedelta(microseconds=1))
    reply = sending.new_message(
        session, row, Author.AGENT, settings.name, state=state, answers_id=said.id, created_at=at
    )
    if delay:
        reply.due_at = now() + timedelta(seconds=delay)
        payload = Reply(conversation_id=row.id, message_id=reply.id)
        enqueue(session, row.tenant_id, payload, run_at=reply.due_at, dedupe_key=f"reply:{reply.id}")
    update_last_message(session, row, said)
    return reply


def answer_last(session: Transaction, row: Conversation) -> None:
    """Enqueue a reply to the contact's last message if it is unanswered. The conversation must be locked."""
    query = current_messages(row).where(Message.state == MessageState.COMPLETE)
    last: Message | None = session.exec(
        query.order_by(col(Message.created_at).desc(), col(Message.id).desc()).limit(1)
    ).first()
    if last is None or last.author != Author.CONTACT or _is_automatic_mail(session, last):
        return
    if not sending.check(session, row, OutboundMessage(Sender.REPLY)).sends:
        return
    queue_reply(session, row, start_reply(session, row, said=last, settings=agent_settings(session, row)))


def _is_automatic_mail(session: Transaction, message: Message) -> bool:
    """Return whether a machine wrote a message, such as an absence notice, which is not to be answered."""
    query = owned(EmailDetails, message.tenant_id).where(EmailDetails.message_id == message.id)
    details: EmailDetails | None = session.exec(query).first()
    return details is not None and details.automatic != ""


def queue_reply(session: Transaction, row: Conversation, reply: Message) -> None:
    """Let a worker write a reply that was to be streamed by the caller; one with a delay has its job already."""
    if reply.state != MessageState.STREAMING:
        return
    reply.state, reply.due_at = MessageState.DELAYED, now()
    payload = Reply(conversation_id=row.id, message_id=reply.id)
    enqueue(session, row.tenant_id, payload, dedupe_key=f"reply:{reply.id}")


def list_pending(session: Transaction, row: Conversation) -> list[Message]:
    """Return the pending replies of a conversation, locked; suggestions for members are none."""
    query = owned(Message, row.tenant_id).where(
        Message.conversation_id == row.id,
        col(Message.state).in_(PENDING),
        col(Message.is_suggestion).is_(False),
    )
    return list(session.exec(query.with_for_update()).all())


def cancel_pending_replies(session: Transaction, row: Conversation) -> list[Message]:
    """Stop the pending replies of a conversation and return them; their writers notice it and end."""
    replies = list_pending(session, row)
    for pending in replies:
        pending.state, pending.finished_at, pending.due_at = MessageState.STOPPED, now(), None
    return replies


def agent_settings(session: Transaction, row: Conversation) -> AgentSettings:
    """Return the settings of a conversation's agent.

    On a channel, defaults are returned if the agent is deleted, so that messages are still stored. Raises NotFound for
    a test conversation then.
    """
    try:
        return agents.effective_settings(session, row.tenant_id, row.agent_id, draft=row.use_draft)[0]
    except NotFound:
        if row.channel == Channel.TEST:
            raise
        return AgentSettings()
