"""Reply store: updates of a reply's row while it is generated and at its end, one transaction each."""

from datetime import timedelta
from typing import Any

from platform_app.clock import new_id, now
from platform_app.db import Transaction, owned, session_scope
from platform_app.jobs import Reply, enqueue
from platform_app.llm import reply_text
from platform_app.llm.reply_text import format_reply, normalize_citations
from platform_app.models.agent import Channel
from platform_app.models.conversation import Conversation, Message, MessageState
from platform_app.models.event import ActivityKind
from platform_app.services.chat import conversation_rows, no_answer, reply_figures, reply_quick_replies, sending
from platform_app.services.chat.reply_context import ReplyContext
from platform_app.services.chat.reply_trace import add_trace
from platform_app.services.scripts import script_usage

HEARTBEAT_TIMEOUT = timedelta(seconds=4)  # without a heartbeat for this long, no process writes the reply
INTERRUPTED = "The reply was interrupted. Try again."
_EMPTY = "The model returned an empty reply. Try again."


def _row(session: Transaction, work: ReplyContext, *states: MessageState) -> Message | None:
    """Return the reply's locked row if it is in one of the states and not replaced, else None."""
    query = owned(Message, work.tenant_id).where(Message.id == work.reply_id).with_for_update()
    row: Message | None = session.exec(query).first()
    return row if row is not None and not row.replaced and row.state in states else None


def flush(work: ReplyContext) -> bool:
    """Store the text so far and a heartbeat; return whether the reply is still to be written."""
    text = work.visible_text
    with session_scope(work.tenant_id) as session:
        row = _row(session, work, MessageState.STREAMING)
        if row is None:
            return False
        if text != work.stored_text:
            conversation_rows.publish_change(session, work.conversation)
        row.text, row.beat_at = text, now()
    work.stored_text = text
    return True


def _fill_row(row: Message, work: ReplyContext) -> None:
    """Fill the row with the final text, cut and formatted as the agent's settings say, and its sources."""
    own = work.settings
    row.text, used = format_reply(work.raw_text, _numbers(work), markdown=own.markdown, limit=own.max_reply_chars)
    _fill_sources(row, work, used)


def _fill_sources(row: Message, work: ReplyContext, used: set[int]) -> None:
    work.final_text = row.text
    for passage in (*work.retrieval.considered, *work.retrieval.passages):
        passage.cited = passage.number in used
    script_usage.mark_used(work.scripts, work.marks.used, row.text, work.facts.question)
    row.figures = work.figures
    row.sources = [p.as_json() for p in work.retrieval.passages if p.cited]
    row.without_vectors = work.retrieval.degraded
    row.finished_at = now()


def visible_text(work: ReplyContext) -> str:
    """Return the text of an unfinished reply that may be shown: a prefix of the final text."""
    own = work.settings
    return reply_text.format_partial_reply(
        work.raw_text, _numbers(work), markdown=own.markdown, limit=own.max_reply_chars
    )


def _numbers(work: ReplyContext) -> set[int]:
    """Return the numbers of the passages in the prompt."""
    return {number for number, *_ in work.facts.passages}


def complete(work: ReplyContext) -> None:
    """Store a complete reply with sources and trace, and pass it to the send gate."""
    own = work.settings
    with session_scope(work.tenant_id) as session:
        session.enable_cache()  # fact snapshots are written from the same rows
        talk = conversation_rows.lock(session, work.tenant_id, work.conversation.id)
        row = row_to_end(session, work, is_whole=True)
        if row is None:
            return
        with session.no_autoflush:  # the row is flushed once, after the gate's decision
            _fill_row(row, work)
            if not row.text:
                store_failure(session, work, row, _EMPTY)
                return
            row.quick_replies = [] if row.is_suggestion else reply_quick_replies.titles_of(work)
            is_unanswered = not row.is_suggestion and no_answer.is_no_answer(work)
            add_trace(session, work, is_unanswered=is_unanswered and work.conversation.is_live and not row.task)
        if row.is_suggestion:
            row.state = MessageState.SUGGESTED
            if work.is_shadow:
                no_answer.record_in_shadow(session, work, row)
            conversation_rows.publish_change(session, talk)
            return
        if is_unanswered:
            no_answer.record(session, work)
        is_doubtful = work.is_unfounded or reply_figures.needs_approval(work)
        sending.send(session, talk, row, needs_approval=own.check_before_sending or is_doubtful)
        if row.state == MessageState.TO_APPROVE:
            row.gate = _doubts(work)


def _doubts(work: ReplyContext) -> dict[str, Any]:
    """Return what is doubtful about a reply that waits for approval, as its `gate` stores it."""
    doubts: dict[str, Any] = {"unfounded": True} if work.is_unfounded else {}
    return doubts | ({"figures": work.figures} if reply_figures.needs_approval(work) else {})


def fail(work: ReplyContext, sentence: str) -> None:
    """Store a reply as failed with a sentence, or as partial if it has text."""
    with session_scope(work.tenant_id) as session:
        row = row_to_end(session, work)
        if row is not None:
            _fill_row(row, work)
            store_failure(session, work, row, sentence)


def stop(work: ReplyContext) -> None:
    """Store a reply as stopped, keeping the text so far."""
    with session_scope(work.tenant_id) as session:
        row = row_to_end(session, work)
        if row is not None:
            _store_stopped(session, work, row)


def hand_over(work: ReplyContext) -> None:
    """Leave a reply to a worker, which generates it anew; until then its text so far is shown as being written.

    For a process that ends before the model does.
    """
    with session_scope(work.tenant_id) as session:
        row = row_to_end(session, work)
        if row is None:
            return
        row.text, row.beat_at = work.visible_text, now() - HEARTBEAT_TIMEOUT
        payload = Reply(conversation_id=work.conversation.id, message_id=work.reply_id)
        enqueue(session, work.tenant_id, payload, dedupe_key=f"reply:{work.reply_id}:{new_id()}")
        conversation_rows.publish_change(session, work.conversation)


def store_if_stopped(work: ReplyContext) -> None:
    """Store the text so far of a reply that a member stopped or took over; others are left unchanged."""
    with session_scope(work.tenant_id) as session:
        row_to_end(session, work)


def _store_stopped(session: Transaction, work: ReplyContext, row: Message) -> None:
    row.text = work.visible_text  # the text shown when it was stopped
    _fill_sources(row, work, normalize_citations(row.text, _numbers(work))[1])
    row.state = MessageState.STOPPED
    add_trace(session, work)
    _update_conversation(session, work, row)


def _store_suggestion(session: Transaction, work: ReplyContext, row: Message, *, is_whole: bool) -> None:
    """Store a reply that was being written when a member took over as a suggestion for them."""
    if is_whole:
        _fill_row(row, work)
        row.gate = {**row.gate, "is_partial": False}
    else:
        row.text = work.visible_text
        _fill_sources(row, work, normalize_citations(row.text, _numbers(work))[1])
    row.replaced = not row.text
    add_trace(session, work)
    conversation_rows.publish_change(session, work.conversation)


def row_to_end(session: Transaction, work: ReplyContext, *, is_whole: bool = False) -> Message | None:
    """Return the row to end, or None if a member stopped or took over the reply; that is then stored.

    `is_whole` means that the model has written the whole text.
    """
    row = _row(session, work, MessageState.STREAMING, MessageState.STOPPED, MessageState.HELD)
    if row is None or row.state == MessageState.STREAMING:
        return row
    if row.state == MessageState.STOPPED:
        _store_stopped(session, work, row)
    elif row.gate.get("is_partial"):
        _store_suggestion(session, work, row, is_whole=is_whole)
    return None


def store_failure(session: Transaction, work: ReplyContext, row: Message, sentence: str) -> None:
    """Store a reply as failed with a sentence, or as partial if it has text, with its trace and an activity."""
    row.state = MessageState.PARTIAL if row.text else MessageState.FAILED
    row.error, row.finished_at = sentence, now()
    add_trace(session, work)
    record_failure(session, row, work.conversation)
    _update_conversation(session, work, row)


def record_failure(session: Transaction, row: Message, conversation: Conversation) -> None:
    """Record an activity about a reply that failed or was interrupted; a failed suggestion is shown to its member."""
    if row.is_suggestion:
        return
    told = {"actor": row.author_name, "agent": row.author_name}
    conversation_rows.record(session, conversation, ActivityKind.FAILURE, "“{agent}” couldn’t reply", who=None, **told)


def abandon(tenant_id: str, reply_id: str, sentence: str, *, silent_for: timedelta | None = None) -> None:
    """Mark a streaming reply as failed, or as partial if it has text.

    With `silent_for`, only if it had no heartbeat for that long; on a channel a worker then writes it again.
    """
    with session_scope(tenant_id) as session:
        row = session.exec(owned(Message, tenant_id).where(Message.id == reply_id).with_for_update()).first()
        if row is None or row.state != MessageState.STREAMING:
            return
        if silent_for and row.beat_at and row.beat_at > now() - silent_for:
            return
        row.state = MessageState.PARTIAL if row.text.strip() else MessageState.FAILED
        row.error, row.finished_at = sentence, now()
        conversation = session.exec(owned(Conversation, tenant_id).where(Conversation.id == row.conversation_id)).one()
        is_awaited = conversation.channel != Channel.TEST and not row.is_suggestion
        if silent_for and is_awaited:  # a contact waits for it: a worker writes it again
            payload = Reply(conversation_id=conversation.id, message_id=reply_id)
            enqueue(session, tenant_id, payload, dedupe_key=f"reply:{reply_id}")
        record_failure(session, row, conversation)
        conversation_rows.publish_change(session, conversation)


def _update_conversation(session: Transaction, work: ReplyContext, row: Message) -> None:
    query = owned(Conversation, work.tenant_id).where(Conversation.id == work.conversation.id)
    conversation = session.exec(query).one()
    if not row.is_suggestion:
        conversation.last_message_at = now()
        conversation.last_line = conversation_rows.first_line(row.text) or conversation.last_line
    conversation_rows.publish_change(session, conversation)
