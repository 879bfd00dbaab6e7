"""Rules and events: every kind starts its rule once, with what was known then; the past gives the same proofs."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.engine import event_matching
from platform_app.engine.rules import backtest, dry_run, rule_runs, rules, timers
from platform_app.errors import Invalid
from platform_app.fact_snapshots import event_facts
from platform_app.models.crm import Holder
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity, Role
from platform_app.models.rule import RunState
from platform_app.services.accounts import invitation_acceptance, invitations, member_changes
from platform_app.services.channels import inbound, ratings
from platform_app.services.chat import (
    agent_messages,
    approvals,
    conversation_rows,
    conversations,
    hand_off,
    member_messages,
    opt_outs,
    sending,
    triage,
)
from platform_app.services.crm import cards, contacts, leads, tags, tasks
from platform_app.services.tasks import task_reminders
from tests import sequencing
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, says, serving
from tests.hooks import a_webhook, deliver
from tests.inviting import add_user, invited
from tests.rules.test_rules import a_rule, is_rich, runs
from tests.talking import a_stage, add_agent, answered, call, conversation, run_jobs, say, set_policy, shown
from tests.visiting import TOKEN, a_chat, write


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider over a real socket."""
    yield from serving(env)


def events(who: Identity, kind: EventKind) -> list[Event]:
    """Return the events of a kind, oldest first."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(Event, who.tenant_id).where(Event.kind == kind).order_by(Event.at)).all())


def a_talk(who: Identity) -> str:
    """Begin a conversation with a contact and a lead; return its id."""
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    talk = call(who, conversations.create, add_agent(who), is_live=True)
    call(who, conversations.set_test_context, talk.id, lead_id=lead.id, contact_id=contact.id)
    return str(talk.id)


def snooze_and_end(session: Transaction, who: Identity, talk: str) -> None:
    """Snooze a conversation and show it again."""
    triage.snooze(session, who, talk, now() + timedelta(hours=1))
    triage.end_snooze(session, who, talk)


def _acts(who: Identity, rule_id: str, talk: str) -> dict[EventKind, tuple[Any, ...]]:
    """Return what brings about the events that one call of a service does."""
    row = conversation(who, talk)
    return {
        EventKind.CONVERSATION_CLOSED: (hand_off.close, talk),
        EventKind.HANDED_OFF: (hand_off.hand_off, talk),
        EventKind.TAKEN_OVER: (hand_off.take_over, talk),
        EventKind.CONVERSATION_ASSIGNED: (triage.assign, talk, who.user_id),
        EventKind.CONVERSATION_SNOOZED: (triage.snooze, talk, now() + timedelta(hours=1)),
        EventKind.SNOOZE_ENDED: (snooze_and_end, talk),
        EventKind.OPTED_OUT: (opt_outs.opt_out, row.contact_id),
        EventKind.MEMBER_REPLIED: (member_messages.send, talk, "Hello"),
        EventKind.NOTE_ADDED: (member_messages.add_note, talk, "Call them"),
        EventKind.LEAD_UPDATED: (leads.save, row.lead_id, {"budget": "5"}),
        EventKind.CONTACT_UPDATED: (contacts.save, row.contact_id, {"name": "Boris"}),
        EventKind.TAG_ADDED: (contacts.save, row.contact_id, {"tags": ["vip"]}),
        EventKind.MANUAL: (rules.run_manually, rule_id, row.lead_id),
        EventKind.REPLY_SENT: (agent_messages.send_message, talk, "Hello"),
        EventKind.STAGE_CHANGED: (leads.move_to_stage, row.lead_id, a_stage(who)),
    }


OF_APPROVALS = (
    EventKind.APPROVAL_REQUESTED,
    EventKind.APPROVAL_OVERDUE,
    EventKind.REPLY_APPROVED,
    EventKind.REPLY_REJECTED,
)


def wait_for_approval(who: Identity, talk: str) -> str:
    """Let a reply wait for approval; return its id."""
    set_policy(who, approval_minutes=5, approval_overdue="notify")
    reply = say(who, talk)
    with session_scope(who.tenant_id) as session:
        row, message = conversation_rows.get_locked(session, who, reply.id)
        message.text = "Forty."
        sending.send(session, row, message, needs_approval=True)
    return reply.id


def decide(who: Identity, talk: str, kind: EventKind) -> None:
    """Let a reply wait for approval, and be decided on or not."""
    reply_id = wait_for_approval(who, talk)
    if kind == EventKind.REPLY_APPROVED:
        call(who, approvals.approve, reply_id, "")
    elif kind == EventKind.REPLY_REJECTED:
        call(who, approvals.reject, reply_id, "Not true")
    elif kind == EventKind.APPROVAL_OVERDUE:
        with time_machine.travel(now() + timedelta(minutes=6), tick=False):
            approvals.handle_overdue()
            approvals.handle_overdue()
            run_jobs(who)


OF_THE_TEAM = (
    EventKind.MEMBER_INVITED,
    EventKind.INVITATION_REVOKED,
    EventKind.MEMBER_JOINED,
    EventKind.MEMBER_CHANGED,
    EventKind.MEMBER_REMOVED,
)


def change_team(who: Identity, kind: EventKind) -> None:
    """Bring about an event of the members of the tenant."""
    if kind in (EventKind.MEMBER_CHANGED, EventKind.MEMBER_REMOVED):
        colleague = make_member(who, Role.VIEWER).user_id
        if kind == EventKind.MEMBER_REMOVED:
            call(who, member_changes.remove, colleague)
        else:
            call(who, member_changes.set_role, colleague, Role.OPERATOR)
        return
    row, token = invited(who)
    if kind == EventKind.INVITATION_REVOKED:
        call(who, invitations.revoke, row.id)
    elif kind == EventKind.MEMBER_JOINED:
        invitation_acceptance.join(token, add_user())


def rate_a_chat(who: Identity) -> None:
    """Let the visitor of a web chat rate it, twice in the same way."""
    chat = a_chat(who, asks_rating=True)
    visitor = write(who, chat).message.conversation_id
    call(who, hand_off.close, visitor)
    for _ in range(2):
        with session_scope(who.tenant_id) as session:
            ratings.rate(session, chat, inbound.hash_token(TOKEN), stars=4, comment="Good")


def by_the_clock(who: Identity, kind: EventKind, talk: str) -> None:
    """Let time or a visitor bring about an event: nobody answers, the hour of a schedule comes, a chat is rated."""
    if kind == EventKind.CONVERSATION_RATED:
        rate_a_chat(who)
    elif kind == EventKind.NO_REPLY:
        call(who, hand_off.hand_off, talk)
        call(who, conversations.receive, talk, "Is anybody there?")
        with time_machine.travel(now() + timedelta(minutes=31), tick=False):
            timers.emit_no_replies()
            timers.emit_no_replies()
            run_jobs(who)
    elif kind == EventKind.SCHEDULE:
        with time_machine.travel(now() + timedelta(days=8), tick=False):
            timers.emit_due_schedules()
            timers.emit_due_schedules()
            run_jobs(who)


async def happen(who: Identity, kind: EventKind, rule_id: str) -> None:
    """Bring about an event of a kind, as the console does."""
    talk = a_talk(who)
    row = conversation(who, talk)
    assert row.lead_id and row.contact_id
    simple = _acts(who, rule_id, talk)
    if kind in OF_APPROVALS:
        decide(who, talk, kind)
    elif kind == EventKind.HANDED_BACK:
        call(who, hand_off.take_over, talk)
        call(who, hand_off.hand_back, talk)
    elif kind == EventKind.MESSAGE_HELD:
        call(who, hand_off.take_over, talk)
        call(who, agent_messages.send_message, talk, "Still interested?")
    elif kind == EventKind.CONVERSATION_REOPENED:
        call(who, hand_off.close, talk)
        call(who, hand_off.reopen, talk)
    elif kind in OF_THE_TEAM:
        change_team(who, kind)
    elif kind in simple:
        act, *given = simple[kind]
        call(who, act, *given)
    elif kind == EventKind.WEBHOOK_RECEIVED:
        deliver(a_webhook(who), {"total": 5}, message_id="msg_1")
    elif kind in (EventKind.TASK_CREATED, EventKind.TASK_COMPLETED):
        task = call(who, tasks.create, text="Call", lead_id=row.lead_id)
        call(who, tasks.set_done, task.id, done=True)
    elif kind == EventKind.TASK_DUE:
        call(who, tasks.create, text="Call", lead_id=row.lead_id, due_at=now() + timedelta(hours=1))
        with time_machine.travel(now() + timedelta(hours=1), tick=False):
            task_reminders.remind_due()
            run_jobs(who)
    elif kind == EventKind.SEQUENCE_FINISHED:
        sequencing.enrolled(who, sequencing.a_sequence(who, sequencing.do("one")), row.lead_id)
        sequencing.work(who)
    elif kind in (EventKind.MESSAGE_RECEIVED, EventKind.CONVERSATION_STARTED):
        say(who, talk)
    else:
        by_the_clock(who, kind, talk)


@pytest.mark.parametrize("kind", list(EventKind))
async def test_every_kind_starts_its_rule_once(who: Identity, kind: EventKind) -> None:
    action = {"kind": "notify", "user_id": who.user_id, "text": "Seen"}
    rule_id = a_rule(who, kind.value, action, minutes=30)
    await happen(who, kind, rule_id)
    run_jobs(who)
    run_jobs(who)
    found = runs(who)
    assert [run.state for run in found] == [RunState.DONE] * len(events(who, kind))
    assert len({run.event_id for run in found}) == len(found) == 1


def test_what_was_known_is_kept_with_the_event(who: Identity) -> None:
    talk = a_talk(who)
    row = conversation(who, talk)
    call(who, leads.save, row.lead_id, {"budget": "1000", "tags": ["hot"]})
    call(who, leads.save, row.lead_id, {"budget": "2000"})
    first, second = events(who, EventKind.LEAD_UPDATED)
    assert (str(event_facts(first).values["lead.budget"]), str(event_facts(second).values["lead.budget"])) == (
        "1000.00",
        "2000.00",
    )
    assert str(event_facts(second).before["lead.budget"]) == "1000.00" and "lead.tags" not in event_facts(second).before
    assert event_facts(first).values["lead.tags"] == ("hot",) and event_facts(first).values["now"] == first.at


def test_a_backtest_gives_the_proofs_that_the_log_has(who: Identity) -> None:
    stage = a_stage(who)
    rule_id = a_rule(who, "lead_created", {"kind": "add_tag", "tag": "big"}, condition=is_rich("1000"), daily_cap=3)
    for budget in (10, 2_000, 30, 4_000, 5_000, 6_000):
        call(who, leads.create, title="Lead", stage_id=stage, budget=str(budget))
        run_jobs(who)
    live = runs(who)
    assert [run.state.value for run in live] == ["condition", "done", "condition", "done", "done", "capped"]
    found = call(who, backtest.backtest, rule_id, days=7)
    assert found.reasons == {"condition": 2, "fires": 3, "capped": 1}
    assert (found.gained, found.lost, found.events) == (0, 0, 6)
    for run in live:
        tried = call(who, dry_run.dry_run, rule_id, run.event_id, draft=True)
        assert tried.proof == run.proof and tried.change == run.change


def test_a_draft_beside_what_is_published(who: Identity) -> None:
    stage = a_stage(who)
    rule_id = a_rule(who, "lead_created", {"kind": "add_tag", "tag": "big"}, condition=is_rich("1000"))
    for budget in (10, 2_000, 30, 4_000):
        call(who, leads.create, title="Lead", stage_id=stage, budget=str(budget))
    row = call(who, rules.DEFINITIONS.get, rule_id)
    changed = {"condition": is_rich("3000"), "actions": [{"kind": "change_stage", "stage_id": "gone"}]}
    call(who, rules.DEFINITIONS.save, rule_id, changed, revision=row.revision)
    found = call(who, backtest.backtest, rule_id, days=30)
    assert (found.reasons["fires"], found.live_reasons["fires"], found.gained, found.lost) == (1, 2, 0, 1)
    fired = next(one for one in found.samples if one.reason == "fires")
    tried = call(who, dry_run.dry_run, rule_id, fired.event_id, draft=True)
    assert [(one.possible, one.sentence) for one in tried.actions] == [(False, "Stage not found.")]
    assert len(events(who, EventKind.TAG_ADDED)) == 0
    with pytest.raises(Invalid):
        call(who, backtest.backtest, rule_id, days=0)


def test_a_dry_run_changes_nothing_whatever_the_action(who: Identity) -> None:
    talk = a_talk(who)
    row = conversation(who, talk)
    listed = [
        {"kind": "send_message", "text": "Hi"},
        {"kind": "ask_agent", "prompt": "Greet"},
        {"kind": "add_tag", "tag": "x"},
        {"kind": "remove_tag", "tag": "x"},
        {"kind": "assign", "user_id": who.user_id},
        {"kind": "create_task", "text": "Call", "user_id": "", "days": "1"},
        {"kind": "update_field", "field": "lead.title", "value": "Other"},
        {"kind": "call_webhook", "url": "http://127.0.0.1:9/never", "body": ""},
        {"kind": "notify", "user_id": who.user_id, "text": "Look"},
        {"kind": "hand_off"},
        {"kind": "close_conversation"},
    ]
    made = call(who, rules.DEFINITIONS.create, name="All", draft={"trigger": "lead_updated", "actions": listed})
    call(who, leads.save, row.lead_id, {"budget": "5"})
    (event,) = events(who, EventKind.LEAD_UPDATED)
    before = len(events(who, EventKind.TAG_ADDED)), call(who, leads.get, row.lead_id).updated_at, shown(who, talk)
    with session_scope(who.tenant_id, read_only=True) as session:
        tried = dry_run.dry_run(session, who, made.id, event.id, draft=True)
    assert [one.kind for one in tried.actions] == [one["kind"] for one in listed]
    assert all(one.possible for one in tried.actions)
    assert before == (
        len(events(who, EventKind.TAG_ADDED)),
        call(who, leads.get, row.lead_id).updated_at,
        shown(who, talk),
    )


async def test_handed_to_a_person_the_agent_is_silent_until_it_is_given_back(who: Identity) -> None:
    talk = call(who, conversations.create, add_agent(who), is_live=True).id
    call(who, hand_off.hand_off, talk)
    said, reply = call(who, conversations.receive, talk, "Hello?")
    assert reply is None and said.text == "Hello?"
    call(who, hand_off.hand_back, talk)
    assert call(who, conversations.receive, talk, "Hello again")[1] is not None


def test_concerns_only_its_agent(who: Identity) -> None:
    mine, other = add_agent(who), add_agent(who)
    rule = call(who, rules.DEFINITIONS.create, name="One", agent_id=mine, draft={"trigger": "message_received"})
    talk = call(who, conversations.create, other, is_live=True)
    say(who, talk.id)
    (event,) = events(who, EventKind.MESSAGE_RECEIVED)
    assert not event_matching.matches_trigger(rule.agent_id, rule.id, rule.draft, event=event)
    assert call(who, dry_run.dry_run, rule.id, event.id, draft=True).reason == "agent"
    assert call(who, rule_runs.list_runs) == []


def test_the_agent_writes_what_a_rule_asks_for_and_depth_is_kept(who: Identity, provider: FakeProvider) -> None:
    provider.will(says("Thank you!"))
    a_rule(who, "reply_sent", {"kind": "ask_agent", "prompt": "Thank the contact."})
    talk = call(who, conversations.create, add_agent(who), is_live=True).id
    asyncio.run(answered(who, talk))
    run_jobs(who)
    assert provider.last.body["messages"][-1]["content"] == "Thank the contact."
    assert [run.state.value for run in runs(who)] == ["done"] * 5 + ["too_deep"]
    assert max(event.depth for event in events(who, EventKind.REPLY_SENT)) == 5


def test_a_tag_is_taken(who: Identity) -> None:
    row = call(who, contacts.create, name="Anna", tags="VIP, new")
    call(who, tags.remove_tag, row.id, "vip", target=contacts)
    assert call(who, contacts.get, row.id).tags == ["new"]


def test_a_draft_is_tried_on_what_is_typed(who: Identity) -> None:
    contact = call(who, contacts.create, name="Anna", phones=["+7 900 123-45-67"])
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id, budget="5000")
    said = {"kind": "condition", "fact": "message.text", "operator": "contains", "value": "price"}
    condition = {"kind": "group", "match": "all", "of": [said, *is_rich("1000")["of"]]}
    draft = {"trigger": "message_received", "condition": condition, "actions": [{"kind": "add_tag", "tag": "hot"}]}
    rule = call(who, rules.DEFINITIONS.create, name="Price", draft=draft)
    for text, lead_id, expected in (
        ("What is the PRICE?", lead.id, "fires"),
        ("What is the price?", "", "condition"),
        ("Hello", lead.id, "condition"),
    ):
        with session_scope(who.tenant_id, read_only=True) as session:
            tried = dry_run.dry_run_message(session, who, rule.id, text, lead_id=lead_id)
        assert tried.reason == expected
    assert events(who, EventKind.MESSAGE_RECEIVED) == [] and call(who, leads.get, lead.id).tags == []


def test_a_note_is_written(who: Identity) -> None:
    a_rule(who, "contact_created", {"kind": "write_note", "text": "Came by itself: {{ contact.name }}"})
    contact = call(who, contacts.create, name="Anna")
    run_jobs(who)
    card = call(who, cards.get_card, Holder.CONTACT, contact.id)
    assert [(note.text, note.author_name) for note in card.notes] == [("Came by itself: Anna", "Rule")]
