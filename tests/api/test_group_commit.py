"""GroupCommit: what comes while a group is done makes the next group, in its order; each gets its own result."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Sequence
from threading import Event

import pytest

from platform_app.api.group_commit import GroupCommit
from platform_app.errors import NotFound, Unavailable


class Refused(Exception):
    """Why one thing was not done."""


class Work:
    """Doubles numbers, one group at a time, once it is let go on; remembers the groups."""

    def __init__(self) -> None:
        self.groups: list[tuple[str, list[int]]] = []
        self.go_on = Event()

    def __call__(self, key: str, things: Sequence[int]) -> list[int | Exception]:
        self.groups.append((key, list(things)))
        assert self.go_on.wait(30)
        if 13 in things:
            raise NotFound("Page not found.")
        return [Refused(thing) if thing < 0 else 2 * thing for thing in things]


async def until(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0)


def in_groups(work: Work, count: int) -> GroupCommit[int, int]:
    return GroupCommit(work, weight=lambda thing: max(1, thing // 100), max_weight=count)


async def gathered(together: GroupCommit[int, int], work: Work, *things: tuple[str, int]) -> list[int | BaseException]:
    tasks = [asyncio.create_task(together.submit(key, thing)) for key, thing in things]
    keys = {key for key, _ in things}
    await until(lambda: len({key for key, _ in work.groups}) == len(keys))
    work.go_on.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_first_is_done_at_once_and_the_others_together() -> None:
    work = Work()
    together = in_groups(work, 3)
    first = asyncio.create_task(together.submit("a", 0))
    await until(lambda: work.groups)
    assert work.groups == [("a", [0])]
    assert await gathered(together, work, *(("a", number) for number in range(1, 6))) == [2, 4, 6, 8, 10]
    assert await first == 0 and [things for _, things in work.groups] == [[0], [1, 2, 3], [4, 5]]


async def test_a_group_weighs_so_much_and_what_waits_ten_times_as_much() -> None:
    work = Work()
    together = in_groups(work, 3)
    tasks = [asyncio.create_task(together.submit("a", thing)) for thing in (900, 1, 200, 2, 100, 900)]
    await until(lambda: work.groups)
    held = [asyncio.create_task(together.submit("b", 900)) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await together.submit("b", 1)
    work.go_on.set()
    await asyncio.gather(*tasks, *held)
    assert [things for key, things in work.groups if key == "a"] == [[900], [1, 200], [2, 100], [900]]
    assert await together.submit("b", 1) == 2


async def test_what_failed_is_not_held_in_memory() -> None:
    work = Work()
    work.go_on.set()
    together = in_groups(work, 3)
    gc.collect()
    gc.disable()
    try:
        for thing in (-1, 13):
            try:
                await together.submit("a", thing)
            except (Refused, NotFound) as error:
                kept = weakref.ref(error)
            await asyncio.sleep(0)
            assert kept() is None
    finally:
        gc.enable()


async def test_each_key_has_groups_of_its_own() -> None:
    work = Work()
    assert await gathered(in_groups(work, 3), work, ("a", 1), ("b", 2)) == [2, 4]
    assert sorted(work.groups) == [("a", [1]), ("b", [2])]


async def test_one_fails_by_itself_and_what_is_raised_stands_for_its_group() -> None:
    work = Work()
    work.go_on.set()
    together = in_groups(work, 10)
    good, bad = await gathered(together, work, ("a", 1), ("a", -1))
    assert good == 2 and isinstance(bad, Refused)
    with pytest.raises(NotFound):
        await together.submit("a", 13)
    assert await together.submit("a", 4) == 8


async def test_who_does_not_wait_any_more_holds_nobody_up() -> None:
    work = Work()
    together = in_groups(work, 10)
    gone = asyncio.create_task(together.submit("a", 1))
    await until(lambda: work.groups)
    gone.cancel()
    other = asyncio.create_task(together.submit("a", 2))
    await asyncio.sleep(0)
    work.go_on.set()
    assert await other == 4 and gone.cancelled()
    assert [things for _, things in work.groups] == [[1], [2]]


def test_a_loop_that_ended_in_the_middle_leaves_nothing_behind() -> None:
    work = Work()
    together = in_groups(work, 10)

    async def leave() -> None:
        task = asyncio.create_task(together.submit("a", 1))
        await until(lambda: work.groups)
        work.go_on.set()
        task.cancel()

    asyncio.run(leave())
    assert asyncio.run(together.submit("a", 2)) == 4
