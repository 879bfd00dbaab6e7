"""Updates: what customers write to a bot comes in once, in whatever order, by webhook or asked for."""

import asyncio
import random
from datetime import timedelta

import pytest

from platform_app import logs
from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.errors import Conflict, Invalid, Unavailable
from platform_app.models.agent import Channel
from platform_app.models.channel import (
    AccountState,
    Attachment,
    ChannelAccount,
    ChannelIdentity,
    ChannelReceiver,
    InboundMessage,
)
from platform_app.models.conversation import Author, ConversationState, Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access, channel_accounts, public_addresses, receivers, typing_status
from platform_app.services.chat import hand_off, message_search
from tests.channels.bots import PUBLIC_URL, connected, lease_of, poll, post, post_all, read_waiting
from tests.channels.bots import telegram as telegram
from tests.conftest import forget_process_state, free_port
from tests.fakes.telegram import TOKEN, FakeTelegram, refuse
from tests.talking import call
from tests.visiting import rows, texts, the_talk


@pytest.fixture
def bot(who: Identity, telegram: FakeTelegram) -> ChannelAccount:
    """A connected bot."""
    return connected(who, telegram)


def said(who: Identity) -> list[str]:
    """Return what customers have said."""
    return texts(who, lambda row: row.author == Author.CONTACT)


def post_now(account: ChannelAccount, *updates: object) -> list[int]:
    return asyncio.run(post_all(account, *updates))


def test_a_customer_is_a_contact_and_the_agent_is_to_answer(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    update = telegram.customer(name="Анна", language="ru").write("/start spring_24")
    assert post_now(bot, update) == [200]
    talk, (contact,), (identity,) = the_talk(who), rows(who, Contact), rows(who, ChannelIdentity)
    assert (talk.channel.value, talk.account_id, contact.name, contact.language) == ("telegram", bot.id, "Анна", "ru")
    assert (identity.outside_id, identity.source, contact.source) == ("5001", "spring_24", "spring_24")
    message, reply = rows(who, Message)
    assert (message.text, reply.state, reply.answers_id) == ("/start spring_24", MessageState.DELAYED, message.id)


def test_the_same_update_fifty_times_at_once_is_stored_once(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    update = telegram.customer().write()
    assert post_now(bot, *[update] * 50) == [200] * 50
    assert read_waiting(who)
    assert said(who) == ["How much is a tune-up?"]
    assert len(rows(who, Contact)) == len(rows(who, InboundMessage)) == 1


def test_shuffled_and_repeated_updates_of_many_lose_and_double_nothing(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    people = [telegram.customer(chat_id) for chat_id in (1, 2, 3)]
    updates = [person.write(f"{person.chat_id}-{number}") for person in people for number in range(8)]
    updates += [people[0].edit(updates[0], "1-0 new", 5), people[0].edit(updates[0], "1-0 old", 2)]
    shuffled = updates * 2
    random.Random(7).shuffle(shuffled)
    assert set(post_now(bot, *shuffled)) == {200}
    assert read_waiting(who)
    expected = {f"{person.chat_id}-{number}" for person in people for number in range(8)} - {"1-0"}
    assert sorted(said(who)) == sorted(expected | {"1-0 new"})
    assert len(rows(who, Contact)) == 3


@pytest.mark.parametrize("key", ["", "wrong", "ключ"])
def test_a_forged_post_is_refused_and_stored_nowhere(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, key: str
) -> None:
    update = telegram.customer().write()
    assert asyncio.run(post(bot, update, key=key)) == 403
    assert asyncio.run(post(bot, update, token="guessed")) == 404
    assert rows(who, Message) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 422), (b"[" * 100_000, 422), (b"[]", 200), (b'{"message": 5}', 200), (b'{"message": {"chat": {}}}', 200)],
)
def test_what_cannot_be_read_is_not_asked_for_again(
    who: Identity, bot: ChannelAccount, body: bytes, status: int
) -> None:
    assert asyncio.run(post(bot, body)) == status
    assert rows(who, Message) == []


def test_a_body_that_is_too_large_is_refused(who: Identity, bot: ChannelAccount) -> None:
    assert asyncio.run(post(bot, b"x" * 1_100_000)) == 413


def test_groups_bots_and_service_messages_are_ignored(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    person = telegram.customer()
    group = person.write(chat={"id": -5, "type": "supergroup"})
    robot = person.write()
    robot["message"]["from"] = {"id": 1, "is_bot": True, "first_name": "Robot"}
    pinned = telegram.put(message=person.message(pinned_message={}))
    assert post_now(bot, group, robot, pinned, telegram.put(poll={})) == [200] * 4
    assert rows(who, Message) == []


def test_an_edit_changes_the_message_once_and_is_found(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    person = telegram.customer()
    update = person.write("I want a blue frame")
    post_now(bot, update)
    post_now(bot, person.edit(update, "I want a green frame", 9))
    post_now(bot, person.edit(update, "I want a red frame", 3))  # older
    assert said(who) == ["I want a green frame"]
    with session_scope(who.tenant_id, read_only=True) as session:
        assert message_search.find(session, who.tenant_id, "green")
        assert not message_search.find(session, who.tenant_id, "blue")


def test_an_album_is_one_message(who: Identity, telegram: FakeTelegram, bot: ChannelAccount) -> None:
    updates = telegram.customer(language="ru").album("Сколько стоит?", "", "")
    assert post_now(bot, *updates, *updates) == [200] * 6
    message, reply = rows(who, Message)
    assert sorted(message.text.splitlines()) == sorted(["[Photo]"] * 3 + ["Сколько стоит?"])
    assert (reply.state, reply.answers_id, len(rows(who, Attachment))) == (MessageState.DELAYED, message.id, 3)


def test_an_item_of_an_album_that_comes_while_the_agent_writes_is_answered_too(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    first, second, third = telegram.customer().album("Look", "", "")
    post_now(bot, first)
    with session_scope(who.tenant_id) as session:
        session.merge(rows(who, Message)[1]).state = MessageState.STREAMING
    post_now(bot, second)
    _, stopped, reply = rows(who, Message)
    assert (stopped.state, reply.state) == (MessageState.STOPPED, MessageState.DELAYED)
    with session_scope(who.tenant_id) as session:
        session.merge(reply).state = MessageState.COMPLETE
    post_now(bot, third)
    assert the_talk(who).state == ConversationState.HANDED_OFF


def test_a_file_that_the_agent_cannot_read_is_for_a_person(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    person = telegram.customer(language="ru")
    document = {"file_id": "f", "file_unique_id": "f", "file_name": "offer.pdf"}
    post_now(bot, telegram.put(message=person.message(document=document)))
    (told,) = [row for row in rows(who, Message) if row.author == Author.AGENT and row.state == MessageState.COMPLETE]
    assert told.text == "Я не могу открывать вложения. Сотрудник посмотрит и ответит здесь."
    assert the_talk(who).state == ConversationState.HANDED_OFF


def test_who_connects_a_bot_is_promised_no_second_try(telegram: FakeTelegram, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_TELEGRAM_API_URL", f"http://127.0.0.1:{free_port()}")
    forget_process_state()
    with pytest.raises(Unavailable, match="Try again in a minute") as raised:
        channel_access.verify(Channel.TELEGRAM, telegram.token)
    assert (raised.value.field, raised.value.values) == ("token", {"channel": "Telegram"})


def test_the_command_of_the_menu_calls_a_person(who: Identity, telegram: FakeTelegram, bot: ChannelAccount) -> None:
    poll(who, rounds=1)
    assert telegram.commands[""][0]["command"] == "person" and "человека" in telegram.commands["ru"][0]["description"]
    post_now(bot, telegram.customer(language="ru").write("/person@shop_bot"))
    (told,) = [row for row in rows(who, Message) if row.author == Author.AGENT and row.state == MessageState.COMPLETE]
    assert told.text == "Здесь ответит сотрудник." and the_talk(who).state == ConversationState.HANDED_OFF


def test_typing_is_shown_while_the_agent_writes(who: Identity, telegram: FakeTelegram, bot: ChannelAccount) -> None:
    post_now(bot, telegram.customer().write())
    typing_status.show_typing()
    assert telegram.typing == []
    with session_scope(who.tenant_id) as session:
        reply = rows(who, Message)[1]
        reply.state = MessageState.STREAMING
        session.merge(reply)
    typing_status.show_typing()
    typing_status.show_typing()
    assert telegram.typing == [5001]


def test_an_attachment_for_a_person_in_charge_says_nothing(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    post_now(bot, telegram.customer().write())
    call(who, hand_off.take_over, the_talk(who).id)
    post_now(bot, telegram.customer().photo())
    sent = [row for row in rows(who, Message) if row.author == Author.AGENT and row.state == MessageState.COMPLETE]
    assert sent == [] and said(who)[-1] == "[Photo]"


def test_who_blocks_the_bot_is_marked_until_the_block_ends(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    person = telegram.customer()
    post_now(bot, person.block())  # nobody who has written
    post_now(bot, person.write())
    blocked, unblocked = person.block(5), person.unblock(9)
    post_now(bot, blocked)
    assert rows(who, ChannelIdentity)[0].blocked_at is not None
    post_now(bot, unblocked)
    post_now(bot, blocked)  # repeated late
    assert rows(who, ChannelIdentity)[0].blocked_at is None


def test_a_token_is_checked_at_the_channel_and_connected_once(
    who: Identity, other: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    assert (bot.outside_name, bot.outside_id) == ("@shop_bot", "700001")
    for token in ("", "nonsense", "700001:" + "x" * 35):
        with pytest.raises(Invalid) as caught:
            channel_access.verify(bot.kind, token)
        assert caught.value.field == "token"
    with pytest.raises(Invalid, match="already connected"):
        connected(other, telegram)
    stranger = FakeTelegram("800001:" + "C" * 35)
    try:
        telegram.token, telegram.bot_id = stranger.token, stranger.bot_id
        access = channel_access.verify(bot.kind, stranger.token)
        with pytest.raises(Invalid, match="another account"):
            call(who, channel_accounts.replace_access, bot.id, access)
    finally:
        stranger.close()


def test_a_bot_that_was_connected_anew_is_not_restored_beside_it(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    call(who, channel_accounts.delete, bot.id)
    poll(who)
    anew = connected(who, telegram, bot.agent_id or "")
    with pytest.raises(Conflict):
        call(who, channel_accounts.restore, bot.id)
    call(who, channel_accounts.delete, anew.id)
    assert call(who, channel_accounts.restore, bot.id).deleted_at is None


def test_without_a_public_address_the_platform_asks(who: Identity, telegram: FakeTelegram, bot: ChannelAccount) -> None:
    for number in range(3):
        telegram.customer().write(f"Text {number}")
    poll(who, rounds=1)
    assert said(who) == ["Text 0", "Text 1", "Text 2"]
    (receiver,) = rows(who, ChannelReceiver)
    assert (receiver.mode, receiver.cursor) == ("polling", str(telegram.updates[-1]["update_id"] + 1))
    telegram.customer().write("Text 3")
    poll(who, rounds=1)
    assert said(who)[-1] == "Text 3" and len(telegram.updates) == 1  # the cursor confirmed the others


def test_the_log_holds_no_token() -> None:
    said = logs.redact(f"POST https://api.telegram.org/bot{TOKEN}/sendMessage failed")
    assert said == "POST https://api.telegram.org/bot700001:***/sendMessage failed"


def test_one_worker_asks_at_a_time_and_another_takes_over(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    assert receivers.claim_due("w1", 5) and receivers.claim_due("w2", 5) == []
    with session_scope(who.tenant_id) as session:
        row = rows(who, ChannelReceiver)[0]
        row.lease_until = now() - timedelta(seconds=1)
        session.merge(row)
    (lease,) = receivers.claim_due("w2", 5)
    assert receivers.work_once(lease_of(bot, "w1")) is False  # it notices that it has lost the lease
    assert receivers.work_once(lease) is True


def test_another_program_that_asks_is_said_until_it_ends(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount
) -> None:
    telegram.faults["getUpdates"] = [refuse(409, "Conflict: terminated by other getUpdates request")]
    poll(who)
    (account,) = call(who, channel_accounts.list_accounts)
    assert account.problem.startswith("Another program receives") and account.state == AccountState.CONNECTED
    call(who, channel_accounts.save, bot.id, {"name": "Bot"})  # looks at once
    poll(who)
    assert call(who, channel_accounts.get, bot.id).problem == ""


def test_a_revoked_token_ends_the_asking(who: Identity, telegram: FakeTelegram, bot: ChannelAccount) -> None:
    telegram.token = "700001:" + "B" * 35
    poll(who)
    assert call(who, channel_accounts.get, bot.id).state == AccountState.REFUSED
    call(who, channel_accounts.save, bot.id, {"name": "Bot"})
    calls = telegram.calls.count("getUpdates")
    poll(who)
    assert telegram.calls.count("getUpdates") == calls


def test_with_a_public_https_address_telegram_posts(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, env: pytest.MonkeyPatch
) -> None:
    env.setenv("PLATFORM_PUBLIC_URL", PUBLIC_URL)
    forget_process_state()
    poll(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        key = channel_access.get_webhook_key(session, bot)
    assert telegram.webhook["url"] == f"{PUBLIC_URL}/hooks/channels/{bot.token}"
    assert telegram.webhook["secret_token"] == key and len(key) == 43
    call(who, channel_accounts.set_enabled, bot.id, enabled=False)
    poll(who)
    assert telegram.webhook == {}
    call(who, channel_accounts.set_enabled, bot.id, enabled=True)
    call(who, channel_accounts.save, bot.id, {"receives": "polling"})
    poll(who)
    assert telegram.webhook == {} and rows(who, ChannelReceiver)[0].mode == "polling"


@pytest.mark.parametrize(
    "address", ["", "http://example.com", "https://localhost:8000", "https://10.0.0.5", "https://pc"]
)
def test_an_address_that_telegram_cannot_reach_is_no_webhook(
    who: Identity, telegram: FakeTelegram, bot: ChannelAccount, env: pytest.MonkeyPatch, address: str
) -> None:
    env.setenv("PLATFORM_PUBLIC_URL", address)
    forget_process_state()
    assert public_addresses.hooks_home() == "" and receivers.wanted_mode(bot) == "polling"
    call(who, channel_accounts.save, bot.id, {"receives": "webhook"})
    poll(who)
    assert call(who, channel_accounts.get, bot.id).problem == receivers.NO_PUBLIC_URL
