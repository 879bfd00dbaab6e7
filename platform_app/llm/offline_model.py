"""Offline model: speaks the OpenAI protocol on loopback and answers by extraction from the passages it is given.

It is honest: it says that it is the offline model, cites what it takes, and says when the passages hold no answer.
"""

import argparse
import asyncio
import hashlib
import json
import math
import re
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from platform_app.clock import now
from platform_app.llm.extraction import MARK
from platform_app.llm.offline_answer import reply
from platform_app.llm.offline_extraction import extract
from platform_app.llm.prompts import tokens
from platform_app.text.stemming import stems

MODEL = "offline-extractive"
DIMS = 512
PIECE_SECONDS = 0.012  # a pause between words, so that a reply is seen to be written


def answer(messages: list[dict[str, Any]]) -> str:
    """Return the answer to a request of this platform: a reply, or what a message tells."""
    system = next((str(m.get("content", "")) for m in messages if m.get("role") == "system"), "")
    if not system.startswith(MARK):
        return reply(messages)
    question = next((str(m.get("content", "")) for m in reversed(messages) if m.get("role") == "user"), "")
    return extract(system, question)


def _usage(messages: list[dict[str, Any]], text: str) -> dict[str, int]:
    asked, given = sum(tokens(str(m.get("content", ""))) for m in messages), tokens(text)
    return {"prompt_tokens": asked, "completion_tokens": given, "total_tokens": asked + given}


async def completions(request: Request) -> Response:
    """Answer a chat completion, streamed or whole."""
    try:
        body = await request.json()
        messages = [message for message in body["messages"] if isinstance(message, dict)]
        limit = int(body.get("max_tokens") or 8000)
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"error": {"message": "The request has no messages.", "type": "invalid"}}, 400)
    text = await asyncio.to_thread(answer, messages)
    reason = "stop"
    if tokens(text) > limit:
        text, reason = text[: limit * 3], "length"
    made = {"id": f"offline-{int(time.monotonic() * 1e6)}", "created": int(now().timestamp()), "model": MODEL}
    if not body.get("stream"):
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        whole = {**made, "object": "chat.completion", "choices": [choice], "usage": _usage(messages, text)}
        return JSONResponse(whole)

    async def events() -> AsyncIterator[str]:
        base = {**made, "object": "chat.completion.chunk"}
        for piece in re.findall(r"\S+\s*|\s+", text):
            choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
            yield f"data: {json.dumps({**base, 'choices': [choice]})}\n\n"
            await asyncio.sleep(PIECE_SECONDS)
        last = {"index": 0, "delta": {}, "finish_reason": reason}
        yield f"data: {json.dumps({**base, 'choices': [last]})}\n\n"
        yield f"data: {json.dumps({**base, 'choices': [], 'usage': _usage(messages, text)})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


async def embeddings(request: Request) -> Response:
    """Answer with vectors of hashed stems: enough to tell texts apart, the same every time."""
    try:
        given = (await request.json())["input"]
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"error": {"message": "The request has no input.", "type": "invalid"}}, 400)
    texts = [str(text) for text in given] if isinstance(given, list) else [str(given)]
    data = [{"object": "embedding", "index": i, "embedding": vector(text)} for i, text in enumerate(texts)]
    asked = sum(tokens(text) for text in texts)
    usage = {"prompt_tokens": asked, "total_tokens": asked}
    return JSONResponse({"object": "list", "model": MODEL, "data": data, "usage": usage})


def vector(text: str) -> list[float]:
    """Return a vector of length one: each stem counts at the place that its hash names."""
    counts = [0.0] * DIMS
    for stem in stems(text):
        digest = hashlib.blake2b(stem.encode(), digest_size=8).digest()
        counts[int.from_bytes(digest, "big") % DIMS] += 1.0
    length = math.sqrt(sum(count * count for count in counts)) or 1.0
    return [count / length for count in counts]


async def models(request: Request) -> Response:
    """List the one model."""
    return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "platform"}]})


app = Starlette(
    routes=[
        Route("/v1/chat/completions", completions, methods=["POST"]),
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        Route("/v1/models", models),
    ]
)


def main() -> None:
    """Serve on loopback until stopped."""
    from granian import Granian
    from granian.constants import Interfaces

    arguments = argparse.ArgumentParser(description="The offline model, speaking the OpenAI protocol.")
    arguments.add_argument("--port", type=int, required=True)
    port = arguments.parse_args().port
    Granian("platform_app.llm.offline_model:app", address="127.0.0.1", port=port, interface=Interfaces.ASGI).serve()


if __name__ == "__main__":
    main()
