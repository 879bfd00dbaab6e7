"""Model client: lists models and streams replies of an OpenAI-compatible provider."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from platform_app.config import settings
from platform_app.llm.model_request import ModelRequest, ModelResult
from platform_app.llm.model_spans import chat_span
from platform_app.llm.provider_errors import PROVIDER_ERRORS, FailureReason, ModelFailure, to_model_failure
from platform_app.llm.reasoning_tags import MAX_REASONING_CHARS
from platform_app.llm.reply_stream import TAIL_SECONDS, ReplyStream
from platform_app.llm.transport import Provider, provider_client

__all__ = [
    "TAIL_SECONDS",
    "FailureReason",
    "ModelFailure",
    "ModelRequest",
    "ModelResult",
    "Provider",
    "list_models",
    "model_names",
    "configured_provider",
    "stream_reply",
]


def configured_provider() -> Provider:
    """Return the provider of the settings, or the offline model if they name none."""
    config = settings()
    key, address = config.openai_api_key.get_secret_value().strip(), config.openai_base_url.strip()
    if key or address:
        return Provider("openai", address or "https://api.openai.com/v1", key or "none")
    return Provider("offline", config.offline_url or "http://127.0.0.1:8002/v1", "none", is_offline=True)


async def stream_reply(request: ModelRequest, provider: Provider, result: ModelResult) -> AsyncIterator[str]:
    """Yield the text of a reply as it is received, without reasoning; fill in `result`.

    Retries only before the first token, three times at most, within the total deadline, and honours Retry-After.
    Parameters that a model refuses are omitted from then on. Before the first word keep-alives extend the idle
    deadline, afterwards only text does. At most `max_chars` characters and one more are yielded; then the stream is
    closed. Raises ModelFailure if the provider fails, a deadline passes, or the stream ends without a finish reason or
    [DONE].
    """
    reply = ReplyStream(request, provider, result)
    with chat_span(request, provider, result):
        try:
            while True:
                # the stream is annotated as an iterator and is a generator
                async with aclosing(reply.stream()) as pieces:  # type: ignore[type-var]
                    async for piece in pieces:
                        yield piece
                if not reply.needs_more_tokens():
                    break
        finally:
            result.total_ms = reply.elapsed_ms()
            result.thoughts = (result.thoughts + reply.reasoning.thoughts)[:MAX_REASONING_CHARS]
        reply.raise_if_incomplete()


async def list_models(provider: Provider) -> list[dict[str, Any]]:
    """Return the provider's models as it describes them, each with an `id`.

    Raises ModelFailure if the provider fails or does not answer within eight seconds.
    """
    try:
        async with asyncio.timeout(8):
            response = await (await provider_client(provider)).get("/models", cast_to=object)
    except PROVIDER_ERRORS as error:
        raise to_model_failure(error, has_text=False) from error
    rows = response.get("data", response.get("models")) if isinstance(response, dict) else response
    if not isinstance(rows, list):
        raise ModelFailure(FailureReason.INVALID_RESPONSE, type(response).__name__)
    models = [row if isinstance(row, dict) else {"id": row} for row in rows]
    named = [row | {"id": str(row.get("id") or row.get("name") or row.get("model") or "")} for row in models]
    return [row for row in named if row["id"]]


async def model_names(provider: Provider) -> list[str]:
    """Return the names of the provider's models, sorted, at most 500. Raises ModelFailure as `list_models` does."""
    return sorted({row["id"] for row in await list_models(provider)})[:500]
