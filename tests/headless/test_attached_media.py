"""Attached media: the inbox shows pictures and recordings of contacts, with the text that a model made of them."""

import asyncio
from collections.abc import Iterator

import pytest
import reflex as rx

from platform_app.components.inbox.message import message
from platform_app.models.person import Identity
from platform_app.services.chat.media_reading import NO_MEDIA
from platform_app.state.inbox.conversation import InboxState
from tests.channels.bots import connected, post_all, work
from tests.channels.bots import telegram as telegram
from tests.channels.test_media_headers import png
from tests.fake_provider import FakeProvider, hears, refuses, says, serving
from tests.fakes.telegram import FakeTelegram
from tests.headless.harness import Tab, sign_in
from tests.headless.test_inbox import opened
from tests.talking import published
from tests.visiting import the_talk

NO_IMAGES = {"error": {"message": "This model does not support images."}}
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 50


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    for fake in serving(env, reply_total_seconds=6, reply_idle_seconds=2, reply_first_token_seconds=3):
        fake.models = ["fake-1", "whisper-1"]
        yield fake


@pytest.fixture
def talk(who: Identity, telegram: FakeTelegram, provider: FakeProvider) -> str:
    """A conversation with a recording, a picture, a picture that the model refused and a document."""
    bot = connected(who, telegram, published(who, channels=["test"], model="fake-1"))
    person = telegram.customer()
    provider.transcripts = [hears("Is it <b>open</b>?")]
    provider.will(says("Yes."), says("A bent wheel."), says("Sure."), refuses(400, NO_IMAGES))
    document = telegram.put(message=person.message(document={"file_id": "f", "file_name": "offer.pdf"}))
    for update in (person.voice(), person.photo("Look", content=PNG), person.photo("And this", content=PNG), document):
        asyncio.run(post_all(bot, update))
        work(who)
    return str(the_talk(who).id)


def test_the_browser_itself_opens_files_and_loads_no_recording_before_it_is_played() -> None:
    page = str(rx.foreach(InboxState.messages, message).render())
    assert "'preload:\"none\"'" in page and "'controls:true'" in page and "'loading:\"lazy\"'" in page
    assert page.count("'reloadDocument:true'") == page.count('to:file_rx_state_?.["href"]') == 2


async def test_a_recording_and_a_picture_are_shown_with_their_texts(who: Identity, talk: str) -> None:
    async with Tab(sign_in(who)) as tab:
        await opened(tab, talk)
        files = [file for row in tab.get(InboxState, "messages") for file in row.attachments]
    assert [(file.kind, file.label, file.text_label, file.text, file.problem) for file in files] == [
        ("recording", "Voice message", "Transcript by whisper-1", "Is it <b>open</b>?", ""),
        ("picture", "Photo", "Description by fake-1", "A bent wheel.", ""),
        ("picture", "Photo", "", "", "This model can’t look at pictures."),
        ("file", "offer.pdf", "", "", ""),
    ]
    assert all(file.href.startswith("/api/attachments/acme/") for file in files)


async def test_what_is_no_picture_is_offered_as_a_file(
    who: Identity, telegram: FakeTelegram, provider: FakeProvider
) -> None:
    def receive() -> None:
        bot = connected(who, telegram, published(who, channels=["test"], model="fake-1"))
        for content in (b"<svg onload='alert(1)'/>", png(60_000, 60_000)):
            asyncio.run(post_all(bot, telegram.customer().photo(content=content)))
            work(who)

    await asyncio.to_thread(receive)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, the_talk(who).id)
        shown = [file for row in tab.get(InboxState, "messages") for file in row.attachments]
    assert [(file.kind, file.problem) for file in shown] == [("file", NO_MEDIA), ("picture", "")]
