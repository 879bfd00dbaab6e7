"""Acting: work in the background is done for who started it, and reaches no tab that is somebody else's by then."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
import reflex as rx
from reflex.istate.manager.token import BaseStateToken

from platform_app import db
from platform_app.db import session_scope
from platform_app.errors import Forbidden, NotFound
from platform_app.models.agent import Agent
from platform_app.models.person import Identity, Member, Role
from platform_app.services.accounts import accounts, sessions
from platform_app.services.agents import agents
from platform_app.services.chat import conversations, reply_streams
from platform_app.state.agents.agents import AgentsState
from platform_app.state.chat.test_chat import TestChatState
from platform_app.state.console import background_access, browser, undo
from platform_app.state.console.background_access import Caller
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.frame import FrameState
from tests.conftest import make_tenant
from tests.headless.harness import Tab, sign_in
from tests.talking import call

SETTINGS = "/manage/{}/settings"


@pytest.fixture
def owner_of_both(who: Identity) -> tuple[Identity, str]:
    """The owner of globex, who may only look in acme; and the cookie of their session."""
    owner = make_tenant("globex")
    with session_scope(who.tenant_id) as session:
        session.add(Member(tenant_id=who.tenant_id, user_id=owner.user_id, role=Role.VIEWER))
    return owner, sign_in(owner)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> reply_streams.LiveReply:
    """A reply that the test writes."""
    live = reply_streams.LiveReply()
    monkeypatch.setattr(reply_streams, "find", lambda reply_id: live if reply_id == "reply" else None)
    return live


async def put(tab: Tab, state: type[rx.State], **values: Any) -> None:
    """Set variables of a tab's state, as another handler of whoever is there would."""
    async with tab.manager.modify_state(BaseStateToken(ident=tab.token, cls=rx.State)) as root:
        held = await root.get_state(state)
        for name, value in values.items():
            setattr(held, name, value)


async def following(tab: Tab, written: reply_streams.LiveReply) -> None:
    """Let a reply be followed in the background, as after a message was sent."""
    await put(tab, TestChatState, live_id="reply")
    await tab.send(browser.call_handler(TestChatState.follow, "reply"), settle=False)
    written.text = "CANARY one"
    await tab.until(lambda: "CANARY one" in str(tab.seen))


async def test_a_switch_of_the_tenant_ends_the_work_for_the_first(
    owner_of_both: tuple[Identity, str], written: reply_streams.LiveReply
) -> None:
    async with Tab(owner_of_both[1]) as tab:
        await tab.goto(SETTINGS.format("globex"))
        await following(tab, written)
        await tab.goto(SETTINGS.format("acme"))
        assert tab.get(CurrentUser, "role") == "viewer"
        await put(tab, TestChatState, _followed_reply_id="reply")
        tab.seen.clear()
        written.text = "CANARY two"
        await ended(tab)
        assert "CANARY" not in str(tab.seen) and tab.errors == []
        await tab.send(FrameState.toggle_sidebar())
        assert tab.get(FrameState, "sidebar_collapsed") is True and "reload" not in tab.scripts()


async def ended(tab: Tab) -> None:
    """Wait until nothing runs for a tab any more."""
    await tab.until(lambda: not tab._processor._tasks)


@pytest.mark.parametrize("cookie", ["", "session=made-up", "another"])
async def test_another_session_at_the_tab_gets_nothing_of_it(
    who: Identity, written: reply_streams.LiveReply, cookie: str
) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(SETTINGS.format("acme"))
        await following(tab, written)
        tab.cookie = sign_in(make_tenant("globex")) if cookie == "another" else cookie
        tab.seen.clear()
        await tab.goto(SETTINGS.format("globex"))
        await put(tab, TestChatState, _followed_reply_id="reply")
        written.text = "CANARY two"
        await ended(tab)
        assert "CANARY" not in str(tab.seen) and tab.errors == []


async def test_the_same_session_goes_on(who: Identity, written: reply_streams.LiveReply) -> None:
    cookie = sign_in(who)
    async with Tab(cookie) as tab:
        await tab.goto(SETTINGS.format("acme"))
        await following(tab, written)
        await tab.goto(SETTINGS.format("acme") + "/mail")
        written.text = "CANARY two"
        await tab.until(lambda: "CANARY two" in str(tab.seen))
        written.done.set()
        await ended(tab)


async def test_what_comes_late_is_not_done_with_the_rights_of_another_tenant(
    owner_of_both: tuple[Identity, str], written: reply_streams.LiveReply, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Viewer of acme first, owner of globex then: what is still running must not act as the owner."""
    asked: list[Identity] = []
    real = conversations.get

    def get(session: Any, who: Identity, *given: Any) -> Any:
        asked.append(who)
        return real(session, who, *given)

    monkeypatch.setattr(conversations, "get", get)
    async with Tab(owner_of_both[1]) as tab:
        await tab.goto(SETTINGS.format("acme"))
        await following(tab, written)
        await tab.goto(SETTINGS.format("globex"))
        await put(tab, TestChatState, current="x" * 32, _followed_reply_id="reply")
        written.done.set()
        await ended(tab)
        assert asked == [] and tab.errors == []


async def test_events_for_the_browser_do_not_reach_another_session(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An offer to undo that ends after the switch, and a toast of it, are dropped."""
    over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await over.wait()

    monkeypatch.setattr(undo, "asyncio", SimpleNamespace(sleep=sleep))
    agent = call(who, agents.create, {"name": "Anna"})
    async with Tab(sign_in(who)) as tab:
        await tab.goto(SETTINGS.format("acme"))
        await tab.send(AgentsState.delete(agent.id))
        await tab.send(AgentsState.confirm_delete({"name": "anna"}), settle=False)
        await tab.until(lambda: "is deleted" in str(tab.seen))
        tab.cookie = ""
        await tab.goto("/sign-in")
        await put(tab, AgentsState, _undo_id=agent.id, undo_sentence="another's")
        tab.seen.clear()
        tab.said.clear()
        over.set()
        await ended(tab)
        assert "undo_sentence_rx_state_': ''" not in str(tab.seen) and tab.said == [] and tab.errors == []


def caller(who: Identity, least: Role) -> Caller:
    token = sign_in(who).split("=", 1)[1]
    found = sessions.get_identity(token, who.slug)
    assert found is not None
    return Caller(found, token, "", least, began_at=-1e9)


async def test_who_started_it_must_still_be_allowed_to(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_access, "RECHECK_SECONDS", 0.0)
    with session_scope(who.tenant_id) as session:
        session.add(Agent(tenant_id=who.tenant_id, name="x"))
    one = caller(who, Role.ADMIN)
    assert (await one.current()).role == Role.OWNER
    with session_scope(who.tenant_id) as session:
        session.exec(db.owned(Member, who.tenant_id)).one().role = Role.OPERATOR
    with pytest.raises(Forbidden):
        await one.current()
    monkeypatch.setattr(background_access, "RECHECK_SECONDS", 3_600.0)
    with pytest.raises(Forbidden):  # nor within the time for which they are known
        await one.current()
    monkeypatch.setattr(background_access, "RECHECK_SECONDS", 0.0)
    other = caller(who, Role.VIEWER)
    assert (await other.current()).role == Role.OPERATOR
    with session_scope(reason="tests") as session:
        accounts.set_disabled(session, who.user_id, disabled=True)
    with pytest.raises(NotFound):
        await other.current()


async def test_no_one_acts_where_no_event_was_let_in() -> None:
    assert background_access.caller() is None
