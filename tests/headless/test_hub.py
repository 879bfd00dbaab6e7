"""Hub: who has closed a page is told nothing more, and is forgotten."""

import asyncio

import pytest

from platform_app import hub as hubs
from platform_app.hub import Hub, Update


async def test_nothing_is_watched_for_a_tab_that_has_gone(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there, hub = {"tab"}, Hub()
    hub.is_connected = there.__contains__
    monkeypatch.setattr(hubs, "DISCONNECT_GRACE_SECONDS", 0.2)
    seen: list[Update] = []

    async def watch() -> None:
        async for update in hub.subscribe("t", "tab", every=0.02):
            seen.append(update)
            there.clear()

    await asyncio.wait_for(watch(), 10)
    assert len(seen) == 1 and not hub._queues


async def test_a_tab_that_comes_back_looks_again(database: str) -> None:
    there, hub = {"tab"}, Hub()
    hub.is_connected = there.__contains__
    updates = hub.subscribe("t", "tab", every=0.02)
    await anext(updates)
    there.clear()
    waiting = asyncio.ensure_future(anext(updates))
    await asyncio.sleep(0)
    hub.tell("t", Update("contact", "1"))
    there.add("tab")
    assert await asyncio.wait_for(waiting, 10) is not None
    await updates.aclose()


async def test_what_comes_while_a_page_is_busy_is_looked_at_once(database: str) -> None:
    hub, seen = Hub(), list[Update]()
    updates = hub.subscribe("t", "tab", every=5)
    first = asyncio.ensure_future(anext(updates))
    await asyncio.sleep(0)
    for number in range(300):
        hub.tell("t", Update("enrollment", str(number)))
    seen.append(await asyncio.wait_for(first, 10))
    hub.tell("t", Update("lead", "1"))
    while Update("lead", "1") not in seen:
        seen.append(await asyncio.wait_for(anext(updates), 10))
    assert {one.topic for one in seen} == {"*", "lead"} and len(seen) < 10
    await updates.aclose()


async def test_a_page_that_pauses_is_told_once_of_what_happened_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub()
    monkeypatch.setattr(hub, "_listen", asyncio.Event().wait)  # no listener that polls while there is no Redis
    updates = hub.subscribe("t", "tab", every=5, pause=0.01)
    first = asyncio.ensure_future(anext(updates))
    await asyncio.sleep(0)
    hub.tell("t", Update("conversation", "1"))
    found = [await asyncio.wait_for(first, 10)]
    for told in (("conversation", "2"), ("conversation", "2")), (("conversation", "3"), ("conversation", "4")):
        for topic, subject in told:
            hub.tell("t", Update(topic, subject))
        found.append(await asyncio.wait_for(anext(updates), 10))
    hub.tell("t", Update("conversation", "5"))
    hub.tell("t", Update("lead", "6"))
    found.append(await asyncio.wait_for(anext(updates), 10))
    assert found[1:] == [Update("conversation", "2"), Update("conversation", ""), Update("*", "")]
    await updates.aclose()


async def test_what_a_page_does_not_want_neither_wakes_it_nor_joins_with_what_it_wants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub = Hub()
    monkeypatch.setattr(hub, "_listen", asyncio.Event().wait)
    for pause in (0.0, 0.01):
        updates = hub.subscribe("t", "tab", every=5, pause=pause, wants=lambda update: update.topic == "lead")
        first = asyncio.ensure_future(anext(updates))
        await asyncio.sleep(0)
        for number in range(50):
            hub.tell("t", Update("conversation", str(number)))
        await asyncio.sleep(0)
        assert not first.done()
        hub.tell("t", Update("lead", "1"))
        assert await asyncio.wait_for(first, 10) == Update("lead", "1")
        for topic, subject in (("conversation", "1"), ("lead", "2"), ("presence", "3")):
            hub.tell("t", Update(topic, subject))
        assert await asyncio.wait_for(anext(updates), 10) == Update("lead", "2")
        await updates.aclose()
