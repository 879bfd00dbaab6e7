"""MAX: the same channel shape with another server: in and out, a start with a payload, a stop, limits and refusals."""

from collections.abc import Iterator

import pytest

from platform_app.channels.max import MAX, MaxBot
from platform_app.channels.push_channel import UpdateKind
from platform_app.errors import Invalid
from platform_app.models.agent import Channel
from platform_app.models.channel import AccountState, ChannelAccount, ChannelIdentity, OutboundState
from platform_app.models.conversation import Author
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access, channel_accounts, outbound_pace
from platform_app.services.chat import hand_off, member_messages
from tests.channels.bots import PUBLIC_URL, poll, states, work
from tests.conftest import forget_process_state
from tests.fakes.max import FakeMax
from tests.talking import add_agent, call
from tests.visiting import rows, texts, the_talk


@pytest.fixture
def fake(env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMax]:
    """A fake MAX that the platform calls."""
    made = FakeMax()
    env.setenv("PLATFORM_MAX_API_URL", made.address)
    env.setenv("PLATFORM_LEASE_SECONDS", "1.5")
    forget_process_state()
    monkeypatch.setattr(outbound_pace, "MAX_WAIT_SECONDS", 30)
    yield made
    made.close()


@pytest.fixture
def bot(who: Identity, fake: FakeMax) -> ChannelAccount:
    """A connected bot."""
    access = channel_access.verify(Channel.MAX, fake.token)
    agent_id = add_agent(who)
    made: ChannelAccount = call(who, channel_accounts.create, Channel.MAX, name="MAX", agent_id=agent_id, access=access)
    return made


def test_messages_come_in_once_and_answers_go_out(who: Identity, fake: FakeMax, bot: ChannelAccount) -> None:
    fake.start("spring")
    update = fake.write()
    fake.updates.append(update)
    poll(who)
    poll(who)
    (contact,), (identity,) = rows(who, Contact), rows(who, ChannelIdentity)
    assert texts(who, lambda row: row.author == Author.CONTACT) == ["/start spring", "Сколько стоит ремонт?"]
    assert (contact.source, contact.language, identity.outside_id) == ("spring", "ru", "42")
    call(who, hand_off.take_over, the_talk(who).id)
    call(who, member_messages.send, the_talk(who).id, "Тысяча *ровно*")
    work(who)
    assert states(who) == [OutboundState.SENT] and fake.sent == [{"chat_id": 42, "text": "Тысяча *ровно*"}]
    assert bot.outside_name == "@shop_max_bot"


@pytest.mark.parametrize(
    ("status", "state", "refused"),
    [(403, OutboundState.FAILED, False), (400, OutboundState.FAILED, False), (401, OutboundState.FAILED, True)],
)
def test_refusals_are_said(
    who: Identity, fake: FakeMax, bot: ChannelAccount, status: int, state: OutboundState, refused: bool
) -> None:
    fake.write()
    poll(who)
    fake.faults = [status]
    call(who, member_messages.send, the_talk(who).id, "Hello")
    work(who)
    (account,) = call(who, channel_accounts.list_accounts)
    assert states(who) == [state] and (account.state == AccountState.REFUSED) is refused
    assert (rows(who, ChannelIdentity)[0].blocked_at is not None) is (status == 403)


def test_with_a_public_address_max_posts(
    who: Identity, fake: FakeMax, bot: ChannelAccount, env: pytest.MonkeyPatch
) -> None:
    fake.subscriptions = [{"url": "https://old.example"}]
    env.setenv("PLATFORM_PUBLIC_URL", PUBLIC_URL)
    forget_process_state()
    poll(who)
    (subscription,) = fake.subscriptions
    assert subscription["url"] == f"{PUBLIC_URL}/hooks/channels/{bot.token}" and len(subscription["secret"]) == 43


def test_an_unknown_token_is_refused_at_the_field(who: Identity, fake: FakeMax) -> None:
    with pytest.raises(Invalid) as caught:
        channel_access.verify(Channel.MAX, "nonsense")
    assert caught.value.field == "token"


def test_updates_are_read_or_ignored(fake: FakeMax) -> None:
    read = MaxBot().read_update
    photo = fake.write("", attachments=[{"type": "image", "payload": {"url": "https://i.example/1"}}])
    update = read(photo)
    assert update is not None and update.attachments[0].outside_id == "https://i.example/1" and update.language == "ru"
    stopped = read(fake.put("bot_stopped", chat_id=42, user={"user_id": 43}))
    assert stopped is not None and stopped.kind == UpdateKind.BLOCKED
    group = fake.write()
    group["message"]["recipient"]["chat_type"] = "chat"
    assert read(group) is None and read(fake.put("bot_added", chat_id=1)) is None
    for wrong in ({}, [], {"update_type": "message_created", "timestamp": 1}, "x"):
        with pytest.raises(ValueError, match="MAX"):
            read(wrong)
    assert MAX.push is not None and len(MAX.push.split("слово " * 2_000)) == 4
