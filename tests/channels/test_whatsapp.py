"""WhatsApp: what comes in counts once and only if it is signed, and a word in the phone app is that of a person."""

import asyncio
import random
import time

import pytest

from platform_app.db import session_scope
from platform_app.errors import Conflict, Invalid
from platform_app.models.channel import (
    Attachment,
    ChannelAccount,
    ChannelIdentity,
    ChannelReceiver,
    InboundMessage,
)
from platform_app.models.conversation import Author, ConversationState, Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.services.channels import attachments, channel_access, channel_accounts, receivers
from platform_app.services.chat import member_messages
from tests.api_client import client
from tests.channels.bots import PUBLIC_URL, parts, poll, read_waiting, work
from tests.channels.numbers import connected, post, post_now, verified
from tests.channels.numbers import whatsapp as whatsapp
from tests.conftest import forget_process_state
from tests.fakes.whatsapp import FakeWhatsApp
from tests.talking import call
from tests.visiting import rows, texts, the_talk


@pytest.fixture
def number(who: Identity, whatsapp: FakeWhatsApp) -> ChannelAccount:
    """A connected number."""
    return connected(who, whatsapp)


def said(who: Identity) -> list[str]:
    """Return what customers have said."""
    return texts(who, lambda row: row.author == Author.CONTACT)


def account_of(who: Identity) -> ChannelAccount:
    (row,) = call(who, channel_accounts.list_accounts)
    assert isinstance(row, ChannelAccount)
    return row


def test_a_customer_is_a_contact_with_the_number_and_the_agent_is_to_answer(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    assert (number.outside_id, number.outside_name) == (whatsapp.phone_id, "+1 555-000-9999")
    assert post_now(number, whatsapp, whatsapp.write(sender="14155552671")) == [200]
    (contact,), (identity,), (message, reply) = rows(who, Contact), rows(who, ChannelIdentity), rows(who, Message)
    assert (contact.name, contact.phones, identity.outside_id) == ("Anna", ["+1 415-555-2671"], "14155552671")
    assert (the_talk(who).channel, reply.state, reply.answers_id) == ("whatsapp", MessageState.DELAYED, message.id)
    assert identity.wrote_at is not None


def test_repeated_shuffled_and_batched_posts_lose_and_double_nothing(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    first = whatsapp.write("once")
    assert post_now(number, whatsapp, *[first] * 50) == [200] * 50
    posts = [whatsapp.write(f"{sender}-{n}", sender=sender) for sender in ("15550002", "15550003") for n in range(6)]
    posts += [whatsapp.edit(posts[0], "new", 9), whatsapp.edit(posts[0], "old", 3)]
    batch = whatsapp.post(messages=[post["entry"][0]["changes"][0]["value"]["messages"][0] for post in posts])
    batch["entry"][0]["changes"][0]["value"]["messages"].insert(3, {"type": "text"})  # cannot be read
    shuffled = [*posts * 2, batch]
    random.Random(5).shuffle(shuffled)
    assert set(post_now(number, whatsapp, *shuffled)) == {200}
    assert read_waiting(who)
    expected = {f"{sender}-{n}" for sender in ("15550002", "15550003") for n in range(6)} - {"15550002-0"}
    assert sorted(said(who)) == sorted(expected | {"once", "new"})
    assert len(rows(who, Contact)) == 3 and len(rows(who, InboundMessage)) == 13


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=" + "0" * 64, "sha1=abc", "ключ"])
def test_a_forged_post_is_refused(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount, signature: str
) -> None:
    async def forge() -> int:
        async with client() as server:
            headers = {b"x-hub-signature-256": signature.encode()}
            answer = await server.post(f"/hooks/channels/{number.token}", headers=headers, json=whatsapp.write())
        return answer.status_code

    assert asyncio.run(forge()) == 403 and rows(who, Message) == []


def test_the_signature_is_over_the_bytes_and_checked_before_they_are_read(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    raw = b'{ "object":"whatsapp_business_account",  "entry":[] , "\\u043a":"\\u00e9/" }'
    assert asyncio.run(post(number, whatsapp, raw)) == 200
    assert asyncio.run(post(number, whatsapp, raw + b" ", x_hub_signature_256=whatsapp.signature(raw))) == 403
    assert asyncio.run(post(number, whatsapp, b"{", x_hub_signature_256="sha256=0")) == 403
    assert asyncio.run(post(number, whatsapp, b"{")) == 422
    for wrong in (b"[]", b"5", b'{"entry": {}}', b'{"entry": [5, {"changes": [5, {"value": {"messages": 5}}]}]}'):
        assert asyncio.run(post(number, whatsapp, wrong)) == 200
    assert rows(who, Message) == []


def test_meta_verifies_the_address(who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount) -> None:
    with session_scope(who.tenant_id, read_only=True) as session:
        key = channel_access.get_webhook_key(session, number)

    async def verify(**query: str) -> tuple[int, str]:
        async with client() as server:
            named = {f"hub.{name}": value for name, value in query.items()}
            answer = await server.get(f"/hooks/channels/{number.token}", params=named)
        return answer.status_code, answer.text

    assert asyncio.run(verify(mode="subscribe", verify_token=key, challenge="1158201444")) == (200, "1158201444")
    assert asyncio.run(verify(mode="subscribe", verify_token="wrong", challenge="1"))[0] == 403
    assert asyncio.run(verify(mode="unsubscribe", verify_token=key, challenge="1"))[0] == 403
    assert asyncio.run(verify())[0] == 404


def test_with_a_public_address_the_number_names_its_webhook_and_never_asks(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount, env: pytest.MonkeyPatch
) -> None:
    poll(who)
    assert account_of(who).problem == receivers.POSTS_ALONE and whatsapp.webhook == {}
    env.setenv("PLATFORM_PUBLIC_URL", PUBLIC_URL)
    forget_process_state()
    call(who, channel_accounts.save, number.id, {"name": "Shop"})
    poll(who)
    address = f"{PUBLIC_URL}/hooks/channels/{number.token}"
    assert whatsapp.webhook["override_callback_uri"] == address and len(whatsapp.webhook["verify_token"]) == 43
    assert whatsapp.subscribed and account_of(who).problem == "" and rows(who, ChannelReceiver)[0].mode == address


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"token": "EAAGwrong"}, "token"),
        ({"app_secret": "6" * 32}, "app_secret"),
        ({"phone_number_id": "999999999"}, "phone_number_id"),
        ({"business_account_id": "999999999"}, "business_account_id"),
        ({"phone_number_id": "../me"}, "phone_number_id"),
        ({"token": ""}, "token"),
        ({"app_secret": "x" * 10_000}, "app_secret"),
        ({"token": "ключ\n"}, "token"),
    ],
)
def test_each_credential_is_checked_at_its_field(whatsapp: FakeWhatsApp, wrong: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        verified(whatsapp.credentials | wrong)
    assert caught.value.field == field


def test_files_are_fetched_when_they_are_opened(who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount) -> None:
    post_now(number, whatsapp, whatsapp.file("document", b"%PDF-1", filename="order.pdf", caption="See"))
    assert not [name for name in whatsapp.calls if "files" in name] and said(who) == ["[File]\nSee"]
    assert the_talk(who).state == ConversationState.HANDED_OFF
    (row,) = rows(who, Attachment)
    file = attachments.download(who, row.id)
    assert (file.name, file.content) == ("order.pdf", b"%PDF-1")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"type": "button", "button": {"text": "Yes", "payload": "y"}}, "Yes"),
        (
            {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": {"id": "1", "title": "Red"}}},
            "Red",
        ),
        ({"type": "location", "location": {"latitude": 1.5, "longitude": 2}}, "[Location]\n1.5, 2"),
        ({"type": "unsupported", "errors": [{"code": 131051}]}, "[Unsupported message]"),
        ({"type": "text", "text": {"body": " \n"}}, "[Unsupported message]"),
        ({"type": "newest", "newest": 5}, "[Unsupported message]"),
        ({"type": "text", "text": {"body": "x" * 4096}}, "x" * 4096),
    ],
)
def test_no_kind_of_message_is_lost(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount, message: dict[str, object], text: str
) -> None:
    post_now(number, whatsapp, whatsapp.write(**message))
    assert said(who) == [text]


def test_a_contact_who_hides_the_number_is_known_by_the_user_id(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    hidden = whatsapp.write(from_user_id="US.1349120865530274191")
    del hidden["entry"][0]["changes"][0]["value"]["messages"][0]["from"]
    post_now(number, whatsapp, hidden)
    whatsapp.wrote_at["US.1349120865530274191"] = time.time()
    call(who, member_messages.send, the_talk(who).id, "Hello")
    work(who)
    assert whatsapp.sent[0]["recipient"] == "US.1349120865530274191" and "to" not in whatsapp.sent[0]


def test_updates_of_another_number_go_to_its_account_or_nowhere(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    strange = whatsapp.write()
    strange["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "777"
    assert post_now(number, whatsapp, strange) == [200] and rows(who, Message) == []
    whatsapp.phone_id = "106540352242923"
    second = connected(who, whatsapp)
    post_now(number, whatsapp, whatsapp.write())
    assert the_talk(who).account_id == second.id


def test_the_persons_word_in_the_phone_app_stops_the_agent_and_opens_no_window(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    echo = whatsapp.echo("I will call you.")
    assert post_now(number, whatsapp, echo, echo) == [200, 200]
    (message,) = rows(who, Message)
    assert (message.author, message.state) == (Author.MEMBER, MessageState.COMPLETE)
    assert message.author_name == "Teammate in the WhatsApp app" and parts(who) == []
    assert the_talk(who).state == ConversationState.HANDED_OFF
    (identity,) = rows(who, ChannelIdentity)
    assert identity.wrote_at is None
    with pytest.raises(Conflict, match="approved templates"):
        call(who, member_messages.send, the_talk(who).id, "Hello")
    post_now(number, whatsapp, whatsapp.write())
    assert [row.state for row in rows(who, Message)] == [MessageState.COMPLETE] * 2  # the agent is silent
    call(who, member_messages.send, the_talk(who).id, "Hello")
    work(who)
    post_now(number, whatsapp, whatsapp.echo(id=parts(who)[0].outside_id))
    assert len(rows(who, Message)) == 3  # the echo of our own message is no other one
