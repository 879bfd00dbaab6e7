"""Replies: from a message to a stored reply with its trace. The test chat and the worker call the same function."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import date, timedelta

import structlog

from platform_app.clock import now
from platform_app.db import owned, session_scope, unscoped
from platform_app.errors import PlatformError
from platform_app.jobs import RunningJob
from platform_app.llm import catalogue, client, extraction, model_limitations, prompt_trimming, prompts
from platform_app.llm.client import Fault, ModelFailure, ModelRequest
from platform_app.llm.reply_markers import Marks
from platform_app.models.agent import KnowledgeScope
from platform_app.models.conversation import Message, MessageState
from platform_app.rag.retrieval import retrieve
from platform_app.rag.search_query import Query, query_of
from platform_app.services.chat import reply_store
from platform_app.services.chat.reply_context import ReplyContext, load_context
from platform_app.services.knowledge import categories, index_rebuild
from platform_app.services.scripts import guided_scripts
from platform_app.services.scripts.guided_scripts import GuidedProgress

log = structlog.get_logger()
FLUSH_SECONDS = 1.0
BATCH_SECONDS = 0.05  # pieces that come within this are shown at once
MIN_TOKENS = 128  # of an answer to a prompt that fills the context
INTERRUPTED_AFTER = timedelta(seconds=20)
HEARTBEAT_TIMEOUT = timedelta(seconds=4)  # nobody writes a reply that has given no sign of life for so long
MODEL_NOT_LISTED = "The provider does not list this model any more: replies will fail. Choose another."
MODEL_RETIRES = "The provider switches this model off on {date}. Choose another before then."
_UNKNOWN = "Something went wrong while the reply was written. Try again."


async def stream(tenant_id: str, reply_id: str, *, trigger: str = "message") -> AsyncIterator[str]:
    """Write the reply whose row waits in state STREAMING; yield its text piece by piece.

    The row holds all of it at the end: text, sources, state and trace. A failure of the provider ends the stream
    without an error; the row says it in words and keeps what had arrived. Closing the stream stops the reply.
    """
    try:
        work = await asyncio.to_thread(load_context, tenant_id, reply_id)
    except PlatformError as error:
        await asyncio.to_thread(reply_store.abandon, tenant_id, reply_id, error.sentence)
        return
    if work is None:
        return
    work.trigger = trigger
    writer, keeper = asyncio.create_task(_generate(work)), asyncio.create_task(_flush_periodically(work))
    try:
        async for piece in _new_text(work, writer, keeper):
            yield piece
        await _finish(work, writer)
        if work.final_text.startswith(work.visible_text) and (rest := work.final_text[len(work.visible_text) :]):
            yield rest
    except (asyncio.CancelledError, GeneratorExit):
        writer.cancel()
        await asyncio.shield(asyncio.to_thread(reply_store.stop, work))
        raise
    finally:
        keeper.cancel()
        writer.cancel()
        await asyncio.gather(writer, keeper, return_exceptions=True)


async def _new_text(
    work: ReplyContext, writer: "asyncio.Task[None]", keeper: "asyncio.Task[None]"
) -> AsyncIterator[str]:
    """Yield what the writer has brought since the last look, until it ends or the reply is not ours any more."""
    while True:
        await work.progress.wait()
        work.progress.clear()
        settled = reply_store.visible_text(work)
        if settled.startswith(work.visible_text) and (fresh := settled[len(work.visible_text) :]):
            work.visible_text = settled
            yield fresh
        if writer.done() or keeper.done():
            return
        await asyncio.wait({writer, keeper}, timeout=BATCH_SECONDS, return_when=asyncio.FIRST_COMPLETED)


async def _finish(work: ReplyContext, writer: "asyncio.Task[None]") -> None:
    """Store how the reply ended."""
    if not writer.done():
        writer.cancel()
        await asyncio.to_thread(reply_store.store_if_stopped, work)
        return
    try:
        writer.result()
        await asyncio.to_thread(reply_store.complete, work)
    except ModelFailure as failure:
        log.warning("reply failed", reply_id=work.reply_id, fault=failure.fault.name, detail=failure.detail)
        await asyncio.to_thread(reply_store.fail, work, failure.fault.value)
    except Exception:
        await asyncio.to_thread(reply_store.fail, work, _UNKNOWN)
        raise


async def _generate(work: ReplyContext) -> None:
    """Find passages, build the prompt, and take in the model's text."""
    own = work.settings
    try:
        await _prepare_prompt(work)
        request = ModelRequest(
            model=work.model,
            messages=work.messages,
            temperature=own.temperature,
            max_tokens=own.max_tokens,
            max_chars=own.max_reply_chars + 100,  # a little more: the cut is made at the end of a sentence
        )
        while True:
            try:
                return await _read_stream(work, request)
            except ModelFailure as failure:
                if failure.fault != Fault.TOO_LONG or work.raw_text:
                    raise
                fewer = max(request.max_tokens // 4, MIN_TOKENS)  # they count as well where the context is small
                if not _shorten_prompt(work) and fewer == request.max_tokens:
                    raise
            request = replace(request, messages=work.messages, max_tokens=fewer)
    finally:
        work.raw_text = work.marks.read(work.outcome.text, final=True)
        work.progress.set()


async def _read_stream(work: ReplyContext, request: ModelRequest) -> None:
    """Take in the model's text."""
    async with aclosing(client.stream(request, work.provider, work.outcome)) as pieces:  # type: ignore[type-var]
        async for _ in pieces:
            work.raw_text = work.marks.read(work.outcome.text)
            work.progress.set()
    if work.is_shortened:
        model_limitations.remember_size(work.provider, work.model, prompt_trimming.size(work.messages))


def _shorten_prompt(work: ReplyContext) -> bool:
    """Make the prompt smaller after the model found it too long; tell whether it could be made so."""
    size = prompt_trimming.size(work.messages)
    work.facts = prompt_trimming.fitted(work.facts, size // 2)
    work.messages = prompts.build(work.facts)
    work.is_shortened = True
    return prompt_trimming.size(work.messages) < size


async def _prepare_prompt(work: ReplyContext) -> None:
    """Find the passages, choose the model and build the prompt."""
    own = work.settings
    work.model = await catalogue.model_for(work.provider, own.model)
    if not work.model and await catalogue.offered(work.provider):
        raise ModelFailure(Fault.NO_MODEL)
    if work.guidance is not None:
        await _extract_answers(work, work.guidance)
    if own.knowledge != KnowledgeScope.NONE:
        await asyncio.to_thread(_search, work)
    work.facts.passages = [(p.number, p.source_title, p.heading, p.text) for p in work.retrieval.passages]
    work.marks = Marks(max((one.number for one in work.scripts), default=0))
    if most := model_limitations.traits_of(work.provider, work.model).prompt_tokens:
        whole, work.facts = work.facts, prompt_trimming.fitted(work.facts, most)
        work.is_shortened = work.facts is not whole
    work.messages = await asyncio.to_thread(prompts.build, work.facts)  # the first text loads the language model
    work.preparation_ms = round((time.monotonic() - work.started) * 1000)


async def _extract_answers(work: ReplyContext, guidance: GuidedProgress) -> None:
    """Let the model find what the contact has told, write it down, and see what is to be asked for next."""
    asked = extraction.request(guidance.wanted, guidance.asked, work.facts.question)
    request = ModelRequest(model=work.model, messages=asked, temperature=0.0, max_tokens=500, max_chars=4_000)
    outcome = client.Outcome()
    try:
        async with aclosing(client.stream(request, work.provider, outcome)) as pieces:  # type: ignore[type-var]
            async for _ in pieces:
                pass
    except ModelFailure as failure:  # the reply itself will say what is wrong with the provider
        log.warning("nothing was extracted", reply_id=work.reply_id, fault=failure.fault.name)
    told = extraction.told(outcome.text, {one.name for one in guidance.wanted})
    await asyncio.to_thread(guided_scripts.store_answers, work.tenant_id, work.conversation.id, guidance, told)
    fresh = await asyncio.to_thread(load_context, work.tenant_id, work.reply_id)
    if fresh is not None:
        work.facts, work.scripts, work.guidance = fresh.facts, fresh.scripts, fresh.guidance or guidance


def _search(work: ReplyContext) -> None:
    """Find the passages for what is asked, with what it follows; a task stands alone, and a courtesy needs none."""
    facts, own = work.facts, work.settings
    work.query = Query(facts.question) if facts.is_task else query_of(facts.question, facts.history)
    if not work.query.text:
        return
    shelves = _selected_categories(work.tenant_id, own.categories) if own.knowledge == KnowledgeScope.CHOSEN else None
    work.retrieval = retrieve(work.tenant_id, work.query.text, before=work.query.before, categories=shelves)
    if work.retrieval.lost:
        index_rebuild.request_rebuild(work.tenant_id)


def _selected_categories(tenant_id: str, ids: list[str]) -> list[str]:
    with session_scope(tenant_id, read_only=True) as session:
        return categories.with_descendants(session, tenant_id, ids)


async def available_models() -> list[str]:
    """Return the models that an agent may be given."""
    return await catalogue.offered(client.provider())


async def model_problem(wished: str) -> tuple[str, date | None]:
    """Return what is wrong with a model that an agent names, as a sentence, and the {date} in it; empty: nothing."""
    is_absent, ends = await catalogue.ending(client.provider(), wished)
    if is_absent:
        return MODEL_NOT_LISTED, None
    return (MODEL_RETIRES, ends) if ends else ("", None)


async def _flush_periodically(work: ReplyContext) -> None:
    """Keep the row alive with the text so far; end when the reply was stopped or is no longer ours."""
    try:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                if not await asyncio.to_thread(reply_store.flush, work):
                    return
            except Exception as error:  # the database is busy or away: the text is still here, the next flush has it
                log.warning("reply was not flushed", reply_id=work.reply_id, error=type(error).__name__)
    finally:
        work.progress.set()


def run_job(job: RunningJob) -> None:
    """Write a reply whose delay is over, or that a dead worker left."""
    while (state := _claim_reply(job)) == "busy":
        time.sleep(0.5)  # somebody writes it: wait for the end, or for the end of the signs of life
    if state != "taken":
        return

    async def write() -> None:
        async for _ in stream(job.tenant_id, job.payload.message_id, trigger="delay"):
            pass

    asyncio.run(write())


def _claim_reply(job: RunningJob) -> str:
    """Begin a delayed or abandoned reply: taken, busy (another process writes it), or over."""
    with session_scope(job.tenant_id) as session:
        query = owned(Message, job.tenant_id).where(Message.id == job.payload.message_id).with_for_update()
        reply = session.exec(query).first()
        if reply is None or reply.replaced:
            return "over"
        if reply.state == MessageState.STREAMING and reply.beat_at and reply.beat_at > now() - HEARTBEAT_TIMEOUT:
            return "busy"
        waits = reply.state in (MessageState.DELAYED, MessageState.STREAMING)
        if not waits and reply.error != reply_store.INTERRUPTED:
            return "over"
        reply.state, reply.beat_at, reply.error, reply.finished_at = MessageState.STREAMING, now(), "", None
        return "taken"


def mark_interrupted() -> None:
    """End replies whose writer gave no sign of life: what had arrived is kept and marked."""
    with session_scope(reason="replies that nobody writes", read_only=True) as session:
        late = unscoped(Message).where(
            Message.state == MessageState.STREAMING,
            Message.beat_at < now() - INTERRUPTED_AFTER,  # type: ignore[operator]
        )
        found = list(session.exec(late.limit(100)).all())
    for reply in found:
        reply_store.abandon(reply.tenant_id, reply.id, reply_store.INTERRUPTED, silent_for=INTERRUPTED_AFTER)
