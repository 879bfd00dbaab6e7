"""Outbound: what goes out on Telegram arrives in order and never twice, and says where it stands and why."""

import asyncio
from datetime import timedelta

import pytest

from platform_app import clock
from platform_app.channels.telegram import TELEGRAM
from platform_app.db import session_scope
from platform_app.errors import Conflict
from platform_app.jobs import LeaseLost
from platform_app.models.channel import AccountState, ChannelIdentity, OutboundPart, OutboundState
from platform_app.models.conversation import Author, Message
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access, channel_accounts, outbound, outbound_decisions, outbound_pace
from platform_app.services.chat import agent_messages, hand_off, member_messages, outbound_parts
from tests.channels.bots import connected, parts, post, states, work
from tests.channels.bots import telegram as telegram
from tests.fakes.telegram import FakeTelegram, garbage_after, refuse, silent_after
from tests.talking import activities, call
from tests.visiting import a_chat, rows, the_talk, write

WAITING, SENT, FAILED = OutboundState.WAITING, OutboundState.SENT, OutboundState.FAILED
UNCERTAIN = OutboundState.UNCERTAIN


@pytest.fixture
def talk(who: Identity, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a conversation on Telegram, in which a customer has written and a member is in charge."""
    monkeypatch.setattr(outbound_pace, "MAX_WAIT_SECONDS", 30)
    monkeypatch.setattr(TELEGRAM.push, "chat_messages_per_second", 1_000)
    account = connected(who, telegram)
    asyncio.run(post(account, telegram.customer().write()))
    call(who, hand_off.take_over, the_talk(who).id)
    return the_talk(who).id


def send(who: Identity, talk: str, text: str = "Hello") -> Message:
    """Send a message of a member; return its row."""
    made: Message = call(who, member_messages.send, talk, text)
    return made


def due(who: Identity) -> None:
    """Let the pause of postponed jobs be over."""
    with session_scope(who.tenant_id) as session:
        for job in rows(who, Job):
            job.run_at = clock.now()
            session.merge(job)


def test_messages_of_members_agents_and_automation_arrive_in_order(
    who: Identity, talk: str, telegram: FakeTelegram
) -> None:
    send(who, talk, "One")
    send(who, talk, "Two *not bold*")
    call(who, hand_off.hand_back, talk)
    call(who, agent_messages.send_message, talk, "**Three** & <four> [1](https://example.com)")
    assert states(who) == [WAITING] * 3
    work(who)
    assert states(who)[:3] == [SENT] * 3
    assert telegram.texts()[:3] == ["One", "Two *not bold*", "Three & <four> 1"]
    assert [part.outside_id for part in parts(who)[:3]] == [str(one["message_id"]) for one in telegram.sent[:3]]


def test_a_long_text_goes_out_in_parts_at_the_ends_of_sentences(
    who: Identity, talk: str, telegram: FakeTelegram
) -> None:
    sentence = "Кот 🐈 сидит и смотрит на дождь за окном. "
    send(who, talk, sentence * 250)
    work(who)
    assert len(telegram.sent) == len(parts(who)) == 3
    assert all(text.endswith(".") for text in telegram.texts())
    assert " ".join(telegram.texts()) == (sentence * 250).strip()
    assert all(len(text.encode("utf-16-le")) // 2 <= 4096 for text in telegram.texts())


def test_the_rate_is_waited_for_and_the_servers_wish_obeyed(who: Identity, talk: str, telegram: FakeTelegram) -> None:
    telegram.faults["sendMessage"] = [refuse(429, "Too Many Requests: retry after 7", retry_after=7)]
    message = send(who, talk)
    send(who, talk, "Next")
    before = clock.now()
    work(who)
    assert states(who) == [WAITING] * 2 and telegram.sent == []  # the next one keeps its place behind
    (job,) = [row for row in rows(who, Job) if row.payload.get("message_id") == message.id]
    assert job.state == JobState.QUEUED and timedelta(seconds=6) < job.run_at - before < timedelta(seconds=20)
    first = parts(who)[0]
    assert first.next_at is not None and first.error.startswith("Telegram asks to wait")
    due(who)
    work(who)
    assert states(who) == [SENT] * 2 and telegram.texts() == ["Hello", "Next"]


def test_faults_of_the_server_are_retried_and_then_said(who: Identity, talk: str, telegram: FakeTelegram) -> None:
    telegram.faults["sendMessage"] = [refuse(502), refuse(500)]
    send(who, talk)
    for _ in range(3):
        due(who)
        work(who)
    assert states(who) == [SENT] and telegram.texts() == ["Hello"]
    telegram.faults["sendMessage"] = [refuse(503) for _ in range(outbound.MAX_ATTEMPTS + 1)]
    message = send(who, talk, "Later")
    for _ in range(outbound.MAX_ATTEMPTS + 1):
        due(who)
        work(who)
    assert states(who) == [SENT, FAILED] and "503" in str(parts(who)[1].error_values)
    assert "Message in “{title}” wasn’t delivered" in activities(who)
    telegram.faults.clear()
    call(who, outbound_decisions.send_again, message.id)
    work(who)
    assert states(who) == [SENT] * 2 and telegram.texts() == ["Hello", "Later"]
    with pytest.raises(Conflict):
        call(who, outbound_decisions.send_again, message.id)


@pytest.mark.parametrize("fault", [silent_after, garbage_after])
def test_one_without_an_answer_is_uncertain_and_never_sent_again_by_itself(
    who: Identity, talk: str, telegram: FakeTelegram, fault: object
) -> None:
    telegram.faults["sendMessage"] = [fault]  # type: ignore[list-item]
    message = send(who, talk)
    other = send(who, talk, "Next")
    for _ in range(3):
        due(who)
        work(who)
    assert states(who) == [UNCERTAIN, SENT] and telegram.texts() == ["Hello", "Next"]
    call(who, outbound_decisions.mark_delivered, message.id)
    assert states(who) == [OutboundState.DELIVERED, SENT]
    with pytest.raises(Conflict):
        call(who, outbound_decisions.mark_delivered, other.id)


def test_a_worker_that_dies_while_it_sends_leaves_an_uncertain_part(
    who: Identity, talk: str, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise LeaseLost

    send(who, talk)
    with monkeypatch.context() as patch:
        patch.setattr(outbound, "_record", die)
        work(who)
    assert states(who) == [OutboundState.SENDING] and telegram.texts() == ["Hello"]
    with session_scope(who.tenant_id) as session:
        for job in rows(who, Job):
            if job.state == JobState.RUNNING:
                job.state, job.lease_token = JobState.QUEUED, None
                session.merge(job)
    work(who)
    assert states(who) == [UNCERTAIN] and telegram.texts() == ["Hello"]


def test_a_contact_who_blocks_the_bot_is_marked_and_can_be_tried_again(
    who: Identity, talk: str, telegram: FakeTelegram
) -> None:
    telegram.customer().block()
    first = send(who, talk)
    work(who)
    (identity,) = rows(who, ChannelIdentity)
    assert states(who) == [FAILED] and identity.blocked_at is not None
    calls = telegram.calls.count("sendMessage")
    send(who, talk, "Next")
    work(who)
    assert states(who) == [FAILED] * 2 and telegram.calls.count("sendMessage") == calls
    telegram.customer().unblock()
    call(who, outbound_decisions.send_again, first.id)
    work(who)
    assert states(who) == [SENT, FAILED] and telegram.texts() == ["Hello"]


def test_a_revoked_token_is_the_accounts_state_and_ends_with_a_new_one(
    who: Identity, talk: str, telegram: FakeTelegram
) -> None:
    telegram.token = "700001:" + "B" * 35
    message = send(who, talk)
    work(who)
    (account,) = call(who, channel_accounts.list_accounts)
    assert states(who) == [FAILED] and account.state == AccountState.REFUSED and "BotFather" in account.problem
    assert "The channel rejected the account “{name}”: {reason}" in activities(who)
    access = channel_access.verify(account.kind, telegram.token)
    call(who, channel_accounts.replace_access, account.id, access)
    call(who, outbound_decisions.send_again, message.id)
    work(who)
    (account,) = call(who, channel_accounts.list_accounts)
    assert (account.state, account.problem) == (AccountState.CONNECTED, "") and states(who) == [SENT]


def test_what_telegram_refuses_is_said_with_its_reason(who: Identity, talk: str, telegram: FakeTelegram) -> None:
    telegram.faults["sendMessage"] = [refuse(400, "Bad Request: message is weird")]
    send(who, talk)
    work(who)
    (part,) = parts(who)
    assert states(who) == [FAILED] and part.error_values == {"reason": "Bad Request: message is weird"}


def test_an_account_that_is_off_sends_nothing(who: Identity, talk: str, telegram: FakeTelegram) -> None:
    (account,) = call(who, channel_accounts.list_accounts)
    call(who, channel_accounts.set_enabled, account.id, enabled=False)
    send(who, talk)
    work(who)
    assert states(who) == [FAILED] and parts(who)[0].error == outbound.ACCOUNT_OFF and telegram.sent == []


def test_numbers_of_sources_are_left_out(who: Identity, talk: str, telegram: FakeTelegram) -> None:
    call(who, hand_off.hand_back, talk)
    with session_scope(who.tenant_id) as session:
        row = the_talk(who)
        message = Message(tenant_id=who.tenant_id, conversation_id=row.id, author=Author.AGENT, author_name="Vera")
        message.text, message.sources = "It costs 30 [1]. Array[2] stays.", [{"number": 1}]
        session.add(message)
        outbound_parts.add(session, row, message)
    work(who)
    assert "It costs 30. Array[2] stays." in telegram.texts()


def test_web_chat_writes_no_ledger(who: Identity) -> None:
    chat = a_chat(who)
    write(who, chat)
    call(who, member_messages.send, the_talk(who).id, "Hello")
    assert rows(who, OutboundPart) == []
