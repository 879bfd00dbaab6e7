"""Replies: generate the reply to a message and store it with its trace. The test chat and the worker both use it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import structlog
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import owned, session_scope, unscoped
from platform_app.errors import PlatformError
from platform_app.jobs import RunningJob
from platform_app.llm import client, extraction, model_limitations, prompt_trimming, prompts
from platform_app.llm.client import FailureReason, ModelFailure, ModelRequest
from platform_app.llm.model_spans import failure_kind
from platform_app.llm.reply_markers import MarkerFilter
from platform_app.models.agent import KnowledgeScope
from platform_app.models.conversation import Message, MessageState
from platform_app.rag.retrieval import retrieve
from platform_app.services.chat import (
    model_calls,
    model_fallback,
    reply_budget,
    reply_conduct,
    reply_figures,
    reply_media,
    reply_spans,
    reply_store,
    search_queries,
    tool_calls,
    tool_turns,
)
from platform_app.services.chat.model_calls import ModelCall
from platform_app.services.chat.reply_budget import BudgetSpent
from platform_app.services.chat.reply_context import ReplyContext, ReplyStep, load_context
from platform_app.services.chat.reply_media import MediaUnread
from platform_app.services.chat.reply_store import HEARTBEAT_TIMEOUT
from platform_app.services.chat.tool_turns import ReplyParked
from platform_app.services.embedding import rerankers
from platform_app.services.knowledge import categories, index_rebuild
from platform_app.services.scripts import guided_scripts
from platform_app.services.scripts.guided_scripts import GuidedProgress

log = structlog.get_logger()
FLUSH_SECONDS = 1.0
MAX_INTERRUPTED = 100  # replies that one call marks as interrupted
BATCH_SECONDS = 0.05  # text that arrives within this time is yielded together
MIN_TOKENS = 128  # least output limit when the prompt fills the context
INTERRUPTED_AFTER = timedelta(seconds=20)
_UNKNOWN = "Something went wrong while the reply was written. Try again."


def _never() -> bool:
    return False


async def stream(
    tenant_id: str,
    reply_id: str,
    *,
    trigger: str = "message",
    on_step: Callable[[ReplyStep], None] | None = None,
    is_handed_over: Callable[[], bool] = _never,
) -> AsyncIterator[str]:
    """Generate the reply whose row is in state STREAMING; yield its text in pieces. `on_step` is told of each step.

    At the end the row holds text, sources, state and trace. A failure of the provider does not raise: the row stores
    its sentence and keeps the text so far. Closing the stream stops the reply, or leaves it to a worker if
    `is_handed_over` returns true then. An unexpected error is stored as a failed reply and raised again.
    """
    try:
        work = await asyncio.to_thread(load_context, tenant_id, reply_id)
    except PlatformError as error:
        await asyncio.to_thread(reply_store.abandon, tenant_id, reply_id, error.sentence)
        return
    if work is None:
        return
    work.trigger, work.on_step = trigger, on_step or work.on_step
    writer = asyncio.create_task(_generate(work), context=reply_spans.begin(work))
    keeper = asyncio.create_task(_flush_periodically(work))
    try:
        async for piece in _new_text(work, writer, keeper):
            yield piece
        await _finish(work, writer)
        if work.final_text.startswith(work.visible_text) and (rest := work.final_text[len(work.visible_text) :]):
            yield rest
    except (asyncio.CancelledError, GeneratorExit):
        writer.cancel()
        ending = reply_store.hand_over if is_handed_over() else reply_store.stop
        await asyncio.shield(asyncio.to_thread(ending, work))
        raise
    finally:
        keeper.cancel()
        writer.cancel()
        await asyncio.gather(writer, keeper, return_exceptions=True)
        await asyncio.shield(asyncio.to_thread(_settle, work))


async def _new_text(
    work: ReplyContext, writer: "asyncio.Task[None]", keeper: "asyncio.Task[None]"
) -> AsyncIterator[str]:
    """Yield new text of the writer until it ends, or the reply no longer belongs to this process."""
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
    """Store the end of the reply: complete, stopped or failed."""
    if not writer.done():
        writer.cancel()
        await asyncio.to_thread(reply_store.store_if_stopped, work)
        return
    try:
        writer.result()
        await asyncio.to_thread(reply_conduct.end if work.conduct_outcome else reply_store.complete, work)
    except ReplyParked:
        await asyncio.to_thread(tool_turns.store_parked, work)
    except MediaUnread as unread:
        await asyncio.to_thread(reply_media.hand_over, work, unread.kind)
    except BudgetSpent as spent:
        await asyncio.to_thread(reply_budget.hand_over, work, spent.budget)
    except ModelFailure as failure:
        log.warning("reply failed", reply_id=work.reply_id, fault=failure.reason.name, detail=failure.detail)
        work.span.fail(failure_kind(failure))
        await asyncio.to_thread(reply_store.fail, work, failure.reason.value)
    except PlatformError as error:  # the agent was turned off or deleted while the reply was prepared
        work.span.fail(error)
        await asyncio.to_thread(reply_store.fail, work, error.sentence)
    except Exception as error:
        work.span.fail(error)
        await asyncio.to_thread(reply_store.fail, work, _UNKNOWN)
        raise


def _settle(work: ReplyContext) -> None:
    """Store what a reply has cost, and which lines of the must and never list fired; end its span."""
    try:
        reply_budget.settle(work)
        reply_conduct.count_fired(work)
    finally:
        reply_spans.end(work)


async def _generate(work: ReplyContext) -> None:
    """Retrieve passages, build the prompt and read the model's text."""
    own = work.settings
    try:
        await _prepare_prompt(work)
        request = ModelRequest(
            model=work.model,
            messages=work.messages,
            temperature=own.temperature,
            max_tokens=own.max_tokens,
            max_chars=own.max_reply_chars + 100,  # the text is cut later, at the end of a sentence
            effort=own.effort.sent,
        )
        while True:
            try:
                return await _answer(work, request)
            except ModelFailure as failure:
                work.raw_text = work.marks.read(work.outcome.text, final=True)
                await model_fallback.fall_back(work, failure)
    finally:
        work.raw_text = work.marks.read(work.outcome.text, final=True) or work.unfinished_text
        work.progress.set()


async def _answer(work: ReplyContext, request: ModelRequest) -> None:
    """Read the reply of a model, and make the calls of tools that it asks for before, in a few rounds.

    A reply is written once more if `_has_to_retell` says so.

    Raises ReplyParked if a call waits for a person.
    """
    while True:
        tools = work.tools if work.tool_round < tool_calls.MAX_ROUNDS else ()
        messages = [*work.messages, *work.tool_messages]
        try:
            await _ask_model(work, replace(request, model=work.model, tools=tools, messages=messages))
        except ModelFailure as failure:
            if reply_figures.keep_first_text(work, failure.reason):
                return
            raise
        if work.outcome.tool_requests and work.tool_round >= tool_calls.MAX_ROUNDS:
            raise ModelFailure(FailureReason.TOO_MANY_CALLS)
        if work.outcome.tool_requests:
            work.on_step(ReplyStep.ACTING)
            await asyncio.to_thread(tool_turns.perform, work)
        elif not await _has_to_retell(work):
            return
        work.marks = MarkerFilter(max((script.number for script in work.scripts), default=0))


async def _has_to_retell(work: ReplyContext) -> bool:
    """Return whether a reply is to be written once more.

    It says that something was done, though no call did it; it breaks a line of the must and never list; or it has
    figures without a source.
    """
    return (
        await asyncio.to_thread(tool_turns.has_to_retell, work)
        or await reply_conduct.has_to_retell(work)
        or await asyncio.to_thread(reply_figures.has_to_retell, work)
    )


async def _ask_model(work: ReplyContext, request: ModelRequest) -> None:
    """Read the reply of a model, with a shorter prompt if the whole one is too long for it."""
    while True:
        try:
            return await _read_stream(work, request)
        except ModelFailure as failure:
            if failure.reason != FailureReason.TOO_LONG or work.raw_text:
                raise
            fewer = max(request.max_tokens // 4, MIN_TOKENS)  # in a small context, output tokens count as well
            if not _shorten_prompt(work) and fewer == request.max_tokens:
                raise
        request = replace(request, messages=[*work.messages, *work.tool_messages], max_tokens=fewer)


async def _read_stream(work: ReplyContext, request: ModelRequest) -> None:
    """Read the model's text into the context."""
    work.on_step(ReplyStep.WRITING)
    # the stream is annotated as an iterator and is a generator
    async with aclosing(client.stream_reply(request, work.provider, work.outcome)) as pieces:  # type: ignore[type-var]
        async for _ in pieces:
            work.raw_text = work.marks.read(work.outcome.text)
            work.progress.set()
    if work.is_shortened:
        model_limitations.remember_prompt_size(work.provider, work.model, prompt_trimming.prompt_size(work.messages))


def _shorten_prompt(work: ReplyContext) -> bool:
    """Halve the prompt after the model found it too long; return whether it became smaller."""
    size = prompt_trimming.prompt_size(work.messages)
    work.facts = prompt_trimming.trim_to_budget(work.facts, size // 2)
    work.messages = prompts.build_messages(work.facts)
    work.is_shortened = True
    return prompt_trimming.prompt_size(work.messages) < size


async def _prepare_prompt(work: ReplyContext) -> None:
    """Choose the model, reserve the cost, read recordings and pictures, retrieve passages and build the prompt.

    Raises ModelFailure if there is no model, BudgetSpent if a budget has no room for the reply, MediaUnread if a
    recording or picture cannot be read, and ReplyParked if a call of a tool waits for a person.
    """
    own = work.settings
    await model_fallback.choose_model(work)
    await asyncio.to_thread(reply_media.load, work)
    await asyncio.to_thread(reply_budget.reserve, work)
    await reply_media.read(work)
    await asyncio.to_thread(tool_turns.load, work)
    if work.guidance is not None and not work.is_shadow:
        await _extract_answers(work, work.guidance)
    if own.knowledge != KnowledgeScope.NONE:
        work.query = await search_queries.choose_query(work)
        await asyncio.to_thread(_search, work)
    work.facts.passages = [(p.number, p.source_title, p.heading, p.text) for p in work.retrieval.passages]
    work.marks = MarkerFilter(max((script.number for script in work.scripts), default=0))
    if most := model_limitations.known_limitations(work.provider, work.model).prompt_tokens:
        whole, work.facts = work.facts, prompt_trimming.trim_to_budget(work.facts, most)
        work.is_shortened = work.facts is not whole
    work.messages = await asyncio.to_thread(
        prompts.build_messages, work.facts
    )  # the first call loads the language model
    work.preparation_ms = round((time.monotonic() - work.started) * 1000)


async def _extract_answers(work: ReplyContext, guidance: GuidedProgress) -> None:
    """Have the model extract the contact's answers, store them and reload the facts."""
    asked = extraction.build_messages(guidance.wanted, guidance.asked, work.facts.question)
    request = ModelRequest(model=work.model, messages=asked, temperature=0.0, max_tokens=500, max_chars=4_000)
    outcome, failed = client.ModelResult(), None
    try:
        # the stream is annotated as an iterator and is a generator
        async with aclosing(client.stream_reply(request, work.provider, outcome)) as pieces:  # type: ignore[type-var]
            async for _ in pieces:
                pass
    except ModelFailure as failure:  # the reply itself reports the provider's failure
        failed = failure.reason
        log.warning("nothing was extracted", reply_id=work.reply_id, fault=failure.reason.name)
    work.calls.append(ModelCall("extraction", work.provider, work.model, outcome, failed))
    told = extraction.parse_answer(outcome.text, {wanted.name for wanted in guidance.wanted})
    await asyncio.to_thread(guided_scripts.store_answers, work.tenant_id, work.conversation.id, guidance, told)
    fresh = await asyncio.to_thread(load_context, work.tenant_id, work.reply_id)
    if fresh is not None:
        work.facts, work.scripts, work.guidance = fresh.facts, fresh.scripts, fresh.guidance or guidance


def _search(work: ReplyContext) -> None:
    """Retrieve passages for the query of a reply, if there is one."""
    own = work.settings
    if not work.query.text:
        return
    work.on_step(ReplyStep.SEARCHING)
    shelves = _selected_categories(work.tenant_id, own.categories) if own.knowledge == KnowledgeScope.CHOSEN else None
    reranker = rerankers.of_tenant(work.tenant_id)
    work.retrieval = retrieve(
        work.tenant_id, work.query.text, before=work.query.before, categories=shelves, rerank=reranker
    )
    if reranker is not None and reranker.requests:
        work.calls.append(model_calls.of_reranker(reranker))
    if work.retrieval.lost or work.retrieval.outdated:
        index_rebuild.request_rebuild(work.tenant_id)


def _selected_categories(tenant_id: str, ids: list[str]) -> list[str]:
    with session_scope(tenant_id, read_only=True) as session:
        return categories.with_descendants(session, tenant_id, ids)


async def _flush_periodically(work: ReplyContext) -> None:
    """Flush text and heartbeat to the row until the reply is stopped or taken by another process."""
    try:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                if not await asyncio.to_thread(reply_store.flush, work):
                    return
            except Exception as error:  # the text is kept in memory for the next flush
                log.warning("reply was not flushed", reply_id=work.reply_id, error=type(error).__name__)
    finally:
        work.progress.set()


def run_job(job: RunningJob) -> None:
    """Generate a reply whose delay is over, or that a dead worker left; the body of a reply job."""
    while (state := _claim_reply(job)) == "busy":
        time.sleep(0.5)  # another process writes it: wait until it ends or its heartbeat stops
    if state != "taken":
        return

    async def write() -> None:
        async for _ in stream(job.tenant_id, job.payload.message_id, trigger="delay"):
            pass

    asyncio.run(write())


def _claim_reply(job: RunningJob) -> str:
    """Claim a delayed or abandoned reply. Returns "taken", "busy" (another process writes it) or "over"."""
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


def mark_interrupted() -> bool:
    """Mark replies whose heartbeat stopped as interrupted, keeping the text so far; return whether more may be left."""
    with session_scope(reason="replies that nobody writes", read_only=True) as session:
        late = unscoped(Message).where(
            Message.state == MessageState.STREAMING,
            col(Message.beat_at) < now() - INTERRUPTED_AFTER,
        )
        late_replies = list(session.exec(late.limit(MAX_INTERRUPTED)).all())
    for reply in late_replies:
        reply_store.abandon(reply.tenant_id, reply.id, reply_store.INTERRUPTED, silent_for=INTERRUPTED_AFTER)
    return len(late_replies) == MAX_INTERRUPTED
