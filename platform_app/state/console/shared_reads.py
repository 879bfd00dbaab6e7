"""Shared reads: what several tabs of a tenant show alike, read once for all of them after a change."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
INTERVAL_SECONDS = 0.25  # between two reads of the same
_MAX_KEPT = 500  # reads of one process


@dataclass(frozen=True)
class _Read(Generic[T]):
    """A read with the time, of the monotonic clock, at which it began."""

    began_at: float
    task: "asyncio.Task[T]"


class SharedReads(Generic[T]):
    """Reads by key, at most one in `interval` seconds of each key."""

    def __init__(self, interval: float = INTERVAL_SECONDS) -> None:
        self.interval = interval
        self._reads: OrderedDict[Hashable, _Read[T]] = OrderedDict()

    async def get(self, key: Hashable, since: float, read: Callable[[], Awaitable[T]]) -> T:
        """Return what a read of `key` returned that began at `since` or later; begin one if there is none.

        `since` is the time of the monotonic clock at which the caller was told of a change. Raises what `read` raises.
        """
        while (found := self._reads.get(key)) is not None and found.began_at < since:
            left = found.began_at + self.interval - time.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(left)
        if found is None or found.began_at < since or _has_failed(found.task):
            found = self._begin(key, read)
        return await asyncio.shield(found.task)

    def _begin(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> _Read[T]:
        found = _Read(time.monotonic(), asyncio.ensure_future(_run(read)))
        self._reads[key] = found
        self._reads.move_to_end(key)
        while len(self._reads) > _MAX_KEPT:
            self._reads.popitem(last=False)
        return found


async def _run(read: Callable[[], Awaitable[T]]) -> T:
    return await read()


def _has_failed(task: "asyncio.Task[Any]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
