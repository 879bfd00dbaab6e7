"""Web chat measured: visitors connected at once, some of whom ask at the same moment; time to the first text, memory.

`python -m tests.bench.bench_web_chat [VISITORS] [ASKING]`; needs no built console. Provider and visitors run beside the
web process on the same cores.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import httpx
from openai import AsyncOpenAI

from tests.bench.provider_process import running_provider
from tests.conftest import make_tenant
from tests.console_process import Console, console, own_database
from tests.visiting import SITE, a_chat, message

QUESTION = "How much is a tune-up?"


class BenchVisitor:
    """A visitor with an address of its own, who holds a stream open."""

    def __init__(self, client: httpx.AsyncClient, chat: str, number: int) -> None:
        self.client, self.chat = client, chat
        self.headers = {"x-embedding-origin": SITE, "x-forwarded-for": f"10.1.{number // 250}.{number % 250 + 1}"}
        self.seen: asyncio.Queue[tuple[float, str]] = asyncio.Queue()

    async def begin(self) -> None:
        """Start a chat with a first message, and wait for the whole answer."""
        answer = await self.client.post(f"{self.chat}/session", headers=self.headers)
        self.headers["authorization"] = f"Bearer {answer.json()['visitor']}"
        await self.write()

    async def write(self) -> None:
        """Send a message."""
        answer = await self.client.post(f"{self.chat}/messages", json=message(QUESTION), headers=self.headers)
        assert answer.status_code == 200, answer.text

    async def listen(self, connected: asyncio.Event) -> None:
        """Note when events come, until the stream is cancelled."""
        request = self.client.stream("GET", f"{self.chat}/events", headers=self.headers)
        async with request as stream, aclosing(_events(stream)) as events:
            async for name in events:
                self.seen.put_nowait((time.perf_counter(), name))
                connected.set()

    async def ask(self) -> float:
        """Ask; return the seconds until the first piece of the answer is here."""
        while not self.seen.empty():
            self.seen.get_nowait()
        began = time.perf_counter()
        await self.write()
        while True:
            at, name = await asyncio.wait_for(self.seen.get(), 60)
            if name == "partial":
                return at - began


async def _events(stream: httpx.Response) -> AsyncIterator[str]:
    async for line in stream.aiter_lines():
        if line.startswith("event: "):
            yield line.removeprefix("event: ")


async def first_text(client: AsyncOpenAI) -> float:
    """Return the seconds to the provider's first piece of text."""
    began = time.perf_counter()
    messages = [{"role": "user", "content": QUESTION}]
    async with await client.chat.completions.create(model="m", messages=messages, stream=True) as chunks:  # type: ignore[call-overload]
        async for chunk in chunks:
            if chunk.choices and chunk.choices[0].delta.content:
                return time.perf_counter() - began
    return 0.0


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[18]


async def measure(web: Console, token: str, provider: str, visitors: int, asking: int) -> None:
    """Connect all, let some ask at once, and print what it took."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=web.address, timeout=120, limits=limits) as client:
        people = [BenchVisitor(client, f"/web-chat/{token}", number) for number in range(visitors)]
        for start in range(0, visitors, 20):
            await asyncio.gather(*(person.begin() for person in people[start : start + 20]))
        await asyncio.sleep(5)  # the answers end
        before, ready = web.memory(), [asyncio.Event() for _ in people]
        streams = [asyncio.create_task(p.listen(event)) for p, event in zip(people, ready, strict=True)]
        await asyncio.gather(*(event.wait() for event in ready))
        await asyncio.sleep(5)
        held = (web.memory() - before) / visitors
        async with AsyncOpenAI(base_url=provider, api_key="none") as bare:
            alone = await asyncio.gather(*(first_text(bare) for _ in range(asking)))
        took = await asyncio.gather(*(person.ask() for person in people[:asking]))
        print(f"{visitors} visitors connected: {held / 1000:.0f} kB each")
        print(f"{asking} ask at once: first text p50 {statistics.median(took):.2f} s, p95 {_p95(took):.2f} s")
        print(f"the provider alone: p50 {statistics.median(alone):.2f} s, p95 {_p95(alone):.2f} s")
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)


def main() -> None:
    """Run a provider and a web process, and measure."""
    given = [int(text) for text in sys.argv[1:]]
    visitors, asking = [*given, *(500, 50)[len(given) :]]
    with tempfile.TemporaryDirectory() as name, running_provider() as provider:
        os.environ |= {"PLATFORM_OPENAI_BASE_URL": provider, "PLATFORM_PROXY_HOPS": "1"}
        with own_database(Path(name)), console(Path(name) / "console.txt") as web:
            chat = a_chat(make_tenant("acme"), daily_messages="100000")
            asyncio.run(measure(web, chat.token, provider, visitors, asking))


if __name__ == "__main__":
    main()
