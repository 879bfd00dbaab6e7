"""Reply trace: the stored explanation of how a reply came about."""

import time
from typing import Any

from platform_app.db import Transaction, owned
from platform_app.llm import pricing, prompts
from platform_app.llm.client import ModelRequest, ModelResult, Provider
from platform_app.models.conversation import Conversation, Trace
from platform_app.models.script import ScriptUse
from platform_app.services.chat.reply_context import ReplyContext

MAX_REASONING_CHARS = 4_000
MAX_TOKEN_COUNT = 10**9  # larger counts of a provider are capped


def add_trace(session: Transaction, work: ReplyContext) -> None:
    """Store the trace of a reply that has ended, unless it has one."""
    if session.exec(owned(Trace, work.tenant_id).where(Trace.message_id == work.reply_id)).first() is not None:
        return
    out = work.outcome
    prompt = "\n".join(message["content"] for message in out.messages or work.messages)
    trace = Trace(
        tenant_id=work.tenant_id,
        message_id=work.reply_id,
        agent_id=work.conversation.agent_id,
        total_ms=round((time.monotonic() - work.started) * 1000),
        first_token_ms=work.preparation_ms + out.first_token_ms if out.first_token_ms else 0,
        data=_data(work),
    )
    _add_usage(trace, out, work.provider, model=work.model, prompt=prompt, answer=work.raw_text)
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


def trace_of_request(
    row: Conversation, message_id: str, out: ModelResult, provider: Provider, *, asked: ModelRequest
) -> Trace:
    """Return the trace of a request to the model that is not a reply."""
    trace = Trace(
        tenant_id=row.tenant_id,
        message_id=message_id,
        agent_id=row.agent_id,
        total_ms=out.total_ms,
        first_token_ms=out.first_token_ms,
        data={
            "provider": provider.name,
            "prompt": out.messages or asked.messages,
            "adapted": [list(pair) for pair in out.adaptations],
            "thoughts": out.thoughts[:MAX_REASONING_CHARS],
            "finish_reason": out.finish_reason,
            "tries": out.attempts,
            "tokens_counted_by_provider": out.prompt_tokens is not None,
        },
    )
    prompt = "\n".join(message["content"] for message in asked.messages)
    _add_usage(trace, out, provider, model=asked.model, prompt=prompt, answer=out.text)
    return trace


def _add_usage(trace: Trace, out: ModelResult, provider: Provider, *, model: str, prompt: str, answer: str) -> None:
    """Fill in the model of a trace, its tokens and their cost; `model` is the requested one."""
    name = out.model or model
    trace.model = name[:200]
    trace.prompt_tokens = _count(out.prompt_tokens, prompt)
    trace.completion_tokens = _count(out.completion_tokens, answer)
    trace.cost = pricing.cost(name, trace.prompt_tokens, trace.completion_tokens, is_offline=provider.is_offline)


def _count(counted: int | None, text: str) -> int:
    """Return the provider's count of tokens, or an estimate if it gave none."""
    estimate = prompts.estimate_tokens(text) if text else 0
    return estimate if counted is None else min(max(counted, 0), MAX_TOKEN_COUNT)


def _data(work: ReplyContext) -> dict[str, Any]:
    own = {"temperature", "max_tokens", "reply_language", "markdown", "max_reply_chars", "knowledge", "categories"}
    return {
        "version": work.version,
        "settings": work.settings.model_dump(mode="json", include=own) | {"model": work.model},
        "provider": work.provider.name,
        "scripts": [script.as_json() for script in work.scripts],
        "guided": work.guidance.as_json() if work.guidance else {},
        "passages": [passage.as_json() for passage in work.retrieval.considered],
        "degraded": work.retrieval.degraded,
        "search": work.query.shown,
        "history": len(prompts.recent_history(work.facts.history)),
        "known": [list(pair) for pair in work.facts.known],
        "prompt": work.outcome.messages or work.messages,
        "adapted": [list(adaptation) for adaptation in work.outcome.adaptations],
        "shortened": work.is_shortened,
        "thoughts": work.outcome.thoughts[:MAX_REASONING_CHARS],
        "finish_reason": work.outcome.finish_reason,
        "tries": work.outcome.attempts,
        "tokens_counted_by_provider": work.outcome.prompt_tokens is not None,
        "trigger": work.trigger,
        "milliseconds": {
            "retrieval": work.retrieval.milliseconds,
            "preparation": work.preparation_ms,
            "first_token": work.outcome.first_token_ms,
            "model": work.outcome.total_ms,
        },
    }
