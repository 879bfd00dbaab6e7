"""Triage: opt-outs, assignment, snoozes, tags, read marks, and what becomes of replies that wait for approval."""

from datetime import timedelta

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Invalid, LimitReached, NotFound
from platform_app.models.conversation import Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.person import Identity, Role
from platform_app.models.sending import OptOutCause, SendingPolicy
from platform_app.services.accounts import availability
from platform_app.services.chat import (
    agent_messages,
    approvals,
    conversation_rows,
    conversations,
    hand_off,
    opt_outs,
    sending,
    triage,
)
from platform_app.services.notifications import event_notifications, notifications
from tests.conftest import make_member
from tests.rules.test_rules import a_rule, runs
from tests.sequencing import at
from tests.talking import activities, call, conversation, events, real_talk, row, run_jobs, say, set_policy

NOT_ASSIGNED = (
    "Not assigned: nobody is available. Away: {away}, day off: {day_off}, outside working hours: {outside_hours}, "
    "no page open in the last 30 minutes: {idle}"
)


def contact(who: Identity) -> Contact:
    """Return the only contact."""
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Contact = session.exec(owned(Contact, who.tenant_id)).one()
        return found


@pytest.mark.parametrize("text", ["Stop", " STOP! ", "стоп", "Отписаться.", "unsubscribe"])
def test_a_word_opts_a_contact_out(who: Identity, text: str) -> None:
    talk = real_talk(who)
    said, reply = call(who, conversations.receive, talk, text)
    assert reply is None and said.gate["reason"] == "opted_out"
    found = contact(who)
    assert found.opted_out_at is not None and found.opt_out_cause == OptOutCause.WORD
    assert events(who).count("opted_out") == 1
    assert activities(who)[-1] == "“{name}” opted out of messages"
    assert call(who, agent_messages.send_message, talk, "Buy").gate["reason"] == "opted_out"
    call(who, opt_outs.opt_in, found.id)
    assert call(who, agent_messages.send_message, talk, "Buy").state == MessageState.COMPLETE


@pytest.mark.parametrize("text", ["Stop by tomorrow", "Don't stop", "не стоп", "?", "…"])
def test_a_word_within_a_sentence_opts_nobody_out(who: Identity, text: str) -> None:
    assert call(who, conversations.receive, real_talk(who), text)[1] is not None
    assert contact(who).opted_out_at is None


def test_the_words_are_the_tenants_own_by_language() -> None:
    own = SendingPolicy(opt_out_words={"en": ["go away"]})
    assert opt_outs.word_in(own, "Go away!") == "go away" and opt_outs.word_in(own, "stop") == ""
    assert opt_outs.word_in(own, "СТОП") == "стоп"
    assert opt_outs.word_in(SendingPolicy(opt_out_words={"en": [], "ru": []}), "stop") == ""


def test_a_rule_opts_a_contact_out_and_assigns_in_turn(who: Identity) -> None:
    second = make_member(who, Role.OPERATOR)
    come(who, second, make_member(who, Role.VIEWER))
    a_rule(who, "message_received", {"kind": "assign_conversation"}, {"kind": "opt_out"})
    talks = [real_talk(who) for _ in range(3)]
    for talk in talks:
        call(who, conversations.receive, talk, "Hello")
        run_jobs(who)
    assert [run.state.value for run in runs(who)] == ["done"] * 3
    assert [conversation(who, talk).assignee_id for talk in talks] == [who.user_id, second.user_id, who.user_id]
    with session_scope(who.tenant_id, read_only=True) as session:
        found = session.exec(owned(Contact, who.tenant_id)).all()
        assert {(one.opt_out_cause, one.opt_out_by) for one in found} == {(OptOutCause.AUTOMATION, "Rule")}


def come(*people: Identity) -> None:
    """Let members have a page open now."""
    availability.note_present((one.tenant_id, one.user_id) for one in people)


def test_a_rule_assigns_only_to_members_who_are_available(who: Identity) -> None:
    second, third = make_member(who, Role.OPERATOR), make_member(who, Role.ADMIN)
    come(who, second)
    call(who, availability.set_away, True)
    assert third.user_id  # has never had a page open
    a_rule(who, "message_received", {"kind": "assign_conversation"})
    talks = [real_talk(who) for _ in range(3)]
    for talk in talks[:2]:
        call(who, conversations.receive, talk, "Hello")
        run_jobs(who)
    assert [conversation(who, talk).assignee_id for talk in talks[:2]] == [second.user_id] * 2
    call(second, availability.save_hours, {"days_off": [{"first": "2000-01-01", "last": "2099-01-01"}]})
    call(who, conversations.receive, talks[2], "Hello")
    run_jobs(who)
    assert conversation(who, talks[2]).assignee_id is None
    assert "“{title}” not assigned: nobody is available" in activities(who)
    lines = {run.actions[0]["sentence"]: run.actions[0] for run in runs(who)}
    assert set(lines) == {"Conversation assigned to {name}, in turn", NOT_ASSIGNED}
    assert lines[NOT_ASSIGNED]["state"] == "done"
    assert [one.sentence for one in call(who, notifications.list_recent)] == [event_notifications.UNASSIGNED]
    assert {one.sentence for one in call(second, notifications.list_recent)} == {"“{title}” is assigned to you"}
    assert lines[NOT_ASSIGNED]["values"] == {"away": "1", "day_off": "1", "outside_hours": "0", "idle": "1"}


def test_assigned_to_a_member_or_to_nobody(who: Identity, other: Identity) -> None:
    talk = real_talk(who)
    call(who, triage.assign, talk, who.user_id)
    call(who, triage.assign, talk, who.user_id)
    assert conversation(who, talk).assignee_id == who.user_id and events(who).count("conversation_assigned") == 1
    with pytest.raises(NotFound):
        call(who, triage.assign, talk, other.user_id)
    call(who, triage.assign, talk, None)
    assert conversation(who, talk).assignee_id is None
    assert activities(who)[-1] == "“{title}” is unassigned"


def test_a_snooze_ends_by_the_clock_or_when_the_contact_writes(who: Identity) -> None:
    talk, start = real_talk(who), now()
    with pytest.raises(Invalid):
        call(who, triage.snooze, talk, start - timedelta(seconds=1))
    call(who, triage.snooze, talk, start + timedelta(hours=1))
    with at(start + timedelta(minutes=59)):
        triage.end_snoozes()
        assert conversation(who, talk).snoozed_until is not None
    with at(start + timedelta(hours=1)):
        triage.end_snoozes()
        triage.end_snoozes()
    assert conversation(who, talk).snoozed_until is None
    assert activities(who).count("“{title}” is back: the snooze is over") == 1
    call(who, triage.snooze, talk, now() + timedelta(hours=1))
    say(who, talk)
    assert conversation(who, talk).snoozed_until is None


def test_tags_are_replaced(who: Identity) -> None:
    talk = real_talk(who)
    assert call(who, triage.set_tags, talk, ["VIP", "vip", "#late"]) and call(who, triage.tags_of, [talk])
    assert len(call(who, triage.tags_of, [talk])[talk]) == 2
    call(who, triage.set_tags, talk, ["late"])
    assert call(who, triage.tags_of, [talk]) == {talk: ["late"]}
    with pytest.raises((LimitReached, Invalid)):
        call(who, triage.set_tags, talk, [f"tag {number}" for number in range(21)])


def test_each_member_has_read_marks_of_their_own(who: Identity) -> None:
    talk, second = real_talk(who), make_member(who, Role.OPERATOR)
    assert call(who, triage.unread_ids, [conversation(who, talk)]) == set()
    say(who, talk)
    call(who, triage.mark_read, talk)
    assert (
        call(who, triage.unread_ids, [conversation(who, talk)]),
        call(second, triage.unread_ids, [conversation(second, talk)]),
    ) == (set(), {talk})
    say(who, talk, "More")
    assert call(who, triage.unread_ids, [conversation(who, talk)]) == {talk}
    call(who, triage.mark_read, talk)
    assert call(who, triage.unread_ids, [conversation(who, talk)]) == set()


def to_approve(who: Identity, talk: str) -> Message:
    """Let a reply wait for approval."""
    reply = say(who, talk)
    with session_scope(who.tenant_id) as session:
        found, message = conversation_rows.get_locked(session, who, reply.id)
        message.text = "Forty."
        sending.send(session, found, message, needs_approval=True)
    return reply


def test_the_agents_own_text_is_kept_beside_what_was_sent(who: Identity) -> None:
    talk = real_talk(who)
    first, second = to_approve(who, talk), to_approve(who, talk)
    assert [one.id for one in call(who, approvals.list_waiting)] == [first.id, second.id]
    call(who, approvals.approve, first.id, "Forty euros.")
    found = row(who, first)
    assert (found.text, found.own_text, found.review["outcome"]) == ("Forty euros.", "Forty.", "edited")
    call(who, approvals.reject, second.id, "Not true")
    found = row(who, second)
    assert (found.state, found.review["reason"], found.review["by"]) == ("discarded", "Not true", who.name)
    assert call(who, approvals.list_waiting) == []
    assert events(who)[-2:] == ["reply_approved", "reply_rejected"]


@pytest.mark.parametrize(("wish", "state"), [("wait", "open"), ("notify", "open"), ("hand_off", "handed_off")])
def test_nobody_decides_in_time(who: Identity, wish: str, state: str) -> None:
    set_policy(who, approval_minutes=10, approval_overdue=wish)
    talk, start = real_talk(who), now()
    reply = to_approve(who, talk)
    with at(start + timedelta(minutes=9)):
        approvals.handle_overdue()
        assert "approval_overdue" not in events(who)
    with at(start + timedelta(minutes=11)):
        approvals.handle_overdue()
        approvals.handle_overdue()
    assert events(who).count("approval_overdue") == (wish != "wait")
    assert (conversation(who, talk).state, row(who, reply).state) == (state, MessageState.TO_APPROVE)
    call(who, approvals.approve, reply.id, "")
    assert row(who, reply).state == MessageState.COMPLETE


def test_nothing_is_approved_in_a_closed_conversation(who: Identity) -> None:
    talk = real_talk(who)
    reply = to_approve(who, talk)
    call(who, hand_off.close, talk)
    with pytest.raises(Conflict, match="closed"):
        call(who, approvals.approve, reply.id, "")
    assert row(who, reply).state == MessageState.TO_APPROVE
