"""Responses: POST /v1/responses, answered by an agent."""

import json
from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel
from starlette.responses import JSONResponse, Response, StreamingResponse

from platform_app.api.completions import citations, live
from platform_app.api.completions.chat import BASE
from platform_app.api.completions.requests import ResponseRequest, turns_of
from platform_app.api.rest.failures import stream_failure
from platform_app.api.rest.operations import Call, operation
from platform_app.clock import now
from platform_app.errors import PlatformError
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.channels.completions import Begun, Completion


class ResponseView(BaseModel):
    """A response; its output is one message, whose annotations are the citations."""

    id: str
    object: str
    created_at: int
    status: str
    model: str
    output: list[dict[str, Any]]
    usage: dict[str, Any] | None
    previous_response_id: str | None
    error: dict[str, Any] | None
    incomplete_details: dict[str, Any] | None
    instructions: str | None
    metadata: dict[str, Any]
    parallel_tool_calls: bool
    temperature: float | None
    tool_choice: str
    tools: list[dict[str, Any]]
    top_p: float | None


@operation("POST", "/responses", Scope.CHAT_WRITE, base=BASE, body=ResponseRequest, answer=ResponseView, streams=True)
async def create_response(call: Call) -> Response:
    """Let an agent answer; with `previous_response_id` the conversation of that response goes on."""
    sent: ResponseRequest = call.body
    previous = (sent.previous_response_id or "").removeprefix("resp_")
    begun = await live.begin(call, sent.model, turns_of(sent.input), reference=sent.user or "", previous=previous)
    if sent.stream:
        lines = _lines(call, begun, sent)
        return StreamingResponse(lines, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
    reply = await live.finish(call, begun)
    return JSONResponse(_response(begun, sent, reply))


def _response(begun: Begun, sent: ResponseRequest, reply: Completion | None) -> dict[str, Any]:
    """Return the response, unfinished without a reply."""
    status = "in_progress" if reply is None else "incomplete" if reply.is_partial else "completed"
    partial = {"reason": "max_output_tokens"} if status == "incomplete" else None
    view = ResponseView(
        id=f"resp_{begun.reply_id}",
        object="response",
        created_at=int(now().timestamp()),
        status=status,
        model=sent.model,
        output=[] if reply is None else [_item(begun, reply)],
        usage=None if reply is None else _usage(reply),
        previous_response_id=sent.previous_response_id,
        error=None,
        incomplete_details=partial,
        instructions=None,
        metadata={},
        parallel_tool_calls=False,
        temperature=None,
        tool_choice="none",
        tools=[],
        top_p=None,
    )
    return view.model_dump(mode="json")


def _usage(reply: Completion) -> dict[str, Any]:
    return {
        "input_tokens": reply.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": reply.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
    }


def _item(begun: Begun, reply: Completion | None) -> dict[str, Any]:
    """Return the message of the output, unfinished without a reply."""
    item = {"id": f"msg_{begun.reply_id}", "type": "message", "role": "assistant"}
    if reply is None:
        return item | {"status": "in_progress", "content": []}
    return item | {"status": "incomplete" if reply.is_partial else "completed", "content": [_part(reply)]}


def _part(reply: Completion | None) -> dict[str, Any]:
    text = reply.text if reply else ""
    annotations = citations.response_annotations(reply) if reply else []
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}


async def _lines(call: Call, begun: Begun, sent: ResponseRequest) -> AsyncIterator[str]:
    """Yield the events of a stream, in the order that the protocol has; a failure is the last one."""
    events = _Events()
    at = {"item_id": f"msg_{begun.reply_id}", "output_index": 0, "content_index": 0}
    unfinished = _response(begun, sent, None)
    yield events.line("response.created", response=unfinished)
    yield events.line("response.in_progress", response=unfinished)
    yield events.line("response.output_item.added", output_index=0, item=_item(begun, None))
    yield events.line("response.content_part.added", **at, part=_part(None))
    shown = ""
    try:
        async for piece in live.pieces(begun):
            shown += piece
            yield events.line("response.output_text.delta", **at, delta=piece, logprobs=[])
        reply = await live.finish(call, begun)
    except PlatformError as error:
        told = stream_failure(call, error)["error"]
        yield events.line("error", code=told["code"], message=told["message"], param=told["param"])
        failed = unfinished | {"status": "failed", "error": {"code": "server_error", "message": told["message"]}}
        yield events.line("response.failed", response=failed)
        return
    if rest := (reply.text[len(shown) :] if reply.text.startswith(shown) else ""):
        yield events.line("response.output_text.delta", **at, delta=rest, logprobs=[])
    for place, annotation in enumerate(citations.response_annotations(reply)):
        name = "response.output_text.annotation.added"
        yield events.line(name, **at, annotation_index=place, annotation=annotation)
    yield events.line("response.output_text.done", **at, text=reply.text, logprobs=[])
    yield events.line("response.content_part.done", **at, part=_part(reply))
    yield events.line("response.output_item.done", output_index=0, item=_item(begun, reply))
    end = "response.incomplete" if reply.is_partial else "response.completed"
    yield events.line(end, response=_response(begun, sent, reply))


class _Events:
    """Numbers the events of a stream."""

    def __init__(self) -> None:
        self._number = 0

    def line(self, name: str, **data: Any) -> str:
        """Return an event as text."""
        body = {"type": name, "sequence_number": self._number} | data
        self._number += 1
        return f"event: {name}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n"
