"""Client: the one door to a model provider, with deadlines of our own and failures in words."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import openai
from openai import AsyncOpenAI

from platform_app.config import settings

TRIES = 3
LONGEST_PAUSE = 20.0


@dataclass(frozen=True)
class Provider:
    """Where the model is asked."""

    name: str
    base_url: str
    api_key: str = field(repr=False)
    is_offline: bool = False


def provider() -> Provider:
    """Return the configured provider, or the offline model when there is none."""
    own = settings()
    key, address = own.openai_api_key.get_secret_value(), own.openai_base_url
    if key or address:
        return Provider("openai", address or "https://api.openai.com/v1", key or "none")
    return Provider("offline", own.offline_url or "http://127.0.0.1:8002/v1", "none", is_offline=True)


class Fault(StrEnum):
    """Why a reply of the model failed; each is a sentence for people."""

    BUSY = "The model provider is busy. Try again in a minute."
    KEY = "The model provider does not accept the key. Check the provider's settings."
    MODEL = "The provider does not know this model. Choose another in the agent's settings."
    REFUSED = "The provider refused the request. Check the agent's settings."
    ABSENT = "The model provider cannot be reached. Check its address or try again."
    SERVER = "The model provider has a fault. Try again."
    SLOW = "The model took too long. Try again."
    BROKE = "The reply broke off. Try again."
    STRANGE = "The provider answered with something that is not a model's reply. Check its address."


class ModelFailure(Exception):
    """The model gave no whole reply; what had arrived is with the one who listened."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.detail = detail[:300]


@dataclass(frozen=True)
class ModelRequest:
    """What the model is asked. Messages are those of the chat completions API."""

    model: str
    messages: list[dict[str, str]]
    temperature: float
    max_tokens: int
    max_chars: int = 40_000  # text beyond this is not taken


@dataclass
class Outcome:
    """How a whole reply ended; filled in when the stream is through."""

    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""
    first_token_ms: int = 0
    total_ms: int = 0
    tries: int = 0


def _client(where: Provider) -> AsyncOpenAI:
    own = settings()
    timeout = openai.Timeout(own.reply_total_seconds, connect=5)
    return AsyncOpenAI(base_url=where.base_url, api_key=where.api_key, timeout=timeout, max_retries=0)


async def stream(request: ModelRequest, where: Provider, outcome: Outcome) -> AsyncIterator[str]:
    """Yield the reply's text as it comes; fill the outcome in at the end.

    Tries again only before the first token, as often as three times, honouring Retry-After, within the total
    deadline. Only text counts as a sign of life. Raises ModelFailure; a reply without a finish reason broke off.
    """
    own = settings()
    started = time.monotonic()
    end = started + own.reply_total_seconds
    async with _client(where) as client:
        chunks = await _open(client, request, end, outcome)
        taken = 0
        try:
            while True:
                wait = min(own.reply_idle_seconds, end - time.monotonic())
                text = await asyncio.wait_for(_next_text(chunks, outcome), max(wait, 0.001))
                if text is None:
                    break
                outcome.first_token_ms = outcome.first_token_ms or round((time.monotonic() - started) * 1000)
                taken += len(text)
                yield text
                if taken > request.max_chars:
                    outcome.finish_reason = "length"
                    break
        except TimeoutError as error:
            raise ModelFailure(Fault.SLOW) from error
        except (openai.OpenAIError, ValueError, OSError) as error:
            raise failure(error, began=True) from error
        finally:
            await _close(chunks)
    outcome.total_ms = round((time.monotonic() - started) * 1000)
    if not outcome.finish_reason:
        raise ModelFailure(Fault.BROKE)


async def _close(chunks: Any) -> None:
    try:
        await asyncio.wait_for(chunks.close(), 1)
    except Exception:  # the connection may be in any state; it is thrown away with the client
        return


async def _open(client: AsyncOpenAI, request: ModelRequest, end: float, outcome: Outcome) -> Any:
    """Return an open stream, trying again while nothing has come yet."""
    while True:
        outcome.tries += 1
        try:
            async with asyncio.timeout(max(0.001, end - time.monotonic())):
                chunks: Any = await client.chat.completions.create(  # type: ignore[call-overload]
                    model=request.model,
                    messages=request.messages,
                    temperature=request.temperature,
                    max_tokens=request.max_tokens,
                    stream=True,
                    stream_options={"include_usage": True},
                )
            if not hasattr(chunks, "__aiter__"):
                raise ModelFailure(Fault.STRANGE)
            kind = chunks.response.headers.get("content-type", "")
            if "event-stream" not in kind:
                await _close(chunks)
                raise ModelFailure(Fault.STRANGE, kind)
            return chunks
        except TimeoutError as error:
            raise ModelFailure(Fault.SLOW) from error
        except (openai.OpenAIError, ValueError, OSError) as error:
            pause = _pause(error, outcome.tries)
            if pause is None or outcome.tries >= TRIES or time.monotonic() + pause >= end:
                raise failure(error, began=False) from error
            await asyncio.sleep(pause)


def _pause(error: Exception, tries: int) -> float | None:
    """Return how long to wait before another try; nothing when another try is of no use."""
    if isinstance(error, openai.APIStatusError):
        if error.status_code not in (408, 409, 429, 500, 502, 503, 504):
            return None
        wished = str(error.response.headers.get("retry-after", ""))
        try:
            return min(max(float(wished), 0.0), LONGEST_PAUSE) if wished else float(0.3 * 2**tries)
        except ValueError:
            return float(0.3 * 2**tries)
    return float(0.3 * 2**tries) if isinstance(error, openai.APIConnectionError) else None


async def _next_text(chunks: Any, outcome: Outcome) -> str | None:
    """Return the next piece of text; nothing at the end of the stream. Keep-alives and empty pieces do not count."""
    async for chunk in chunks:
        if isinstance(chunk, str):
            raise ModelFailure(Fault.STRANGE)
        outcome.model = chunk.model or outcome.model
        if chunk.usage is not None:
            outcome.prompt_tokens = chunk.usage.prompt_tokens
            outcome.completion_tokens = chunk.usage.completion_tokens
        if not chunk.choices:
            continue
        choice = chunk.choices[0]
        outcome.finish_reason = choice.finish_reason or outcome.finish_reason
        if choice.delta and choice.delta.content:
            return str(choice.delta.content)
    return None


def failure(error: Exception, *, began: bool) -> ModelFailure:
    """Return a provider's error as one of the faults that people understand."""
    if isinstance(error, openai.APITimeoutError):
        return ModelFailure(Fault.SLOW)
    if isinstance(error, openai.APIStatusError):
        by_status = {401: Fault.KEY, 403: Fault.KEY, 404: Fault.MODEL, 429: Fault.BUSY}
        fault = by_status.get(error.status_code, Fault.SERVER if error.status_code >= 500 else Fault.REFUSED)
        return ModelFailure(fault, str(error.status_code))
    if began:
        return ModelFailure(Fault.BROKE, type(error).__name__)
    if isinstance(error, openai.APIConnectionError):
        return ModelFailure(Fault.ABSENT)
    return ModelFailure(Fault.STRANGE, type(error).__name__)


async def models(where: Provider) -> list[str]:
    """Return the names of the provider's models, sorted. Raises ModelFailure."""
    try:
        async with _client(where) as client, asyncio.timeout(8):
            page = await client.models.list()
        return sorted({str(model.id) for model in page.data})[:500]
    except TimeoutError as error:
        raise ModelFailure(Fault.SLOW) from error
    except (openai.OpenAIError, ValueError, OSError, AttributeError, TypeError) as error:
        raise failure(error, began=False) from error
