"""Clockwork: every silence is told once, whatever else goes wrong; schedules follow the time zone."""

from datetime import datetime, timedelta

import pytest
import time_machine

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.engine.rules import rules, timers
from platform_app.models.conversation import Author, Conversation, Message
from platform_app.models.event import EventKind
from platform_app.models.person import Identity
from platform_app.models.rule import Rule
from platform_app.services.accounts import accounts
from platform_app.services.chat import conversations, hand_off
from tests.rules.test_rule_races import TAG, events
from tests.rules.test_rules import a_rule
from tests.sequences.test_sequence_races import rush
from tests.talking import add_agent, begin, call


def silent(who: Identity, count: int, *, author: Author = Author.CONTACT, minutes: int = 60) -> None:
    """Write conversations in which something was said last so many minutes ago."""
    agent, at = add_agent(who), now() - timedelta(minutes=minutes)
    with session_scope(who.tenant_id) as session:
        talks = [Conversation(tenant_id=who.tenant_id, agent_id=agent, last_message_at=at) for _ in range(count)]
        session.add_all(talks)
        session.flush()
        for talk in talks:
            said = Message(tenant_id=who.tenant_id, conversation_id=talk.id, author=Author.CONTACT, text="Hello")
            said.created_at = at - timedelta(seconds=1)
            answer = Message(tenant_id=who.tenant_id, conversation_id=talk.id, author=author, text="Hello")
            answer.created_at = at
            session.add_all([said, answer])


def break_rule(who: Identity, rule_id: str) -> None:
    """Let a definition be one that nobody can read."""
    with session_scope(who.tenant_id) as session:
        row = session.exec(owned(Rule, who.tenant_id).where(Rule.id == rule_id)).one()
        row.published = row.published | {"minutes": "soon"}


def test_of_many_silences_each_is_told_once(who: Identity) -> None:
    a_rule(who, "no_reply", TAG, minutes=30)
    silent(who, 600, minutes=90)
    silent(who, 50, author=Author.AGENT)  # answered, and later than all the others
    silent(who, 1, minutes=20)
    rush(timers.emit_no_replies, timers.emit_no_replies)
    timers.emit_no_replies()
    told = events(who, EventKind.NO_REPLY)
    assert len(told) == 600 and len({event.conversation_id for event in told}) == 600


def test_what_is_said_again_is_told_again(who: Identity) -> None:
    talk = begin(who)
    call(who, hand_off.hand_off, talk)
    a_rule(who, "no_reply", TAG, minutes=30)
    a_rule(who, "no_reply", TAG, minutes=90)
    for _ in range(2):
        with time_machine.travel(now(), tick=False):
            call(who, conversations.receive, talk, "Is anybody there?")
        with time_machine.travel(now() + timedelta(minutes=100), tick=False):
            timers.emit_no_replies()
            timers.emit_no_replies()
    told = [event.after["minutes"] for event in events(who, EventKind.NO_REPLY)]
    assert sorted(told) == [30, 30, 90, 90]


def test_a_rule_that_cannot_be_read_stops_nobody_else(who: Identity, other: Identity) -> None:
    with time_machine.travel(now() - timedelta(days=8)):
        for identity in (who, other):
            a_rule(identity, "schedule", TAG)
    for identity in (who, other):
        silent(identity, 1)
        a_rule(identity, "no_reply", TAG, minutes=30)
    with session_scope(who.tenant_id, read_only=True) as session:
        broken = [row.id for row in session.exec(owned(Rule, who.tenant_id)).all()]
    for rule_id in broken:
        break_rule(who, rule_id)
    timers.emit_due_schedules()
    timers.emit_no_replies()
    for kind in (EventKind.SCHEDULE, EventKind.NO_REPLY):
        assert (len(events(who, kind)), len(events(other, kind))) == (0, 1)


def test_a_tenant_where_something_fails_stops_nobody_else(
    who: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    for identity in (who, other):
        silent(identity, 1)
        a_rule(identity, "no_reply", TAG, minutes=30)
    tell = timers._emit_no_replies

    def fails(tenant_id: str, minutes: int) -> int:
        if tenant_id == min(who.tenant_id, other.tenant_id):
            raise OSError
        return tell(tenant_id, minutes)

    monkeypatch.setattr(timers, "_emit_no_replies", fails)
    timers.emit_no_replies()
    assert len(events(who, EventKind.NO_REPLY)) + len(events(other, EventKind.NO_REPLY)) == 1


def test_schedules_follow_the_time_zone(who: Identity) -> None:
    with time_machine.travel("2026-11-23T10:00:00+00:00", tick=False):
        rule = a_rule(who, "schedule", TAG, time="09:00", weekdays=[1, 2, 3, 4, 5, 6, 7])
        broken = a_rule(who, "schedule", TAG)
        break_rule(who, broken)
        call(who, accounts.update_tenant, name="Acme", time_zone="Asia/Tokyo")
        call(who, rules.reschedule, "Asia/Tokyo")
    planned = call(who, rules.DEFINITIONS.get, rule).next_at
    assert planned == datetime.fromisoformat("2026-11-24T09:00:00+09:00")
    with time_machine.travel(planned + timedelta(seconds=1), tick=False):
        call(who, rules.reschedule, "Asia/Omsk")  # what is due by now still rings
        timers.emit_due_schedules()
        assert len(events(who, EventKind.SCHEDULE)) == 1
    assert call(who, rules.DEFINITIONS.get, rule).next_at == planned + timedelta(days=1)
