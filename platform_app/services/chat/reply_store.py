"""Reply store: how a reply's row is kept while it is written, and how it ends, each in one transaction."""

from datetime import timedelta

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Conflict
from platform_app.events import Cause, acts_because, emit
from platform_app.llm import reply_text
from platform_app.llm.reply_text import cited, finished, mended
from platform_app.models.conversation import Conversation, Message, MessageState
from platform_app.models.event import ActivityKind, Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.chat import conversations, no_answer
from platform_app.services.chat.reply_context import Work
from platform_app.services.chat.reply_trace import add_trace
from platform_app.services.feed import activity
from platform_app.services.scripts import script_usage

INTERRUPTED = "The reply was interrupted. Try again."
_EMPTY = "The model gave an empty reply. Try again."


def _row(session: Transaction, work: Work, *states: MessageState) -> Message | None:
    """Return the reply's row while it is ours to write."""
    query = owned(Message, work.tenant_id).where(Message.id == work.reply_id).with_for_update()
    row: Message | None = session.exec(query).first()
    return row if row is not None and not row.replaced and row.state in states else None


def flush(work: Work) -> bool:
    """Keep the text so far; return whether the reply is still to be written."""
    text = work.shown
    with session_scope(work.tenant_id) as session:
        row = _row(session, work, MessageState.STREAMING)
        if row is None:
            return False
        if text != work.stored:
            conversations.announce(session, work.conversation)
        row.text, row.beat_at = text, now()
    work.stored = text
    return True


def _fill(row: Message, work: Work) -> None:
    """Put into the row what people may see: as long and as formatted as the agent may write, with its sources."""
    own = work.settings
    row.text, used = finished(work.text, _numbers(work), markdown=own.markdown, limit=own.max_reply_chars)
    _fill_rest(row, work, used)


def _fill_rest(row: Message, work: Work, used: set[int]) -> None:
    work.final = row.text
    for passage in work.retrieval.passages:
        passage.cited = passage.number in used
    script_usage.settle(work.scripts, work.marks.used, row.text, work.facts.question)
    row.sources = [p.as_json() for p in work.retrieval.passages if p.cited]
    row.without_vectors = work.retrieval.degraded
    row.finished_at = now()


def settled(work: Work) -> str:
    """Return what of a reply people may see while it is written: the beginning of what they will see at the end."""
    own = work.settings
    return reply_text.settled(work.text, _numbers(work), markdown=own.markdown, limit=own.max_reply_chars)


def _numbers(work: Work) -> set[int]:
    """Return the numbers of the passages that the model was given."""
    return {number for number, *_ in work.facts.passages}


def complete(work: Work) -> None:
    """Store a whole reply: text as the agent may send it, sources, trace, event, activity."""
    own = work.settings
    with session_scope(work.tenant_id) as session:
        session.hold()  # what is known is written from the same rows
        row = _row_to_end(session, work)
        if row is None:
            return
        _fill(row, work)
        if not row.text:
            _end(session, work, row, _EMPTY)
            return
        row.state = MessageState.TO_APPROVE if own.check_before_sending else MessageState.COMPLETE
        add_trace(session, work)
        if own.no_answer_task and no_answer.is_said(work):
            no_answer.leave_task(session, work)
        if row.state == MessageState.COMPLETE:
            sent(session, row, work.conversation)
        _touch(session, work, row.text)


def sent(session: Transaction, row: Message, conversation: Conversation) -> None:
    """Write that a reply reached the contact."""
    if row.cause_id:
        cause = session.get(Event, row.cause_id)
        acts_because(session, Cause(row.cause_id, row.depth, row.run_id, cause.origin_id if cause else None))
    event = emit(
        session,
        row.tenant_id,
        EventKind.REPLY_SENT,
        after={"text": row.text[:2000]},
        agent_id=conversation.agent_id,
        conversation_id=conversation.id,
        message_id=row.id,
        contact_id=conversation.contact_id,
        lead_id=conversation.lead_id,
    )
    told = activity.record(
        session,
        row.tenant_id,
        ActivityKind.REPLY,
        "“{agent}” replied in “{title}”",
        actor=row.author_name,
        agent_id=conversation.agent_id,
        link=f"/test-chat?c={conversation.id}",
        agent=row.author_name,
        title=conversation.title[:80],
    )
    told.event_id = event.id


def approve(session: Transaction, who: Identity, reply_id: str, text: str) -> Message:
    """Let a reply go out that waited for a person, as it is or as the person changed it."""
    row = conversations.message(session, who, reply_id, lock=True)
    if row.state != MessageState.TO_APPROVE or row.replaced:
        raise Conflict("This reply does not wait for approval.")
    conversation = conversations.get(session, who, row.conversation_id)
    row.text = mended(text).strip()[: conversations.LONGEST] or row.text
    row.state, row.finished_at = MessageState.COMPLETE, now()
    sent(session, row, conversation)
    conversation.last_message_at, conversation.last_line = now(), conversations.first_line(row.text)
    conversations.announce(session, conversation)
    return row


def fail(work: Work, sentence: str) -> None:
    """Store that a reply broke off or never began; what had arrived is kept."""
    with session_scope(work.tenant_id) as session:
        row = _row_to_end(session, work)
        if row is not None:
            _fill(row, work)
            _end(session, work, row, sentence)


def stop(work: Work) -> None:
    """Store that a reply was stopped; what had arrived is kept."""
    with session_scope(work.tenant_id) as session:
        row = _row(session, work, MessageState.STREAMING, MessageState.STOPPED)
        if row is not None:
            _stop(session, work, row)


def settle(work: Work) -> None:
    """Store what had arrived of a reply that a person stopped; one that ended otherwise is left alone."""
    with session_scope(work.tenant_id) as session:
        row = _row(session, work, MessageState.STOPPED)
        if row is not None:
            _stop(session, work, row)


def _stop(session: Transaction, work: Work, row: Message) -> None:
    row.text = work.shown  # what was seen when it was stopped
    _fill_rest(row, work, cited(row.text, _numbers(work))[1])
    row.state = MessageState.STOPPED
    add_trace(session, work)
    _touch(session, work, row.text)


def _row_to_end(session: Transaction, work: Work) -> Message | None:
    """Return the row that is to end; one that a person has stopped meanwhile ends as stopped."""
    row = _row(session, work, MessageState.STREAMING, MessageState.STOPPED)
    if row is not None and row.state == MessageState.STOPPED:
        _stop(session, work, row)
        return None
    return row


def _end(session: Transaction, work: Work, row: Message, sentence: str) -> None:
    row.state = MessageState.PARTIAL if row.text else MessageState.FAILED
    row.error, row.finished_at = sentence, now()
    add_trace(session, work)
    failure(session, row, work.conversation)
    _touch(session, work, row.text)


def failure(session: Transaction, row: Message, conversation: Conversation) -> None:
    """Tell people that a reply broke off or never began."""
    activity.record(
        session,
        row.tenant_id,
        ActivityKind.FAILURE,
        "“{agent}” could not reply",
        actor=row.author_name,
        agent_id=conversation.agent_id,
        link=f"/test-chat?c={conversation.id}",
        agent=row.author_name,
    )


def abandon(tenant_id: str, reply_id: str, sentence: str, *, silent_for: timedelta | None = None) -> None:
    """End a reply that nobody writes, or that cannot be written; with `silent_for`, only after such a silence."""
    with session_scope(tenant_id) as session:
        row = session.exec(owned(Message, tenant_id).where(Message.id == reply_id).with_for_update()).first()
        if row is None or row.state != MessageState.STREAMING:
            return
        if silent_for and row.beat_at and row.beat_at > now() - silent_for:
            return
        row.state = MessageState.PARTIAL if row.text.strip() else MessageState.FAILED
        row.error, row.finished_at = sentence, now()
        conversation = session.exec(owned(Conversation, tenant_id).where(Conversation.id == row.conversation_id)).one()
        failure(session, row, conversation)
        conversations.announce(session, conversation)


def _touch(session: Transaction, work: Work, text: str) -> None:
    query = owned(Conversation, work.tenant_id).where(Conversation.id == work.conversation.id)
    conversation = session.exec(query).one()
    conversation.last_message_at = now()
    conversation.last_line = conversations.first_line(text) or conversation.last_line
    conversations.announce(session, conversation)
