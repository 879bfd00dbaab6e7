"""Reply stream: one streamed reply of a model: the connection, the deadlines, and what has arrived."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from openai import AsyncStream

from platform_app.config import settings
from platform_app.llm import model_limitations
from platform_app.llm.model_request import ModelRequest, Outcome
from platform_app.llm.provider_errors import ERRORS, Fault, ModelFailure, ProviderError, failure
from platform_app.llm.reasoning_tags import MOST_KEPT, ThinkingFilter, template_may_open
from platform_app.llm.reply_text import joined
from platform_app.llm.retry_delays import TRIES, pause_after
from platform_app.llm.sse import Sign, events
from platform_app.llm.stream_chunks import Chunk, Delta
from platform_app.llm.transport import Provider, client_of

AFTERWARDS = 1.5  # seconds for usage and the end, once all that is wanted of the text is there
DRAIN = 0.1  # seconds for which the end of an answer is waited for after its last event
FLOOD = 20_000  # characters beyond what was wanted: no model writes this, something is broken
THINKING = 3  # times the total deadline, for a model that is seen to think
MORE_TOKENS = 4  # times the tokens, once, for a model that used them all up on thinking
_LENGTH = ("length", "max_tokens", "model_length", "max_output_tokens")
_FILTERED = ("content_filter", "safety", "recitation", "sensitive", "prohibited_content", "blocklist")
_BROKEN = ("error", "network_error", "insufficient_system_resource", "abort", "cancelled")


class Answer:
    """One reply in the making: the connection, the deadlines, and what has come."""

    def __init__(self, request: ModelRequest, where: Provider, outcome: Outcome) -> None:
        self._request, self._where, self._outcome = request, where, outcome
        self._began = self._last_sign = time.monotonic()
        self._end = self._began + settings().reply_total_seconds
        self._traits = model_limitations.traits_of(where, request.model)
        self._response: Any = None
        self._events: Any = None
        self._is_over = False  # the end was declared
        self._taken = 0
        self._start_anew()

    def _start_anew(self) -> None:
        opens = self._traits.opens_thinking
        is_waiting = template_may_open(self._request.model) if opens is None else opens
        self.thinking = ThinkingFilter(is_waiting=is_waiting)

    def milliseconds(self) -> int:
        """Return the time since the request, in milliseconds."""
        return round((time.monotonic() - self._began) * 1000)

    async def pieces(self) -> AsyncIterator[str]:
        """Yield text of the reply until the model ends. Raises ModelFailure if it fails or does not end."""
        raw = await self._begin()
        until, held = self._end, ""
        try:
            while raw is not None:
                raw, held = joined(held, raw)
                if fresh := self._taken_in(raw):
                    yield fresh
                if self._taken > self._request.max_chars + FLOOD:
                    raise ModelFailure(Fault.ENDLESS)
                if self._taken > self._request.max_chars or self._outcome.finish_reason:
                    until = min(until, time.monotonic() + AFTERWARDS)
                raw = await self._next(until)
        except TimeoutError as error:
            if self._taken > self._request.max_chars and time.monotonic() < self._end:
                self._outcome.finish_reason = self._outcome.finish_reason or "length"
            elif not self._outcome.finish_reason:
                raise failure(error, began=True) from error
        except ERRORS as error:
            if not self._outcome.finish_reason:  # what follows the last piece of a whole reply is of no interest
                raise failure(error, began=True) from error
        finally:
            await self._close()
        if fresh := self._taken_in("", is_last=True):
            yield fresh

    def _taken_in(self, raw: str, *, is_last: bool = False) -> str:
        """Process a piece; return the part of it that is shown."""
        fresh = self.thinking.feed(raw, is_last=is_last)
        limit = self._request.max_chars
        self._taken = len(self.thinking.answer)
        before = max(self._taken - len(fresh), 0)
        if before > limit:
            return ""
        self._outcome.text = self.thinking.answer[: before + limit + 1]
        if not fresh:
            return ""
        self._outcome.first_token_ms = self._outcome.first_token_ms or max(1, self.milliseconds())
        return fresh[: limit + 1]

    def is_to_be_longer(self) -> bool:
        """Return whether to ask again with more tokens, since reasoning used them all up."""
        used_up = self._outcome.finish_reason in _LENGTH and not self.thinking.answer.strip()
        if not used_up or self._traits.more_tokens > 1 or time.monotonic() >= self._end:
            return False
        self._traits = replace(self._traits, more_tokens=MORE_TOKENS)
        self._outcome.finish_reason, self._is_over = "", False
        self._start_anew()
        return True

    def check_end(self) -> None:
        """Raise ModelFailure if the reply is filtered, incomplete or without text."""
        reason, is_empty = self._outcome.finish_reason.lower(), not self.thinking.answer.strip()
        if reason in _FILTERED:
            raise ModelFailure(Fault.FILTERED)
        if reason in _BROKEN or (not reason and not (self._is_over and not is_empty)):
            raise ModelFailure(Fault.BROKE)
        if reason in _LENGTH and is_empty:
            raise ModelFailure(Fault.USED_UP)
        opens = self.thinking.was_opened_by_template
        model_limitations.remember(self._where, self._request.model, replace(self._traits, opens_thinking=opens))

    async def _begin(self) -> str | None:
        """Open a stream and return its first piece, retrying while nothing has arrived."""
        wanted = vars(self._request)
        while True:
            self._outcome.tries += 1
            try:
                await self._open(model_limitations.body(wanted, self._traits))
                first = await self._next(self._end)
                model_limitations.remember(self._where, self._request.model, self._traits)
                return first
            except ERRORS as error:
                await self._close()
                if traits := model_limitations.adapted(self._traits, wanted, error):
                    self._traits = traits
                    self._outcome.tries -= 1
                    continue
                pause = pause_after(error, self._outcome.tries)
                if pause is None or self._outcome.tries >= TRIES or time.monotonic() + pause >= self._end:
                    raise failure(error, began=False) from error
                await asyncio.sleep(pause)
            except BaseException:
                await self._close()
                raise

    async def _open(self, body: dict[str, Any]) -> None:
        """Send the request and check the form of the response."""
        self._outcome.messages, self._outcome.adapted = body["messages"], self._traits.told()
        self._last_sign = time.monotonic()
        async with asyncio.timeout_at(self._loop_time(self._deadline(self._end))):
            client = await client_of(self._where)
            opened = await client.post(
                "/chat/completions", cast_to=object, body=body, stream=True, stream_cls=AsyncStream[object]
            )
        if not hasattr(opened, "response"):
            raise ModelFailure(Fault.STRANGE, type(opened).__name__)
        self._response = opened.response
        kind = self._response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind.endswith(("html", "xml")):
            raise ModelFailure(Fault.STRANGE, kind)
        self._events = events(self._response.aiter_raw())

    def _deadline(self, until: float) -> float:
        """Return the deadline of the next sign of life, which is later before the first text."""
        own = settings()
        gap = own.reply_idle_seconds if self.thinking.answer else own.reply_first_token_seconds
        return min(until, self._end, self._last_sign + max(gap, own.reply_idle_seconds))

    @staticmethod
    def _loop_time(at: float) -> float:
        """Return a moment of the monotonic clock in the event loop's time."""
        return asyncio.get_running_loop().time() + max(at - time.monotonic(), 0.001)

    async def _next(self, until: float) -> str | None:
        """Return the next piece of text, empty for another sign of life of the model; nothing at the end.

        Once there is text, keep-alives, empty pieces and chunks without choices are passed over: they are the
        server's, not the model's.
        """
        while not self._is_over:
            async with asyncio.timeout_at(self._loop_time(self._deadline(until))):
                event = await anext(self._events, None)
            if event is None:
                return None
            if event is Sign.DONE:
                self._is_over = True
            elif event is Sign.ALIVE:
                self._alive()
            elif (piece := self._piece(event)) is not None:
                return piece
        return None

    def _alive(self) -> None:
        if not self.thinking.answer:
            self._last_sign = time.monotonic()

    def _piece(self, event: Any) -> str | None:
        """Return the text of an event, or None if it is not a sign of the model."""
        if isinstance(event, list):
            event = event[0] if event else {}
        _check_error(event)
        chunk = Chunk.model_validate(event)
        self._outcome.model = str(chunk.model or self._outcome.model)[:200]
        if chunk.usage is not None:
            self._outcome.prompt_tokens = chunk.usage.prompt_tokens
            self._outcome.completion_tokens = chunk.usage.completion_tokens
        choice = chunk.choice
        if choice is None:
            self._alive()
            return None
        is_repeated = choice.message is not None and bool(self.thinking.answer)  # some end with the whole of it
        said = Delta() if is_repeated else choice.said
        if said.thoughts:
            self._thinks(said)
        if choice.finish_reason:
            self._outcome.finish_reason = str(choice.finish_reason)[:40]
        if not (said.text or said.thoughts or choice.finish_reason):
            self._alive()
            return None
        self._last_sign = time.monotonic()
        if self.thinking.is_thinking:
            self._end = max(self._end, self._began + THINKING * settings().reply_total_seconds)
        return said.text

    def _thinks(self, said: Delta) -> None:
        """Take in thoughts that come apart from the text: the text then holds none, and there is time for them."""
        self._outcome.thoughts = (self._outcome.thoughts + (said.thoughts or "").strip(" "))[:MOST_KEPT]
        self.thinking.is_waiting = False
        self._end = max(self._end, self._began + THINKING * settings().reply_total_seconds)

    async def _close(self) -> None:
        response, self._response = self._response, None
        if self._is_over:
            with suppress(*ERRORS):
                async with asyncio.timeout(DRAIN):
                    await anext(self._events, None)
        with suppress(Exception):  # the connection may be in any state; it is not used again
            async with asyncio.timeout(1):
                await response.aclose()


def _check_error(event: Any) -> None:
    """Raise ProviderError for an error inside the stream, ModelFailure for an unknown event."""
    if not isinstance(event, dict):
        raise ModelFailure(Fault.STRANGE, type(event).__name__)
    if error := event.get("error"):
        raise ProviderError(error)
    if "choices" in event or event.get("type") == "ping" or "usage" in event:
        return
    if event.get("object") == "error" or {"message", "detail", "msg"} & set(event):
        raise ProviderError(event)
    if "object" not in event and "id" not in event and "model" not in event:
        raise ModelFailure(Fault.STRANGE, "JSON that is no reply")
