"""Together: what comes one by one is done in groups (group commit): while one group is done, the next one gathers."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class Together(Generic[Thing, Result]):
    """Does the things of one key in groups, one after another in a thread; what comes alone is done at once.

    `work` takes a key with at most `most` of its things, in the order in which they came, and returns for each of them
    a result or why there is none. What it raises stands for all of them.
    """

    def __init__(self, work: Callable[[str, Sequence[Thing]], Sequence[Result | Exception]], most: int) -> None:
        self._work, self._most = work, most
        self._waiting: dict[str, list[tuple[Thing, asyncio.Future[Result]]]] = {}
        self._at_work: dict[str, asyncio.Task[None]] = {}

    async def do(self, key: str, thing: Thing) -> Result:
        """Return what comes of a thing. It is done even when nobody waits for it any more."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append((thing, future))
        if key not in self._at_work or self._at_work[key].done():
            self._at_work[key] = asyncio.create_task(self._do_all(key))
        return await future

    async def _do_all(self, key: str) -> None:
        try:
            while waiting := self._waiting.pop(key, []):
                group, later = waiting[: self._most], waiting[self._most :]
                if later:
                    self._waiting[key] = later
                await self._do(key, group)
        finally:
            del self._at_work[key]

    async def _do(self, key: str, group: list[tuple[Thing, asyncio.Future[Result]]]) -> None:
        results: Sequence[Result | Exception]
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
