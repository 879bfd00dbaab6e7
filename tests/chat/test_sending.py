"""Sending: what the gate holds, drops and sends in real conversations, and what becomes of what is held."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from platform_app.automation.send_gate import ServiceWindow
from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Invalid
from platform_app.i18n import lookup
from platform_app.models.agent import Agent, Channel
from platform_app.models.conversation import Conversation, Message, MessageState, Origin
from platform_app.models.crm import Contact
from platform_app.models.event import Activity, Event, EventKind
from platform_app.models.person import Identity
from platform_app.models.sending import Dispatch, GateReason
from platform_app.services.chat import (
    agent_messages,
    conversations,
    gate_sentences,
    hand_off,
    held_messages,
    replies,
    service_windows,
)
from platform_app.state.console import send_gate_words
from platform_app.state.console.send_gate_words import gate_words
from tests.conftest import wait_for
from tests.fake_provider import FakeProvider, says, serving
from tests.rules.test_rules import a_rule, runs
from tests.sequencing import a_sequence, at, do, enrolled, lines, work
from tests.talking import (
    activities,
    call,
    conversation,
    events,
    real_talk,
    row,
    run_jobs,
    say,
    set_policy,
    shown,
)

NOON = datetime.fromisoformat("2026-11-23T09:00:00+00:00")  # in Moscow
NIGHT = {"quiet_from": "21:00", "quiet_to": "09:00"}


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider over a real socket."""
    yield from serving(env)


def send(who: Identity, talk: str, text: str = "Hello", **named: Any) -> Message:
    """Send a message of automation; return its row."""
    message: Message = call(who, agent_messages.send_message, talk, text, **named)
    return message


def change(who: Identity, model: Any, **values: Any) -> None:
    """Change every row of a table of the tenant."""
    with session_scope(who.tenant_id) as session:
        for found in session.exec(owned(model, who.tenant_id)).all():
            for name, value in values.items():
                setattr(found, name, value)


def test_a_message_that_nothing_keeps_back(who: Identity) -> None:
    talk = real_talk(who)
    sent = send(who, talk)
    assert (sent.state, sent.gate, sent.origin, sent.due_at) == (MessageState.COMPLETE, {}, Origin.RULE, None)
    assert sent.finished_at is not None and shown(who, talk) == ["Hello"]
    assert events(who)[-1] == "reply_sent" and activities(who)[-1] == "“{agent}” replied in “{title}”"
    assert conversation(who, talk).last_line == "Hello"


SITUATIONS: dict[GateReason, Callable[[Identity, str], None]] = {
    GateReason.PERSON: lambda who, talk: call(who, hand_off.hand_off, talk),
    GateReason.CLOSED: lambda who, talk: call(who, hand_off.close, talk),
    GateReason.AGENT_OFF: lambda who, talk: change(who, Agent, active=False),
    GateReason.CHANNEL: lambda who, talk: change(who, Conversation, channel=Channel.EMAIL),
    GateReason.OPTED_OUT: lambda who, talk: change(who, Contact, opted_out_at=now()),
    GateReason.QUIET_HOURS: lambda who, talk: set_policy(who, quiet_from="00:00", quiet_to="23:59"),
    GateReason.DAILY_CAP: lambda who, talk: set_policy(who, daily_cap=1) or send(who, talk) and None,
    GateReason.WEEKLY_CAP: lambda who, talk: set_policy(who, weekly_cap=1) or send(who, talk) and None,
}
HELD = (GateReason.PERSON, GateReason.QUIET_HOURS, GateReason.DAILY_CAP, GateReason.WEEKLY_CAP)


@pytest.mark.parametrize("reason", SITUATIONS)
@pytest.mark.parametrize("make", [agent_messages.send_message, agent_messages.request_message])
def test_what_keeps_a_message_of_automation_back(who: Identity, reason: GateReason, make: Callable[..., Any]) -> None:
    talk = real_talk(who)
    SITUATIONS[reason](who, talk)
    before = events(who)
    with at(max(now(), NOON)):
        kept = call(who, make, talk, "One more")
    state = MessageState.HELD if reason in HELD else MessageState.DISCARDED
    assert (kept.state, kept.gate["reason"]) == (state, reason)
    assert activities(who)[-1] == gate_sentences.HELD_SENTENCES[reason]
    assert events(who) == [*before, *(["message_held"] if reason in HELD else [])]
    assert len(call(who, held_messages.list_held, talk)) == (reason in HELD)
    run_jobs(who)
    assert row(who, kept).state == state  # no model was asked


def test_a_channel_may_take_free_text_in_a_window_alone(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    talk, wrote_at = real_talk(who), now()
    monkeypatch.setattr(service_windows, "window_of", lambda session, row: ServiceWindow(wrote_at))
    with at(wrote_at + timedelta(hours=24)):
        kept = send(who, talk)
    assert (kept.gate["reason"], kept.due_at) == ("window", None)
    assert kept.gate["since"] == (wrote_at + timedelta(hours=24)).isoformat()
    assert send(who, talk).state == MessageState.COMPLETE


def test_every_reason_has_its_words_in_russian() -> None:
    sentences = [
        *gate_sentences.HELD_SENTENCES.values(),
        *send_gate_words.SENTENCES.values(),
        send_gate_words.HANDED_OFF,
    ]
    assert set(gate_sentences.HELD_SENTENCES) == set(send_gate_words.SENTENCES) == set(GateReason)
    assert all(lookup("ru", sentence) != sentence for sentence in sentences)


def test_the_words_say_who_and_when() -> None:
    gate = {"reason": "person", "by": "Olga", "since": (NOON + timedelta(minutes=5)).isoformat()}
    with at(NOON + timedelta(hours=3)):
        assert gate_words(gate, "en", "Europe/Moscow") == "Held: Olga took over at 12:05"
    assert "2026" in gate_words(gate, "ru", "Europe/Moscow")
    assert "handed off to a person" in gate_words(gate | {"by": ""}, "en", "UTC")
    assert gate_words({}, "en", "UTC") == gate_words({"reason": "unknown"}, "en", "UTC") == ""


def test_quiet_hours_are_those_of_the_contact_and_end_by_the_clock(who: Identity) -> None:
    talk = real_talk(who)
    set_policy(who, **NIGHT)
    change(who, Contact, time_zone="America/New_York")  # noon in Moscow is 4 in the morning there
    with at(NOON):
        kept = send(who, talk)
    assert (kept.state, kept.due_at) == (MessageState.HELD, NOON + timedelta(hours=5))
    with at(NOON + timedelta(hours=4, minutes=59)):
        held_messages.release_due()
        assert row(who, kept).state == MessageState.HELD
    with at(NOON + timedelta(hours=5)):
        held_messages.release_due()
        held_messages.release_due()
    sent = row(who, kept)
    assert (sent.state, sent.finished_at, sent.gate) == (MessageState.COMPLETE, NOON + timedelta(hours=5), {})
    assert sent.created_at == sent.finished_at and events(who).count("reply_sent") == 1


def test_caps_count_over_all_conversations_of_a_contact(who: Identity, other: Identity) -> None:
    set_policy(who, daily_cap=2)
    first = real_talk(who)
    contact, agent = conversation(who, first).contact_id, conversation(who, first).agent_id
    second = real_talk(who, agent, contact or "")
    with at(NOON):
        assert [send(who, talk).state for talk in (first, second, first)] == ["complete", "complete", "held"]
        assert send(who, real_talk(who, agent)).state == MessageState.COMPLETE  # another contact
        assert send(who, second, is_exempt=True).state == MessageState.COMPLETE
        assert send(other, real_talk(other)).state == MessageState.COMPLETE
    with at(NOON + timedelta(hours=23)):
        held_messages.release_due()
        assert len(call(who, held_messages.list_held, first)) == 1
    with at(NOON + timedelta(hours=24)):
        held_messages.release_due()
        assert call(who, held_messages.list_held, first) == []
        assert send(who, second).state == MessageState.COMPLETE
        assert send(who, second).state == MessageState.HELD
    with session_scope(who.tenant_id, read_only=True) as session:
        assert len(session.exec(owned(Dispatch, who.tenant_id)).all()) == 5


async def test_replies_know_no_caps_and_no_quiet_hours(provider: FakeProvider, who: Identity) -> None:
    set_policy(who, daily_cap=1, quiet_from="00:00", quiet_to="23:59")
    talk = real_talk(who)
    for _ in range(3):
        reply = say(who, talk)
        async for _ in replies.stream(who.tenant_id, reply.id):
            pass
        assert row(who, reply).state == MessageState.COMPLETE


def test_a_test_chat_reaches_nobody_and_knows_only_who_is_in_charge(who: Identity) -> None:
    talk = real_talk(who)
    change(who, Conversation, channel=Channel.TEST)
    change(who, Agent, active=False)
    change(who, Contact, opted_out_at=now())
    set_policy(who, daily_cap=1, quiet_from="00:00", quiet_to="23:59")
    assert [send(who, talk).state for _ in range(2)] == ["complete", "complete"]
    call(who, hand_off.hand_off, talk)
    assert send(who, talk).state == MessageState.HELD


def test_a_held_message_is_an_event_once_for_each_reason_and_in_the_feed(who: Identity) -> None:
    talk = real_talk(who)
    set_policy(who, quiet_from="00:00", quiet_to="23:59")
    kept = send(who, talk)
    assert events(who)[-1] == "message_held"
    with session_scope(who.tenant_id, read_only=True) as session:
        (event,) = session.exec(owned(Event, who.tenant_id).where(Event.kind == EventKind.MESSAGE_HELD)).all()
        (told,) = session.exec(owned(Activity, who.tenant_id).where(Activity.event_id == event.id)).all()
    assert (event.message_id, event.after) == (kept.id, {"text": "Hello", "reason": "quiet_hours"})
    assert told.sentence == "Message in “{title}” held: quiet hours"
    call(who, hand_off.take_over, talk)
    for _ in range(2):  # it is held for another reason, then for the same again
        change(who, Message, due_at=now())
        held_messages.release_due()
    assert events(who).count("message_held") == 2
    change(who, Contact, opted_out_at=now())
    send(who, talk)
    assert events(who).count("message_held") == 2, "a dropped message is not held"


def test_a_rule_that_answers_held_messages_with_messages_ends(who: Identity) -> None:
    talk = real_talk(who)
    a_rule(who, "message_held", {"kind": "send_message", "text": "Another: {{ held.text }}"})
    call(who, hand_off.take_over, talk)
    send(who, talk)
    run_jobs(who)
    kept = call(who, held_messages.list_held, talk)
    assert len(kept) == 6 and kept[1].text == "Another: Hello"
    assert [run.state for run in runs(who)] == ["done"] * 5 + ["too_deep"]


def test_a_member_sends_what_is_held_as_it_is_or_changed(who: Identity) -> None:
    talk = real_talk(who)
    call(who, hand_off.hand_off, talk)
    first, second, third = (send(who, talk, text) for text in ("One", "Two", "Three"))
    assert [one.text for one in call(who, held_messages.list_held, talk)] == ["One", "Two", "Three"]
    assert call(who, held_messages.release, second.id, "Two, better").review["by"] == who.name
    call(who, held_messages.discard, third.id)
    changed = row(who, second)
    assert (changed.state, changed.text, changed.own_text) == (MessageState.COMPLETE, "Two, better", "Two")
    assert row(who, third).state == MessageState.DISCARDED and row(who, third).review["outcome"] == "discarded"
    assert [one.text for one in call(who, held_messages.list_held, talk)] == ["One"]
    for done in (second, third):
        with pytest.raises(Conflict):
            call(who, held_messages.release, done.id)
        with pytest.raises(Conflict):
            call(who, held_messages.discard, done.id)
    assert conversation(who, talk).state == "handed_off" and row(who, first).state == MessageState.HELD


def test_a_member_sends_nothing_held_into_a_closed_conversation_or_against_a_wish(who: Identity) -> None:
    talk = real_talk(who)
    call(who, hand_off.hand_off, talk)
    kept = send(who, talk)
    change(who, Contact, opted_out_at=now())
    with pytest.raises(Conflict, match="opted out of messages"):
        call(who, held_messages.release, kept.id)
    call(who, hand_off.close, talk)
    with pytest.raises(Conflict, match="closed"):
        call(who, held_messages.release, kept.id, despite_opt_out=True)
    change(who, Conversation, state="open")
    call(who, held_messages.release, kept.id, despite_opt_out=True)
    assert row(who, kept).state == MessageState.COMPLETE


def test_what_the_agent_was_asked_for_is_written_when_a_member_wants_it(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("How are you?"))
    talk = real_talk(who)
    call(who, hand_off.hand_off, talk)
    kept = call(who, agent_messages.request_message, talk, "Ask how they are.")
    run_jobs(who)
    assert provider.asked == [] and row(who, kept).text == ""
    call(who, held_messages.release, kept.id)
    run_jobs(who)
    written = row(who, kept)
    assert (written.state, written.text, written.gate["reason"]) == (MessageState.HELD, "How are you?", "person")
    call(who, held_messages.release, kept.id)
    assert row(who, kept).state == MessageState.COMPLETE


def test_what_the_agent_was_asked_for_waits_for_the_end_of_quiet_hours(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("Good morning!"))
    talk = real_talk(who)
    set_policy(who, **NIGHT)
    with at(NOON + timedelta(hours=10)):  # 22:00
        kept = call(who, agent_messages.request_message, talk, "Greet.")
        run_jobs(who)
        assert provider.asked == [] and kept.state == MessageState.HELD
    with at(NOON + timedelta(hours=21)):
        held_messages.release_due()
        run_jobs(who)
    assert (row(who, kept).state, row(who, kept).text) == (MessageState.COMPLETE, "Good morning!")


@pytest.mark.parametrize("chars", [20, 0])
async def test_a_reply_that_streams_when_a_person_takes_over_is_a_suggestion(
    provider: FakeProvider, who: Identity, chars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "FLUSH_SECONDS", 0.05)
    provider.will(says(*["word "] * 200, pause=0.02))
    talk = real_talk(who)
    reply = say(who, talk)

    async def write() -> None:
        async for _ in replies.stream(who.tenant_id, reply.id):
            pass

    writing = asyncio.create_task(write())
    if chars:
        await asyncio.to_thread(wait_for, lambda: len(row(who, reply).text) > chars)
    await asyncio.to_thread(call, who, hand_off.hand_off, talk)
    await asyncio.wait_for(writing, 10)
    kept = row(who, reply)
    assert (kept.state, kept.gate["reason"]) == (MessageState.HELD, "person")
    assert "reply_sent" not in events(who)
    if chars:
        assert kept.text.startswith("word word") and kept.gate["is_partial"]
        assert [one.id for one in call(who, held_messages.list_held, talk)] == [reply.id]
        call(who, held_messages.release, reply.id, "My own words")
        assert (row(who, reply).text, row(who, reply).own_text) == ("My own words", kept.text)


def test_a_rule_and_its_log(who: Identity) -> None:
    talk = real_talk(who, reply_delay_seconds=600)
    a_rule(who, "message_received", {"kind": "send_message", "text": "Hi"}, {"kind": "add_tag", "tag": "x"})
    call(who, hand_off.hand_off, talk)
    call(who, conversations.receive, talk, "Hello?")
    run_jobs(who)
    (run,) = runs(who)
    assert (run.state.value, [one["state"] for one in run.actions]) == ("done", ["done", "done"])
    (kept,) = call(who, held_messages.list_held, talk)
    gate = run.actions[0]["gate"]
    assert (gate["reason"], gate["message_id"], kept.run_id, kept.origin_name) == ("person", kept.id, run.id, "Rule")
    assert "gate" not in run.actions[1] and "Hi" not in shown(who, talk)[:1]


def test_a_sequence_and_its_history(who: Identity) -> None:
    talk = real_talk(who)
    contact = conversation(who, talk).contact_id or ""
    steps = [do("one", {"kind": "send_message", "text": "First"}), do("two", {"kind": "write_note", "text": "Then"})]
    sequence = a_sequence(who, *steps)
    call(who, hand_off.hand_off, talk)
    (enrollment,) = enrolled(who, sequence, contact)
    work(who)
    assert [(line.step_id, line.state.value, line.gate.get("reason")) for line in lines(who)] == [
        ("one", "held", "person"),
        ("two", "done", None),
    ]
    (kept,) = call(who, held_messages.list_held, talk)
    assert (kept.origin, kept.enrollment_id, kept.origin_name) == (Origin.SEQUENCE, enrollment, "Follow-up")


def test_on_a_channel_what_a_contact_writes_is_in_their_name(who: Identity) -> None:
    talk = real_talk(who)
    said, _ = call(who, conversations.receive, talk, "Hello")
    assert said.author_name == "Anna" and conversation(who, talk).contact_at == said.created_at
    with pytest.raises(Invalid):
        made = conversation(who, talk)
        call(who, conversations.create_for_contact, made.agent_id, made.contact_id, channel=Channel.TEST)
