"""Quick replies: choices of scripts, rules, members and the API reach each channel; a press is a message, once."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.channels import vk
from platform_app.channels.email import EMAIL
from platform_app.channels.kommo_bridge import KOMMO
from platform_app.channels.max import MaxBot
from platform_app.channels.outbound_content import OutgoingText
from platform_app.channels.quick_replies import MAX_QUICK_REPLIES, MAX_TITLE_CHARS, cut_titles, parse_titles, with_list
from platform_app.channels.telegram import TELEGRAM
from platform_app.channels.vk import VkCommunity
from platform_app.channels.whatsapp import WHATSAPP
from platform_app.db import session_scope
from platform_app.errors import Conflict, Invalid
from platform_app.llm.extraction import PROMPT_START
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Author, Message, MessageState
from platform_app.models.crm import FieldKind, Holder
from platform_app.models.person import Identity
from platform_app.services.channels import outbound_pace
from platform_app.services.chat import (
    agent_messages,
    approvals,
    hand_off,
    member_messages,
    outbound_parts,
    quick_replies,
)
from platform_app.services.crm import custom_field_definitions
from platform_app.services.scripts import scripts
from tests.channels import bots, numbers
from tests.channels.bots import telegram as telegram
from tests.channels.numbers import whatsapp as whatsapp
from tests.fake_provider import Answer, FakeProvider, chunk, serving
from tests.fakes.max import FakeMax
from tests.fakes.telegram import FakeTelegram
from tests.fakes.vk import FakeVk
from tests.fakes.whatsapp import FakeWhatsApp
from tests.talking import answered, begin, call, events, say, written
from tests.visiting import a_chat, ask, message, rows, the_talk, view, write

SIZES = ["Small", "Medium", "Large"]
SIZE = "contact.field.frame_size"


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


def writes(provider: FakeProvider, text: str, **extracted: str) -> None:
    """Let the model write a text, and find these values in what was said."""

    async def play(answer: Answer) -> None:
        is_extraction = provider.last.prompt.startswith(PROMPT_START)
        await answer.head()
        await answer.event(chunk(json.dumps({"values": extracted}) if is_extraction else text))
        await answer.event(chunk(finish="stop"))
        await answer.event("[DONE]")
        await answer.end()

    provider.will(play)


def guided(who: Identity, *options: str, kind: FieldKind = FieldKind.CHOICE, **more: Any) -> None:
    """Write a guided script that asks for a choice, and then for a name."""
    with session_scope(who.tenant_id) as session:
        custom_field_definitions.create(
            session, who, Holder.CONTACT, name="Frame size", kind=kind, options="\n".join(options)
        )
        row = scripts.create(session, who, title="Frame", **more)
        steps = [{"goal": "The size", "fields": [{"fact": SIZE}, {"fact": "contact.name"}]}]
        scripts.save(session, who, row.id, {"steps": steps}, revision=1)


def titles(who: Identity) -> list[list[str]]:
    """Return the quick replies of the messages of agents and members."""
    return [row.quick_replies for row in rows(who, Message) if row.author != Author.CONTACT]


@pytest.fixture
def talk(who: Identity, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a conversation on Telegram with a member in charge; no pace is kept."""
    monkeypatch.setattr(outbound_pace, "MAX_WAIT_SECONDS", 30)
    monkeypatch.setattr(TELEGRAM.push, "chat_messages_per_second", 1_000)
    asyncio.run(bots.post(bots.connected(who, telegram), telegram.customer().write()))
    call(who, hand_off.take_over, the_talk(who).id)
    return the_talk(who).id


async def test_a_guided_script_offers_the_choices_of_what_it_asks_for(provider: FakeProvider, who: Identity) -> None:
    guided(who, *SIZES)
    opened = begin(who)
    writes(provider, "Which size?")
    reply = await answered(who, opened, "Hello")
    assert "Ask now only for: Frame size\n" in provider.last.prompt, "a choice is asked for alone"
    assert reply.quick_replies == SIZES
    pressed = call(who, quick_replies.choose, reply.id, "Medium")
    assert pressed is not None
    writes(provider, "What is your name?", **{SIZE: "Medium"})
    assert (await written(who, pressed)).quick_replies == []
    assert "Ask now only for: your name\n" in provider.last.prompt


async def test_yes_and_no_are_offered_in_the_language_of_the_reply(provider: FakeProvider, who: Identity) -> None:
    guided(who, kind=FieldKind.YES_NO)
    writes(provider, "Нужна доставка?")
    assert (await answered(who, begin(who), "Здравствуйте, мне нужен велосипед")).quick_replies == ["Да", "Нет"]
    assert (await answered(who, begin(who), "Buenos días, necesito una bicicleta nueva")).quick_replies == []


@pytest.mark.parametrize("options", [[f"Choice {n}" for n in range(MAX_QUICK_REPLIES + 1)], ["x" * 41, "y"]])
async def test_choices_that_are_no_buttons_are_not_offered(
    provider: FakeProvider, who: Identity, options: list[str]
) -> None:
    guided(who, *options)
    writes(provider, "Which size?")
    assert (await answered(who, begin(who), "Hello")).quick_replies == []


async def test_a_reply_offers_those_of_the_script_that_it_used(provider: FakeProvider, who: Identity) -> None:
    given = {"text": "A tune-up costs 45 euros. Shall we book it?", "quick_replies": " Book it \nBook it\n\nLater"}
    call(who, scripts.create, title="Tune-up", **given)
    opened = begin(who)
    writes(provider, "A tune-up costs 45 euros. [S1]")
    assert (await answered(who, opened, "How much is a tune-up?")).quick_replies == ["Book it", "Later"]
    writes(provider, "We sell helmets, too.")
    assert (await answered(who, opened, "Do you sell helmets?")).quick_replies == []


def test_titles_are_bounded() -> None:
    assert parse_titles([" a\t b ", "", "a b", "c"]) == ["a b", "c"]
    for given in (["x" * (MAX_TITLE_CHARS + 1)], [str(number) for number in range(MAX_QUICK_REPLIES + 1)]):
        with pytest.raises(Invalid) as refused:
            parse_titles(given)
        assert refused.value.field == "quick_replies"
    cut = cut_titles(["y" * 50, *map(str, range(20))])
    assert len(cut) == MAX_QUICK_REPLIES and cut[0] == "y" * 39 + "…"


def test_a_press_counts_once_and_not_after_another_answer(who: Identity) -> None:
    opened = begin(who)
    first = call(who, agent_messages.send_message, opened, "Which size?", quick_replies=SIZES)
    with pytest.raises(Conflict):
        call(who, quick_replies.choose, first.id, "Huge")
    call(who, quick_replies.choose, first.id, "Large")
    with pytest.raises(Conflict):
        call(who, quick_replies.choose, first.id, "Small")
    second = call(who, agent_messages.send_message, opened, "Which size?", quick_replies=SIZES)
    assert quick_replies.open_ids(rows(who, Message)) == {second.id}
    say(who, opened, "I don't know")
    with pytest.raises(Conflict):
        call(who, quick_replies.choose, second.id, "Small")
    assert quick_replies.open_ids(rows(who, Message)) == set()
    assert events(who).count("message_received") == 2


def test_the_approval_and_what_is_held_keep_them(who: Identity) -> None:
    opened = begin(who)
    row = call(who, agent_messages.send_message, opened, "Which size?", quick_replies=SIZES)
    with session_scope(who.tenant_id) as session:
        held = session.get(Message, row.id)
        assert held is not None
        held.state = MessageState.TO_APPROVE
    assert quick_replies.open_ids(rows(who, Message)) == set(), "it is not sent yet"
    call(who, approvals.approve, row.id, "What size do you ride?")
    assert quick_replies.open_ids(rows(who, Message)) == {row.id} and titles(who) == [SIZES]


async def test_a_visitor_presses_once_whichever_page_it_is(who: Identity) -> None:
    chat = a_chat(who)
    write(who, chat, "Hello")
    call(who, hand_off.take_over, the_talk(who).id)
    sent = call(who, member_messages.send, the_talk(who).id, "Which size?", quick_replies=SIZES)
    assert view(who, chat).messages[-1]["quick_replies"] == SIZES

    async def press(title: str, key: str) -> Any:
        return await ask(chat, "messages", message(title, answers=sent.id) | {"id": key})

    assert (await press("Huge", "answers-0001")).status_code == 409
    both = [await press(title, f"answers-{sent.id}") for title in ("Medium", "Large")]
    assert [(one.status_code, one.json()["text"], one.json()["repeat"]) for one in both] == [
        (200, "Medium", False),
        (200, "Medium", True),
    ]
    assert (await press("Small", "answers-0002")).status_code == 409
    assert [row.text for row in rows(who, Message) if row.author == Author.CONTACT] == ["Hello", "Medium"]


def test_telegram_shows_a_keyboard_and_takes_it_away(who: Identity, talk: str, telegram: FakeTelegram) -> None:
    call(who, member_messages.send, talk, "Which size?", quick_replies=SIZES)
    bots.work(who)
    shown = telegram.sent[-1]["markup"]
    assert [[button["text"] for button in row] for row in shown["keyboard"]] == [[title] for title in SIZES]
    assert shown["one_time_keyboard"]
    (account,) = {part.account_id for part in bots.parts(who)}
    asyncio.run(bots.post(_account(who, account), telegram.customer().write("Medium")))
    assert rows(who, Message)[-1].text == "Medium" and events(who)[-1] == "message_received"
    for text in ("Thanks", "Bye"):
        call(who, member_messages.send, talk, text)
        bots.work(who)
    assert [one["markup"] for one in telegram.sent[-2:]] == [{"remove_keyboard": True}, {}]


def _account(who: Identity, account_id: str) -> Any:
    return next(row for row in rows(who, ChannelAccount) if row.id == account_id)


def test_a_long_text_has_them_below_its_last_part(who: Identity, talk: str, telegram: FakeTelegram) -> None:
    call(who, member_messages.send, talk, "All sizes are in stock. " * 250, quick_replies=SIZES)
    bots.work(who)
    assert [bool(one["markup"]) for one in telegram.sent] == [False, True]


@pytest.mark.parametrize(
    ("offered", "kind"),
    [
        (SIZES, "button"),
        ([*SIZES, "Extra large"], "list"),
        (["A title of 22 characters"[:22]], "list"),
        (["x" * 30], ""),
    ],
)
def test_whatsapp_shows_buttons_a_list_or_text(
    who: Identity, whatsapp: FakeWhatsApp, monkeypatch: pytest.MonkeyPatch, offered: list[str], kind: str
) -> None:
    monkeypatch.setattr(WHATSAPP.push, "chat_messages_per_second", 1_000)
    number = numbers.connected(who, whatsapp)
    assert numbers.post_now(number, whatsapp, whatsapp.write()) == [200]
    talk = the_talk(who).id
    call(who, hand_off.take_over, talk)
    call(who, member_messages.send, talk, "Which size? " * 120, quick_replies=offered)
    bots.work(who)
    last = whatsapp.sent[-1]
    if not kind:
        assert last["text"]["body"].endswith("1. " + "x" * 30)
        return
    assert last["interactive"]["type"] == kind
    post = whatsapp.press(last["id"], "0", offered[0], f"{kind}_reply")
    assert numbers.post_now(number, whatsapp, post, post) == [200, 200]
    assert [row.text for row in rows(who, Message)][-1:] == [offered[0]], "a repeated post is stored once"


def test_vk_and_max_show_keyboards(monkeypatch: pytest.MonkeyPatch, env: pytest.MonkeyPatch) -> None:
    fake, other = FakeVk(), FakeMax()
    try:
        monkeypatch.setattr(vk, "API_URL", f"{fake.address}/method")
        env.setenv("PLATFORM_MAX_API_URL", other.address)
        VkCommunity().send_part(fake.token, "42", OutgoingText("Which?", reference="1", quick_replies=("A", "B")))
        VkCommunity().send_part(fake.token, "42", OutgoingText("Thanks", reference="2", ends_quick_replies=True))
        shown, removed = (json.loads(one["keyboard"]) for one in fake.sent)
        assert [row[0]["action"]["label"] for row in shown["buttons"]] == ["A", "B"] and shown["one_time"]
        assert removed["buttons"] == []
        MaxBot().send_part(other.token, "7", OutgoingText("Which?", is_markdown=True, quick_replies=("A", "B")))
        (keyboard,) = other.sent[-1]["attachments"]
        assert keyboard["payload"]["buttons"] == [[{"type": "message", "text": title}] for title in "AB"]
    finally:
        fake.close()
        other.close()


def test_channels_without_buttons_get_a_list() -> None:
    assert with_list("Which size?", SIZES) == "Which size?\n\n1. Small\n2. Medium\n3. Large"
    for kind in (EMAIL, KOMMO):
        assert kind.push is not None
        parts, shown = outbound_parts._split(kind.push, "Which size?", SIZES)
        assert (parts, shown) == ([with_list("Which size?", SIZES)], [])
