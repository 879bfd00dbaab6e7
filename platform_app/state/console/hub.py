"""Hub: one listener per web process that tells open pages what changed in their tenant."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import redis
import structlog

from platform_app import notifier

log = structlog.get_logger()
LEAVE_AFTER = 60.0  # seconds without a connection after which nobody watches for a tab any more
_MANY = 8  # updates that came while a page was busy with one: it looks at all anew, once
_QUIET = 2.0  # seconds after which a page looks by itself while Redis is silent


@dataclass(frozen=True)
class Update:
    """Something changed: topic is activity, conversation, source, agent, job, or "*" for "look again"."""

    topic: str
    subject_id: str


def _drained(queue: asyncio.Queue[Update]) -> Update:
    while not queue.empty():
        queue.get_nowait()
    return Update("*", "")


class Hub:
    """Reads the streams of all watched tenants over one connection and hands each page its updates."""

    def __init__(self) -> None:
        self._pages: dict[str, set[asyncio.Queue[Update]]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self.is_connected: Callable[[str], bool] = lambda tab: True  # the app says which tabs are there

    async def updates(self, tenant_id: str, tab: str, every: float = 15.0) -> AsyncGenerator[Update, None]:
        """Yield a tenant's updates as they happen, and "*" at least every `every` seconds.

        Nothing is yielded while the tab, a client token, has no connection; a minute later the watching ends.
        """
        queue: asyncio.Queue[Update] = asyncio.Queue(maxsize=500)
        self._pages[tenant_id].add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())
        left = 0.0  # when the tab was first seen to be gone
        try:
            while not left or time.monotonic() - left < LEAVE_AFTER:
                try:
                    update = await asyncio.wait_for(queue.get(), every)
                except TimeoutError:
                    update = Update("*", "")
                if queue.qsize() >= _MANY:
                    update = _drained(queue)
                if not self.is_connected(tab):
                    left = left or time.monotonic()
                    continue
                yield Update("*", "") if left else update
                left = 0.0
        finally:
            self._pages[tenant_id].discard(queue)
            if not self._pages[tenant_id]:
                del self._pages[tenant_id]

    async def _listen(self) -> None:
        """Read while anybody watches; while Redis is silent, tell everybody to look for themselves."""
        last: dict[str, str] = {}
        while self._pages:
            client = notifier.subscriber_connection()
            try:
                while self._pages:
                    await self._read(client, last)
            except (redis.RedisError, OSError) as error:
                log.warning("updates are polled", error=type(error).__name__)
                self._tell_all()
                await asyncio.sleep(_QUIET)
            finally:
                await client.aclose()

    async def _read(self, client: "redis.asyncio.Redis", last: dict[str, str]) -> None:
        for tenant_id in list(self._pages):
            name = notifier.stream_name(tenant_id)
            if name not in last:
                newest = await client.xrevrange(name, count=1)
                last[name] = newest[0][0] if newest else "0-0"
                self._tell(tenant_id, Update("*", ""))  # what came between the page's look and now
        streams: dict[Any, Any] = {notifier.stream_name(t): last[notifier.stream_name(t)] for t in self._pages}
        if not streams:
            return
        for name, entries in await client.xread(streams, count=200, block=500) or []:
            last[name] = entries[-1][0]
            for _, fields in entries:
                self._tell(name.rsplit(":", 1)[1], Update(fields["topic"], fields["id"]))

    def _tell_all(self) -> None:
        for tenant_id in list(self._pages):
            self._tell(tenant_id, Update("*", ""))

    def _tell(self, tenant_id: str, update: Update) -> None:
        for queue in self._pages.get(tenant_id, ()):
            if not queue.full():
                queue.put_nowait(update)


hub = Hub()
