"""Provider check: lists the models of a tenant's provider and asks it for a short reply."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from platform_app.db import session_scope
from platform_app.llm import catalogue, client
from platform_app.llm.client import ModelFailure, ModelRequest, ModelResult
from platform_app.llm.transport import Provider
from platform_app.models.person import Identity
from platform_app.services.accounts import sign_in_throttle
from platform_app.services.providers import providers

_QUESTION = "Answer with the word OK."
_MAX_TOKENS = 400  # a model that reasons needs more than the word


@dataclass(frozen=True)
class CheckOutcome:
    """What became of a check: `problem` is a sentence, "" if the model replied."""

    model_count: int = 0
    model: str = ""
    milliseconds: int = 0
    problem: str = ""


async def run(who: Identity, provider_id: str) -> CheckOutcome:
    """List a provider's models, store them, and have the default model reply.

    A provider that does not list its models is asked for none. Raises Forbidden unless `who` is an owner or admin,
    NotFound if there is no such provider, LimitReached after too many tests, Conflict if the key cannot be decrypted.
    """
    await asyncio.to_thread(sign_in_throttle.count_provider_test, who.tenant_id)
    provider = await asyncio.to_thread(_read, who, provider_id)
    try:
        models = await catalogue.fetch_models(provider)
    except ModelFailure as failure:
        return CheckOutcome(problem=failure.reason.value)
    await asyncio.to_thread(_store, who, provider_id, models)
    model = catalogue.default_model(models)
    if not model:
        return CheckOutcome(len(models), problem=client.FailureReason.NO_MODEL.value)
    messages = [{"role": "user", "content": _QUESTION}]
    result = ModelResult()
    request = ModelRequest(model, messages, temperature=0.0, max_tokens=_MAX_TOKENS, max_chars=200)
    try:
        # the stream is annotated as an iterator and is a generator
        async with aclosing(client.stream_reply(request, provider, result)) as pieces:  # type: ignore[type-var]
            async for _ in pieces:
                pass
    except ModelFailure as failure:
        return CheckOutcome(len(models), model, problem=failure.reason.value)
    return CheckOutcome(len(models), model, result.total_ms)


def _read(who: Identity, provider_id: str) -> Provider:
    with session_scope(who.tenant_id, read_only=True) as session:
        return providers.provider_of(session, providers.get(session, who, provider_id))


def _store(who: Identity, provider_id: str, models: list[catalogue.Model]) -> None:
    with session_scope(who.tenant_id) as session:
        providers.store_models(session, who.tenant_id, provider_id, models)
