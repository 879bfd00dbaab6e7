"""Reply trace: the stored explanation of how a reply came about."""

import time
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.llm import prompts
from platform_app.models.conversation import Conversation, Trace
from platform_app.models.script import ScriptUse
from platform_app.models.tool_call import ToolCall
from platform_app.services.chat import no_answer, tool_calls
from platform_app.services.chat.model_calls import ModelCall, total_cost
from platform_app.services.chat.reply_context import ReplyContext

MAX_REASONING_CHARS = 4_000


def add_trace(session: Transaction, work: ReplyContext, *, is_unanswered: bool = False) -> None:
    """Store the trace of a reply that has ended, unless it has one."""
    if session.exec(owned(Trace, work.tenant_id).where(Trace.message_id == work.reply_id)).first() is not None:
        return
    out = work.outcome
    calls = reply_calls(work)
    trace = Trace(
        tenant_id=work.tenant_id,
        message_id=work.reply_id,
        agent_id=work.conversation.agent_id,
        total_ms=round((time.monotonic() - work.started) * 1000),
        first_token_ms=work.preparation_ms + out.first_token_ms if out.first_token_ms else 0,
        is_unanswered=is_unanswered,
        data=_data(work) | {"calls": [*work.earlier_calls, *(call.as_json() for call in calls)]},
    )
    _add_usage(trace, calls)
    _add_earlier_usage(trace, work.earlier_calls)
    if work.tool_round:
        trace.data["tools"] = [tool_calls.as_json(call) for call in _tool_calls(session, work)]
    session.add(trace)
    session.add_all(
        ScriptUse(
            tenant_id=work.tenant_id,
            script_id=script.script_id,
            message_id=work.reply_id,
            conversation_id=work.conversation.id,
        )
        for script in work.scripts
        if script.used and work.conversation.is_live
    )


def reply_calls(work: ReplyContext) -> list[ModelCall]:
    """Return every request to a model that a reply took, the last one included."""
    last = ModelCall("reply", work.provider, work.model, work.outcome, work.failure, messages=work.messages)
    return [*work.calls, last]


def trace_of_request(row: Conversation, message_id: str, calls: list[ModelCall]) -> Trace:
    """Return the trace of a request that is not a reply: the calls of its model and of those that failed before."""
    last, out = calls[-1], calls[-1].result
    trace = Trace(
        tenant_id=row.tenant_id,
        message_id=message_id,
        agent_id=row.agent_id,
        total_ms=out.total_ms,
        first_token_ms=out.first_token_ms,
        data={
            "provider": last.provider.name,
            "prompt": out.messages or last.messages,
            "adapted": [list(pair) for pair in out.adaptations],
            "thoughts": out.thoughts[:MAX_REASONING_CHARS],
            "finish_reason": out.finish_reason,
            "tries": out.attempts,
            "tokens_counted_by_provider": out.prompt_tokens is not None,
            "calls": [call.as_json() for call in calls],
        },
    )
    _add_usage(trace, calls)
    return trace


def _add_usage(trace: Trace, calls: list[ModelCall]) -> None:
    """Fill in the model of a trace, and the tokens and cost of all calls."""
    trace.model = calls[-1].model_name
    trace.prompt_tokens = sum(call.prompt_tokens for call in calls)
    trace.cached_tokens = sum(call.cached_tokens for call in calls)
    trace.completion_tokens = sum(call.completion_tokens for call in calls)
    trace.cost = total_cost(calls)


def _add_earlier_usage(trace: Trace, earlier: list[dict[str, Any]]) -> None:
    """Add what was used before a reply was parked."""
    trace.prompt_tokens += sum(call["prompt_tokens"] for call in earlier)
    trace.cached_tokens += sum(call.get("cached_tokens", 0) for call in earlier)
    trace.completion_tokens += sum(call["completion_tokens"] for call in earlier)
    costs = [call["cost"] for call in earlier]
    trace.cost = None if trace.cost is None or None in costs else trace.cost + sum(costs)


def _tool_calls(session: Transaction, work: ReplyContext) -> list[ToolCall]:
    query = owned(ToolCall, work.tenant_id).where(ToolCall.reply_id == work.reply_id)
    return list(session.exec(query.order_by(col(ToolCall.round), col(ToolCall.place))).all())


def _search_data(work: ReplyContext) -> dict[str, Any]:
    return {
        "degraded": work.retrieval.degraded,
        "search": work.query.shown,
        "search_before": [list(pair) for pair in work.query.before],
        "rewritten_query": work.is_query_rewritten,
        "rerank_problem": work.retrieval.rerank_problem,
    }


def _data(work: ReplyContext) -> dict[str, Any]:
    own = {"temperature", "max_tokens", "reply_language", "markdown", "max_reply_chars", "knowledge", "categories"}
    return {
        "version": work.version,
        "settings": work.settings.model_dump(mode="json", include=own) | {"model": work.model},
        "provider": work.provider.name,
        "scripts": [script.as_json() for script in work.scripts],
        "guided": work.guidance.as_json() if work.guidance else {},
        "passages": [passage.as_json() for passage in work.retrieval.considered],
        "thresholds": {"words": work.retrieval.word_threshold, "meaning": work.retrieval.vector_threshold},
        "no_answer": no_answer.is_no_answer(work),
        **_search_data(work),
        "history": len(prompts.recent_history(work.facts.history)),
        "known": [list(pair) for pair in work.facts.known],
        "prompt": work.outcome.messages or work.messages,
        "adapted": [list(adaptation) for adaptation in work.outcome.adaptations],
        "shortened": work.is_shortened,
        "thoughts": work.outcome.thoughts[:MAX_REASONING_CHARS],
        "finish_reason": work.outcome.finish_reason,
        "tries": work.outcome.attempts,
        "cached_tokens": work.outcome.cached_tokens or 0,
        "sent": work.outcome.sent,
        "spent_budget": work.spent_budget,
        "media": work.media.as_json(),
        "unfounded": work.is_unfounded,
        "figures": work.figures,
        "rewritten_figures": work.rewritten_figures,
        "fired": work.fired,
        "conduct": work.conduct_outcome.value if work.conduct_outcome else "",
        "tokens_counted_by_provider": work.outcome.prompt_tokens is not None,
        "trigger": work.trigger,
        "trace_id": work.span.trace_id,
        "milliseconds": {
            "retrieval": work.retrieval.milliseconds,
            "preparation": work.preparation_ms,
            "first_token": work.outcome.first_token_ms,
            "model": work.outcome.total_ms,
        },
    }
