"""Follow: an open page is told nothing more when its person has left, and less when their role is smaller."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
import reflex as rx

from platform_app.clock import now
from platform_app.db import session_scope, unscoped_delete, unscoped_update
from platform_app.hub import Update, Wants
from platform_app.models.person import Identity, Member, Role, Session
from platform_app.services.accounts import accounts, member_changes, sessions
from platform_app.services.agents import agents
from platform_app.services.chat import conversations, reply_streams
from platform_app.services.crm import contacts
from platform_app.state.console import live_updates
from platform_app.state.console.base import CurrentUser
from platform_app.state.crm.contacts import ContactsState
from platform_app.state.inbox import presence
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_edit_conflicts import StillHub
from tests.headless.test_rule_pages import seen
from tests.talking import call, real_talk


class CountingHub(StillHub):
    """A hub that the test drives, and that knows how many pages have left."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 0

    async def subscribe(
        self, tenant_id: str, tab: str, every: float, pause: float = 0, *, wants: Wants
    ) -> AsyncIterator[Update]:
        try:
            async for update in super().subscribe(tenant_id, tab, every, pause, wants=wants):
                yield update
        finally:
            self.left += 1


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> CountingHub:
    made = CountingHub()
    monkeypatch.setattr(live_updates, "hub", made)
    return made


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tenants for which sessions were read anew while pages were open."""
    found: list[str] = []
    real = sessions.get_identity

    def read(token: str, slug: str | None, *, extend: bool = True, **options: bool) -> Identity | None:
        if not extend:
            found.append(str(slug))
        return real(token, slug, extend=extend, **options)

    monkeypatch.setattr(sessions, "get_identity", read)
    return found


def disabled(who: Identity, token: str) -> None:
    with session_scope(reason="tests") as session:
        accounts.set_disabled(session, who.user_id, disabled=True)


def removed(who: Identity, token: str) -> None:
    with session_scope(reason="tests") as session:
        session.execute(unscoped_delete(Member).where(Member.user_id == who.user_id))


def signed_out(who: Identity, token: str) -> None:
    sessions.end_session(token)


def run_out(who: Identity, token: str) -> None:
    past = unscoped_update(Session).where(Session.user_id == who.user_id)
    with session_scope(reason="tests") as session:
        session.execute(past.values(expires_at=now() - timedelta(seconds=1)))


async def opened(tab: Tab, hub: CountingHub, page: str = "contacts") -> None:
    """Open a page and wait until it is drawn and follows."""
    before = len(hub.pages)
    await tab.goto(f"/manage/acme/{page}", settle=False)
    await tab.until(lambda: len(hub.pages) > before and seen(tab, rx.State, "is_hydrated"))


def names(tab: Tab) -> list[str]:
    return [row.name for row in seen(tab, ContactsState, "rows") or []]


@pytest.mark.parametrize("leave", [disabled, removed, signed_out, run_out])
async def test_who_has_left_is_told_nothing_more(
    who: Identity, hub: CountingHub, leave: Callable[[Identity, str], None]
) -> None:
    colleague = make_member(who, Role.OPERATOR)
    cookie = sign_in(colleague)
    async with Tab(sign_in(who)) as anna, Tab(cookie) as boris:
        for tab in (anna, boris):
            await opened(tab, hub)
        leave(colleague, cookie.split("=", 1)[1])
        call(who, contacts.create, name="CANARY")
        hub.tell("contact")
        await anna.until(lambda: names(anna) == ["CANARY"])
        await boris.until(lambda: hub.left == 1 or "CANARY" in str(boris.seen))
        assert "CANARY" not in str(boris.seen)
        await boris.until(lambda: "reload" in boris.scripts())
        assert boris.get(CurrentUser, "view") == "loading" and "reload" not in anna.scripts()
        assert boris.errors == anna.errors == []


async def test_a_smaller_role_is_taken_and_the_page_goes_on(who: Identity, hub: CountingHub) -> None:
    colleague = make_member(who, Role.OPERATOR)
    async with Tab(sign_in(colleague)) as boris:
        await opened(boris, hub)
        call(who, member_changes.set_role, colleague.user_id, Role.VIEWER)
        call(who, contacts.create, name="New")
        hub.tell("contact")
        await boris.until(lambda: names(boris) == ["New"])
        assert boris.get(CurrentUser, "role") == "viewer" and hub.left == 0


async def test_what_the_smaller_role_may_not_follow_ends(who: Identity, hub: CountingHub) -> None:
    colleague = make_member(who, Role.OPERATOR)
    async with Tab(sign_in(colleague)) as boris:
        await opened(boris, hub, "contacts/import")
        call(who, member_changes.set_role, colleague.user_id, Role.VIEWER)
        hub.tell("import")
        await boris.until(lambda: hub.left == 1)
        assert boris.get(CurrentUser, "role") == "viewer" and "reload" not in boris.scripts()


async def test_a_disabled_member_is_sent_away_as_soon_as_it_is_told(
    who: Identity, hub: CountingHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No update of the page's own is needed, nor has the last look to be a while ago."""
    monkeypatch.setattr(live_updates, "RECHECK_SECONDS", 3600.0)
    colleague = make_member(who, Role.OPERATOR)
    async with Tab(sign_in(colleague)) as boris:
        await opened(boris, hub)
        hub.tell("contact")
        call(who, member_changes.set_access, colleague.user_id, allowed=False)
        hub.tell("member")
        await boris.until(lambda: "reload" in boris.scripts())
        await boris.until(lambda: hub.left == 1)


async def test_the_session_is_read_only_for_what_is_shown_and_not_for_each(
    who: Identity, hub: CountingHub, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_updates, "RECHECK_SECONDS", 3600.0)
    async with Tab(sign_in(who)) as anna:
        await opened(anna, hub)
        hub.tell("lead")
        for name in ("one", "two", "three"):
            call(who, contacts.create, name=name)
            hub.tell("contact")
            await anna.until(lambda name=name: name in names(anna))
    assert reads == ["acme"]


async def test_a_reply_in_the_making_is_shown_no_further(
    who: Identity, hub: CountingHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_updates, "RECHECK_SECONDS", 0.0)
    agent = call(who, agents.create, {"name": "Vera"})
    talk = call(who, conversations.create, agent.id)
    _, reply = call(who, conversations.receive, talk.id, "Hello")
    live, cookie = reply_streams.LiveReply(), sign_in(who)
    monkeypatch.setitem(reply_streams._live, reply.id, live)
    async with Tab(cookie) as anna:
        await opened(anna, hub, f"test-chat?c={talk.id}")
        live.text = "Good day"
        await anna.until(lambda: "Good day" in str(anna.seen))
        signed_out(who, cookie.split("=", 1)[1])
        live.text = "Good day CANARY"
        await anna.until(lambda: "reload" in anna.scripts() or "CANARY" in str(anna.seen))
        assert "CANARY" not in str(anna.seen)


async def test_a_page_looks_again_in_time_while_members_change(
    who: Identity, hub: CountingHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk, renewed = real_talk(who), list[str]()
    monkeypatch.setattr(presence, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(presence, "_renew_and_list", lambda who, conversation_id: renewed.append(conversation_id) or [])
    async with Tab(sign_in(who)) as anna:
        await opened(anna, hub, f"inbox?c={talk}")

        def is_renewed() -> bool:
            hub.tell("member")
            return len(renewed) > 3

        await anna.until(is_renewed)
        assert set(renewed) == {talk}
