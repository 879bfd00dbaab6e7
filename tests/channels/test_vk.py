"""VK: messages come in by posts and by asking, each once; answers go out once; what VK refuses is said."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.channels import vk
from platform_app.channels.push_channel import (
    AccountRefused,
    ContactBlocked,
    MessageRefused,
    TemporaryFailure,
    UpdateKind,
)
from platform_app.channels.vk import VK, VkCommunity
from platform_app.db import session_scope
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.models.agent import Channel
from platform_app.models.channel import AccountState, Attachment, ChannelAccount, ChannelIdentity, OutboundState
from platform_app.models.conversation import Author, ConversationState
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access, channel_accounts, outbound_pace
from platform_app.services.chat import hand_off, member_messages
from tests.api_client import client
from tests.channels.bots import PUBLIC_URL, parts, poll, states, work
from tests.conftest import forget_process_state
from tests.fakes.vk import FakeVk
from tests.talking import add_agent, call
from tests.visiting import rows, texts, the_talk


@pytest.fixture
def fake(env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVk]:
    """A fake VK that the platform calls."""
    made = FakeVk()
    monkeypatch.setattr(vk, "API_URL", f"{made.address}/method")
    env.setenv("PLATFORM_LEASE_SECONDS", "1.5")
    env.setenv("PLATFORM_BACKOFF_SECONDS", "0.01")
    forget_process_state()
    monkeypatch.setattr(outbound_pace, "MAX_WAIT_SECONDS", 30)
    yield made
    made.close()


@pytest.fixture
def community(who: Identity, fake: FakeVk) -> ChannelAccount:
    """A connected community."""
    access = channel_access.verify(Channel.VK, fake.token)
    agent_id = add_agent(who)
    made: ChannelAccount = call(who, channel_accounts.create, Channel.VK, name="VK", agent_id=agent_id, access=access)
    return made


def secret_of(account: ChannelAccount) -> str:
    """Return the secret that VK was told for the posts of an account."""
    with session_scope(account.tenant_id, read_only=True) as session:
        return vk._post_secret(channel_access.get_webhook_key(session, account))


def post(account: ChannelAccount, update: Any) -> tuple[int, str]:
    async def send() -> tuple[int, str]:
        async with client() as server:
            answer = await server.post(f"/hooks/channels/{account.token}", json=update)
        return answer.status_code, answer.text

    return asyncio.run(send())


def test_messages_are_asked_for_and_answers_go_out(who: Identity, fake: FakeVk, community: ChannelAccount) -> None:
    poll(who, rounds=1)  # events from here on
    fake.write(ref="spring")
    poll(who)
    poll(who)
    (contact,), (identity,) = rows(who, Contact), rows(who, ChannelIdentity)
    assert texts(who, lambda row: row.author == Author.CONTACT) == ["Сколько стоит ремонт?"]
    assert (contact.name, contact.source, contact.language) == ("Анна К.", "spring", "ru")
    assert identity.outside_id == "42" and community.outside_name == "workshop"
    assert fake.settings["groups.setLongPollSettings"]["message_new"] == "1"
    call(who, hand_off.take_over, the_talk(who).id)
    call(who, member_messages.send, the_talk(who).id, "Тысяча *ровно*")
    work(who)
    (sent,) = fake.sent
    assert states(who) == [OutboundState.SENT] and (sent["peer_id"], sent["message"]) == ("42", "Тысяча *ровно*")
    assert fake.calls.count("users.get") == 1, "the name is asked for once"


def test_with_a_public_address_vk_confirms_it_and_posts(
    who: Identity, fake: FakeVk, community: ChannelAccount, env: pytest.MonkeyPatch
) -> None:
    fake.servers = [{"id": 900, "title": "gpt-agents", "url": "https://old"}, {"id": 901, "title": "Other", "url": "x"}]
    env.setenv("PLATFORM_PUBLIC_URL", PUBLIC_URL)
    forget_process_state()
    poll(who)
    other, own = fake.servers
    assert other["id"] == 901 and own["url"] == f"{PUBLIC_URL}/hooks/channels/{community.token}"
    assert own["secret_key"] == secret_of(community)
    assert post(community, {"type": "confirmation", "group_id": fake.group_id}) == (200, fake.code)
    update = fake.write(secret=own["secret_key"])
    assert [post(community, update) for _ in range(2)] == [(200, "ok")] * 2
    assert texts(who, lambda row: row.author == Author.CONTACT) == ["Сколько стоит ремонт?"]
    assert rows(who, Contact)[0].name == "Анна К."


def test_forged_posts_are_refused(who: Identity, fake: FakeVk, community: ChannelAccount) -> None:
    update = fake.write(secret=secret_of(community))
    forged = [
        update | {"secret": "x"},
        update | {"group_id": 1},
        {**update, "secret": None},
        [],
        "x",
        {"type": "confirmation"},
    ]
    assert {post(community, one)[0] for one in forged} == {403}
    fake.token = "another"  # the code cannot be asked for
    assert post(community, {"type": "confirmation", "group_id": fake.group_id})[0] == 403
    assert rows(who, Contact) == []


def test_a_message_without_an_answer_is_repeated_and_arrives_once(
    who: Identity, fake: FakeVk, community: ChannelAccount
) -> None:
    post(community, fake.write(secret=secret_of(community)))
    fake.is_cut = True
    call(who, member_messages.send, the_talk(who).id, "Hello")
    work(who)
    for _ in range(20):
        if states(who) == [OutboundState.SENT]:
            break
        work(who)
    assert states(who) == [OutboundState.SENT] and len(fake.sent) == 1 and parts(who)[0].attempts == 2


@pytest.mark.parametrize(
    ("code", "refused", "blocked"), [(901, False, True), (902, False, True), (914, False, False), (5, True, False)]
)
def test_refusals_are_said(
    who: Identity, fake: FakeVk, community: ChannelAccount, code: int, refused: bool, blocked: bool
) -> None:
    post(community, fake.write(secret=secret_of(community)))
    fake.faults = [code]
    call(who, member_messages.send, the_talk(who).id, "Hello")
    work(who)
    (account,) = call(who, channel_accounts.list_accounts)
    assert states(who) == [OutboundState.FAILED] and (account.state == AccountState.REFUSED) is refused
    assert (rows(who, ChannelIdentity)[0].blocked_at is not None) is blocked


@pytest.mark.parametrize(
    ("code", "kind", "seconds"),
    [
        (6, TemporaryFailure, 1.0),
        (9, TemporaryFailure, 60.0),
        (29, TemporaryFailure, 600.0),
        (10, TemporaryFailure, 0.0),
        (27, AccountRefused, None),
        (900, ContactBlocked, None),
        (7, vk._Denied, None),
        (914, MessageRefused, None),
    ],
)
def test_each_error_has_a_meaning(fake: FakeVk, code: int, kind: type[Exception], seconds: float | None) -> None:
    fake.faults = [code]
    with pytest.raises(kind) as raised:
        VkCommunity().send(fake.token, "42", "Hello", is_markdown=False)
    assert type(raised.value) is kind and getattr(raised.value, "seconds", None) == seconds
    sentence = raised.value.sentence  # type: ignore[attr-defined]
    assert translate("ru", sentence) != sentence


def test_an_unknown_key_is_refused_at_the_field(fake: FakeVk) -> None:
    for token in ("nonsense", "ключ"):
        with pytest.raises(Invalid) as caught:
            channel_access.verify(Channel.VK, token)
        assert (caught.value.field, caught.value.sentence) == ("token", vk.NOT_ACCEPTED)


@pytest.mark.parametrize("right", ["manage", "messages"])
def test_a_key_without_a_right_is_refused(who: Identity, fake: FakeVk, right: str) -> None:
    fake.rights.remove(right)
    with pytest.raises(Invalid) as caught:
        channel_access.verify(Channel.VK, fake.token)
    assert (caught.value.field, caught.value.sentence) == ("token", vk.LACKS_RIGHTS)


def test_a_community_with_ten_servers_says_so(
    who: Identity, fake: FakeVk, community: ChannelAccount, env: pytest.MonkeyPatch
) -> None:
    fake.servers = [{"id": number, "title": "Other", "url": "x"} for number in range(10)]
    env.setenv("PLATFORM_PUBLIC_URL", PUBLIC_URL)
    forget_process_state()
    poll(who)
    (account,) = call(who, channel_accounts.list_accounts)
    assert (account.state, account.problem) == (AccountState.CONNECTED, vk.NO_ROOM)


def test_a_right_that_is_taken_away_is_said(who: Identity, fake: FakeVk, community: ChannelAccount) -> None:
    fake.rights.remove("manage")
    poll(who)
    (account,) = call(who, channel_accounts.list_accounts)
    assert (account.state, account.problem) == (AccountState.REFUSED, vk.LACKS_RIGHTS)


def test_who_answers_in_vk_is_in_charge(who: Identity, fake: FakeVk, community: ChannelAccount) -> None:
    secret = secret_of(community)
    post(community, fake.write(secret=secret))
    own = fake.message("Hello", from_id=-fake.group_id, out=1)
    post(community, fake.put("message_reply", own, secret))
    assert the_talk(who).state == ConversationState.OPEN, "a program has written it"
    post(community, fake.put("message_reply", own | {"admin_author_id": 7}, secret))
    assert the_talk(who).state == ConversationState.HANDED_OFF


def test_attachments_are_fetched_by_their_addresses(who: Identity, fake: FakeVk, community: ChannelAccount) -> None:
    sizes = [
        {"url": "https://i.test/s", "width": 75, "height": 75},
        {"url": "https://i.test/w", "width": 900, "height": 700},
    ]
    attached = [
        {"type": "photo", "photo": {"sizes": sizes}},
        {
            "type": "audio_message",
            "audio_message": {"link_ogg": "https://i.test/v.ogg", "link_mp3": "https://i.test/v"},
        },
        {"type": "doc", "doc": {"title": "price.pdf", "url": "https://i.test/doc"}},
        {"type": "sticker", "sticker": {"sticker_id": 1}},
        {"type": "new_thing"},
    ]
    post(community, fake.write("", secret=secret_of(community), attachments=attached))
    held = [(row.label, row.name, row.outside_id) for row in rows(who, Attachment)]
    assert sorted(held) == [
        ("File", "price.pdf", "https://i.test/doc"),
        ("Photo", "", "https://i.test/w"),
        ("Voice message", "", "https://i.test/v.ogg"),
    ]


def test_updates_are_read_or_ignored(fake: FakeVk) -> None:
    read = VkCommunity().read_update
    edited = read(fake.put("message_edit", fake.message("New", update_time=1_764_550_000)))
    assert edited is not None and (edited.kind, edited.at.timestamp()) == (UpdateKind.EDIT, 1_764_550_000)
    denied, allowed = (read(fake.put(kind, {"user_id": 42})) for kind in ("message_deny", "message_allow"))
    assert denied is not None and denied.kind == UpdateKind.BLOCKED
    assert allowed is not None and allowed.kind == UpdateKind.UNBLOCKED
    for ignored in (
        fake.write(peer_id=2_000_000_001),
        fake.write(from_id=-1),
        fake.write(""),
        fake.put("group_join", {"user_id": 1}),
    ):
        assert read(ignored) is None
    for wrong in (
        {},
        [],
        {"type": "message_new", "object": {}},
        {"type": "message_new", "object": {"message": 1}},
        "x",
    ):
        with pytest.raises(ValueError, match="VK"):
            read(wrong)
    assert VK.push is not None and all(len(part) <= vk.MAX_TEXT for part in VK.push.split("слово " * 2_000))


def test_events_that_are_gone_are_passed_over(fake: FakeVk) -> None:
    fetch = VkCommunity().fetch
    fake.write()
    fake.failed = {"failed": 1, "ts": "1"}
    assert fetch(fake.token, "0", seconds=0.1) == vk.Batch([], "1")
    fake.failed = {"failed": 3}
    assert fetch(fake.token, "0", seconds=0.1).cursor == "1"
    assert len(fetch(fake.token, "0", seconds=0.1).updates) == 1
    assert fetch(fake.token, "hostile", seconds=0.1) == vk.Batch([], "1")
