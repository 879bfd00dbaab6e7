"""Chats: signed both ways; what is not signed, is too old or was altered is refused on either side."""

import json
from datetime import timedelta

import pytest
import time_machine

from platform_app.clock import now
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.integrations.kommo import chat_hooks, chats, errors
from platform_app.integrations.kommo.chat_hooks import UntrustedHook
from platform_app.integrations.kommo.chats import ChatMessage, ChatsChannel, ChatsClient, Person
from tests.fakes.receiver import Receiver

OLGA = Person("contact-1", "Olga", phone="+79000000001")


@pytest.fixture
def client(unpaced: FakeKommo) -> ChatsClient:
    return ChatsClient(ChatsChannel(unpaced.host, unpaced.chats.channel_id, unpaced.chats.secret))


def message(number: int = 1, **more: object) -> ChatMessage:
    made = {"id": f"m{number}", "conversation_id": "c1", "sender": OLGA, "text": "Привет 🚲", "milliseconds": 1_000}
    return ChatMessage(**(made | more))  # type: ignore[arg-type]


def test_a_conversation_is_shown_in_kommo_with_who_wrote(client: ChatsClient, unpaced: FakeKommo) -> None:
    scope = client.connect("account-1", "Shop")
    assert client.connect("account-1", "Shop") == scope == f"{unpaced.chats.channel_id}_account-1"
    assert client.send(scope, message())
    bot = Person("agent-1", "Vera", ref_id=unpaced.chats.bot_id)
    client.send(scope, message(2, sender=bot, receiver=OLGA, text="Hello", is_silent=True))
    first, second = unpaced.chats.messages["c1"]
    assert first["message"]["text"] == "Привет 🚲" and first["sender"]["profile"] == {"phone": "+79000000001"}
    assert second["sender"]["ref_id"] == unpaced.chats.bot_id and second["receiver"]["id"] == "contact-1"
    assert client.has_message(scope, message(), "c1") and not client.has_message(scope, message(text="x"), "c1")
    client.show_typing(scope, "c1", OLGA)
    client.set_delivery(scope, "m9", chats.DELIVERED)
    client.set_delivery(scope, "m9", chats.NOT_DELIVERED, "The contact has blocked the account.")
    assert unpaced.chats.typing == [{"conversation_id": "c1", "sender": {"id": "contact-1"}}]
    assert [told["delivery_status"] for told in unpaced.chats.delivery["m9"]] == [1, -1]
    client.disconnect("account-1")
    with pytest.raises(errors.EntityNotFound):
        client.send(scope, message(3))


def test_another_secret_and_an_old_date_are_refused(client: ChatsClient, unpaced: FakeKommo) -> None:
    with pytest.raises(errors.Unauthorized):
        ChatsClient(ChatsChannel(unpaced.host, unpaced.chats.channel_id, "another")).connect("account-1", "Shop")
    unpaced.clock.advance(1_000)
    with pytest.raises(errors.Unauthorized):
        client.connect("account-1", "Shop")
    with time_machine.travel(now() + timedelta(seconds=1_000), tick=True):
        unpaced.clock.advance(-1_000)
        assert client.connect("account-1", "Shop")
    assert unpaced.chats.scopes


def test_what_was_sent_without_an_answer_is_not_sent_again_blindly(client: ChatsClient, unpaced: FakeKommo) -> None:
    scope = client.connect("account-1", "Shop")
    unpaced.fail_next("POST", f"/v2/origin/custom/{scope}", does_it=True)
    with pytest.raises(errors.Uncertain):
        client.send(scope, message())
    assert client.has_message(scope, message(), "c1")
    with pytest.raises(errors.RefusedFields):
        client.send(scope, message())
    unpaced.fail_next("POST", f"/v2/origin/custom/{scope}/m1/delivery_status")
    with pytest.raises(errors.Unreachable):
        client.set_delivery(scope, "m1", chats.READ)


def test_a_hook_says_what_a_manager_wrote_and_is_sent_once(client: ChatsClient, unpaced: FakeKommo) -> None:
    client.connect("account-1", "Shop")
    with Receiver() as receiver:
        unpaced.chats.hook_url = receiver.address
        assert unpaced.chats.manager_writes("c1", "Здравствуйте") == 200
        receiver.status = 500
        assert unpaced.chats.manager_writes("c1", "Lost") == 500 and unpaced.chats.lost == 1
        assert len(receiver.bodies) == 2
    read = chat_hooks.read_hook(receiver.bodies[0], receiver.headers[0]["x-signature"], unpaced.chats.secret)
    assert read is not None and (read.conversation_id, read.text) == ("c1", "Здравствуйте")
    assert (read.amojo_id, read.sender_name, read.type) == ("account-1", "Pavel Orlov", "text")


def test_a_hook_that_is_not_signed_or_was_altered_is_refused(unpaced: FakeKommo) -> None:
    body = unpaced.chats.hook("c1", "Hello")
    good = unpaced.chats.signature(body)
    for altered, signature in (
        (body.replace(b"Hello", b"Hallo"), good),
        (body, good.upper()),
        (body, ""),
        (body, "é"),
        (body, good[:-1] + ("0" if good[-1] != "0" else "1")),
        (body + b" ", good),
    ):
        with pytest.raises(UntrustedHook):
            chat_hooks.read_hook(altered, signature, unpaced.chats.secret)
    with pytest.raises(UntrustedHook):
        chat_hooks.read_hook(body, good, "")
    for wrong in (b"[", b'{"message": {"message": {}}}', b'{"message": {"conversation": 5}}'):
        with pytest.raises(UntrustedHook):
            chat_hooks.read_hook(wrong, unpaced.chats.signature(wrong), unpaced.chats.secret)
    for other in (b"[]", b"{}", json.dumps({"typing": {}}).encode()):
        assert chat_hooks.read_hook(other, unpaced.chats.signature(other), unpaced.chats.secret) is None


def test_the_secret_is_in_no_text(unpaced: FakeKommo) -> None:
    assert unpaced.chats.secret not in repr(ChatsChannel(unpaced.host, "id", unpaced.chats.secret))
