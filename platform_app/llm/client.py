"""Client: requests to model providers, with deadlines and failures as sentences."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from platform_app.config import settings
from platform_app.llm.model_request import ModelRequest, Outcome
from platform_app.llm.provider_errors import ERRORS, Fault, ModelFailure, failure
from platform_app.llm.reasoning_tags import MOST_KEPT
from platform_app.llm.reply_stream import AFTERWARDS, Answer
from platform_app.llm.transport import Provider, client_of

__all__ = [
    "AFTERWARDS",
    "Fault",
    "ModelFailure",
    "ModelRequest",
    "Outcome",
    "Provider",
    "listed",
    "models",
    "provider",
    "stream",
]


def provider() -> Provider:
    """Return the configured provider, or the offline model if none is configured."""
    own = settings()
    key, address = own.openai_api_key.get_secret_value().strip(), own.openai_base_url.strip()
    if key or address:
        return Provider("openai", address or "https://api.openai.com/v1", key or "none")
    return Provider("offline", own.offline_url or "http://127.0.0.1:8002/v1", "none", is_offline=True)


async def stream(request: ModelRequest, where: Provider, outcome: Outcome) -> AsyncIterator[str]:
    """Yield the reply's text as it arrives, without the model's reasoning; fill `outcome`.

    Retries up to three times, only before the first token and within the total deadline, honouring Retry-After.
    Parameters that a model refuses are omitted, for later replies too. Before the first text keep-alives count as signs
    of life, after it only the model's output. Text beyond `max_chars` is not yielded, and the connection is closed soon
    after. Raises ModelFailure, also if the reply ends without a finish reason.
    """
    answer = Answer(request, where, outcome)
    try:
        while True:
            async with aclosing(answer.pieces()) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    yield piece
            if not answer.is_to_be_longer():
                break
    finally:
        outcome.total_ms = answer.milliseconds()
        outcome.thoughts = (outcome.thoughts + answer.thinking.thoughts)[:MOST_KEPT]
    answer.check_end()


async def listed(where: Provider) -> list[dict[str, Any]]:
    """Return the provider's list of models, each with an `id`. Raises ModelFailure if it fails."""
    try:
        async with asyncio.timeout(8):
            found = await (await client_of(where)).get("/models", cast_to=object)
    except ERRORS as error:
        raise failure(error, began=False) from error
    held = found.get("data", found.get("models")) if isinstance(found, dict) else found
    if not isinstance(held, list):
        raise ModelFailure(Fault.STRANGE, type(found).__name__)
    rows = [one if isinstance(one, dict) else {"id": one} for one in held]
    named = [row | {"id": str(row.get("id") or row.get("name") or row.get("model") or "")} for row in rows]
    return [row for row in named if row["id"]]


async def models(where: Provider) -> list[str]:
    """Return the names of the provider's models, sorted. Raises ModelFailure if the request fails."""
    return sorted({row["id"] for row in await listed(where)})[:500]
