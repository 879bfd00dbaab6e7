"""Rewriting menu: the text of the composer is rewritten through the console's own events, and comes back."""

from collections.abc import Iterator

import pytest

from platform_app.models.person import Identity, Role
from platform_app.state.inbox import rewriting as page
from platform_app.state.inbox.conversation import InboxState
from platform_app.state.inbox.rewriting import RewritingState
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, hangs, refuses, says, serving
from tests.headless.harness import Tab, sign_in
from tests.headless.test_inbox import hub, messages, opened, seen  # noqa: F401
from tests.talking import real_talk, say


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider that says what a test tells it to."""
    yield from serving(env)


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allowances that nobody has used."""
    monkeypatch.setattr(page, "_limits", page.TokenBuckets())


async def loaded(tab: Tab, talk: str) -> None:
    await opened(tab, talk)
    await tab.until(lambda: seen(tab, RewritingState, "conversation_id") == talk)


async def rewrite(tab: Tab, choice: str, text: str) -> None:
    """Choose from the menu and wait until it has an end."""
    await tab.send(RewritingState.rewrite(choice, text))
    await tab.until(lambda: not seen(tab, RewritingState, "is_running"))


async def test_a_text_is_rewritten_twice_and_put_back(who: Identity, provider: FakeProvider) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(who)) as tab:
        await loaded(tab, talk)
        provider.will(says("Ready."), says("It is ready!"))
        await rewrite(tab, "shorter", "It is ready now.")
        assert (tab.get(RewritingState, "text"), tab.get(RewritingState, "count")) == ("Ready.", 1)
        await rewrite(tab, "friendlier", "Ready.")
        assert (tab.get(RewritingState, "text"), tab.get(RewritingState, "can_undo")) == ("It is ready!", True)
        await tab.send(RewritingState.undo())
        assert (tab.get(RewritingState, "text"), tab.get(RewritingState, "can_undo")) == ("Ready.", True)
        await tab.send(RewritingState.undo())
        assert (tab.get(RewritingState, "text"), tab.get(RewritingState, "can_undo")) == ("It is ready now.", False)
        assert tab.get(RewritingState, "count") == 4 and messages(who, talk) == []


async def test_a_text_is_translated_into_the_contacts_language(who: Identity, provider: FakeProvider) -> None:
    talk = real_talk(who)
    say(who, talk, "Guten Tag, wann ist mein Fahrrad fertig?")
    async with Tab(sign_in(who)) as tab:
        await loaded(tab, talk)
        await tab.until(lambda: seen(tab, RewritingState, "contact_language") == "German")
        assert "Japanese" in [option.name for option in tab.get(RewritingState, "languages")]
        await rewrite(tab, "translate", "Tomorrow.")
        assert "into German" in provider.last.prompt
        await rewrite(tab, "ja", "Tomorrow.")
        assert "into Japanese" in provider.last.prompt


async def test_what_fails_is_said_at_the_field(who: Identity, provider: FakeProvider) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(who)) as tab:
        await loaded(tab, talk)
        provider.will(refuses(401))
        await rewrite(tab, "shorter", "It is ready.")
        assert "rejected the API key" in tab.get(RewritingState, "problem")
        await rewrite(tab, "shorter", " ")
        assert tab.get(RewritingState, "problem") == "Enter a message."
        await rewrite(tab, "longer", "It is ready.")
        assert tab.get(RewritingState, "problem") == "This value isn’t allowed."
        await rewrite(tab, "translate", "It is ready.")
        assert tab.get(RewritingState, "problem") == "Choose a language."
        assert seen(tab, RewritingState, "count") == 0


async def test_too_many_texts_in_a_minute_are_refused(who: Identity, provider: FakeProvider) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(who)) as tab:
        await loaded(tab, talk)
        for _ in range(page.BURST + 1):
            await rewrite(tab, "shorter", "It is ready.")
        assert tab.get(RewritingState, "problem").startswith("Too many requests.")
        assert len(provider.asked) == page.BURST


async def test_it_is_stopped_and_does_not_come_into_another_conversation(who: Identity, provider: FakeProvider) -> None:
    talk, another = real_talk(who), real_talk(who)
    async with Tab(sign_in(who)) as tab:
        await loaded(tab, talk)
        provider.will(hangs)
        await tab.send(RewritingState.rewrite("shorter", "It is ready."), settle=False)
        await tab.until(lambda: seen(tab, RewritingState, "is_running"))
        await tab.send(RewritingState.stop())
        assert not tab.get(RewritingState, "is_running")
        await tab.send(RewritingState.rewrite("shorter", "It is ready."), settle=False)
        await tab.until(lambda: seen(tab, RewritingState, "is_running"))
        await loaded(tab, another)
        await tab.until(lambda: not seen(tab, RewritingState, "is_running"))
        assert seen(tab, RewritingState, "count") == 0 and seen(tab, InboxState, "current") == another


async def test_the_offline_model_says_why_it_cannot(who: Identity) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(who)) as tab:
        await loaded(tab, talk)
        await tab.until(lambda: not seen(tab, RewritingState, "is_available"))
        await tab.send(RewritingState.explain())
        assert "offline model can’t rewrite" in tab.get(RewritingState, "problem")


async def test_a_viewer_rewrites_nothing(who: Identity, provider: FakeProvider) -> None:
    talk = real_talk(who)
    async with Tab(sign_in(make_member(who, Role.VIEWER))) as tab:
        await loaded(tab, talk)
        await tab.send(RewritingState.rewrite("shorter", "It is ready."))
        assert provider.asked == [] and not seen(tab, RewritingState, "is_running")
