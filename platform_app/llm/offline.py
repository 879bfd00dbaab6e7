"""Offline model: speaks the OpenAI protocol on loopback and answers by extraction from the passages it is given.

It is honest: it says that it is the offline model, cites what it takes, and says when the passages hold no answer.
"""

import argparse
import asyncio
import json
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
from platform_app.llm.prompts import tokens
from platform_app.rag.terms import stems
from platform_app.rag.vectors import embed_passage

MODEL = "offline-extractive"
_PASSAGE = re.compile(r"^\[(\d+)\] (.+)\n((?:(?!^\[\d+\] ).*\n?)*)", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
_GREETING = re.compile(
    r"^\W*(hi|hello|hey|good (morning|day|evening)|привет|здравствуй\w*|добрый (день|вечер)|доброе утро)\W*$", re.I
)
_STOP = set(
    stems(
        "a an the is are was do does did i you we it of to in on at for with and or what which how when where who can "
        "much many my your this that as be will would there here if from by about not no и в во на с со к по о об от "
        "до за из у не ни а но или что чтобы как когда где кто какой какие какая какое сколько ли же бы есть это этот "
        "эта мне вы вас мы я ты он она они можно нужно ваш ваши у меня для"
    )
)
_WORDS = {
    "en": (
        "I am the offline model; this is what the knowledge base says:",
        "Hello. I am {name}, answered by the offline model. Ask me anything that the knowledge base covers.",
    ),
    "ru": (
        "Я офлайн-модель; вот что сказано в базе знаний:",
        "Здравствуйте. Я {name}, отвечает офлайн-модель. Спросите о том, что есть в базе знаний.",
    ),
}


def answer(messages: list[dict[str, Any]]) -> str:
    """Return the reply to a conversation whose first message is the prompt of this platform."""
    system = next((str(m.get("content", "")) for m in messages if m.get("role") == "system"), "")
    question = next((str(m.get("content", "")) for m in reversed(messages) if m.get("role") == "user"), "")
    language = "ru" if "- Write in Russian." in system else "en"
    opening, greeting = _WORDS[language]
    if _GREETING.match(question):
        name = re.search(r"^- Your name is (.*)\.$", system, re.MULTILINE)
        return greeting.format(name=name[1] if name else "…")
    frame = re.search(r"<passages>\n(.*?)\n</passages>", system, re.DOTALL)
    found = best_sentences(question, frame[1] if frame else "")
    if not found:
        told = re.search(r"say exactly: (.*)", system)
        return told[1] if told else {"en": "I have no answer.", "ru": "У меня нет ответа."}[language]
    return opening + "\n\n" + " ".join(f"{sentence} [{number}]" for number, sentence in found)


def best_sentences(question: str, passages: str, most: int = 3) -> list[tuple[int, str]]:
    """Return the sentences that share most with a question, with the numbers of their passages, in reading order."""
    wanted = {stem for stem in stems(question) if stem not in _STOP}
    candidates: list[tuple[int, int, str, set[str]]] = []
    for match in _PASSAGE.finditer(passages):
        context = set(stems(match[2]))
        for sentence in _SENTENCE.split(match[3]):
            text = re.sub(r"^[#>*\-\s|]+", "", sentence).strip()
            if len(text) > 15:
                candidates.append((len(candidates), int(match[1]), text, set(stems(text)) | context))
    spread = Counter(stem for *_, found in candidates for stem in found & wanted)
    scored = [
        (sum(1 / spread[stem] ** 0.5 for stem in found & wanted) * 0.8 ** (number - 1), place, number, text)
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
        messages, limit = list(body["messages"]), int(body.get("max_tokens") or 8000)
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
            await asyncio.sleep(0.012)
        last = {"index": 0, "delta": {}, "finish_reason": reason}
        yield f"data: {json.dumps({**base, 'choices': [last]})}\n\n"
        yield f"data: {json.dumps({**base, 'choices': [], 'usage': _usage(messages, text)})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


async def embeddings(request: Request) -> Response:
    """Answer with the platform's own hashed lexical vectors."""
    body = await request.json()
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [{"object": "embedding", "index": i, "embedding": embed_passage(str(t))} for i, t in enumerate(texts)]
    return JSONResponse(
        {"object": "list", "model": MODEL, "data": data, "usage": {"prompt_tokens": 0, "total_tokens": 0}}
    )


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
