"""Reply jobs: callbacks that update a reply when its job fails or is retried."""

from typing import Any

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import Reply
from platform_app.models.conversation import Conversation, Message, MessageState
from platform_app.models.job import Job, JobState
from platform_app.services.chat import conversations, reply_store
from platform_app.services.chat.reply_store import HEARTBEAT_TIMEOUT


def on_failure(
    session: Transaction, tenant_id: str, payload: Reply, *, state: JobState, sentence: str, values: Any
) -> None:
    """Mark a pending reply as failed, or partial if it has text, unless another process is writing it."""
    row = _row(session, tenant_id, payload)
    if row is None or row.replaced or row.state not in conversations.PENDING:
        return
    if row.state == MessageState.STREAMING and row.beat_at and row.beat_at > now() - HEARTBEAT_TIMEOUT:
        return
    row.state = MessageState.PARTIAL if row.text.strip() else MessageState.FAILED
    row.error, row.finished_at, row.due_at = sentence.format_map(values)[:500], now(), None
    conversation = _conversation(session, row)
    reply_store.record_failure(session, row, conversation)
    conversations.publish_change(session, conversation)


def on_retry(session: Transaction, tenant_id: str, payload: Reply) -> None:
    """Put a failed reply back into state DELAYED.

    Raises Conflict if it is replaced, written already or stopped.
    """
    row = _row(session, tenant_id, payload)
    if row is None or row.replaced:
        raise Conflict("This reply is no longer needed because the conversation moved on.")
    if row.state in conversations.PENDING:
        return
    if row.state not in (MessageState.FAILED, MessageState.PARTIAL):
        raise Conflict("This reply is already written or was stopped.")
    row.state, row.text, row.error, row.finished_at, row.due_at = MessageState.DELAYED, "", "", None, now()
    conversations.publish_change(session, _conversation(session, row))


def payload_from_keys(session: Transaction, job: Job) -> Reply | None:
    """Return the payload of a reply job from its dedupe key, or None."""
    message_id = id_from_key(job.dedupe_key, "reply:").partition(":")[0]  # after it the tool call that it goes on after
    return Reply(conversation_id="", message_id=message_id) if message_id else None


def _row(session: Transaction, tenant_id: str, payload: Reply) -> Message | None:
    query = owned(Message, tenant_id).where(Message.id == payload.message_id).with_for_update()
    reply: Message | None = session.exec(query).first()
    return reply


def _conversation(session: Transaction, row: Message) -> Conversation:
    conversation: Conversation = session.exec(
        owned(Conversation, row.tenant_id).where(Conversation.id == row.conversation_id)
    ).one()
    return conversation
