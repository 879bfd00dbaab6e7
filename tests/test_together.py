"""Together: what comes while a group is done makes the next group, in its order; each gets its own result."""

import asyncio
from collections.abc import Sequence
from threading import Event

import pytest

from platform_app.api.together import Together
from platform_app.errors import NotFound


class Work:
    """Doubles numbers, one group at a time, once it is let go on; remembers the groups."""

    def __init__(self) -> None:
        self.groups: list[tuple[str, list[int]]] = []
        self.go_on = Event()

    def __call__(self, key: str, things: Sequence[int]) -> list[int | Exception]:
        self.groups.append((key, list(things)))
        assert self.go_on.wait(30)
        if 13 in things:
            raise NotFound("There is nothing here.")
        return [ValueError(str(thing)) if thing < 0 else 2 * thing for thing in things]


async def gathered(together: Together[int, int], work: Work, *things: tuple[str, int]) -> list[int | BaseException]:
    tasks = [asyncio.create_task(together.do(key, thing)) for key, thing in things]
    keys = {key for key, _ in things}
    while len(work.groups) < len(keys):
        await asyncio.sleep(0)
    work.go_on.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_first_is_done_at_once_and_the_others_together() -> None:
    work = Work()
    results = await gathered(Together(work, most=3), work, *(("a", number) for number in range(6)))
    assert results == [0, 2, 4, 6, 8, 10]
    groups = [things for _, things in work.groups]
    assert groups[0][0] == 0 and sum(groups, []) == list(range(6))
    assert max(map(len, groups)) == 3


async def test_each_key_has_groups_of_its_own() -> None:
    work = Work()
    assert await gathered(Together(work, most=3), work, ("a", 1), ("b", 2)) == [2, 4]
    assert sorted(work.groups) == [("a", [1]), ("b", [2])]


async def test_one_fails_by_itself_and_what_is_raised_stands_for_its_group() -> None:
    work = Work()
    work.go_on.set()
    together: Together[int, int] = Together(work, most=10)
    good, bad = await gathered(together, work, ("a", 1), ("a", -1))
    assert good == 2 and isinstance(bad, ValueError)
    with pytest.raises(NotFound):
        await together.do("a", 13)
    assert await together.do("a", 4) == 8


async def test_who_does_not_wait_any_more_holds_nobody_up() -> None:
    work = Work()
    together: Together[int, int] = Together(work, most=10)
    gone = asyncio.create_task(together.do("a", 1))
    while not work.groups:
        await asyncio.sleep(0)
    gone.cancel()
    other = asyncio.create_task(together.do("a", 2))
    await asyncio.sleep(0)
    work.go_on.set()
    assert await other == 4 and gone.cancelled()
    assert [things for _, things in work.groups] == [[1], [2]]


def test_a_loop_that_ended_in_the_middle_leaves_nothing_behind() -> None:
    work = Work()
    together: Together[int, int] = Together(work, most=10)

    async def leave() -> None:
        task = asyncio.create_task(together.do("a", 1))
        while not work.groups:
            await asyncio.sleep(0)
        work.go_on.set()
        task.cancel()

    asyncio.run(leave())
    assert asyncio.run(together.do("a", 2)) == 4
