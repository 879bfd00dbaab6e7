"""Reply store: how a reply's row is kept while it is written, and how it ends, each in one transaction."""

import time
from typing import TYPE_CHECKING, Any

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Conflict
from platform_app.events import emit
from platform_app.llm import pricing, prompts
from platform_app.models.agent import KnowledgeScope
from platform_app.models.conversation import Conversation, Message, MessageState, Trace
from platform_app.models.crm import Task
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.services import activity, conversations

if TYPE_CHECKING:
    from platform_app.services.replies import Work


def _row(session: Transaction, work: "Work") -> Message | None:
    """Return the reply's row while it is ours to write."""
    row: Message | None = session.exec(
        owned(Message, work.tenant_id).where(Message.id == work.reply_id).with_for_update()
    ).first()
    return row if row is not None and row.state == MessageState.STREAMING else None


def flush(work: "Work") -> bool:
    """Keep the text so far; return whether the reply is still to be written."""
    with session_scope(work.tenant_id) as session:
        row = _row(session, work)
        if row is None:
            return False
        grew = row.text != work.text
        row.text, row.beat_at = work.text, now()
        if grew:
            conversations.announce(session, work.conversation)
        return True


def complete(work: "Work") -> None:
    """Store a whole reply: text as the agent may send it, sources, trace, event, activity."""
    own = work.settings
    text, used = prompts.cited(work.text.strip(), {p.number for p in work.retrieval.passages})
    text = prompts.shorten(text if own.markdown else prompts.plain(text), own.max_reply_chars)
    with session_scope(work.tenant_id) as session:
        row = _row(session, work)
        if row is None:
            return
        if not text:
            _end(session, work, row, "The model gave an empty reply. Try again.")
            return
        row.text = text
        row.sources = [p.as_json() for p in work.retrieval.passages if p.number in used]
        row.state = MessageState.TO_APPROVE if own.check_before_sending else MessageState.COMPLETE
        row.finished_at = now()
        _trace(session, work)
        if own.no_answer_task and own.knowledge != KnowledgeScope.NONE and not work.retrieval.passages:
            _task(session, work)
        if row.state == MessageState.COMPLETE:
            sent(session, row, work.conversation)
        _touch(session, work, text)


def sent(session: Transaction, row: Message, conversation: Conversation) -> None:
    """Write that a reply reached the contact."""
    emit(
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
    activity.record(
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


def approve(session: Transaction, who: Identity, reply_id: str, text: str) -> Message:
    """Let a reply go out that waited for a person, as it is or as the person changed it."""
    row = conversations.message(session, who, reply_id)
    if row.state != MessageState.TO_APPROVE:
        raise Conflict("This reply does not wait for approval.")
    row.text = text.strip()[:20_000] or row.text
    row.state, row.finished_at = MessageState.COMPLETE, now()
    conversation = conversations.get(session, who, row.conversation_id)
    sent(session, row, conversation)
    conversations.announce(session, conversation)
    return row


def failed(work: "Work", sentence: str) -> None:
    """Store that a reply broke off or never began; what had arrived is kept."""
    with session_scope(work.tenant_id) as session:
        row = _row(session, work)
        if row is not None:
            row.text = work.text
            _end(session, work, row, sentence)


def ended(work: "Work", state: MessageState) -> None:
    """Store that a reply ended before its time, without a fault."""
    with session_scope(work.tenant_id) as session:
        row = _row(session, work)
        if row is not None:
            row.text, row.state, row.finished_at = work.text, state, now()
            _trace(session, work)
            _touch(session, work, work.text)


def _end(session: Transaction, work: "Work", row: Message, sentence: str) -> None:
    """Say why a reply broke off or never began; what had arrived is kept."""
    row.state = MessageState.PARTIAL if row.text.strip() else MessageState.FAILED
    row.error, row.finished_at = sentence, now()
    _trace(session, work)
    _failure(session, row, work.conversation)
    _touch(session, work, row.text)


def _failure(session: Transaction, row: Message, conversation: Conversation) -> None:
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


def interrupted(tenant_id: str, reply_id: str) -> None:
    """End a reply whose writer is gone."""
    with session_scope(tenant_id) as session:
        row = session.exec(owned(Message, tenant_id).where(Message.id == reply_id).with_for_update()).first()
        if row is None or row.state != MessageState.STREAMING:
            return
        row.state = MessageState.PARTIAL if row.text.strip() else MessageState.FAILED
        row.error, row.finished_at = "The reply was interrupted. Try again.", now()
        conversation = session.exec(owned(Conversation, tenant_id).where(Conversation.id == row.conversation_id)).one()
        _failure(session, row, conversation)
        conversations.announce(session, conversation)


def _touch(session: Transaction, work: "Work", text: str) -> None:
    query = owned(Conversation, work.tenant_id).where(Conversation.id == work.conversation.id)
    conversation = session.exec(query).one()
    conversation.last_message_at = now()
    if text.strip():
        conversation.last_line = text.strip().splitlines()[0][:160]
    conversations.announce(session, conversation)


def _task(session: Transaction, work: "Work") -> None:
    """Leave a task for a person: the agent had no answer."""
    question = work.facts.question[:400]
    task = Task(tenant_id=work.tenant_id, text=question, conversation_id=work.conversation.id)
    session.add(task)
    session.flush()
    emit(
        session,
        work.tenant_id,
        EventKind.TASK_CREATED,
        after={"task_id": task.id, "text": question},
        agent_id=work.conversation.agent_id,
        conversation_id=work.conversation.id,
    )
    activity.record(
        session,
        work.tenant_id,
        ActivityKind.AGENT,
        "Task: answer “{question}”",
        actor=work.settings.name,
        agent_id=work.conversation.agent_id,
        link=f"/test-chat?c={work.conversation.id}",
        question=question[:80],
    )


def _trace(session: Transaction, work: "Work") -> None:
    out = work.outcome
    prompt = "\n".join(m["content"] for m in work.messages)
    asked = out.prompt_tokens if out.prompt_tokens is not None else prompts.tokens(prompt)
    given = out.completion_tokens if out.completion_tokens is not None else prompts.tokens(work.text)
    model = out.model or work.model
    session.add(
        Trace(
            tenant_id=work.tenant_id,
            message_id=work.reply_id,
            agent_id=work.conversation.agent_id,
            model=model,
            prompt_tokens=asked,
            completion_tokens=given,
            cost=pricing.cost(model, asked, given, is_offline=work.provider.is_offline),
            total_ms=round((time.monotonic() - work.started) * 1000),
            first_token_ms=work.facts_ms + out.first_token_ms if out.first_token_ms else 0,
            data=_data(work, counted=out.prompt_tokens is not None),
        )
    )


def _data(work: "Work", *, counted: bool) -> dict[str, Any]:
    kept = work.settings.model_dump(mode="json", include={"temperature", "max_tokens", "reply_language", "markdown"})
    return {
        "version": work.version,
        "settings": kept | {"model": work.model},
        "provider": work.provider.name,
        "passages": [p.as_json() for p in work.retrieval.considered],
        "degraded": work.retrieval.degraded,
        "history": len(prompts.fitting(work.facts.history)),
        "known": work.facts.known,
        "prompt": work.messages,
        "finish_reason": work.outcome.finish_reason,
        "tries": work.outcome.tries,
        "tokens_counted_by_provider": counted,
        "trigger": "message",
        "milliseconds": {
            "retrieval": work.retrieval.milliseconds,
            "preparation": work.facts_ms,
            "first_token": work.outcome.first_token_ms,
            "model": work.outcome.total_ms,
        },
    }
