"""Offline model: a server of the OpenAI protocol on loopback: answers by extraction, and sentence embeddings.

Its replies say that they are from the offline model, cite their passages, and say if these hold no answer.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from platform_app.clock import now
from platform_app.llm import sentence_encoder
from platform_app.llm.extraction import PROMPT_START
from platform_app.llm.offline_answer import generate_reply
from platform_app.llm.offline_extraction import extract
from platform_app.llm.prompts import estimate_tokens

MODEL = "offline-extractive"
WORD_SECONDS = 0.012  # delay between words, so that a reply appears gradually


def generate(messages: list[dict[str, Any]]) -> str:
    """Return the answer to a request of this platform: a reply, or extracted fields as JSON."""
    system = next((str(m.get("content", "")) for m in messages if m.get("role") == "system"), "")
    if not system.startswith(PROMPT_START):
        return generate_reply(messages)
    question = next((str(m.get("content", "")) for m in reversed(messages) if m.get("role") == "user"), "")
    return extract(system, question)


def _usage(messages: list[dict[str, Any]], text: str) -> dict[str, int]:
    prompt = sum(estimate_tokens(str(m.get("content", ""))) for m in messages)
    completion = estimate_tokens(text)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


async def chat_completions(request: Request) -> Response:
    """Handle a chat completion, streamed or complete."""
    try:
        body = await request.json()
        messages = [message for message in body["messages"] if isinstance(message, dict)]
        limit = int(body.get("max_tokens") or 8000)
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"error": {"message": "The request has no messages.", "type": "invalid"}}, 400)
    text = await asyncio.to_thread(generate, messages)
    reason = "stop"
    if estimate_tokens(text) > limit:
        text, reason = text[: limit * 3], "length"
    header = {"id": f"offline-{int(time.monotonic() * 1e6)}", "created": int(now().timestamp()), "model": MODEL}
    if not body.get("stream"):
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        completion = {**header, "object": "chat.completion", "choices": [choice], "usage": _usage(messages, text)}
        return JSONResponse(completion)

    async def events() -> AsyncIterator[str]:
        base = {**header, "object": "chat.completion.chunk"}
        for piece in re.findall(r"\S+\s*|\s+", text):
            choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
            yield f"data: {json.dumps({**base, 'choices': [choice]})}\n\n"
            await asyncio.sleep(WORD_SECONDS)
        last = {"index": 0, "delta": {}, "finish_reason": reason}
        yield f"data: {json.dumps({**base, 'choices': [last]})}\n\n"
        yield f"data: {json.dumps({**base, 'choices': [], 'usage': _usage(messages, text)})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


async def embeddings(request: Request) -> Response:
    """Handle a request for embeddings, as lists of numbers or base64."""
    try:
        body = await request.json()
        inputs, as_base64 = body["input"], body.get("encoding_format") == "base64"
    except (ValueError, KeyError, TypeError, AttributeError):
        return JSONResponse({"error": {"message": "The request has no input.", "type": "invalid"}}, 400)
    texts = [str(text) for text in inputs] if isinstance(inputs, list) else [str(inputs)]
    vectors = await asyncio.to_thread(sentence_encoder.encode, texts)
    data = [
        {"object": "embedding", "index": i, "embedding": base64.b64encode(v).decode() if as_base64 else v.tolist()}
        for i, v in enumerate(vectors)
    ]
    tokens = sum(estimate_tokens(text) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "model": MODEL, "data": data, "usage": usage})


async def list_models(request: Request) -> Response:
    """Handle a request for the list of models, which has one."""
    return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "platform"}]})


app = Starlette(
    routes=[
        Route("/v1/chat/completions", chat_completions, methods=["POST"]),
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        Route("/v1/models", list_models),
    ]
)


def main() -> None:
    """Serve on loopback until stopped."""
    from granian import Granian
    from granian.constants import Interfaces

    arguments = argparse.ArgumentParser(description="The offline model, speaking the OpenAI protocol.")
    arguments.add_argument("--port", type=int, required=True)
    port = arguments.parse_args().port
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices of a sentence are too small to share
    Granian("platform_app.llm.offline_model:app", address="127.0.0.1", port=port, interface=Interfaces.ASGI).serve()


if __name__ == "__main__":
    main()
