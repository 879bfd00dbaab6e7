"""Group commit: items that arrive while a group is processed are processed together as the next group."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from platform_app.errors import Unavailable

Thing = TypeVar("Thing")
Result = TypeVar("Result")
Waiting = tuple[Thing, asyncio.Future[Result]]


class GroupCommit(Generic[Thing, Result]):
    """Processes the items of a key in groups, one group after another, in a thread.

    `work` receives a key and a group of its items in order, and returns for each a result or an exception. What it
    raises applies to all of them. A group weighs at most `heaviest` unless it is one item; waiting items weigh at most
    ten times as much.
    """

    def __init__(
        self,
        work: Callable[[str, Sequence[Thing]], Sequence[Result | Exception]],
        *,
        weight: Callable[[Thing], int],
        heaviest: int,
    ) -> None:
        self._work, self._weight, self._heaviest = work, weight, heaviest
        self._waiting: dict[str, list[Waiting[Thing, Result]]] = {}
        self._at_work: dict[str, asyncio.Task[None]] = {}

    async def do(self, key: str, thing: Thing) -> Result:
        """Return the result of an item, which is processed even if the caller is cancelled.

        Raises Unavailable if too much is waiting, and the exception of the item.
        """
        waiting = self._waiting.setdefault(key, [])
        if sum(self._weight(other) for other, _ in waiting) > 10 * self._heaviest:
            raise Unavailable("Too much comes at once. Send it again later.")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting.append((thing, future))
        if key not in self._at_work or self._at_work[key].done():
            self._at_work[key] = asyncio.create_task(self._do_all(key))
        try:
            return await future
        finally:
            del future, waiting  # avoids a reference cycle between an exception and this frame

    async def _do_all(self, key: str) -> None:
        try:
            while waiting := self._waiting.pop(key, []):
                count = self._fitting(waiting)
                if later := waiting[count:]:
                    self._waiting[key] = later
                await self._do(key, waiting[:count])
        finally:
            del self._at_work[key]

    def _fitting(self, waiting: list[Waiting[Thing, Result]]) -> int:
        """Return how many of the first items make a group."""
        sum_, count = 0, 0
        for thing, _ in waiting:
            sum_ += self._weight(thing)
            if count and sum_ > self._heaviest:
                break
            count += 1
        return count

    async def _do(self, key: str, group: list[Waiting[Thing, Result]]) -> None:
        results: Sequence[Result | Exception] = []
        try:
            results = await asyncio.to_thread(self._work, key, [thing for thing, _ in group])
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
