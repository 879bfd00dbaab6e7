"""Fake provider: a model provider on a real socket that plays a script and records what it was asked."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from platform_app.integrations import egress
from platform_app.llm import model_limitations, transcription
from platform_app.llm.query_rewriting import PROMPT_START as QUERY_PROMPT
from platform_app.rag import hashed_vectors
from tests.conftest import forget_process_state
from tests.fakes.provider_requests import Asked, read_request

KEY = "sk-canary-7f3a"
SIZE = 1024  # dimensions of the vectors


class Answer:
    """What is written back on one connection, chunked."""

    def __init__(self, writer: asyncio.StreamWriter, asked: Asked) -> None:
        self.writer, self.asked = writer, asked

    async def head(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"content-type": kind, "transfer-encoding": "chunked"} | own
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self.writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode())
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self.writer.drain()

    async def event(self, data: object) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        await self.send(f"data: {text}\n\n".encode())

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    def cut(self) -> None:
        """Break the connection in the middle of the answer."""
        self.writer.transport.abort()


Step = Callable[[Answer], Awaitable[None]]


def chunk(text: str | None = None, finish: str | None = None, **delta: object) -> dict[str, Any]:
    """Return a piece of a streamed reply."""
    content = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": content | delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fake-1", "choices": [choice]}


def says(*pieces: str, finish: str | None = "stop", pause: float = 0, usage: bool = True, done: bool = True) -> Step:
    """Return a step that streams a reply; `finish` None ends it as a broken server does."""

    async def play(answer: Answer) -> None:
        await answer.head()
        for piece in pieces:
            await answer.event(chunk(piece))
            await asyncio.sleep(pause)
        if finish:
            await answer.event(chunk(finish=finish))
        if usage:
            counted = {"prompt_tokens": 120, "completion_tokens": 7, "total_tokens": 127}
            await answer.event(chunk() | {"choices": [], "usage": counted})
        if done:
            await answer.event("[DONE]")
        await answer.end()

    return play


def responds(*pieces: str, usage: dict[str, Any] | None = None) -> Step:
    """Return a step that streams a reply by the Responses API."""
    counted = {"input_tokens": 120, "output_tokens": 7} if usage is None else usage

    async def play(answer: Answer) -> None:
        await answer.head()
        await answer.event({"type": "response.created", "response": {"model": "fake-1", "status": "in_progress"}})
        for piece in pieces:
            await answer.event({"type": "response.output_text.delta", "delta": piece})
        message = {"type": "message", "content": [{"type": "output_text", "text": "".join(pieces)}]}
        whole = {"object": "response", "model": "fake-1", "status": "completed", "output": [message], "usage": counted}
        await answer.event({"type": "response.completed", "response": whole})
        await answer.end()

    return play


def calls(*asked: tuple[str, dict[str, Any]], text: str = "", is_whole: bool = False) -> Step:
    """Return a step that asks for calls of tools, each with its arguments in two parts, or whole."""

    async def play(answer: Answer) -> None:
        await answer.head()
        if text:
            await answer.event(chunk(text))
        for index, (name, given) in enumerate(asked):
            written = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
            parts = [written] if is_whole else [written[:5], written[5:]]
            first = {"index": index, "id": f"call_{index}", "type": "function"}
            await answer.event(chunk(tool_calls=[first | {"function": {"name": name, "arguments": parts[0]}}]))
            for rest in parts[1:]:
                await answer.event(chunk(tool_calls=[{"index": index, "function": {"arguments": rest}}]))
        await answer.event(chunk(finish="tool_calls"))
        counted = {"prompt_tokens": 100, "completion_tokens": 20}
        await answer.event(chunk() | {"choices": [], "usage": counted})
        await answer.event("[DONE]")
        await answer.end()

    return play


def asks_by_responses(name: str, given: dict[str, Any]) -> Step:
    """Return a step that asks for a call of a tool by the Responses API."""
    item = {"type": "function_call", "call_id": "fc_1", "name": name, "arguments": json.dumps(given)}
    whole = {"object": "response", "model": "fake-1", "status": "completed", "output": [item], "usage": {}}
    return plays(
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    )


def hears(text: str, **usage: Any) -> Step:
    """Return a step that answers with the transcript of a recording."""

    async def play(answer: Answer) -> None:
        await answer.head(kind="application/json")
        await answer.send(json.dumps({"text": text} | ({"usage": usage} if usage else {})).encode())
        await answer.end()

    return play


async def embeds(answer: Answer) -> None:
    """Answer with the vector of each text, made of its letters, in reversed order, and with the tokens counted."""
    texts = answer.asked.body["input"]
    rows = [
        {"object": "embedding", "index": index, "embedding": [0.01, *hashed_vectors.embed_passage(text)[1:SIZE]]}
        for index, text in enumerate(texts)
    ]
    await answer.head(kind="application/json")
    usage = {"prompt_tokens": 10 * len(texts), "total_tokens": 10 * len(texts)}
    await answer.send(json.dumps({"object": "list", "data": rows[::-1], "usage": usage}).encode())
    await answer.end()


def ranks(first: str = "", *, is_cohere: bool = False) -> Step:
    """Return a step that ranks documents with a word first, as Jina answers or as Cohere does."""

    async def play(answer: Answer) -> None:
        documents = answer.asked.body["documents"]
        order = sorted(range(len(documents)), key=lambda place: first not in documents[place])
        results: list[dict[str, Any]] = [
            {"index": place, "relevance_score": 0.9 - 0.01 * rank} for rank, place in enumerate(order)
        ]
        jina = {"model": "jina-reranker-v2", "object": "list", "usage": {"total_tokens": 1_000}, "results": results}
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
        cohere = {"id": "07734bd2", "results": results, "meta": meta}
        await answer.head(kind="application/json")
        await answer.send(json.dumps(cohere if is_cohere else jina).encode())
        await answer.end()

    return play


def refuses(status: int, body: object = None, **headers: str) -> Step:
    """Return a step that answers with an error."""

    async def play(answer: Answer) -> None:
        await answer.head(status, "application/json", **headers)
        await answer.send(json.dumps(body or {"error": {"message": f"{KEY} said {status}"}}).encode())
        await answer.end()

    return play


def plays(*parts: object, kind: str = "text/event-stream", then: str = "end") -> Step:
    """Return a step that sends raw bytes, events, and pauses given as floats; then: end, cut or hang."""

    async def play(answer: Answer) -> None:
        await answer.head(kind=kind)
        for part in parts:
            if isinstance(part, float):
                await asyncio.sleep(part)
            elif isinstance(part, bytes):
                await answer.send(part)
            else:
                await answer.event(part)
        if then == "hang":
            await asyncio.sleep(3600)
        elif then == "cut":
            answer.cut()
        else:
            await answer.end()

    return play


def raw(*parts: bytes | float, then: str = "close") -> Step:
    """Return a step that writes these bytes as they are, with pauses given as floats; then it closes, or half of it."""

    async def play(answer: Answer) -> None:
        for part in parts:
            if isinstance(part, float):
                await asyncio.sleep(part)
            else:
                answer.writer.write(part)
                await answer.writer.drain()
        if then == "half":
            answer.writer.write_eof()
            await asyncio.sleep(3600)
        answer.writer.close()

    return play


async def hangs(answer: Answer) -> None:
    """Say nothing at all."""
    await asyncio.sleep(3600)


@dataclass
class FakeProvider:
    """The provider: give it steps, one for each request; the last one is played again and again."""

    steps: list[Step] = field(default_factory=lambda: [says("Hello", " there.")])
    asked: list[Asked] = field(default_factory=list)
    models: list[Any] = field(default_factory=lambda: ["fake-1", "fake-2"])
    listing: Any = None  # in place of the usual list of models
    transcripts: list[Step] = field(default_factory=lambda: [hears("How much is a tune-up?")])  # as `steps`
    heard: list[Asked] = field(default_factory=list)  # requests for a transcript
    embeddings: list[Step] = field(default_factory=lambda: [embeds])  # as `steps`
    embedded: list[Asked] = field(default_factory=list)  # requests for vectors
    rankings: list[Step] = field(default_factory=lambda: [ranks()])  # as `steps`
    ranked: list[Asked] = field(default_factory=list)  # requests to rerank
    plays_queries: bool = False  # a request for a search query takes a step; else it gets an empty answer, unrecorded
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    def will(self, *steps: Step) -> None:
        """Play these from now on."""
        self.steps = list(steps)

    @property
    def last(self) -> Asked:
        """The last request for a reply."""
        return self.asked[-1]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await read_request(reader):
                answer = Answer(writer, request)
                if request.path.endswith("/models"):
                    listed = [one if isinstance(one, dict) else {"id": one, "object": "model"} for one in self.models]
                    await answer.head(kind="application/json")
                    await answer.send(json.dumps(self.listing or {"object": "list", "data": listed}).encode())
                    await answer.end()
                    continue
                if request.path.endswith("/audio/transcriptions"):
                    self.heard.append(request)
                    hear = self.transcripts.pop(0) if len(self.transcripts) > 1 else self.transcripts[0]
                    await hear(answer)
                    continue
                if request.path.endswith("/embeddings"):
                    self.embedded.append(request)
                    embed = self.embeddings.pop(0) if len(self.embeddings) > 1 else self.embeddings[0]
                    await embed(answer)
                    continue
                if request.path.endswith("/rerank"):
                    self.ranked.append(request)
                    rank = self.rankings.pop(0) if len(self.rankings) > 1 else self.rankings[0]
                    await rank(answer)
                    continue
                if not self.plays_queries and _asks_for_query(request):
                    await says("")(answer)
                    continue
                self.asked.append(request)
                step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
                await step(answer)
        except (OSError, asyncio.CancelledError):  # the client hung up, or the test is over
            pass
        finally:
            writer.close()

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        """Serve until stopped."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()


def _asks_for_query(request: Asked) -> bool:
    """Return whether the platform asks for what to search for, which depends on what was said before."""
    messages = request.body.get("messages")
    return bool(messages) and str(messages[0].get("content", "")).startswith(QUERY_PROMPT)


def started() -> Iterator[FakeProvider]:
    """Run a provider in a thread."""
    fake, ready = FakeProvider(), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(fake.serve(ready, stop))

    thread = threading.Thread(target=run, name="fake-provider", daemon=True)
    thread.start()
    assert ready.wait(10)
    yield fake
    egress.kept_client().close()
    egress.kept_client.cache_clear()
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    assert not thread.is_alive()


def serving(env: pytest.MonkeyPatch, **settings: float) -> Iterator[FakeProvider]:
    """Run a provider in a thread, and make it this process's provider; `settings` are names without PLATFORM_."""
    for fake in started():
        env.setenv("PLATFORM_OPENAI_BASE_URL", fake.url)
        env.setenv("PLATFORM_OPENAI_API_KEY", KEY)
        for name, value in settings.items():
            env.setenv(f"PLATFORM_{name.upper()}", str(value))
        forget_process_state()
        model_limitations.forget_all()
        transcription.forget_refusals()
        yield fake


async def _alone() -> None:
    """Serve 40 words at 100 a second, for measuring; the first line printed is the address."""
    fake, ready = FakeProvider([says(*["word "] * 40, pause=0.01)]), threading.Event()
    server = asyncio.create_task(fake.serve(ready, asyncio.Event()))
    await asyncio.to_thread(ready.wait)
    print(fake.url, flush=True)
    await server


if __name__ == "__main__":
    asyncio.run(_alone())
