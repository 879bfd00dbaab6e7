"""Group commit: items that arrive while a group is processed are processed together as the next group."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from platform_app.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")
WaitingItem = tuple[Item, asyncio.Future[Result]]


class GroupCommit(Generic[Item, Result]):
    """Processes the items of a key in groups, one group after another, in a thread.

    `work` receives a key and a group of its items in order, and returns for each a result or an exception. What it
    raises applies to all of them. The weights of a group sum to at most `max_weight`, unless it is one item; those of
    the waiting items to at most ten times as much.
    """

    def __init__(
        self,
        work: Callable[[str, Sequence[Item]], Sequence[Result | Exception]],
        *,
        weight: Callable[[Item], int],
        max_weight: int,
    ) -> None:
        self._work, self._weight, self._max_weight = work, weight, max_weight
        self._waiting: dict[str, list[WaitingItem[Item, Result]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def submit(self, key: str, item: Item) -> Result:
        """Add an item to the next group of a key, wait, and return its result.

        The item is processed even if the caller is cancelled. Raises Unavailable if too many items are waiting, and the
        exception that `work` returned or raised for the item.
        """
        waiting = self._waiting.setdefault(key, [])
        if sum(self._weight(other) for other, _ in waiting) > 10 * self._max_weight:
            raise Unavailable("Too many requests. Send it again later.")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting.append((item, future))
        if key not in self._tasks or self._tasks[key].done():
            self._tasks[key] = asyncio.create_task(self._process_all(key))
        try:
            return await future
        finally:
            del future, waiting  # avoids a reference cycle between an exception and this frame

    async def _process_all(self, key: str) -> None:
        try:
            while waiting := self._waiting.pop(key, []):
                count = self._group_size(waiting)
                if later := waiting[count:]:
                    self._waiting[key] = later
                await self._process(key, waiting[:count])
        finally:
            del self._tasks[key]

    def _group_size(self, waiting: list[WaitingItem[Item, Result]]) -> int:
        """Return how many of the first items make a group."""
        sum_, count = 0, 0
        for item, _ in waiting:
            sum_ += self._weight(item)
            if count and sum_ > self._max_weight:
                break
            count += 1
        return count

    async def _process(self, key: str, group: list[WaitingItem[Item, Result]]) -> None:
        results: Sequence[Result | Exception] = []
        try:
            results = await asyncio.to_thread(self._work, key, [item for item, _ in group])
        except Exception as error:
            results = [error] * len(group)
        for (_, future), result in zip(group, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        del results, result, future, group
