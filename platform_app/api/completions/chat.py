"""Chat completions: POST /v1/chat/completions, answered by an agent, and the list of agents as models."""

import json
from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel
from starlette.responses import JSONResponse, Response, StreamingResponse

from platform_app.api.completions import citations, live
from platform_app.api.completions.requests import ChatRequest, turns_of
from platform_app.api.rest.failures import stream_failure
from platform_app.api.rest.operations import Call, operation
from platform_app.clock import now
from platform_app.errors import PlatformError
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.channels import completions
from platform_app.services.channels.completions import Begun, Completion

BASE = "/v1"


class ModelView(BaseModel):
    """An agent as a model."""

    id: str
    object: str
    created: int
    owned_by: str
    name: str


class ModelsView(BaseModel):
    """The agents that answer."""

    object: str
    data: list[ModelView]


class UsageView(BaseModel):
    """What a reply took."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatMessageView(BaseModel):
    """The reply; its annotations are the citations."""

    role: str
    content: str
    refusal: str | None
    annotations: list[dict[str, Any]]


class ChoiceView(BaseModel):
    """The only choice."""

    index: int
    message: ChatMessageView
    finish_reason: str
    logprobs: None


class ChatView(BaseModel):
    """A chat completion."""

    id: str
    object: str
    created: int
    model: str
    choices: list[ChoiceView]
    usage: UsageView


@operation("GET", "/models", Scope.CHAT_WRITE, base=BASE, answer=ModelsView, reads=True)
def list_models(call: Call) -> ModelsView:
    """List the agents that answer, as models."""
    rows = completions.list_agents(call.session, call.who)
    data = [
        ModelView(
            id=row.id, object="model", created=int(row.created_at.timestamp()), owned_by=call.who.slug, name=row.name
        )
        for row in rows
    ]
    return ModelsView(object="list", data=data)


@operation("POST", "/chat/completions", Scope.CHAT_WRITE, base=BASE, body=ChatRequest, answer=ChatView, streams=True)
async def create_chat_completion(call: Call) -> Response:
    """Let an agent answer the last message of a user."""
    sent: ChatRequest = call.body
    begun = await live.begin(call, sent.model, turns_of(sent.messages), reference=sent.user or "")
    if sent.stream:
        usage = sent.stream_options is not None and sent.stream_options.include_usage
        lines = _lines(call, begun, sent.model, with_usage=usage)
        return StreamingResponse(lines, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
    reply = await live.finish(call, begun)
    return JSONResponse(_chat(call, begun, sent.model, reply).model_dump(mode="json"))


def _finish_reason(reply: Completion) -> str:
    return "length" if reply.is_partial else "stop"


def _usage(reply: Completion) -> UsageView:
    total = reply.prompt_tokens + reply.completion_tokens
    return UsageView(prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens, total_tokens=total)


def _chat(call: Call, begun: Begun, model: str, reply: Completion) -> ChatView:
    annotations = citations.chat_annotations(call.who, reply)
    message = ChatMessageView(role="assistant", content=reply.text, refusal=None, annotations=annotations)
    return ChatView(
        id=f"chatcmpl-{begun.reply_id}",
        object="chat.completion",
        created=int(now().timestamp()),
        model=model,
        choices=[ChoiceView(index=0, message=message, finish_reason=_finish_reason(reply), logprobs=None)],
        usage=_usage(reply),
    )


async def _lines(call: Call, begun: Begun, model: str, *, with_usage: bool) -> AsyncIterator[str]:
    """Yield the chunks of a stream; a failure is a last event with an error."""
    head = {"id": f"chatcmpl-{begun.reply_id}", "object": "chat.completion.chunk"}
    head |= {"created": int(now().timestamp()), "model": model}  # type: ignore[dict-item]  # numbers beside texts

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]
        return _line(head | {"choices": choices} | ({"usage": None} if with_usage else {}) | more)

    yield chunk({"role": "assistant", "content": ""})
    shown = ""
    try:
        async for piece in live.pieces(begun):
            shown += piece
            yield chunk({"content": piece})
        reply = await live.finish(call, begun)
    except PlatformError as error:
        yield _line(stream_failure(call, error))
        return
    if rest := (reply.text[len(shown) :] if reply.text.startswith(shown) else ""):
        yield chunk({"content": rest})
    annotations = citations.chat_annotations(call.who, reply)
    yield chunk({"annotations": annotations} if annotations else {}, _finish_reason(reply))
    if with_usage:
        yield _line(head | {"choices": [], "usage": _usage(reply).model_dump()})
    yield "data: [DONE]\n\n"


def _line(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
