"""Presence in the inbox: two members in one conversation see each other come, write and leave, through a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from platform_app.hub import hub
from platform_app.models.person import Identity, Role
from platform_app.services.inbox import presence
from platform_app.services.inbox.presence import Activity
from platform_app.state.inbox import presence as page
from platform_app.state.inbox.conversation import InboxState
from platform_app.state.inbox.presence import PresenceState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_rule_pages import seen
from tests.talking import real_talk

LIVE_SECONDS, GONE_SECONDS = 6, 15  # on a busy machine; the bounds are 2 and 10


@pytest.fixture(autouse=True)
async def listening(live_redis: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The process's own hub, for which the tabs of the harness are connected; its listener ends with the test."""
    monkeypatch.setattr(hub, "is_connected", lambda tab: True)
    yield
    if hub._task is not None:
        hub._task.cancel()
        await asyncio.gather(hub._task, return_exceptions=True)


async def opened(tab: Tab, talk: str) -> None:
    await tab.goto(f"/manage/acme/inbox?c={talk}", settle=False)
    await tab.until(lambda: seen(tab, InboxState, "current") == talk)


def words(tab: Tab) -> Any:
    return seen(tab, PresenceState, "words") or []


async def test_two_members_see_each_other(who: Identity) -> None:
    colleague, talk, another = make_member(who, Role.OPERATOR), real_talk(who), real_talk(who)
    async with Tab(sign_in(who)) as anna, Tab(sign_in(colleague)) as boris:
        await opened(anna, talk)
        await opened(boris, talk)
        await anna.until(lambda: words(anna) == [f"{colleague.name} is viewing this"], LIVE_SECONDS)
        await boris.until(lambda: words(boris) == [f"{who.name} is viewing this"], LIVE_SECONDS)
        await boris.send(PresenceState.typing("reply"))
        await anna.until(lambda: words(anna) == [f"{colleague.name} is writing a reply…"], LIVE_SECONDS)
        await boris.send(InboxState.send({"text": "Hello"}))
        await anna.until(lambda: words(anna) == [f"{colleague.name} is viewing this"], LIVE_SECONDS)
        await boris.send(PresenceState.typing("poem"))
        presence.renew_contact(who.tenant_id, talk)
        await anna.until(lambda: "The contact is writing…" in words(anna), LIVE_SECONDS)
        presence.end_contact(who.tenant_id, talk)
        await opened(boris, another)
        await anna.until(lambda: words(anna) == [], LIVE_SECONDS)
        await boris.until(lambda: words(boris) == [], LIVE_SECONDS)
        assert anna.errors == boris.errors == []


async def test_who_stops_is_gone_within_ten_seconds(who: Identity) -> None:
    colleague, talk = make_member(who, Role.OPERATOR), real_talk(who)
    async with Tab(sign_in(who)) as anna:
        await opened(anna, talk)
        presence.renew(colleague, talk, Activity.NOTING)
        await anna.until(lambda: words(anna) == [f"{colleague.name} is writing a note…"], LIVE_SECONDS)
        await anna.until(lambda: words(anna) == [], GONE_SECONDS)


async def test_reports_of_typing_are_bounded(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    talk, stored = real_talk(who), []
    monkeypatch.setattr(page.presence, "renew", lambda who, talk, activity: stored.append(activity))
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        stored.clear()
        for _ in range(20):
            await tab.send(PresenceState.typing("note"))
        assert stored.count(Activity.NOTING) == 1


async def test_another_tenants_conversation_is_not_entered(who: Identity, other: Identity) -> None:
    talk = real_talk(other)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/inbox?c={talk}", settle=False)
        await tab.until(lambda: seen(tab, InboxState, "loaded"))
        await tab.send(PresenceState.typing("reply"))
        assert presence.list_present(who.tenant_id, talk) == presence.list_present(other.tenant_id, talk) == []
