"""Held messages at the console: the test chat says why one is held, sends it, changed or not, and discards it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.models.conversation import MessageState
from platform_app.models.person import Identity, Role
from platform_app.services.chat import agent_messages, conversations, hand_off, held_messages
from platform_app.state.chat.test_chat import TestChatState
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, says, serving
from tests.headless.harness import Tab, sign_in
from tests.talking import begin, call, events, row, run_jobs


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider over a real socket."""
    yield from serving(env)


def handed_off(who: Identity) -> str:
    """Begin a conversation and hand it to a person; return its id."""
    talk = begin(who)
    call(who, hand_off.hand_off, talk)
    return talk


async def opened(tab: Tab, talk: str) -> None:
    """Open a conversation in the test chat."""
    await tab.goto(f"/manage/acme/test-chat?c={talk}", settle=False)
    await tab.until(lambda: seen(tab, "current") == talk and seen(tab, "loaded"))


def seen(tab: Tab, name: str) -> Any:
    """Return a variable as the browser holds it, or nothing before it came."""
    try:
        return tab.get(TestChatState, name)
    except KeyError:
        return None


async def test_a_held_message_says_why_and_is_sent_changed_or_discarded(who: Identity) -> None:
    talk = handed_off(who)
    one, two, three = (call(who, agent_messages.send_message, talk, text) for text in ("One", "Two", "Three"))
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await opened(tab, talk)
        shown = seen(tab, "messages")
        assert [(line.text, line.state) for line in shown] == [("One", "held"), ("Two", "held"), ("Three", "held")]
        assert not any(line.can_retry or line.has_trace for line in shown), "no model wrote them"
        reason = "Held: the conversation was handed off to a person"
        assert all(line.error.startswith(reason) for line in shown)
        await tab.send(TestChatState.release_held({"message_id": one.id, "text": "One"}))
        await tab.send(TestChatState.release_held({"message_id": two.id, "text": "Two, better"}))
        await tab.send(TestChatState.discard_held(three.id))
        states = {line.text: (line.state, line.error) for line in seen(tab, "messages")}
        assert states["One"] == states["Two, better"] == ("complete", "")
        assert states["Three"][0] == "discarded"
    sent = row(who, two)
    assert (sent.state, sent.text, sent.own_text) == (MessageState.COMPLETE, "Two, better", "Two")
    assert call(who, held_messages.list_held, talk) == []


async def test_what_the_agent_is_to_write_is_shown_and_written_on_demand(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("How are you?"))
    talk = handed_off(who)
    kept = call(who, agent_messages.request_message, talk, "Ask how they are.")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        (line,) = seen(tab, "messages")
        assert (line.text, line.task, line.state, line.has_trace) == ("", "Ask how they are.", "held", False)
        await tab.send(TestChatState.release_held({"message_id": kept.id}))
        await asyncio.to_thread(run_jobs, who)
        await opened(tab, talk)
        await tab.until(lambda: seen(tab, "messages"))
        (line,) = seen(tab, "messages")
        assert (line.text, line.task, line.state) == ("How are you?", "", "held")


async def test_a_viewer_and_another_tenant_release_nothing(who: Identity, other: Identity) -> None:
    talk = handed_off(who)
    kept = call(who, agent_messages.send_message, talk, "One")
    for person in (make_member(who, Role.VIEWER), other):
        async with Tab(sign_in(person)) as tab:
            await tab.goto(f"/manage/{person.slug}/test-chat", settle=False)
            await tab.until(lambda: seen(tab, "loaded"))
            await tab.send(TestChatState.release_held({"message_id": kept.id, "text": "Mine"}), settle=False)
            await tab.send(TestChatState.discard_held(kept.id), settle=False)
            await tab.goto(f"/manage/{person.slug}/settings")
    assert row(who, kept).state == MessageState.HELD and row(who, kept).text == "One"


async def test_a_test_chat_is_live_only_when_the_tester_asks_for_it(provider: FakeProvider, who: Identity) -> None:
    talk = call(who, conversations.create, begin_agent(who)).id
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        assert seen(tab, "is_live") is False
        await tab.send(TestChatState.send({"text": "Hello"}))
        await tab.until(lambda: len(seen(tab, "messages")) == 2)
        assert events(who) == []
        await tab.send(TestChatState.set_is_live(True))
        assert call(who, conversations.get, talk).is_live
        await tab.send(TestChatState.send({"text": "Hello again"}))
        assert "message_received" in events(who)
        await tab.send(TestChatState.begin_new)
        await tab.goto("/manage/acme/test-chat", settle=False)
        await tab.until(lambda: not seen(tab, "current"))
        assert seen(tab, "is_live") is False, "a new conversation begins without rules"


def begin_agent(who: Identity) -> str:
    """Write an agent; return its id."""
    return str(call(who, conversations.get, begin(who)).agent_id)
