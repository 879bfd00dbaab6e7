"""Reply stream: one streamed reply: its connection, retries, deadlines and text so far."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from openai import AsyncStream

from platform_app.config import settings
from platform_app.llm import model_limitations, responses_wire
from platform_app.llm.model_request import ModelRequest, ModelResult, ToolRequest
from platform_app.llm.provider_errors import (
    PROVIDER_ERRORS,
    FailureReason,
    ModelFailure,
    ProviderError,
    to_model_failure,
)
from platform_app.llm.reasoning_tags import MAX_REASONING_CHARS, ReasoningFilter, template_may_open_reasoning
from platform_app.llm.reply_text import join_surrogates
from platform_app.llm.retry_delays import MAX_ATTEMPTS, retry_delay
from platform_app.llm.sse import StreamSignal, decode_events
from platform_app.llm.stream_chunks import ChoiceDelta, StreamChunk
from platform_app.llm.transport import Provider, provider_client
from platform_app.models.model_provider import Wire

TAIL_SECONDS = 1.5  # for usage and the end of the stream, after the text that is needed
DRAIN_SECONDS = 0.1  # for the end of the response body after [DONE]
MAX_EXCESS_CHARS = 20_000  # beyond `max_chars`; a stream that exceeds them is closed with an error
MAX_TOOL_CALLS = 20  # of a request
MAX_ARGUMENT_CHARS = 40_000  # of a tool call
REASONING_TIME_FACTOR = 3  # the total deadline times this, for a model that sends reasoning
TOKEN_FACTOR = 4  # max_tokens times this, once, for a model that spent them all on reasoning
LENGTH_REASONS = ("length", "max_tokens", "model_length", "max_output_tokens")
_NOT_PARAMETERS = ("messages", "input", "instructions", "stream", "stream_options", "store", "tools")
_FILTER_REASONS = ("content_filter", "safety", "recitation", "sensitive", "prohibited_content", "blocklist")
_ERROR_REASONS = ("error", "network_error", "insufficient_system_resource", "abort", "cancelled")


class ReplyStream:
    """One streamed reply: opens the request, retries it, enforces the deadlines, and fills in the result."""

    def __init__(self, request: ModelRequest, provider: Provider, result: ModelResult) -> None:
        self._request, self._provider, self._result = request, provider, result
        self._started_at = self._last_activity = time.monotonic()
        self._patience = REASONING_TIME_FACTOR if request.reasons else 1
        self._deadline_at = self._started_at + settings().reply_total_seconds * self._patience
        self._limitations = model_limitations.known_limitations(provider, request.model)
        self._response: Any = None
        self._events: Any = None
        self._is_done = False  # [DONE] was received
        self._answer_chars = 0
        self._tool_numbers: dict[int, int] = {}  # places in the result by the model's index
        self._reset_filter()

    def _reset_filter(self) -> None:
        opens = self._limitations.template_opens_reasoning
        withholds = template_may_open_reasoning(self._request.model) if opens is None else opens
        self.reasoning = ReasoningFilter(withholds=withholds)

    def elapsed_ms(self) -> int:
        """Return the milliseconds since the start."""
        return round((time.monotonic() - self._started_at) * 1000)

    async def stream(self) -> AsyncIterator[str]:
        """Yield the pieces of the reply's text until the model ends.

        Raises ModelFailure if the stream fails before a finish reason was received.
        """
        raw = await self._first_piece()
        until, pending = self._deadline_at, ""
        try:
            while raw is not None:
                raw, pending = join_surrogates(pending, raw)
                if new_text := self._process(raw):
                    yield new_text
                if self._answer_chars > self._request.max_chars + MAX_EXCESS_CHARS:
                    raise ModelFailure(FailureReason.TOO_MUCH_TEXT)
                if self._answer_chars > self._request.max_chars or self._result.finish_reason:
                    until = min(until, time.monotonic() + TAIL_SECONDS)
                raw = await self._next_piece(until)
        except TimeoutError as error:
            if self._answer_chars > self._request.max_chars and time.monotonic() < self._deadline_at:
                self._result.finish_reason = self._result.finish_reason or "length"
            elif not self._result.finish_reason:
                raise to_model_failure(error, has_text=True) from error
        except PROVIDER_ERRORS as error:
            if not self._result.finish_reason:  # an error after a complete reply does not matter
                raise to_model_failure(error, has_text=True) from error
        finally:
            await self._close()
        if new_text := self._process("", is_last=True):
            yield new_text

    def _process(self, raw: str, *, is_last: bool = False) -> str:
        """Process a piece of raw text; return the new text of the answer, up to one character over `max_chars`."""
        new_text = self.reasoning.feed(raw, is_last=is_last)
        limit = self._request.max_chars
        self._answer_chars = len(self.reasoning.answer)
        before = max(self._answer_chars - len(new_text), 0)
        if before > limit:
            return ""
        self._result.text = self.reasoning.answer[: before + limit + 1]
        if not new_text:
            return ""
        self._result.first_token_ms = self._result.first_token_ms or max(1, self.elapsed_ms())
        return new_text[: limit + 1]

    def needs_more_tokens(self) -> bool:
        """Prepare a second request with more tokens if reasoning used them all up; return whether to send it."""
        is_empty = not self.reasoning.answer.strip() and not self._result.tool_requests
        used_up = self._result.finish_reason in LENGTH_REASONS and is_empty
        if not used_up or self._limitations.token_factor > 1 or time.monotonic() >= self._deadline_at:
            return False
        self._limitations = replace(self._limitations, token_factor=TOKEN_FACTOR)
        self._result.finish_reason, self._is_done = "", False
        self._reset_filter()
        return True

    def raise_if_incomplete(self) -> None:
        """Raise ModelFailure if the reply was filtered, interrupted or is empty."""
        reason, is_empty = self._result.finish_reason.lower(), not self.reasoning.answer.strip()
        is_empty = is_empty and not self._result.tool_requests
        if reason in _FILTER_REASONS:
            raise ModelFailure(FailureReason.FILTERED)
        if reason in _ERROR_REASONS or (not reason and not (self._is_done and not is_empty)):
            raise ModelFailure(FailureReason.INTERRUPTED)
        if reason in LENGTH_REASONS and is_empty:
            raise ModelFailure(FailureReason.TOKENS_USED_UP)
        opens = self.reasoning.opened_by_template
        model_limitations.remember(
            self._provider, self._request.model, replace(self._limitations, template_opens_reasoning=opens)
        )

    async def _first_piece(self) -> str | None:
        """Open a stream and return its first piece; retry while nothing has been received.

        Raises ModelFailure when there is no retry left.
        """
        request = vars(self._request)
        while True:
            self._result.attempts += 1
            try:
                await self._open(model_limitations.request_body(request, self._limitations))
                first = await self._next_piece(self._deadline_at)
                model_limitations.remember(self._provider, self._request.model, self._limitations)
                return first
            except PROVIDER_ERRORS as error:
                await self._close()
                if limitations := model_limitations.adapt_to_refusal(self._limitations, request, error):
                    self._limitations = limitations
                    self._result.attempts -= 1
                    continue
                pause = retry_delay(error, self._result.attempts)
                if (
                    pause is None
                    or self._result.attempts >= MAX_ATTEMPTS
                    or time.monotonic() + pause >= self._deadline_at
                ):
                    raise to_model_failure(error, has_text=False) from error
                await asyncio.sleep(pause)
            except BaseException:
                await self._close()
                raise

    async def _open(self, body: dict[str, Any]) -> None:
        """Send the request. Raises ModelFailure if the response is not a stream or JSON."""
        self._result.messages, self._result.adaptations = body["messages"], self._limitations.descriptions()
        self._result.requests += 1
        path = "/chat/completions"
        if self._provider.wire == Wire.RESPONSES:
            path, body = "/responses", responses_wire.request_body(body)
        self._result.sent = {name: value for name, value in body.items() if name not in _NOT_PARAMETERS}
        self._last_activity = time.monotonic()
        async with asyncio.timeout_at(self._loop_time(self._deadline(self._deadline_at))):
            client = await provider_client(self._provider)
            opened = await client.post(path, cast_to=object, body=body, stream=True, stream_cls=AsyncStream[object])
        if not hasattr(opened, "response"):
            raise ModelFailure(FailureReason.INVALID_RESPONSE, type(opened).__name__)
        self._response = opened.response
        kind = self._response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind.endswith(("html", "xml")):
            raise ModelFailure(FailureReason.INVALID_RESPONSE, kind)
        self._events = decode_events(self._response.aiter_raw())

    def _deadline(self, until: float) -> float:
        """Return the monotonic time until which to wait for the next event; longer before the first word."""
        config = settings()
        gap = config.reply_idle_seconds
        if not self.reasoning.answer:
            gap = max(gap, config.reply_first_token_seconds) * self._patience
        return min(until, self._deadline_at, self._last_activity + gap)

    @staticmethod
    def _loop_time(at: float) -> float:
        """Convert a time of the monotonic clock into one of the event loop."""
        return asyncio.get_running_loop().time() + max(at - time.monotonic(), 0.001)

    async def _next_piece(self, until: float) -> str | None:
        """Return the next piece of text, empty for reasoning or a finish reason; None at the end.

        After the first text, keep-alives, empty pieces and chunks without choices do not extend the deadline: they come
        from the server, not from the model.
        """
        while not self._is_done:
            async with asyncio.timeout_at(self._loop_time(self._deadline(until))):
                event = await anext(self._events, None)
            if event is None:
                return None
            if event is StreamSignal.DONE:
                self._is_done = True
            elif event is StreamSignal.KEEP_ALIVE:
                self._note_keep_alive()
            elif (piece := self._text_of_event(event)) is not None:
                return piece
        return None

    def _note_keep_alive(self) -> None:
        if not self.reasoning.answer:
            self._last_activity = time.monotonic()

    def _text_of_event(self, event: Any) -> str | None:
        """Return the text of an event, or None if it holds neither text, reasoning nor a finish reason."""
        if isinstance(event, list):
            event = event[0] if event else {}
        if self._provider.wire == Wire.RESPONSES:
            event = responses_wire.to_chunk(event)
        _check_error(event)
        chunk = StreamChunk.model_validate(event)
        self._result.model = str(chunk.model or self._result.model)[:200]
        if chunk.usage is not None:
            self._result.prompt_tokens = chunk.usage.prompt_tokens
            self._result.completion_tokens = chunk.usage.completion_tokens
            self._result.cached_tokens = chunk.usage.cached_tokens
            self._result.reasoning_tokens = chunk.usage.reasoning_tokens
        choice = chunk.choice
        if choice is None:
            self._note_keep_alive()
            return None
        is_repeated = choice.message is not None and bool(
            self.reasoning.answer or self._result.tool_requests
        )  # some providers end with the whole text
        delta = ChoiceDelta() if is_repeated else choice.output
        self._note_tool_calls(delta)
        if delta.thoughts:
            self._note_reasoning(delta)
        if choice.finish_reason:
            self._result.finish_reason = str(choice.finish_reason)[:40]
        if not (delta.text or delta.thoughts or delta.tool_calls or choice.finish_reason):
            self._note_keep_alive()
            return None
        self._last_activity = time.monotonic()
        if self.reasoning.in_reasoning:
            self._deadline_at = max(
                self._deadline_at, self._started_at + REASONING_TIME_FACTOR * settings().reply_total_seconds
            )
        return delta.text

    def _note_tool_calls(self, delta: ChoiceDelta) -> None:
        """Add the parts of tool calls to the requests. Raises ModelFailure if there are too many or too long ones."""
        for part in delta.tool_calls:
            number = self._tool_numbers.setdefault(part.index, len(self._result.tool_requests))
            if number == len(self._result.tool_requests):
                self._result.tool_requests.append(ToolRequest())
            asked = self._result.tool_requests[number]
            asked.call_id, asked.name = asked.call_id or part.id, asked.name or part.name
            asked.arguments += part.arguments
            if len(self._result.tool_requests) > MAX_TOOL_CALLS or len(asked.arguments) > MAX_ARGUMENT_CHARS:
                raise ModelFailure(FailureReason.TOO_MUCH_TEXT)

    def _note_reasoning(self, delta: ChoiceDelta) -> None:
        """Store reasoning that is sent in a separate field, and extend the deadline; the text then holds none."""
        self._result.thoughts = (self._result.thoughts + (delta.thoughts or "").strip(" "))[:MAX_REASONING_CHARS]
        self.reasoning.withholds = False
        self._deadline_at = max(
            self._deadline_at, self._started_at + REASONING_TIME_FACTOR * settings().reply_total_seconds
        )

    async def _close(self) -> None:
        response, self._response = self._response, None
        if self._is_done:
            with suppress(*PROVIDER_ERRORS):
                async with asyncio.timeout(DRAIN_SECONDS):
                    await anext(self._events, None)
        with suppress(Exception):  # the connection may be in any state and is not reused
            async with asyncio.timeout(1):
                await response.aclose()


def _check_error(event: Any) -> None:
    """Raise ProviderError if an event is an error, ModelFailure if it is neither an error nor a chunk."""
    if not isinstance(event, dict):
        raise ModelFailure(FailureReason.INVALID_RESPONSE, type(event).__name__)
    if error := event.get("error"):
        raise ProviderError(error)
    if "choices" in event or event.get("type") == "ping" or "usage" in event:
        return
    if event.get("object") == "error" or {"message", "detail", "msg"} & set(event):
        raise ProviderError(event)
    if "object" not in event and "id" not in event and "model" not in event:
        raise ModelFailure(FailureReason.INVALID_RESPONSE, "JSON that is no reply")
