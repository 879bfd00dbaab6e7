"""Client: the one door to a model provider, with deadlines of our own and failures in words."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import openai
from openai import AsyncStream

from platform_app.clock import now
from platform_app.config import settings
from platform_app.llm.chunks import Chunk, Delta
from platform_app.llm.faults import ERRORS, Fault, ModelFailure, failure, is_slow, status_of
from platform_app.llm.output import joined
from platform_app.llm.wire import Provider, client_of

__all__ = ["Fault", "ModelFailure", "ModelRequest", "Outcome", "Provider", "models", "provider", "stream"]
TRIES = 3
LONGEST_PAUSE = 20.0  # a provider that asks for more is not waited for
AFTERWARDS = 1.5  # seconds for usage and the end, once all that is wanted of the text is there
FLOOD = 20_000  # characters beyond what was wanted: no model writes this, something is broken
_PASSING = (408, 409, 429, 500, 502, 503, 504, 529)


def provider() -> Provider:
    """Return the configured provider, or the offline model when there is none."""
    own = settings()
    key, address = own.openai_api_key.get_secret_value().strip(), own.openai_base_url.strip()
    if key or address:
        return Provider("openai", address or "https://api.openai.com/v1", key or "none")
    return Provider("offline", own.offline_url or "http://127.0.0.1:8002/v1", "none", is_offline=True)


@dataclass(frozen=True)
class ModelRequest:
    """What the model is asked. Messages are those of the chat completions API."""

    model: str
    messages: list[dict[str, str]]
    temperature: float
    max_tokens: int
    max_chars: int = 40_000  # text beyond this is not passed on


@dataclass
class Outcome:
    """How a whole reply ended; filled in while the stream goes on."""

    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""
    first_token_ms: int = 0
    total_ms: int = 0
    tries: int = 0


async def stream(request: ModelRequest, where: Provider, outcome: Outcome) -> AsyncIterator[str]:
    """Yield the reply's text as it comes; fill the outcome in at the end.

    Tries again only before the first token, as often as three times, honouring Retry-After, within the total
    deadline. Only what the model writes counts as a sign of life. Text beyond `max_chars` is not yielded, and the
    model is soon hung up on. Raises ModelFailure; a reply without a finish reason broke off.
    """
    started = time.monotonic()
    end = started + settings().reply_total_seconds
    chunks, text = await _begin(request, where, outcome, end=end)
    taken, until, held = 0, end, ""
    try:
        while text is not None:
            text, held = joined(held, text)
            taken += len(text)
            if text and taken - len(text) <= request.max_chars:
                outcome.first_token_ms = outcome.first_token_ms or max(1, round((time.monotonic() - started) * 1000))
                yield text[: request.max_chars + 1]
            if taken > request.max_chars + FLOOD:
                raise ModelFailure(Fault.ENDLESS)
            if taken > request.max_chars or outcome.finish_reason:
                until = min(until, time.monotonic() + AFTERWARDS)
            text = await _next(chunks, outcome, until=until)
    except TimeoutError as error:
        if taken > request.max_chars and time.monotonic() < end:
            outcome.finish_reason = outcome.finish_reason or "length"
        elif not outcome.finish_reason:
            raise failure(error, began=True) from error
    except ERRORS as error:
        if not outcome.finish_reason:  # what follows the last piece of a whole reply is of no interest
            raise failure(error, began=True) from error
    finally:
        outcome.total_ms = round((time.monotonic() - started) * 1000)
        await _close(chunks)
    _check_end(outcome)


def _check_end(outcome: Outcome) -> None:
    if outcome.finish_reason == "content_filter":
        raise ModelFailure(Fault.FILTERED)
    if not outcome.finish_reason:
        raise ModelFailure(Fault.BROKE)


async def _begin(request: ModelRequest, where: Provider, outcome: Outcome, *, end: float) -> tuple[Any, str | None]:
    """Return an open stream and its first piece, trying again while nothing has come yet."""
    wanted: dict[str, Any] = {
        "model": request.model,
        "messages": request.messages,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    while True:
        outcome.tries += 1
        chunks: Any = None
        try:
            client = await client_of(where)
            async with asyncio.timeout(min(settings().reply_idle_seconds, end - time.monotonic())):
                chunks = await client.post(
                    "/chat/completions", cast_to=object, body=wanted, stream=True, stream_cls=AsyncStream[object]
                )  # as JSON: building the library's objects takes longer than all else that is done to a chunk
                _check_kind(chunks)
                return chunks, await _read(chunks, outcome)
        except ERRORS as error:
            await _close(chunks)
            if _adapted(wanted, error):
                outcome.tries -= 1
                continue
            pause = _pause(error, outcome.tries)
            if pause is None or outcome.tries >= TRIES or time.monotonic() + pause >= end:
                raise failure(error, began=False) from error
            await asyncio.sleep(pause)
        except BaseException:
            await _close(chunks)
            raise


def _check_kind(chunks: Any) -> None:
    """Refuse what is no stream of events: a proxy's page, or a whole JSON answer."""
    if not hasattr(chunks, "__anext__"):
        raise ModelFailure(Fault.STRANGE, type(chunks).__name__)
    kind = chunks.response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.endswith(("html", "json", "xml")):
        raise ModelFailure(Fault.STRANGE, kind)


def _adapted(wanted: dict[str, Any], error: Exception) -> bool:
    """Leave out a parameter that this provider's model does not take, as it says itself; tell whether one was."""
    name = error.param if isinstance(error, openai.BadRequestError) else None
    if name not in ("max_tokens", "temperature", "stream_options") or name not in wanted:
        return False
    value = wanted.pop(name)
    if name == "max_tokens":
        wanted["max_completion_tokens"] = value
    return True


def _pause(error: Exception, tries: int) -> float | None:
    """Return how long to wait before another try; nothing when another try is of no use."""
    usual = 0.3 * 2.0**tries
    if is_slow(error):
        return None
    if status := status_of(error):
        if status not in _PASSING:
            return None
        wished = error.response.headers.get("retry-after", "") if isinstance(error, openai.APIStatusError) else ""
        pause = _seconds(wished)
        return usual if pause is None else pause if pause <= LONGEST_PAUSE else None
    return usual if isinstance(error, openai.APIConnectionError) else None


def _seconds(wished: str) -> float | None:
    """Return a Retry-After header, which is a number or a date, as seconds from now."""
    try:
        return max(0.0, float(wished))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(wished) - now()).total_seconds())
    except (ValueError, TypeError):
        return None


async def _next(chunks: Any, outcome: Outcome, *, until: float) -> str | None:
    """Return the next piece within the idle deadline and `until`."""
    wait = min(settings().reply_idle_seconds, until - time.monotonic())
    async with asyncio.timeout(max(wait, 0.001)):
        return await _read(chunks, outcome)


async def _read(chunks: Any, outcome: Outcome) -> str | None:
    """Return the next piece of text, empty for another sign of life of the model; nothing at the end of the stream.

    Keep-alives, empty pieces and chunks without choices are passed over: they are the server's, not the model's.
    """
    while True:
        try:
            chunk = Chunk.model_validate(await anext(chunks))
        except StopAsyncIteration:
            return None
        outcome.model = str(chunk.model or outcome.model)[:200]
        if chunk.usage is not None:
            outcome.prompt_tokens = chunk.usage.prompt_tokens
            outcome.completion_tokens = chunk.usage.completion_tokens
        choice = chunk.choice
        if choice is None:
            continue
        delta = choice.delta or Delta()
        if choice.finish_reason:
            outcome.finish_reason = str(choice.finish_reason)[:40]
            return delta.content or ""
        if delta.content or delta.reasoning_content or delta.reasoning:
            return delta.content or ""


async def _close(chunks: Any) -> None:
    try:
        async with asyncio.timeout(1):
            await chunks.close()
    except Exception:  # the connection may be in any state; it is not used again
        return


async def models(where: Provider) -> list[str]:
    """Return the names of the provider's models, sorted. Raises ModelFailure."""
    try:
        async with asyncio.timeout(8):
            page = await (await client_of(where)).models.list()
        return sorted({str(model.id) for model in page.data})[:500]
    except ERRORS as error:
        raise failure(error, began=False) from error
