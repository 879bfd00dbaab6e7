"""Own chats: conversations of other channels are shown in Kommo once, and managers answer them there."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from platform_app.channels.kommo_bridge import KOMMO
from platform_app.channels.push_channel import AttachedFile
from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.errors import Invalid
from platform_app.files import tenant_files
from platform_app.integrations.kommo import chat_files
from platform_app.models.agent import Channel
from platform_app.models.channel import Attachment, AttachmentKind, ChannelAccount
from platform_app.models.conversation import Author, ConversationState, Message, MessageState
from platform_app.models.kommo_chats import KommoChatMessage, KommoChats, ShownState
from platform_app.models.person import Identity
from platform_app.services.channels import attachments, channel_access, channel_accounts
from platform_app.services.chat import agent_messages, conversations, hand_off, member_messages
from platform_app.services.crm import contacts
from platform_app.services.kommo import own_chats, shown_messages
from tests.api_client import client
from tests.conftest import forget_process_state
from tests.talking import call, published
from tests.visiting import a_chat, rows, the_talk, write

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
AMOJO = "cccccccc-0000-4000-8000-000000000001"


def values(fake: FakeKommo, **changes: str) -> dict[str, str]:
    given = {"channel_id": fake.chats.channel_id, "channel_secret": fake.chats.secret}
    return given | {"bot_id": fake.chats.bot_id} | changes


@pytest.fixture
def account(who: Identity, unpaced: FakeKommo) -> ChannelAccount:
    """A Salesbot through whose account a channel of our own is connected."""
    assert KOMMO.push is not None
    given = {"account": unpaced.host, "bot": "61001", "token": unpaced.token, "secret": "s"}
    access = channel_access.verify(Channel.KOMMO, KOMMO.push.join_access(given))
    agent_id = published(who, channels=["test"])
    made: ChannelAccount = call(
        who, channel_accounts.create, Channel.KOMMO, name="Shop", agent_id=agent_id, access=access
    )
    own_chats.connect(who, made.id, values(unpaced))
    return made


@pytest.fixture
def talk(who: Identity, account: ChannelAccount) -> str:
    """The id of a conversation in the web chat."""
    write(who, a_chat(who), "How much is it?")
    return the_talk(who).id


def public(env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_PUBLIC_URL", "https://agents.example.com")
    forget_process_state()


def attach(who: Identity, *files: tuple[str, str]) -> list[str]:
    """Attach files of a label and name to the customer's message, as their channel does; return their ids."""
    message = next(row for row in rows(who, Message) if row.author == Author.CONTACT)
    with session_scope(who.tenant_id) as session:
        chat = session.exec(owned(ChannelAccount, who.tenant_id).where(ChannelAccount.kind == Channel.KOMMO)).one()
        made = [AttachedFile(label, name=name, outside_id=f"file-{name}") for label, name in files]
        attachments.add(session, chat, message.id, made)
    return [row.id for row in rows(who, Attachment)]


def show(seconds: float = 2) -> None:
    """Look at what is to be shown, as a worker does a while later."""
    with time_machine.travel(now() + timedelta(seconds=seconds), tick=True):
        shown_messages.show_due()


def post(account: ChannelAccount, body: bytes, signature: str) -> int:
    """Post a hook as Kommo does; return the status."""

    async def ask() -> int:
        async with client() as server:
            headers = {"x-signature": signature, "content-type": "application/json"}
            return (await server.post(f"/hooks/kommo-chats/{account.token}", content=body, headers=headers)).status_code

    return asyncio.run(ask())


def answer(fake: FakeKommo, account: ChannelAccount, talk: str, text: str = "I can help") -> bytes:
    """Let a manager write; return the hook."""
    body = fake.chats.hook(talk, text)
    assert post(account, body, fake.chats.signature(body)) == 200
    return body


def test_what_is_said_in_the_web_chat_is_shown_in_kommo_once(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, talk: str
) -> None:
    call(who, contacts.save, the_talk(who).contact_id, {"name": "Olga"})
    call(who, agent_messages.send_message, talk, "590")
    call(who, member_messages.send, talk, "Or less")
    for seconds in (2, 10, 20):
        show(seconds)
    shown = unpaced.chats.messages[talk]
    assert [message["message"]["text"] for message in shown] == ["How much is it?", "590", "Or less"]
    assert [bool(message.get("receiver")) for message in shown] == [False, True, True]
    assert {message["sender"].get("ref_id") for message in shown[1:]} == {unpaced.chats.bot_id}
    assert {row.state for row in rows(who, KommoChatMessage)} == {ShownState.SHOWN}


def test_test_chats_and_earlier_messages_are_not_shown(who: Identity, unpaced: FakeKommo) -> None:
    chat = a_chat(who)
    write(who, chat, "Before")
    with time_machine.travel(now() + timedelta(seconds=5), tick=True):
        assert KOMMO.push is not None
        given = {"account": unpaced.host, "bot": "1", "token": unpaced.token, "secret": "s"}
        access = channel_access.verify(Channel.KOMMO, KOMMO.push.join_access(given))
        made = call(who, channel_accounts.create, Channel.KOMMO, name="Shop", agent_id=chat.agent_id, access=access)
        own_chats.connect(who, made.id, values(unpaced))
        test = call(who, conversations.create, chat.agent_id)
        call(who, conversations.set_is_live, test.id, is_live=True)
        call(who, conversations.receive, test.id, "In the test chat")
        show()
    assert unpaced.chats.messages == {}


def test_a_manager_who_answers_in_kommo_is_in_charge_and_the_customer_reads_it(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, talk: str
) -> None:
    body = answer(unpaced, account, talk)
    assert post(account, body, unpaced.chats.signature(body)) == 200
    written = [row for row in rows(who, Message) if row.author == Author.MEMBER]
    assert [(row.text, row.author_name) for row in written] == [("I can help", "Pavel Orlov")]
    assert (the_talk(who).state, the_talk(who).in_charge) == (ConversationState.HANDED_OFF, "Pavel Orlov")
    show()
    told = unpaced.chats.delivery[json.loads(body)["message"]["message"]["id"]]
    assert [report["delivery_status"] for report in told] == [1]
    assert [message["message"]["text"] for message in unpaced.chats.messages[talk]] == ["How much is it?"]
    show(30)
    assert len(told) == 1


def test_forged_altered_old_and_foreign_hooks_are_refused_and_nothing_is_read(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, talk: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = unpaced.chats.hook(talk, "Hello")
    signature = unpaced.chats.signature(good)
    assert post(account, good.replace(b"Hello", b"Hallo"), signature) == 403
    assert post(account, good, "0" * 40) == post(account, good, "") == 403
    data = json.loads(good)
    for changes in ({"account_id": "another"}, {"time": data["time"] - 1_000}, {"time": data["time"] + 1_000}):
        body = json.dumps(data | changes).encode()
        assert post(account, body, unpaced.chats.signature(body)) == 403
    assert "".join(capsys.readouterr()).count("a hook of Kommo was refused") == 6
    assert [row for row in rows(who, Message) if row.author == Author.MEMBER] == []
    assert the_talk(who).state == ConversationState.OPEN
    own_chats.disconnect(who, account.id)
    assert post(account, good, signature) == 404


def test_a_conversation_of_another_tenant_is_not_written_to(
    who: Identity, other: Identity, unpaced: FakeKommo, account: ChannelAccount
) -> None:
    write(other, a_chat(other), "Hello")
    body = answer(unpaced, account, the_talk(other).id)
    assert [row.author for row in rows(other, Message) if row.author == Author.MEMBER] == []
    told = unpaced.chats.delivery[json.loads(body)["message"]["message"]["id"]]
    assert told[0]["delivery_status"] == -1 and told[0]["error"] == "Conversation not found."


def test_what_the_gate_does_not_let_through_is_told_to_kommo(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, talk: str
) -> None:
    call(who, hand_off.close, talk)
    body = answer(unpaced, account, talk)
    told = unpaced.chats.delivery[json.loads(body)["message"]["message"]["id"]]
    assert told[0]["delivery_status"] == -1 and told[0]["error"]
    assert [row for row in rows(who, Message) if row.author == Author.MEMBER] == []


def test_while_the_agent_writes_kommo_shows_it(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, talk: str
) -> None:
    with session_scope(who.tenant_id) as session:
        reply = Message(tenant_id=who.tenant_id, conversation_id=talk, author=Author.AGENT, author_name="Vera")
        reply.state = MessageState.STREAMING
        session.add(reply)
    unpaced.fail_next("POST", f"/v2/origin/custom/{unpaced.chats.channel_id}_{AMOJO}/typing", status=400)
    show()
    shown_messages._typing_at.clear()
    show(10)
    show(20)
    assert [told["conversation_id"] for told in unpaced.chats.typing] == [talk]
    assert rows(who, KommoChats)[0].problem == ""


def test_what_was_sent_without_an_answer_is_not_sent_again(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, talk: str
) -> None:
    scope = f"/v2/origin/custom/{unpaced.chats.channel_id}"
    unpaced.fail_next("POST", scope, does_it=True)
    show()
    show(30)
    assert len(unpaced.chats.messages[talk]) == 1
    assert [row.state for row in rows(who, KommoChatMessage)] == [ShownState.UNCERTAIN]


def test_while_kommo_refuses_it_is_said_and_then_shown(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, talk: str
) -> None:
    secret, unpaced.chats.secret = unpaced.chats.secret, "another"
    show()
    (row,) = rows(who, KommoChats)
    assert row.problem and rows(who, KommoChatMessage) == []
    unpaced.chats.secret = secret
    show(60)
    assert len(unpaced.chats.messages[talk]) == 1 and rows(who, KommoChats)[0].problem == ""


@pytest.mark.parametrize("field", ["channel_id", "channel_secret", "bot_id"])
@pytest.mark.parametrize("wrong", ["", "with space", "é", "x" * 65, "a\x00b"])
def test_what_connects_a_channel_is_checked_at_its_field(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, field: str, wrong: str
) -> None:
    calls = len(unpaced.calls)
    with pytest.raises(Invalid) as refused:
        own_chats.connect(who, account.id, values(unpaced, **{field: wrong}))
    assert refused.value.field == field and len(unpaced.calls) == calls


def test_a_wrong_secret_is_refused_and_the_right_one_is_kept_sealed(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount
) -> None:
    with pytest.raises(Invalid) as refused:
        own_chats.connect(who, account.id, values(unpaced, channel_secret="another"))
    assert refused.value.field == "channel_secret"
    with session_scope(who.tenant_id, read_only=True) as session:
        row: Any = session.exec(owned(KommoChats, who.tenant_id)).one()
        assert unpaced.chats.secret not in str(row) and row.amojo_id == AMOJO
        assert own_chats.channel_of(session, account, row).secret == unpaced.chats.secret


def test_an_id_that_leads_elsewhere_is_refused(who: Identity, unpaced: FakeKommo, account: ChannelAccount) -> None:
    with pytest.raises(Invalid) as refused:
        own_chats.connect(who, account.id, values(unpaced, channel_id="a/../b"))
    assert refused.value.field == "channel_id"


def test_files_of_customers_are_shown_in_kommo_at_addresses_that_end(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, talk: str, env: pytest.MonkeyPatch
) -> None:
    public(env)
    first, _, _ = attach(who, ("Photo", "bike.png"), ("Voice message", ""), ("File", "list.pdf"))
    with session_scope(who.tenant_id) as session:
        row = session.get(Attachment, first)
        assert row is not None
        stored = tenant_files.save_bytes(who.tenant_id, PNG)
        row.stored_as, row.size, row.sha256 = stored.stored_as, stored.size, stored.sha256
    unpaced.fail_next("POST", "/v2/origin/custom/", count=1, skip=1, status=429)
    for seconds in (2, 40, 80):
        show(seconds)
    shown = [message["message"] for message in unpaced.chats.messages[talk]]
    assert [(held["type"], held["text"], held["file_name"]) for held in shown] == [
        ("picture", "How much is it?", "bike.png"),
        ("voice", "", ""),
        ("file", "", "list.pdf"),
    ]
    assert [held["file_size"] for held in shown] == [len(PNG), 0, 0]
    assert [row.state for row in rows(who, KommoChatMessage)] == [ShownState.SHOWN]
    path = shown[0]["media"].removeprefix("https://agents.example.com")

    async def ask(*paths: str) -> list[Any]:
        async with client() as server:
            return [await server.get(asked) for asked in paths]

    answer, forged = asyncio.run(ask(path, f"{path[:-4]}AAAA"))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PNG, "image/png")
    assert "sandbox" in answer.headers["content-security-policy"] and forged.status_code == 404
    with time_machine.travel(now() + timedelta(days=1, minutes=1), tick=True):
        assert asyncio.run(ask(path))[0].status_code == 404


def test_without_a_public_address_the_text_alone_is_shown(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, talk: str
) -> None:
    attach(who, ("Photo", "bike.png"))
    show()
    assert [message["message"] for message in unpaced.chats.messages[talk]] == [
        {"type": "text", "text": "How much is it?"}
    ]


def test_a_file_of_a_manager_is_in_the_inbox_and_the_customer_gets_its_address(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, talk: str
) -> None:
    told = unpaced.chats.attach("bike.png", PNG)
    body = unpaced.chats.hook(talk, "Like this?", **told)
    assert post(account, body, unpaced.chats.signature(body)) == 200
    (row,) = rows(who, Attachment)
    assert (row.name, row.kind) == ("bike.png", AttachmentKind.PICTURE)
    assert attachments.download(who, row.id).content == PNG
    assert rows(who, Attachment)[0].stored_as  # it stays here, should Kommo delete it
    written = next(message for message in rows(who, Message) if message.author == Author.MEMBER)
    assert (written.text, row.message_id) == (f"Like this?\n{told['media']}", written.id)


@pytest.mark.parametrize(
    "address",
    [
        "http://amojo.kommo.com/a.png",
        "https://amojo.kommo.com.evil.test/a.png",
        "https://evil.test/?amojo.kommo.com",
        "https://u:p@amojo.kommo.com/a.png",
        "https://amojo.kommo.com:8443/a.png",
        "https://kommo.com@127.0.0.1/a.png",
        "//amojo.kommo.com/a.png",
        "https://[::1",
    ],
)
def test_a_file_elsewhere_is_not_fetched(
    who: Identity, unpaced: FakeKommo, account: ChannelAccount, talk: str, address: str
) -> None:
    body = unpaced.chats.hook(talk, "", type="picture", media=address, file_name="../../a\x00.png")
    assert post(account, body, unpaced.chats.signature(body)) == 200
    assert rows(who, Attachment) == []
    assert not chat_files.is_vendor_file(address)
