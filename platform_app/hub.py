"""Hub: one Redis listener per web process that tells open pages and visitors of web chats what changed."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import redis
import structlog

from platform_app import notifier
from platform_app.tracing import spans

log = structlog.get_logger()
DISCONNECT_GRACE_SECONDS = 60.0  # a subscription ends when its tab has been without a connection for so long
_COALESCE_AT = 8  # queued updates from which on a page gets a single "*" instead
EVERY_SECONDS = 60.0  # after so long a page reads everything again: relative times, and updates that were lost
_QUEUE_SIZE = 500  # updates of one page that nobody has taken
_POLL_SECONDS = 2.0  # pause between polls while Redis is unavailable


@dataclass(frozen=True)
class Update:
    """A change of a row; the topic is its kind, such as "agent", or "*" when the page shall read everything again.

    `at` is when this process was told, in seconds of the monotonic clock: what is read later holds the change.
    """

    topic: str
    subject_id: str
    at: float = field(default_factory=time.monotonic, compare=False)


Wants = Callable[[Update], bool]


def wants_all(update: Update) -> bool:
    """Return True: a subscriber that is told of everything."""
    return True


def _merged(update: Update, queue: asyncio.Queue[Update]) -> Update:
    """Empty the queue; return the one update that stands for all."""
    found = [update]
    while not queue.empty():
        found.append(queue.get_nowait())
    at = max(one.at for one in found)
    if len({(one.topic, one.subject_id) for one in found}) == 1:
        return replace(update, at=at)
    return Update(update.topic if len({one.topic for one in found}) == 1 else "*", "", at)


def _coalesced(queue: asyncio.Queue[Update]) -> Update:
    """Empty the queue; return the update after which everything is read again."""
    while not queue.empty():
        queue.get_nowait()
    return Update("*", "")


class Hub:
    """Reads the streams of all subscribed tenants over one connection and passes the updates to the subscribers."""

    def __init__(self) -> None:
        self._queues: dict[str, dict[asyncio.Queue[Update], Wants]] = defaultdict(dict)
        self._watchers: dict[str, dict[str, set[asyncio.Event]]] = {}  # by tenant and id of a row
        self._task: asyncio.Task[None] | None = None
        self.is_connected: Callable[[str], bool] = lambda tab: True  # set by the app: whether a tab has a socket

    async def subscribe(
        self, tenant_id: str, tab: str, every: float = EVERY_SECONDS, pause: float = 0.0, *, wants: Wants = wants_all
    ) -> AsyncGenerator[Update, None]:
        """Yield those of a tenant's updates that are wanted as they happen, and "*" after `every` seconds without any.

        With `pause` at least so many seconds lie between two updates, and those that happen meanwhile become one.
        `tab` is a client token. While it has no connection nothing is yielded; DISCONNECT_GRACE_SECONDS later the
        generator ends.
        """
        spans.end_current()
        queue: asyncio.Queue[Update] = asyncio.Queue(maxsize=_QUEUE_SIZE)
        self._queues[tenant_id][queue] = wants
        self._start_listening()
        left = 0.0  # when the tab was first found disconnected
        try:
            while not left or time.monotonic() - left < DISCONNECT_GRACE_SECONDS:
                try:
                    update = await asyncio.wait_for(queue.get(), every)
                except TimeoutError:
                    update = Update("*", "")
                if pause:
                    update = _merged(update, queue)
                elif queue.qsize() >= _COALESCE_AT:
                    update = _coalesced(queue)
                if not self.is_connected(tab):
                    left = left or time.monotonic()
                    continue
                yield Update("*", "") if left else update
                left = 0.0
                if pause:
                    await asyncio.sleep(pause)
        finally:
            self._queues[tenant_id].pop(queue, None)
            if not self._queues[tenant_id]:
                del self._queues[tenant_id]

    @contextmanager
    def watch(self, tenant_id: str, subject_id: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever a row of the tenant may have changed; the caller clears it.

        Changes of other rows do not set it. While Redis is unavailable it is set every _POLL_SECONDS.
        """
        changed = asyncio.Event()
        rows = self._watchers.setdefault(tenant_id, {})
        rows.setdefault(subject_id, set()).add(changed)
        self._start_listening()
        try:
            yield changed
        finally:
            rows[subject_id].discard(changed)
            if not rows[subject_id]:
                del rows[subject_id]
            if not rows and self._watchers.get(tenant_id) is rows:
                del self._watchers[tenant_id]

    def _start_listening(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())

    def _tenants(self) -> set[str]:
        return self._queues.keys() | self._watchers.keys()

    async def _listen(self) -> None:
        """Read the streams while there are subscribers; while Redis is unavailable, make them poll."""
        last: dict[str, str] = {}
        while self._tenants():
            client = notifier.subscriber_connection()
            try:
                while self._tenants():
                    await self._read(client, last)
            except (redis.RedisError, OSError) as error:
                log.warning("updates are polled", error=type(error).__name__)
                self.tell_all(Update("*", ""))
                await asyncio.sleep(_POLL_SECONDS)
            finally:
                await client.aclose()

    async def _read(self, client: "redis.asyncio.Redis", last: dict[str, str]) -> None:
        for tenant_id in self._tenants():
            name = notifier.stream_name(tenant_id)
            if name not in last:
                newest = await client.xrevrange(name, count=1)
                last[name] = newest[0][0] if newest else "0-0"
                self.tell(tenant_id, Update("*", ""))  # changes between the page's own read and now
        known = map(notifier.stream_name, self._tenants())
        streams: dict[Any, Any] = {name: last[name] for name in known if name in last}
        if not streams:
            return
        for name, entries in await client.xread(streams, count=200, block=500) or []:
            last[name] = entries[-1][0]
            for _, fields in entries:
                self.tell(name.rsplit(":", 1)[1], Update(fields["topic"], fields["id"]))

    def tell_all(self, update: Update) -> None:
        """Pass an update to the subscribers of all tenants in this process."""
        for tenant_id in self._tenants():
            self.tell(tenant_id, update)

    def tell(self, tenant_id: str, update: Update) -> None:
        """Pass an update to a tenant's subscribers in this process, of which other processes hear nothing."""
        rows = self._watchers.get(tenant_id, {})
        for watched in [rows.get(update.subject_id, set())] if update.subject_id else rows.values():
            for changed in watched:
                changed.set()
        for queue, wants in self._queues.get(tenant_id, {}).items():
            if wants(update):
                queue.put_nowait(_coalesced(queue) if queue.full() else update)


hub = Hub()
