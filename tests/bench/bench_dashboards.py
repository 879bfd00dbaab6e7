"""Dashboards measured: processor time of a web process, idle and for replies, with many dashboards open and with none.

`python -m tests.bench.bench_dashboards [DASHBOARDS] [REPLIES] [IDLE_SECONDS]`; needs no built console. A visitor of a
web chat asks, a provider answers 40 words at 100 a second; each dashboard is a raw websocket of the same member.
"""

import asyncio
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

from platform_app.models.person import Identity
from tests.bench.bench_web_chat import BenchVisitor
from tests.bench.provider_process import running_provider
from tests.conftest import make_tenant, running_redis
from tests.console_process import HYDRATE, Console, RawTab, console, own_database
from tests.headless.harness import sign_in
from tests.visiting import a_chat

PATH = "/manage/acme"
REST_SECONDS = 3.0  # after which a reply and all that follows from it has ended


def processor_seconds(web: Console) -> float:
    """Return the processor time that the web process has taken so far."""
    own = psutil.Process(web.process.pid)
    return sum(sum(one.cpu_times()[:2]) for one in [own, *own.children(recursive=True)])


def opened(web: Console, who: Identity, count: int) -> list[RawTab]:
    """Open dashboards; the sockets go on being read by `drain`."""
    cookie, tabs = sign_in(who), list[RawTab]()
    for _ in range(count):
        tab = web.tab(cookie=cookie)
        tab.send(HYDRATE, path=PATH, query={"tenant": "acme"}, asPath=PATH)
        tab.until('is_hydrated_rx_state_":true', 120)
        tabs.append(tab)
    return tabs


async def drain(tabs: list[RawTab], fed: set[str]) -> None:
    """Read and answer what the server sends to all tabs, until cancelled; `fed` are those that got updates."""

    def read(tab: RawTab) -> None:
        while not stopped:
            if '"feed_rx_state_"' in tab.rest(1):
                fed.add(tab.token)

    stopped: list[bool] = []
    with ThreadPoolExecutor(len(tabs)) as pool:
        for tab in tabs:
            pool.submit(read, tab)
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)


async def idle(web: Console, seconds: float) -> float:
    """Return the share of a processor that the process takes while nothing happens."""
    before, began = processor_seconds(web), time.monotonic()
    await asyncio.sleep(seconds)
    return (processor_seconds(web) - before) / (time.monotonic() - began)


async def replies(web: Console, visitor: BenchVisitor, count: int) -> float:
    """Return the processor seconds of a reply with all that follows from it."""
    before = processor_seconds(web)
    for _ in range(count):
        await visitor.ask()
        await asyncio.sleep(REST_SECONDS)
    return (processor_seconds(web) - before) / count


async def measure(web: Console, who: Identity, token: str, *, dashboards: int, count: int, seconds: float) -> None:
    """Print what replies and idle seconds take, without dashboards and with them."""
    async with httpx.AsyncClient(base_url=web.address, timeout=120) as client:
        visitor = BenchVisitor(client, f"/web-chat/{token}", 1)
        await visitor.begin()
        connected = asyncio.Event()
        listening = asyncio.create_task(visitor.listen(connected))
        await connected.wait()
        await replies(web, visitor, 3)
        alone = await idle(web, seconds), await replies(web, visitor, count)
        tabs = await asyncio.to_thread(opened, web, who, dashboards)
        fed = set[str]()
        draining = asyncio.create_task(drain(tabs, fed))
        await asyncio.sleep(5)
        idle_beside = await idle(web, seconds)
        fed.clear()
        beside = idle_beside, await replies(web, visitor, count)
        assert len(fed) == dashboards, f"{len(fed)} of {dashboards} dashboards showed what happened"
        for task in (listening, draining):
            task.cancel()
        await asyncio.gather(listening, draining, return_exceptions=True)
    print(f"idle: {100 * alone[0]:.1f} % of a processor, with {dashboards} dashboards {100 * beside[0]:.1f} %")
    print(
        f"a reply: {1000 * alone[1]:.0f} ms of processor time within {REST_SECONDS:.0f} s, "
        f"with {dashboards} dashboards {1000 * beside[1]:.0f} ms, {beside[1] / alone[1]:.1f} times as much"
    )


def main() -> None:
    """Run a provider, a Redis and a web process, and measure."""
    given = [int(text) for text in sys.argv[1:]]
    dashboards, count, seconds = [*given, *(50, 10, 20)[len(given) :]]
    with tempfile.TemporaryDirectory() as name, running_provider() as provider, running_redis(Path(name)) as redis:
        os.environ |= {"PLATFORM_OPENAI_BASE_URL": provider, "PLATFORM_PROXY_HOPS": "1"}
        settings = {"PLATFORM_REDIS_URL": redis, "PLATFORM_SOCKETS_PER_PERSON": "2000"}
        with own_database(Path(name)), console(Path(name) / "console.txt", **settings) as web:
            who = make_tenant("acme")
            chat = a_chat(who, daily_messages="100000")
            asyncio.run(measure(web, who, chat.token, dashboards=dashboards, count=count, seconds=seconds))


if __name__ == "__main__":
    main()
