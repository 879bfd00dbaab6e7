"""Tabs measured: what a thousand idle ones cost a console, and how fast it is for a hundred busy people.

`python -m tests.bench.bench_tabs idle [TABS] [SECONDS]` tells the share of a processor and the memory of each tab;
`python -m tests.bench.bench_tabs busy [PEOPLE] [SECONDS] [SECONDS_BETWEEN]` lets each person, with a test chat and a
dashboard open, ask every SECONDS_BETWEEN and search the list of conversations between two questions. Companies have
ten members. Answers have 40 words at 100 a second. Needs no built console; clients and provider run on the same cores.
"""

import asyncio
import json
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection, connect

from platform_app.db import session_scope
from platform_app.models.person import Identity, Member, Role, User
from platform_app.state.chat.conversation_list import ConversationListState
from platform_app.state.chat.test_chat import TestChatState
from tests.bench.bench_dashboards import processor_seconds
from tests.bench.bench_web_chat import first_text
from tests.bench.provider_process import running_provider
from tests.conftest import free_port, make_tenant, running_redis
from tests.console_process import HYDRATE, Console, console, name_of, own_database
from tests.headless.harness import sign_in
from tests.talking import add_agent

COMPANY = 10  # members
AT_ONCE = 8  # tabs that are opened at the same time
SETTLE_SECONDS = 10.0
PAGES = ("", "/inbox", "/test-chat", "/leads", "/contacts")


@dataclass
class LiveTab:
    """A tab whose messages are read all the time; `wait_for` tells when one with a text came."""

    cookie: str
    slug: str
    page: str
    query: str = ""
    _socket: ClientConnection | None = None
    _waiting: list[tuple[tuple[str, ...], "asyncio.Future[float]"]] = field(default_factory=list)
    _reader: "asyncio.Task[None] | None" = None

    async def open(self, address: str) -> None:
        """Connect and load the page."""
        host = address.removeprefix("http://")
        place = f"ws://{host}/_event/?token={secrets.token_hex(8)}&EIO=4&transport=websocket"
        self._socket = await connect(
            place,
            origin=address,  # type: ignore[arg-type]  # a plain string
            additional_headers={"Cookie": self.cookie},
            max_size=None,
            compression=None,
            ping_interval=None,
            open_timeout=60,
        )
        self._reader = asyncio.create_task(self._read(self._socket))
        connected = self.wait_for("40/_event,")
        await self._socket.send("40/_event,")
        await connected
        loaded = self.wait_for('is_hydrated_rx_state_":true', seconds=120)
        await self.send(HYDRATE, {})
        await loaded

    async def send(self, name: str, payload: dict[str, Any]) -> None:
        """Send an event."""
        path = f"/manage/{self.slug}{self.page}"
        where = {"pathname": path, "asPath": path + self.query, "query": dict(parse_qsl(self.query[1:]))}
        event = {"name": name, "payload": payload, "router_data": where}
        assert self._socket is not None
        await self._socket.send("42/_event," + json.dumps(["event", event]))

    def wait_for(self, *texts: str, seconds: float = 60) -> "asyncio.Future[float]":
        """Return a future of the time at which a message with one of some texts comes."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, future))
        return asyncio.ensure_future(asyncio.wait_for(future, seconds))

    async def _read(self, socket: ClientConnection) -> None:
        async for message in socket:
            at, text = time.perf_counter(), str(message)
            if text == "2":
                await socket.send("3")
            for waiting in list(self._waiting):
                if waiting[1].done():
                    self._waiting.remove(waiting)
                elif any(one in text for one in waiting[0]):
                    waiting[1].set_result(at)
                    self._waiting.remove(waiting)

    async def close(self) -> None:
        """Close the tab."""
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            self._reader.cancel()


@dataclass
class Person:
    """A busy member with two tabs; keeps the seconds to the first words of each answer, and of each click."""

    chat: LiveTab
    dashboard: LiveTab
    first_words: list[float] = field(default_factory=list)
    clicks: list[float] = field(default_factory=list)

    async def work(self, until: float, between: float, start: float) -> None:
        """Ask and click in turn until a time, the first time after `start` seconds."""
        await asyncio.sleep(start)
        while time.perf_counter() < until:
            began = time.perf_counter()
            # its first words, or its end if it was whole before anything of it was shown
            shown = self.chat.wait_for('"tail_rx_state_":"word', '"live_id_rx_state_":""')
            await self.chat.send(name_of(TestChatState.send), {"form": {"text": "How much is a tune-up?"}})
            self.first_words.append(await shown - began)
            await asyncio.sleep(max(0.0, began + between / 2 - time.perf_counter()))
            pressed, text = time.perf_counter(), secrets.token_hex(4)
            answered = self.chat.wait_for(f'"search_rx_state_":"{text}"')
            await self.chat.send(name_of(ConversationListState.set_search), {"search": text})
            self.clicks.append(await answered - pressed)
            await asyncio.sleep(max(0.0, began + between - time.perf_counter()))


def companies(people: int) -> list[tuple[Identity, str, str]]:
    """Write companies of COMPANY members with an agent each; return every member, their cookie and the agent's id."""
    made = []
    for number in range(0, people, COMPANY):
        owner = make_tenant(f"company-{number}")
        agent = add_agent(owner)
        for place in range(min(COMPANY, people - number)):
            member = add_member(owner, f"{owner.slug}-{place}")
            made.append((member, sign_in(member), agent))
    return made


def add_member(owner: Identity, name: str) -> Identity:
    """Write an operator of a company."""
    with session_scope(reason="bench") as session:
        user = User(email=f"{name}@bench.test", name=name, password_hash="-", language="en")
        session.add(user)
        session.flush()
        session.add(Member(tenant_id=owner.tenant_id, user_id=user.id, role=Role.OPERATOR))
        return replace(owner, user_id=user.id, role=Role.OPERATOR, name=user.name, email=user.email)


async def open_all(tabs: list[LiveTab], address: str) -> None:
    """Open tabs, AT_ONCE at the same time."""
    free = asyncio.Semaphore(AT_ONCE)

    async def open_one(tab: LiveTab) -> None:
        async with free:
            await tab.open(address)

    await asyncio.gather(*(open_one(tab) for tab in tabs))


async def measure_idle(web: Console, count: int, seconds: float) -> None:
    """Print what open tabs cost while nothing happens."""
    members = companies(100)
    before, spent = web.memory(), processor_seconds(web)
    tabs = []
    for number in range(count):
        member, cookie, _ = members[number % len(members)]
        tabs.append(LiveTab(cookie, member.slug, PAGES[number // len(members) % len(PAGES)]))
    await open_all(tabs, web.address)
    opening = (processor_seconds(web) - spent) / count
    await asyncio.sleep(SETTLE_SECONDS)
    spent, began = processor_seconds(web), time.monotonic()
    await asyncio.sleep(seconds)
    share = (processor_seconds(web) - spent) / (time.monotonic() - began)
    held = (web.memory() - before) / count
    print(
        f"{count} idle tabs: {100 * share:.1f} % of a processor, {held / 1e6:.2f} MB for each; {1000 * opening:.0f} ms"
    )
    await asyncio.gather(*(tab.close() for tab in tabs))


async def measure_busy(web: Console, count: int, seconds: float, between: float) -> None:
    """Print how long busy people wait for first words and clicks."""
    people = [
        Person(LiveTab(cookie, member.slug, "/test-chat", f"?agent={agent}"), LiveTab(cookie, member.slug, ""))
        for member, cookie, agent in companies(count)
    ]
    await open_all([tab for person in people for tab in (person.chat, person.dashboard)], web.address)
    provider = AsyncOpenAI(base_url=os.environ["PLATFORM_OPENAI_BASE_URL"], api_key="bench")
    alone = statistics.median([await first_text(provider) for _ in range(5)])
    spent, began = processor_seconds(web), time.perf_counter()
    chance = random.Random(1)  # the same people begin at the same times in every run
    work = [person.work(began + seconds, between, chance.uniform(0, between)) for person in people]
    results = await asyncio.gather(*work, return_exceptions=True)
    lost = [result for result in results if isinstance(result, BaseException)]
    share = (processor_seconds(web) - spent) / (time.perf_counter() - began)
    first = [one for person in people for one in person.first_words]
    clicks = [one for person in people for one in person.clicks]
    print(
        f"{count} busy people, a question every {between:.0f} s each: {len(first)} replies, {100 * share:.0f} % of a "
        f"processor, {web.memory() / 1e6:.0f} MB, {len(lost)} gave up {sorted({type(one).__name__ for one in lost})}"
    )
    _print("first words", [one - alone for one in first], f" beyond the provider's {1000 * alone:.0f} ms")
    _print("click", clicks)
    await asyncio.gather(*(tab.close() for person in people for tab in (person.chat, person.dashboard)))


def _print(name: str, waited: list[float], more: str = "") -> None:
    p95 = statistics.quantiles(waited, n=20)[-1]
    print(f"{name}: median {1000 * statistics.median(waited):.0f} ms, p95 {1000 * p95:.0f} ms{more}")


@contextmanager
def worker(log: Path, redis: str) -> Iterator[None]:
    """Run a worker: without one, dashboards are told every two seconds that there is none."""
    own = {"PLATFORM_REDIS_URL": redis, "PLATFORM_WORKER_PORT": str(free_port())}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "worker"], env=os.environ | own, stdout=output, stderr=output
        ) as running,
    ):
        yield
        running.terminate()


def main() -> None:
    """Run a provider, a Redis and a web process, and measure."""
    kind = sys.argv[1] if len(sys.argv) > 1 else "idle"
    given = [float(text) for text in sys.argv[2:]]
    usual = (1_000.0, 60.0) if kind == "idle" else (100.0, 60.0, 30.0)
    numbers = [*given, *usual[len(given) :]]
    with tempfile.TemporaryDirectory() as name, running_provider() as provider, running_redis(Path(name)) as redis:
        os.environ |= {"PLATFORM_OPENAI_BASE_URL": provider, "PLATFORM_OPENAI_API_KEY": "bench"}
        settings = {"PLATFORM_REDIS_URL": redis, "PLATFORM_SOCKETS_PER_PERSON": "2000"}
        with (
            own_database(Path(name)),
            worker(Path(name) / "worker.txt", redis),
            console(Path(name) / "console.txt", **settings) as web,
        ):
            if kind == "idle":
                asyncio.run(measure_idle(web, int(numbers[0]), numbers[1]))
            else:
                asyncio.run(measure_busy(web, int(numbers[0]), numbers[1], numbers[2]))


if __name__ == "__main__":
    main()
