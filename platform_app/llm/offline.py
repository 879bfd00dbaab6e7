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
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from platform_app.clock import now
from platform_app.llm import language
from platform_app.llm.extraction import MARK
from platform_app.llm.offline_extraction import extract
from platform_app.llm.prompts import SAY, tokens
from platform_app.stems import STOP, stems

MODEL = "offline-extractive"
DIMS = 512
PIECE_SECONDS = 0.012  # a pause between words, so that a reply is seen to be written
_PASSAGE = re.compile(r"^\[(\d+)\] (.+)\n((?:(?!^\[\d+\] ).*\n?)*)", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
_OPENING = {
    "en": "I am the offline model; this is what the knowledge base says:",
    "ru": "Я офлайн-модель; вот что сказано в базе знаний:",
}
_GREETING = {
    "en": "Hello. I am {name}, answered by the offline model. Ask me anything that the knowledge base covers.",
    "ru": "Здравствуйте. Я {name}, отвечает офлайн-модель. Спросите о том, что есть в базе знаний.",
}
_ASKS = {"en": "Please tell me: {what}", "ru": "Подскажите, пожалуйста: {what}"}
_NOTHING = {"en": "I am the offline model and have no answer.", "ru": "Я офлайн-модель, ответа у меня нет."}


def answer(messages: list[dict[str, Any]]) -> str:
    """Return the reply to a conversation whose first message is the prompt of this platform."""
    system = next((str(m.get("content", "")) for m in messages if m.get("role") == "system"), "")
    question = next((str(m.get("content", "")) for m in reversed(messages) if m.get("role") == "user"), "")
    if system.startswith(MARK):
        return extract(system, question)
    rules = _frame("rules", system)
    spoken = "ru" if "- Write in Russian." in rules else "en"
    wanted = re.search(r"^Ask now only for: (.+)$", _frame("scripts", system), re.MULTILINE)
    ask = _ASKS[spoken].format(what=wanted[1]) if wanted else ""
    if ask and (not language.asks(question) or "?" not in question):
        return ask
    if not language.asks(question):
        name = re.search(r"^- Your name is (.*)\.$", rules, re.MULTILINE)
        return _GREETING[spoken].format(name=name[1] if name else "…")
    found = best_sentences(question, _frame("passages", system))
    if not found and ask:
        return f"{_NOTHING[spoken]} {ask}"
    if not found:
        return rules.rpartition(SAY)[2].strip() if SAY in rules else _NOTHING[spoken]
    answered = _OPENING[spoken] + "\n\n" + " ".join(f"{sentence} [{number}]" for number, sentence in found)
    return f"{answered}\n\n{ask}" if ask else answered


def _frame(name: str, system: str) -> str:
    """Return what stands in the last frame of a name: what people wrote into the prompt stands before ours."""
    start, end = system.rfind(f"<{name}>\n"), system.rfind(f"\n</{name}>")
    return system[start + len(name) + 3 : end] if 0 <= start < end else ""


def best_sentences(question: str, passages: str, most: int = 3) -> list[tuple[int, str]]:
    """Return the sentences that share most with a question, with the numbers of their passages, in reading order."""
    wanted = {stem for stem in stems(question) if stem not in STOP}
    candidates: list[tuple[int, int, str, set[str]]] = []
    for match in _PASSAGE.finditer(passages):
        context = set(stems(match[2]))
        for sentence in _SENTENCE.split(match[3]):
            text = re.sub(r"^[#>*\-\s|]+", "", sentence).strip()
            if len(text) > 15:
                candidates.append((len(candidates), int(match[1]), text, set(stems(text)) | context))
    spread = Counter(stem for *_, found in candidates for stem in found & wanted)
    scored = [
        (sum(1 / spread[stem] ** 0.5 for stem in found & wanted) - 0.05 * (number - 1), place, number, text)
        for place, number, text, found in candidates
        if found & wanted
    ]
    top = sorted(scored, key=lambda item: -item[0])[:most]
    strong = [item for item in top if item[0] >= top[0][0] * 0.55]
    return [(number, text[:600]) for _, _, number, text in sorted(strong, key=lambda item: item[1])]


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
    Granian("platform_app.llm.offline:app", address="127.0.0.1", port=port, interface=Interfaces.ASGI).serve()


if __name__ == "__main__":
    main()
