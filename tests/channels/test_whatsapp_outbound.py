"""WhatsApp, outbound: what goes out goes out once, in its window and at its pace, and says how far it came."""

import time
from datetime import timedelta

import pytest

from platform_app import clock
from platform_app.channels.whatsapp import WHATSAPP, to_whatsapp
from platform_app.db import session_scope
from platform_app.errors import Conflict
from platform_app.models.channel import (
    AccountState,
    ChannelAccount,
    ChannelIdentity,
    DeliveryReceipt,
    OutboundState,
)
from platform_app.models.conversation import Message, MessageState
from platform_app.models.job import Job
from platform_app.models.person import Identity
from platform_app.services.channels import channel_accounts, outbound_decisions
from platform_app.services.chat import agent_messages, hand_off, member_messages
from tests.channels.bots import parts, states, work
from tests.channels.numbers import connected, post_now
from tests.channels.numbers import whatsapp as whatsapp
from tests.fakes.whatsapp import FakeWhatsApp, garbage_after, refuse, silent_after
from tests.sequencing import at
from tests.talking import call
from tests.visiting import rows, the_talk

WAITING, SENT, DELIVERED, READ = (OutboundState(name) for name in ("waiting", "sent", "delivered", "read"))
FAILED, UNCERTAIN = OutboundState.FAILED, OutboundState.UNCERTAIN


@pytest.fixture
def number(who: Identity, whatsapp: FakeWhatsApp) -> ChannelAccount:
    """A connected number."""
    return connected(who, whatsapp)


@pytest.fixture
def talk(who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a conversation in which a customer has written and a member is in charge; no pace is kept."""
    monkeypatch.setattr(WHATSAPP.push, "chat_messages_per_second", 1_000)
    assert post_now(number, whatsapp, whatsapp.write()) == [200]
    call(who, hand_off.take_over, the_talk(who).id)
    return the_talk(who).id


def due(who: Identity) -> None:
    """Let the pause of postponed jobs be over, and send."""
    with session_scope(who.tenant_id) as session:
        for job in rows(who, Job):
            job.run_at = clock.now()
            session.merge(job)
    work(who)


def account_of(who: Identity) -> ChannelAccount:
    (row,) = call(who, channel_accounts.list_accounts)
    assert isinstance(row, ChannelAccount)
    return row


@pytest.mark.parametrize("order", [("sent", "delivered", "read"), ("read", "sent", "delivered"), ("delivered",) * 3])
def test_statuses_only_rise(who: Identity, whatsapp: FakeWhatsApp, talk: str, order: tuple[str, ...]) -> None:
    call(who, member_messages.send, talk, "Hello")
    work(who)
    assert states(who) == [SENT]
    for state in order:
        post_now(account_of(who), whatsapp, whatsapp.status(parts(who)[0].outside_id, state))
    assert states(who) == [max(map(OutboundState, order), key=[SENT, DELIVERED, READ].index)]
    post_now(account_of(who), whatsapp, whatsapp.status(parts(who)[0].outside_id, "failed", errors=[{"code": 131026}]))
    assert FAILED not in states(who)


def test_a_status_that_comes_before_the_answer_counts(
    who: Identity, whatsapp: FakeWhatsApp, talk: str, number: ChannelAccount
) -> None:
    def told_first(fake: FakeWhatsApp, body: dict[str, object]) -> None:
        post_now(
            number, fake, fake.status(f"wamid.{next(fake._ids)}", "delivered", str(body["biz_opaque_callback_data"]))
        )

    whatsapp.faults = [told_first]
    call(who, member_messages.send, talk, "One")
    work(who)
    assert states(who) == [DELIVERED]
    whatsapp.faults = [lambda fake, body: setattr(fake, "wamid", lambda: "wamid.next")]
    post_now(number, whatsapp, whatsapp.status("wamid.next", "delivered"), whatsapp.status("wamid.next", "read"))
    assert len(rows(who, DeliveryReceipt)) == 1
    call(who, member_messages.send, talk, "Two")
    work(who)
    assert states(who) == [DELIVERED, READ] and rows(who, DeliveryReceipt) == []


def test_a_message_without_an_answer_is_uncertain_until_its_status_comes_and_never_sent_twice(
    who: Identity, whatsapp: FakeWhatsApp, talk: str, number: ChannelAccount
) -> None:
    whatsapp.faults = [silent_after, garbage_after]
    for text in ("One", "Two"):
        call(who, member_messages.send, talk, text)
    work(who)
    due(who)
    assert states(who) == [UNCERTAIN] * 2 and whatsapp.texts() == ["One", "Two"]
    post_now(
        number, whatsapp, whatsapp.status(whatsapp.sent[0]["id"], "sent", whatsapp.sent[0]["biz_opaque_callback_data"])
    )
    assert states(who) == [SENT, UNCERTAIN]
    message_id = parts(who)[1].message_id
    call(who, outbound_decisions.send_again, message_id)
    late = whatsapp.status(whatsapp.sent[1]["id"], "failed", whatsapp.sent[1]["biz_opaque_callback_data"])
    work(who)
    post_now(number, whatsapp, late)  # of the attempt before
    assert states(who) == [SENT, SENT] and whatsapp.texts() == ["One", "Two", "Two"]


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, 131047, "templates"),
        (400, 131026, "can’t deliver"),
        (400, 131049, "marketing"),
        (400, 100, "rejected"),
        (401, 190, "access token"),
        (403, 10, "whatsapp_business_messaging"),
        (403, 131031, "locked"),
    ],
)
def test_refusals_are_said_in_words(
    who: Identity, whatsapp: FakeWhatsApp, talk: str, status: int, code: int, words: str
) -> None:
    whatsapp.faults = [refuse(status, code)]
    call(who, member_messages.send, talk, "Hello")
    work(who)
    assert states(who) == [FAILED] and words in parts(who)[0].error and whatsapp.sent == []
    assert (account_of(who).state == AccountState.REFUSED) is (code in (190, 10, 131031))
    assert (rows(who, ChannelIdentity)[0].blocked_at is not None) is (code == 131026)


@pytest.mark.parametrize(
    ("status", "code", "seconds"), [(400, 131056, 6), (429, 130429, 5), (400, 130429, 5), (500, 131000, 0), (503, 2, 0)]
)
def test_limits_and_faults_are_waited_for(
    who: Identity, whatsapp: FakeWhatsApp, talk: str, status: int, code: int, seconds: float
) -> None:
    whatsapp.faults = [refuse(status, code)]
    call(who, member_messages.send, talk, "Hello")
    before = clock.now()
    work(who)
    if seconds:
        (part,) = parts(who)
        assert part.state == WAITING and "wait" in part.error.casefold() or "6 seconds" in part.error
        assert part.next_at >= before + timedelta(seconds=seconds) and whatsapp.sent == []
    due(who)
    assert states(who) == [SENT] and whatsapp.texts() == ["Hello"]


def test_a_wait_that_the_answer_names_is_obeyed(who: Identity, whatsapp: FakeWhatsApp, talk: str) -> None:
    whatsapp.faults = [refuse(429, 80007, retry_after="90")]
    call(who, member_messages.send, talk, "Hello")
    work(who)
    assert parts(who)[0].next_at > clock.now() + timedelta(seconds=80)


def test_a_message_that_was_taken_and_failed_later_is_said(
    who: Identity, whatsapp: FakeWhatsApp, talk: str, number: ChannelAccount
) -> None:
    call(who, member_messages.send, talk, "Hello")
    work(who)
    failed = whatsapp.status(parts(who)[0].outside_id, "failed", errors=[{"code": 131026, "title": "Undeliverable"}])
    post_now(number, whatsapp, failed)
    assert states(who) == [FAILED] and "can’t deliver" in parts(who)[0].error
    assert rows(who, ChannelIdentity)[0].blocked_at is not None


def test_one_message_goes_to_a_contact_every_six_seconds(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    whatsapp.has_pair_rate = True
    post_now(number, whatsapp, whatsapp.write())
    call(who, hand_off.take_over, the_talk(who).id)
    for text in ("One", "Two"):
        call(who, member_messages.send, the_talk(who).id, text)
    work(who)
    assert whatsapp.texts() == ["One"] and states(who) == [SENT, WAITING] and parts(who)[1].attempts == 0


def test_outside_of_the_window_no_free_text_is_sent(who: Identity, whatsapp: FakeWhatsApp, talk: str) -> None:
    call(who, hand_off.hand_back, talk)
    with at(clock.now() + timedelta(hours=24)):
        kept = call(who, agent_messages.send_message, talk, "Are you still there?")
        assert (kept.state, kept.gate["reason"]) == (MessageState.HELD, "window")
        with pytest.raises(Conflict, match="approved templates"):
            call(who, member_messages.send, talk, "Hello")
    call(who, agent_messages.send_message, talk, "In time")
    with at(clock.now() + timedelta(hours=24)):
        due(who)  # the window has closed while the message waited for a worker
    assert whatsapp.sent == [] and states(who) == [FAILED] and "templates" in parts(who)[0].error


def test_a_message_that_comes_late_opens_only_the_rest_of_its_window(
    who: Identity, whatsapp: FakeWhatsApp, number: ChannelAccount
) -> None:
    post_now(number, whatsapp, whatsapp.write("Old", at=time.time() - 25 * 3600))
    assert [row.text for row in rows(who, Message)] == ["Old"]  # no reply is begun
    post_now(number, whatsapp, whatsapp.write("Newer", at=time.time() - 23 * 3600))
    call(who, member_messages.send, the_talk(who).id, "Hello")
    with at(clock.now() + timedelta(hours=1, minutes=1)), pytest.raises(Conflict):
        call(who, member_messages.send, the_talk(who).id, "Hello")


def test_bold_text_is_bold_in_whatsapp() -> None:
    assert to_whatsapp("**Now** 2 * 3 [here](https://a.example)") == "*Now* 2 * 3 here (https://a.example)"
