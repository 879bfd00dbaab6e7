"""Search queries: what the knowledge is searched for, to answer the message that a reply answers."""

import asyncio
from contextlib import aclosing

import structlog

from platform_app.db import session_scope
from platform_app.llm import client, model_limitations, prompt_trimming, query_rewriting
from platform_app.llm.client import FailureReason, ModelFailure, ModelRequest
from platform_app.rag import retrieval
from platform_app.rag.search_query import Query, query_of
from platform_app.services.chat.model_calls import ModelCall
from platform_app.services.chat.reply_context import ReplyContext, ReplyStep

log = structlog.get_logger()
MAX_SECONDS = 4.0  # that a reply waits for its query
PURPOSE = "search query"  # of the request to the model
MESSAGE_SHARE = 0.4  # weight of the message itself, against the query that a model made of it


async def choose_query(work: ReplyContext) -> Query:
    """Return the query for the message of a reply; a task is searched as it is.

    A message that is not understood alone is rewritten by the model, in one request that is recorded with the others.
    The offline model rewrites nothing: then, and where the model fails, the messages before it are searched as well.
    """
    facts = work.facts
    if facts.is_task:
        return Query(facts.question)
    query = query_of(facts.question, facts.history)
    is_needed = not work.provider.is_offline and query_rewriting.is_needed(facts.question, facts.history)
    messages = query_rewriting.build_messages(facts.question, facts.history)
    most = model_limitations.known_limitations(work.provider, work.model).prompt_tokens
    is_too_long = most is not None and prompt_trimming.prompt_size(messages) > most
    if not query.text or not is_needed or is_too_long:
        return query
    if not await asyncio.to_thread(_has_knowledge, work.tenant_id):
        return query
    work.on_step(ReplyStep.SEARCHING)
    rewritten = await _rewrite(work, messages)
    work.is_query_rewritten = bool(rewritten)
    return Query(rewritten, ((query.text, MESSAGE_SHARE),)) if rewritten else query


def _has_knowledge(tenant_id: str) -> bool:
    with session_scope(tenant_id, read_only=True) as session:
        return retrieval.has_knowledge(session, tenant_id)


async def _rewrite(work: ReplyContext, messages: list[dict[str, str]]) -> str:
    """Return the query that the model makes of the message, "" if it makes none in time."""
    facts, effort = work.facts, work.settings.effort.sent
    request = ModelRequest(
        model=work.model,
        messages=messages,
        temperature=0.0,
        max_tokens=query_rewriting.MAX_TOKENS,
        max_chars=query_rewriting.MAX_QUERY_CHARS * 2,
        effort="low" if effort in ("medium", "high") else effort,
    )
    outcome, failed = client.ModelResult(), None
    try:
        async with asyncio.timeout(MAX_SECONDS):
            # the stream is annotated as an iterator and is a generator
            async with aclosing(client.stream_reply(request, work.provider, outcome)) as pieces:  # type: ignore[type-var]
                async for _ in pieces:
                    pass
    except ModelFailure as failure:
        failed = failure.reason
    except TimeoutError:
        failed = FailureReason.TIMEOUT
    if failed is not None:
        log.info("the search query was not rewritten", reply_id=work.reply_id, fault=failed.name)
    work.calls.append(ModelCall(PURPOSE, work.provider, work.model, outcome, failed, messages=messages))
    return "" if failed else query_rewriting.parse_query(outcome.text, facts.question, facts.history)
