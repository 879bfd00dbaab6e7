"""Replies measured: what the platform adds to the time of the bare client on the same provider, without retrieval."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import structlog
import uvloop
from openai import AsyncOpenAI

from platform_app import db
from platform_app.models.person import Identity
from platform_app.runtime import gc_tuning
from platform_app.services.chat import conversations, replies
from tests.bench.provider_process import running_provider
from tests.conftest import forget_process_state, make_tenant
from tests.talking import begin, say

ROUNDS = {1: 40, 20: 6, 60: 4}  # parallel chats: how often
SPREADS = {"immediately": 0.0, "within 2 s": 2.0}  # when the chats of a round begin
Times = tuple[float, float]  # seconds to the first piece of text, and to the end


async def bare(client: AsyncOpenAI) -> Times:
    """Ask as the shortest program would."""
    started, first = time.perf_counter(), 0.0
    messages = [{"role": "user", "content": "How much is a tune-up?"}]
    async with await client.chat.completions.create(model="m", messages=messages, stream=True) as chunks:  # type: ignore[call-overload]
        async for chunk in chunks:
            if not first and chunk.choices and chunk.choices[0].delta.content:
                first = time.perf_counter() - started
    return first, time.perf_counter() - started


async def whole(who: Identity, conversation_id: str) -> Times:
    """Ask as the test chat does: store the message, write the reply, store it with its trace."""
    started, first = time.perf_counter(), 0.0
    reply = await asyncio.to_thread(say, who, conversation_id)
    async with aclosing(replies.stream(who.tenant_id, reply.id)) as pieces:  # type: ignore[type-var]
        async for _ in pieces:
            first = first or time.perf_counter() - started
    return first, time.perf_counter() - started


async def rounds(parallel: int, spread: float, ask: Callable[[int], Awaitable[Times]]) -> list[Times]:
    """Return the times of all chats of all rounds; one round before them warms up."""

    async def in_turn(place: int) -> Times:
        await asyncio.sleep(spread * place / parallel)
        return await ask(place)

    found: list[Times] = []
    for number in range(ROUNDS[parallel] + 1):
        together = await asyncio.gather(*(in_turn(place) for place in range(parallel)))
        found += together if number else []
    return found


def quantile(values: list[float], share: float) -> float:
    """Return a quantile in milliseconds."""
    return 1000 * (statistics.quantiles(values, n=100)[round(share * 100) - 1])


def report(words: str, without: list[Times], within: list[Times]) -> None:
    """Print the times to the first piece and to the end."""
    for place, name in enumerate(("first", "total")):
        b, w = [times[place] for times in without], [times[place] for times in within]
        b50, b95, w50, w95 = quantile(b, 0.5), quantile(b, 0.95), quantile(w, 0.5), quantile(w, 0.95)
        line = f"{b50:9.0f} {b95:7.0f} {w50:10.0f} {w95:7.0f} {w50 - b50:10.0f} {w95 - b95:7.0f}"
        print(f"{words:17} {name:6} {line}", flush=True)


async def measure(who: Identity, address: str) -> None:
    """Print two lines for each number of parallel chats and each way they begin."""
    opened = [await asyncio.to_thread(begin, who, model="m") for _ in range(max(ROUNDS))]
    gc_tuning.settle()  # as the console does when it is up
    print(f"{'chats begin':24} {'bare p50':>9} {'p95':>7} {'whole p50':>10} {'p95':>7} {'added p50':>10} {'p95':>7}")
    async with AsyncOpenAI(base_url=address, api_key="none") as client:
        for parallel in ROUNDS:
            for words, spread in SPREADS.items():
                if parallel == 1 and spread:
                    continue
                without = await rounds(parallel, spread, lambda _: bare(client))
                within = await rounds(parallel, spread, lambda place: whole(who, opened[place]))
                report(f"{parallel} {words}", without, within)
    with db.session_scope(who.tenant_id, read_only=True) as session:
        unfinished = [m for c in opened for m in conversations.list_messages(session, who, c) if m.state != "complete"]
    print(f"replies that did not end complete: {len(unfinished)}")


def main() -> None:
    """Run a provider in a process of its own and measure against it; milliseconds."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder, running_provider() as address:
        os.environ |= {
            "PLATFORM_DATA_DIR": str(Path(folder)),
            "PLATFORM_OPENAI_BASE_URL": address,
            "PLATFORM_REDIS_URL": "redis://127.0.0.1:1/0",
        }
        forget_process_state()
        db.SQLModel.metadata.create_all(db.engine())
        try:
            uvloop.run(measure(make_tenant("bench"), address))  # the loop of the console's server
        finally:
            db.engine().dispose()


if __name__ == "__main__":
    main()
