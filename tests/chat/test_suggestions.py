"""Suggestions and scripts: what a member may put into a message, and that none of it is sent by itself."""

from collections.abc import Iterator

import pytest

from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Forbidden, Invalid, NotFound
from platform_app.models.conversation import Message, MessageState
from platform_app.models.person import Identity, Role
from platform_app.services.agents import agents
from platform_app.services.chat import conversation_rows, conversations, hand_off, member_messages, replies
from platform_app.services.inbox import member_scripts, suggestions
from platform_app.services.scripts import scripts
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, calls, refuses, says, serving
from tests.talking import call, published, real_talk, row, say, written


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider that says what a test tells it to."""
    yield from serving(env)


def asked(who: Identity, text: str = "How much is a tune-up?", **settings: object) -> str:
    """Begin a conversation in which a contact has written while a member is in charge; return its id."""
    talk = real_talk(who, **settings)
    call(who, hand_off.take_over, talk)
    call(who, conversations.receive, talk, text)
    return talk


def texts(who: Identity, talk: str) -> list[str]:
    return [one.text for one in call(who, conversations.list_messages, talk)]


async def test_a_suggestion_is_written_and_not_sent(who: Identity, provider: FakeProvider) -> None:
    provider.will(says("It costs **40** euros."))
    talk = asked(who)
    before = call(who, conversation_rows.get, talk)
    found = await written(who, call(who, suggestions.start, talk))
    assert (found.state, found.text, found.is_suggestion) == (MessageState.SUGGESTED, "It costs 40 euros.", True)
    after = call(who, conversation_rows.get, talk)
    assert texts(who, talk) == ["How much is a tune-up?"]
    assert (after.last_line, after.last_message_at) == (before.last_line, before.last_message_at)
    assert call(who, suggestions.take, talk) == "It costs 40 euros."
    assert call(who, suggestions.get, talk) is None
    with pytest.raises(NotFound):
        call(who, suggestions.take, talk)


async def test_a_suggestion_calls_no_tool(who: Identity, provider: FakeProvider) -> None:
    provider.will(calls(("close_conversation", {})), says("It costs 40 euros."))  # though none is offered
    talk = asked(who, tools={"close_conversation": "allowed"})
    found = await written(who, call(who, suggestions.start, talk))
    assert (found.text, call(who, conversation_rows.get, talk).state) == ("It costs 40 euros.", "handed_off")


async def test_a_suggestion_is_not_sent_where_the_agent_answers(who: Identity, provider: FakeProvider) -> None:
    talk = real_talk(who)
    reply = say(who, talk)
    suggestion = call(who, suggestions.start, talk)
    assert row(who, reply).state == MessageState.STREAMING
    assert (await written(who, suggestion)).state == MessageState.SUGGESTED
    assert (await written(who, reply)).state == MessageState.COMPLETE
    assert len(texts(who, talk)) == 2


async def test_what_happens_meanwhile_leaves_a_suggestion_alone(who: Identity, provider: FakeProvider) -> None:
    talk = asked(who)
    suggestion = call(who, suggestions.start, talk)
    call(who, conversations.receive, talk, "Are you there?")
    call(who, hand_off.close, talk)
    assert (await written(who, suggestion)).state == MessageState.SUGGESTED


async def test_a_stopped_suggestion_is_gone(who: Identity, provider: FakeProvider) -> None:
    talk = asked(who)
    first = call(who, suggestions.start, talk)
    second = call(who, suggestions.start, talk)
    assert [piece async for piece in replies.stream(who.tenant_id, first.id)] == []
    call(who, suggestions.dismiss, talk)
    assert (await written(who, second)).state == MessageState.STOPPED and row(who, second).replaced
    assert call(who, suggestions.get, talk) is None and texts(who, talk) == ["How much is a tune-up?"]


async def test_a_suggestion_that_fails_says_why_and_changes_nothing(who: Identity, provider: FakeProvider) -> None:
    provider.will(*[refuses(401, "no such key")] * 5)
    talk = asked(who)
    before = call(who, conversation_rows.get, talk)
    found = await written(who, call(who, suggestions.start, talk))
    assert found.state == MessageState.FAILED and found.error
    assert call(who, conversation_rows.get, talk).last_message_at == before.last_message_at


def test_each_member_has_their_own(who: Identity) -> None:
    operator, talk = make_member(who, Role.OPERATOR), asked(who)
    mine, theirs = call(who, suggestions.start, talk), call(operator, suggestions.start, talk)
    assert call(who, suggestions.get, talk).id == mine.id and call(operator, suggestions.get, talk).id == theirs.id
    call(operator, suggestions.dismiss, talk)
    assert call(who, suggestions.get, talk).id == mine.id


def test_there_must_be_something_to_answer_and_an_agent_to_do_it(who: Identity, other: Identity) -> None:
    talk = asked(who)
    call(who, member_messages.send, talk, "It costs 40.")
    with pytest.raises(Conflict, match="Nothing to reply to"):
        call(who, suggestions.start, talk)
    agent = published(who)
    off = real_talk(who, agent)
    call(who, agents.set_active, agent, active=False)
    with pytest.raises(Forbidden):
        call(who, suggestions.start, off)
    with pytest.raises(NotFound):
        call(other, suggestions.start, talk)
    with session_scope(who.tenant_id) as session:
        assert session.exec(owned(Message, who.tenant_id).where(Message.is_suggestion)).first() is None


async def test_citations_are_left_out_of_what_is_inserted(who: Identity, provider: FakeProvider) -> None:
    talk = asked(who)
    suggestion = await written(who, call(who, suggestions.start, talk))
    with session_scope(who.tenant_id) as session:
        held = session.exec(owned(Message, who.tenant_id).where(Message.id == suggestion.id)).one()
        held.text = "It costs 40 euros [1], all in [2][3]. See [here]."
    assert call(who, suggestions.take, talk) == "It costs 40 euros, all in. See [here]."


def test_scripts_are_inserted_with_their_variables_filled(who: Identity, other: Identity) -> None:
    agent = published(who)
    talk = real_talk(who, agent)
    own = call(who, scripts.create, title="Hello", text="Good day, {{ contact.name }}!", agent_id=agent)
    call(who, scripts.create, title="Of another", text="Hi", agent_id=published(who, name="Boris"))
    off = call(who, scripts.create, title="Off", text="Hi")
    call(who, scripts.set_enabled, off.id, enabled=False)
    wrong = call(who, scripts.create, title="Wrong", text="{% if %}")
    assert [one.title for one in call(who, member_scripts.list_for, talk)] == ["Hello", "Wrong"]
    assert call(who, member_scripts.fill, talk, own.id) == "Good day, Anna!"
    with pytest.raises(NotFound):
        call(who, member_scripts.fill, talk, off.id)
    with pytest.raises(Invalid):
        call(who, member_scripts.fill, talk, wrong.id)
    with pytest.raises(NotFound):
        call(other, member_scripts.fill, talk, own.id)
