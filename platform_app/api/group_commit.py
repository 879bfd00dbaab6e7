"""Group commit: items that arrive while a group is processed are processed together as the next group."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from platform_app.errors import Unavailable

Thing = TypeVar("Thing")
Result = TypeVar("Result")
Waiting = tuple[Thing, asyncio.Future[Result]]


class GroupCommit(Generic[Thing, Result]):
    """Does the things of one key in groups, one after another in a thread; what comes alone is done at once.

    `work` takes a key with a group of its things, in the order in which they came, and returns for each of them a
    result or why there is none. What it raises stands for all of them. A group weighs at most `heaviest`, unless it is
    one thing; what waits weighs ten times as much at most.
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
        """Return what comes of a thing. It is done even when nobody waits for it any more.

        Raises Unavailable when too much waits already.
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
            del future, waiting  # an error that is raised holds this frame, and would be held by it

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
        """Return how many of the first make a group."""
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
