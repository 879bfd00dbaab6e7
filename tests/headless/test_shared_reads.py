"""Shared reads: tabs that show the same read it once after a change, and none is shown what was before it."""

import asyncio
import time

import pytest

from platform_app.models.person import Identity, Role
from platform_app.services.chat import conversations, hand_off, triage
from platform_app.services.inbox import inbox_list, inbox_refresh
from platform_app.services.inbox.inbox_list import InboxFilter, View
from platform_app.state.console.shared_reads import SharedReads
from tests.conftest import make_member
from tests.talking import call, published, real_talk


class Counted:
    """A read that returns how often it was done before."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> int:
        self.count += 1
        await asyncio.sleep(0)
        return self.count


async def test_tabs_that_are_told_together_read_once() -> None:
    reads, read, told_at = SharedReads[int](interval=0.01), Counted(), time.monotonic()
    assert await asyncio.gather(*(reads.get("list", told_at, read) for _ in range(50))) == [1] * 50
    assert await reads.get("another", told_at, read) == 2
    told_again = time.monotonic()
    assert await asyncio.gather(*(reads.get("list", told_again, read) for _ in range(50))) == [3] * 50
    assert await reads.get("list", told_at, read) == 3  # newer than it has to be


async def test_what_fails_is_read_again() -> None:
    reads, told_at = SharedReads[int](), time.monotonic()

    async def fail() -> int:
        raise ValueError

    with pytest.raises(ValueError):
        await reads.get("list", told_at, fail)
    assert await reads.get("list", told_at, Counted()) == 1


def test_the_two_parts_are_what_each_member_sees(who: Identity) -> None:
    colleague, agent = make_member(who, Role.OPERATOR), published(who)
    first, second, third = (real_talk(who, agent) for _ in range(3))
    for talk in (first, second):
        call(who, conversations.receive, talk, "Hello")
    call(who, triage.mark_read, first)
    call(colleague, triage.assign, second, colleague.user_id)
    call(colleague, hand_off.take_over, third)
    for view in View:
        for search in ("", "hello"):
            wanted = InboxFilter(view, search=search)
            shared = call(who, inbox_refresh.read_shared, wanted, None)
            for member in (who, colleague):
                page, counts = call(member, inbox_refresh.complete, wanted, None, shared=shared)
                whole = call(member, inbox_list.list_conversations, wanted)
                assert [(line.row.id, line.is_unread) for line in page.lines] == [
                    (line.row.id, line.is_unread) for line in whole.lines
                ]
                assert counts == call(member, inbox_list.count_views, wanted)
