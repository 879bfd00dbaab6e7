"""Replies: from a message to a stored reply with its trace. The test chat and the worker call the same function."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import everywhere, owned, session_scope
from platform_app.jobs import RunningJob
from platform_app.llm import client, prompts
from platform_app.llm.client import ModelFailure, ModelRequest, Outcome, Provider
from platform_app.models.agent import AgentSettings, KnowledgeScope
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.crm import Contact, Lead, Stage
from platform_app.rag.retrieve import Retrieval, retrieve
from platform_app.services import agents, reply_store

log = structlog.get_logger()
FLUSH_SECONDS = 1.0
INTERRUPTED_AFTER = timedelta(seconds=20)
_KNOWN_STATES = (MessageState.COMPLETE, MessageState.TO_APPROVE, MessageState.STOPPED, MessageState.PARTIAL)


@dataclass
class Work:
    """A reply in the making: what it stands on and how far it has come."""

    tenant_id: str
    reply_id: str
    conversation: Conversation
    settings: AgentSettings
    version: int
    facts: prompts.Facts
    retrieval: Retrieval = field(default_factory=Retrieval)
    provider: Provider = field(default_factory=client.provider)
    messages: list[dict[str, str]] = field(default_factory=list)
    model: str = ""
    outcome: Outcome = field(default_factory=Outcome)
    text: str = ""
    facts_ms: int = 0
    started: float = field(default_factory=time.monotonic)


async def stream(tenant_id: str, reply_id: str) -> AsyncIterator[str]:
    """Write the reply whose row waits in state STREAMING; yield its text piece by piece.

    The row holds all of it at the end: text, sources, state and trace. A failure of the provider ends the stream
    without an error; the row says it in words and keeps what had arrived. Closing the stream stops the reply.
    """
    work = await asyncio.to_thread(_load, tenant_id, reply_id)
    if work is None:
        return
    beat = asyncio.create_task(_keep(work))
    try:
        await _prepare(work)
        async for piece in _pieces(work):
            yield piece
            if beat.done():  # stopped by a person, or no longer ours
                return
        await asyncio.to_thread(reply_store.complete, work)
    except ModelFailure as failure:
        log.warning("reply failed", reply_id=reply_id, fault=failure.fault.name, detail=failure.detail)
        await asyncio.to_thread(reply_store.failed, work, failure.fault.value)
    except (asyncio.CancelledError, GeneratorExit):
        reply_store.ended(work, MessageState.STOPPED)
        raise
    except Exception:
        await asyncio.to_thread(
            reply_store.failed, work, "Something went wrong while the reply was written. Try again."
        )
        raise
    finally:
        beat.cancel()


async def _pieces(work: Work) -> AsyncIterator[str]:
    """Yield the model's text until it ends or is as long as the agent may write."""
    own = work.settings
    request = ModelRequest(
        model=work.model,
        messages=work.messages,
        temperature=own.temperature,
        max_tokens=own.max_tokens,
        max_chars=own.max_reply_chars + 200,
    )
    async for piece in client.stream(request, work.provider, work.outcome):
        work.text += piece
        yield piece
        if len(work.text) > own.max_reply_chars + 100:
            work.outcome.finish_reason = "length"
            break


async def _prepare(work: Work) -> None:
    """Find the passages, choose the model and build the prompt."""
    own = work.settings
    if own.knowledge != KnowledgeScope.NONE:
        categories = own.categories if own.knowledge == KnowledgeScope.CHOSEN else None
        work.retrieval = await asyncio.to_thread(
            retrieve, work.tenant_id, work.facts.question, categories=categories, limit=6
        )
    work.facts.searched = own.knowledge != KnowledgeScope.NONE
    work.facts.passages = [(p.number, p.source_title, p.heading, p.text) for p in work.retrieval.passages]
    work.messages = prompts.build(work.facts)
    known = await _models(work.provider)
    work.model = own.model if own.model and not work.provider.is_offline else (known[0] if known else own.model)
    work.facts_ms = round((time.monotonic() - work.started) * 1000)


_listed: dict[str, tuple[float, list[str]]] = {}


async def _models(where: Provider) -> list[str]:
    """Return the provider's models, asked at most once a minute; nothing when it does not say."""
    held = _listed.get(where.base_url)
    if held and time.monotonic() - held[0] < 60:
        return held[1]
    try:
        found = await client.models(where)
    except ModelFailure:
        found = []
    if found:
        _listed[where.base_url] = (time.monotonic(), found)
    return found


async def available_models() -> list[str]:
    """Return the models that an agent may be given."""
    return await _models(client.provider())


async def _keep(work: Work) -> None:
    """Keep the row alive with the text so far; end when the reply was stopped or is no longer ours."""
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        if not await asyncio.to_thread(reply_store.flush, work):
            return


def _load(tenant_id: str, reply_id: str) -> Work | None:
    """Read all that a reply stands on; nothing when it is not to be written any more."""
    with session_scope(tenant_id, reading=True) as session:
        reply = session.exec(owned(Message, tenant_id).where(Message.id == reply_id)).first()
        if reply is None or reply.state != MessageState.STREAMING:
            return None
        conversation = session.exec(
            owned(Conversation, tenant_id).where(Conversation.id == reply.conversation_id)
        ).one()
        settings, version = agents.effective(session, tenant_id, conversation.agent_id, draft=conversation.use_draft)
        said = session.exec(
            owned(Message, tenant_id)
            .where(
                Message.conversation_id == conversation.id,
                col(Message.replaced).is_(False),
                Message.created_at < reply.created_at,
                col(Message.state).in_(_KNOWN_STATES),
            )
            .order_by(Message.created_at, Message.id)
        ).all()
        question, history = _question_and_history(list(said))
        facts = prompts.Facts(settings=settings, history=history, question=question)
        facts.known = _known(session, tenant_id, conversation)
        return Work(tenant_id, reply_id, conversation, settings, version, facts)


def _question_and_history(said: list[Message]) -> tuple[str, list[tuple[str, str]]]:
    """Return what is to be answered, a burst as one, and what was said before it."""
    burst: list[str] = []
    while said and said[-1].author == Author.CONTACT:
        burst.insert(0, said.pop().text)
    history = [("user" if m.author == Author.CONTACT else "assistant", m.text) for m in said if m.text]
    return "\n".join(burst), history


def _known(session: Any, tenant_id: str, conversation: Conversation) -> list[tuple[str, str]]:
    """Return what is known of the contact and the lead, as name and value."""
    known: list[tuple[str, str]] = []
    if conversation.contact_id:
        contact = session.exec(owned(Contact, tenant_id).where(Contact.id == conversation.contact_id)).first()
        if contact is not None:
            known += [("contact", contact.name), ("phone", contact.phone), ("e-mail", contact.email)]
    if conversation.lead_id:
        lead = session.exec(owned(Lead, tenant_id).where(Lead.id == conversation.lead_id)).first()
        if lead is not None:
            stage = session.exec(owned(Stage, tenant_id).where(Stage.id == lead.stage_id)).one()
            known += [("lead", lead.title), ("stage", stage.name), ("budget", str(lead.budget))]
    return [(name, value) for name, value in known if value]


def run_job(job: RunningJob) -> None:
    """Write a reply whose delay is over."""
    with session_scope(job.tenant_id) as session:
        reply = session.exec(owned(Message, job.tenant_id).where(Message.id == job.payload.message_id)).first()
        if reply is None or reply.replaced or reply.state not in (MessageState.DELAYED, MessageState.STREAMING):
            return
        reply.state, reply.beat_at = MessageState.STREAMING, now()

    async def write() -> None:
        async for _ in stream(job.tenant_id, job.payload.message_id):
            pass

    asyncio.run(write())


def mark_interrupted() -> None:
    """End replies whose writer gave no sign of life: what had arrived is kept and marked."""
    with session_scope(reason="replies that nobody writes", reading=True) as session:
        late = everywhere(Message).where(
            Message.state == MessageState.STREAMING, col(Message.beat_at) < now() - INTERRUPTED_AFTER
        )
        found = list(session.exec(late.limit(100)).all())
    for reply in found:
        reply_store.interrupted(reply.tenant_id, reply.id)
