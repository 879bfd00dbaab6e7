"""Rewriting: a member's unsent text is rewritten by the model, bounded, recorded with its tokens, and never sent."""

from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.db import owned, session_scope
from platform_app.errors import Invalid, NotFound, PlatformError, Unavailable
from platform_app.llm import rewriting as prompts
from platform_app.llm.rewriting import Style
from platform_app.models.conversation import Message, MessageState, Trace
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.services.chat import conversation_rows, conversations
from platform_app.services.inbox import rewriting, suggestions
from platform_app.services.inbox.rewriting import Rewriting
from tests.fake_provider import FakeProvider, refuses, says, serving
from tests.talking import call, real_talk, say

TEXT = "Dear Anna, your bicycle «Ural 3» is ready. It costs 40 euros: https://shop.test/pay?id=7"


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider that says what a test tells it to."""
    yield from serving(env)


async def rewritten(who: Identity, talk: str, text: str = TEXT, **wanted: Any) -> str:
    """Rewrite a text; return the result."""
    work: Rewriting = call(who, rewriting.prepare, talk, text, **({"style": Style.SHORTER} | wanted))
    await rewriting.run(work)
    return work.rewritten


def stored(who: Identity) -> tuple[Message, Trace]:
    """Return the record of the only request to the model."""
    with session_scope(who.tenant_id, read_only=True) as session:
        trace = session.exec(owned(Trace, who.tenant_id)).one()
        return session.exec(owned(Message, who.tenant_id).where(Message.id == trace.message_id)).one(), trace


async def test_the_text_is_rewritten_and_recorded_and_not_sent(who: Identity, provider: FakeProvider) -> None:
    talk = real_talk(who, model="fake-2")
    before = call(who, conversation_rows.get, talk)
    provider.will(says("Your bicycle", " is ready."))
    assert await rewritten(who, talk) == "Your bicycle is ready."
    message, trace = stored(who)
    assert (message.own_text, message.text, message.author_id) == (TEXT, "Your bicycle is ready.", who.user_id)
    assert (trace.prompt_tokens, trace.completion_tokens, trace.agent_id) == (120, 7, before.agent_id)
    assert call(who, conversations.list_messages, talk) == [] and call(who, suggestions.get, talk) is None
    after = call(who, conversation_rows.get, talk)
    assert (after.last_line, after.last_message_at) == (before.last_line, before.last_message_at)
    assert provider.last.body["model"] == "fake-2" and TEXT in str(provider.last.body["messages"][-1])


async def test_each_style_is_asked_for_in_its_own_words(who: Identity, provider: FakeProvider) -> None:
    talk, asked = real_talk(who), []
    for wanted in ({"style": Style.SHORTER}, {"style": Style.FRIENDLIER}, {"style": Style.TRANSLATE, "language": "de"}):
        await rewritten(who, talk, **wanted)
        asked.append(provider.last.prompt)
    assert len(set(asked)) == 3 and "into German" in asked[-1]


async def test_a_failure_of_the_provider_is_said_and_recorded(who: Identity, provider: FakeProvider) -> None:
    talk = real_talk(who)
    provider.will(refuses(401))
    with pytest.raises(Unavailable, match="rejected the API key"):
        await rewritten(who, talk)
    assert stored(who)[0].state == MessageState.SUGGESTED
    provider.will(says("Your bicy", finish="length"))
    with pytest.raises(Unavailable, match="finish the text"):
        await rewritten(who, talk)


@pytest.mark.parametrize(
    ("text", "wanted", "error"),
    [
        (" \n", {}, Invalid),
        ("x" * (rewriting.MAX_CHARS + 1), {}, Invalid),
        ("Hi", {"style": Style.TRANSLATE}, Invalid),
        ("Hi", {"style": Style.TRANSLATE, "language": "../de"}, Invalid),
    ],
)
async def test_what_cannot_be_rewritten_is_refused(
    who: Identity, provider: FakeProvider, text: str, wanted: dict[str, Any], error: type[PlatformError]
) -> None:
    with pytest.raises(error):
        await rewritten(who, real_talk(who), text, **wanted)
    assert provider.asked == []


async def test_another_tenant_has_no_such_conversation(who: Identity, other: Identity, provider: FakeProvider) -> None:
    talk = real_talk(who)
    with pytest.raises(NotFound):
        await rewritten(other, talk)
    with pytest.raises(NotFound):
        call(other, rewriting.contact_language, talk)


async def test_the_offline_model_cannot_rewrite(who: Identity) -> None:
    talk = real_talk(who)
    assert not call(who, rewriting.is_available, talk)
    with pytest.raises(Unavailable, match="offline model"):
        await rewritten(who, talk)


def test_the_language_of_the_contact_is_stored_or_detected(who: Identity, provider: FakeProvider) -> None:
    talk = real_talk(who)
    assert call(who, rewriting.contact_language, talk) == ""
    say(who, talk, "Guten Tag, wann ist mein Fahrrad fertig?")
    assert call(who, rewriting.contact_language, talk) == "de"
    with session_scope(who.tenant_id) as session:
        session.exec(owned(Contact, who.tenant_id)).one().language = "fr"
    assert call(who, rewriting.contact_language, talk) == "fr"


@pytest.mark.parametrize(
    ("answer", "text", "cleaned"),
    [
        ('"Your bicycle is ready."', "It is ready.", "Your bicycle is ready."),
        ("«Готово.»", "Всё готово.", "Готово."),
        ("“Ready”", "“It is ready”", "“Ready”"),
        ("“A” and “B”", "x", "“A” and “B”"),
        ("<message>\nReady\n</message>", "x", "Ready"),
        ("Use <message> here", "x", "Use <message> here"),
    ],
)
def test_only_what_the_model_puts_around_the_text_is_removed(answer: str, text: str, cleaned: str) -> None:
    assert prompts.clean_answer(answer, text) == cleaned
