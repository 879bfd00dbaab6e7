"""Exits of sequences: what a way began with does not end it, nor what came with that; what comes later does."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from platform_app.db import owned, session_scope
from platform_app.engine.sequences import sequence_backtest
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.models.sequence import Enrollment, EnrollmentState, ExitReason
from platform_app.services.chat import agent_messages, conversations, hand_off
from platform_app.services.crm import contacts, leads, tags, tasks
from platform_app.services.webhooks import deliveries
from platform_app.services.webhooks.deliveries import IncomingRequest
from tests.hooks import a_webhook, body_of, deliver
from tests.rules.test_rules import a_rule
from tests.sequencing import a_sequence, after, at, do, enrolled, now, ways, when, work
from tests.talking import a_stage, add_agent, begin, call, say

SOLD = when("lead.title", "contains", "sold")
WAYS_OUT = {  # what is set, and how a way ends by it
    "reply": ({"leave_on_reply": True}, ExitReason.REPLIED),
    "stage": ({"leave_on_reply": False, "leave_on_stage": True}, ExitReason.STAGE),
    "condition": ({"leave_on_reply": False, "leave_if": SOLD}, ExitReason.CONDITION),
    "goal": ({"leave_on_reply": False, "goal": SOLD}, None),
}


class Desk:
    """A tenant with a lead, a contact, and a conversation with them in which something was said."""

    def __init__(self, who: Identity) -> None:
        self.who = who
        self.stages = [a_stage(who), a_stage(who), a_stage(who)]
        self.contact = call(who, contacts.create, name="Anna", emails=["anna@x.io"]).id
        self.lead = call(who, leads.create, title="Bike", stage_id=self.stages[0], contact_id=self.contact).id
        self.talk = self.new_talk()
        say(who, self.talk)
        self.task = call(who, tasks.create, text="Call", lead_id=self.lead).id
        self.agent = add_agent(who)

    def new_talk(self) -> str:
        """Open a conversation in which nothing was said."""
        talk = begin(self.who)
        call(self.who, conversations.set_test_context, talk, lead_id=self.lead, contact_id=self.contact)
        return talk

    def move(self, place: int) -> None:
        call(self.who, leads.move_to_stage, self.lead, self.stages[place])

    def new_lead(self, **more: object) -> None:
        """Make another lead, which everything later is about."""
        made = call(self.who, leads.create, title="Bike", stage_id=self.stages[0], contact_id=self.contact, **more)
        self.lead = made.id
        call(self.who, conversations.set_test_context, self.talk, lead_id=self.lead, contact_id=self.contact)

    def new_person(self) -> None:
        """A message of somebody unknown: contact, lead, move, tag, conversation and message in one transaction."""
        with session_scope(self.who.tenant_id) as session:
            self.contact = contacts.create(session, self.who, name="Boris").id
            lead = leads.create(
                session, self.who, title="Car", stage_id=self.stages[0], contact_id=self.contact, tags=["new"]
            )
            self.lead = lead.id
            session.flush()
            leads.move_to_stage(session, self.who, self.lead, self.stages[1])
            self.talk = conversations.create(session, self.who, self.agent, is_live=True).id
            conversations.set_test_context(session, self.who, self.talk, lead_id=self.lead, contact_id=self.contact)
            conversations.receive(session, self.who, self.talk, "How much is it?")

    def webhook(self) -> None:
        hook = a_webhook(self.who, email_path="email", lead_path="lead")
        deliver(hook, {"email": "anna@x.io", "lead": self.lead})

    def other_sequence(self) -> None:
        enrolled(self.who, a_sequence(self.who, do("only"), name="Other"), self.lead)


STARTS: dict[EventKind, Callable[[Desk], object]] = {
    EventKind.MESSAGE_RECEIVED: lambda desk: say(desk.who, desk.talk),
    EventKind.REPLY_SENT: lambda desk: call(desk.who, agent_messages.send_message, desk.talk, "Hello"),
    EventKind.CONVERSATION_STARTED: lambda desk: say(desk.who, desk.new_talk()),
    EventKind.CONVERSATION_CLOSED: lambda desk: call(desk.who, hand_off.close, desk.talk),
    EventKind.HANDED_OFF: lambda desk: call(desk.who, hand_off.hand_off, desk.talk),
    EventKind.LEAD_CREATED: lambda desk: desk.new_lead(),
    EventKind.LEAD_UPDATED: lambda desk: call(desk.who, leads.save, desk.lead, {"budget": "5"}),
    EventKind.STAGE_CHANGED: lambda desk: desk.move(1),
    EventKind.CONTACT_CREATED: lambda desk: desk.new_person(),
    EventKind.CONTACT_UPDATED: lambda desk: call(desk.who, contacts.save, desk.contact, {"name": "Anna K."}),
    EventKind.TASK_CREATED: lambda desk: call(desk.who, tasks.create, text="Call again", lead_id=desk.lead),
    EventKind.TASK_COMPLETED: lambda desk: call(desk.who, tasks.set_done, desk.task, done=True),
    EventKind.TAG_ADDED: lambda desk: call(desk.who, tags.add_tag, [desk.lead], "hot", target=leads),
    EventKind.SEQUENCE_FINISHED: lambda desk: desk.other_sequence(),
    EventKind.WEBHOOK_RECEIVED: lambda desk: desk.webhook(),
}


def standing(who: Identity, sequence_id: str) -> Enrollment:
    """Return the newest way through a sequence."""
    return [row for row in ways(who) if row.sequence_id == sequence_id][-1]


def later(desk: Desk, way_out: str) -> None:
    """Let come what ends a way."""
    if way_out == "reply":
        say(desk.who, desk.new_talk(), "And on Sundays?")
    elif way_out == "stage":
        desk.move(2)
    else:
        call(desk.who, leads.save, desk.lead, {"title": "Bike, sold"})


def follow_ups(who: Identity, kind: EventKind) -> dict[str, str]:
    """Write a sequence for each way out that begins with an event; return their ids."""
    return {
        name: a_sequence(who, do("one"), do("two", timing=after(1)), trigger=kind.value, name=name, **more)
        for name, (more, _) in WAYS_OUT.items()
    }


@pytest.mark.parametrize("kind", STARTS)
def test_what_a_way_begins_with_does_not_end_it_and_what_comes_later_does(who: Identity, kind: EventKind) -> None:
    desk = Desk(who)
    sequences = follow_ups(who, kind)
    STARTS[kind](desk)
    work(who)
    for name, sequence_id in sequences.items():
        row = standing(who, sequence_id)
        assert (name, row.state, row.step_id) == (name, EnrollmentState.ACTIVE, "two"), row.leaving
    for name, (_, leaving) in WAYS_OUT.items():
        row_id = standing(who, sequences[name]).id
        later(desk, name)
        work(who)
        (row,) = [one for one in ways(who) if one.id == row_id]
        assert (row.leaving, row.state) == (leaving, EnrollmentState.LEFT if leaving else EnrollmentState.GOAL)


@pytest.mark.parametrize(
    "kind",
    [
        EventKind.CONTACT_CREATED,
        EventKind.LEAD_CREATED,
        EventKind.TAG_ADDED,
        EventKind.STAGE_CHANGED,
        EventKind.CONVERSATION_STARTED,
        EventKind.MESSAGE_RECEIVED,
    ],
)
def test_all_that_one_message_brought_is_one_act(who: Identity, kind: EventKind) -> None:
    desk = Desk(who)
    both = a_sequence(who, do("one"), do("two", timing=after(1)), trigger=kind.value, leave_on_stage=True)
    desk.new_person()
    work(who)
    assert (standing(who, both).state, standing(who, both).step_id) == (EnrollmentState.ACTIVE, "two")
    say(who, desk.talk)
    assert standing(who, both).leaving == ExitReason.REPLIED


def test_a_second_message_ends_what_the_first_began_also_before_the_worker_came(who: Identity) -> None:
    desk = Desk(who)
    sequence = a_sequence(who, do("one", timing=after(1)), trigger="conversation_started")
    talk = desk.new_talk()
    say(who, talk)
    say(who, talk, "Are you there?")
    work(who)
    with at(now() + timedelta(days=2)):
        work(who)
    assert standing(who, sequence).leaving == ExitReason.REPLIED


def test_a_rule_that_lets_in_and_moves_on_ends_nothing(who: Identity) -> None:
    """The actions of one run are one act, whatever their order and however many transactions they take."""
    desk = Desk(who)
    sequence = a_sequence(who, do("one"), do("two", timing=after(1)), leave_on_stage=True)
    start = {"kind": "start_sequence", "sequence_id": sequence}
    moves = [{"kind": "change_stage", "stage_id": stage} for stage in desk.stages[1:]]
    a_rule(who, "message_received", moves[0], start, moves[1])
    say(who, desk.talk)
    work(who)
    assert (standing(who, sequence).state, standing(who, sequence).step_id) == (EnrollmentState.ACTIVE, "two")
    desk.move(0)
    assert standing(who, sequence).leaving == ExitReason.STAGE


@pytest.mark.parametrize("kind", [EventKind.LEAD_CREATED, EventKind.MESSAGE_RECEIVED, EventKind.STAGE_CHANGED])
def test_what_rules_do_because_of_the_start_does_not_end_it(who: Identity, kind: EventKind) -> None:
    """Whichever comes first: the way or the rule, and a rule that answers what another rule did."""
    desk = Desk(who)
    a_rule(who, kind.value, {"kind": "change_stage", "stage_id": desk.stages[1]})
    a_rule(who, "stage_changed", {"kind": "change_stage", "stage_id": desk.stages[2]})
    sequence = a_sequence(who, do("one"), do("two", timing=after(1)), trigger=kind.value, leave_on_stage=True)
    desk.new_person()
    work(who)
    assert (standing(who, sequence).state, standing(who, sequence).step_id) == (EnrollmentState.ACTIVE, "two")
    desk.move(0)
    assert standing(who, sequence).leaving == ExitReason.STAGE


def test_a_step_ends_other_ways_and_not_its_own(who: Identity) -> None:
    desk = Desk(who)
    move = {"kind": "change_stage", "stage_id": desk.stages[1]}
    trigger = {"trigger": "lead_updated", "leave_on_stage": True}
    mine = a_sequence(who, do("one", move, timing=after(1)), do("two", timing=after(1)), name="Mine", **trigger)
    other = a_sequence(who, do("one"), do("two", timing=after(9)), name="Other", **trigger)
    call(who, leads.save, desk.lead, {"budget": "5"})
    work(who)
    with at(now() + timedelta(days=1, minutes=1)):
        work(who)
        assert (standing(who, mine).state, standing(who, mine).step_id) == (EnrollmentState.ACTIVE, "two")
        assert standing(who, other).leaving == ExitReason.STAGE
    with at(now() + timedelta(days=3)):
        work(who)
    assert standing(who, mine).state == EnrollmentState.FINISHED


def test_who_begins_anew_is_not_taken_out_by_what_they_begin_with(who: Identity) -> None:
    desk = Desk(who)
    sequence = a_sequence(who, do("one", timing=after(1)), trigger="message_received", again="always")
    for text in ("One", "Two", "Three"):
        say(who, desk.talk, text)
        work(who)
    assert [row.leaving for row in ways(who)] == [ExitReason.REPLIED, ExitReason.REPLIED, None]
    with at(now() + timedelta(days=2)):
        work(who)
    assert standing(who, sequence).state == EnrollmentState.FINISHED


def test_deliveries_that_are_taken_together_are_acts_of_their_own(who: Identity) -> None:
    Desk(who)
    hook = a_webhook(who, email_path="email", creates_contact=True)
    sent = [
        IncomingRequest(body_of({"email": f"{name}@x.io"}), {"content-type": "application/json"}) for name in ("b", "c")
    ]
    deliveries.accept_all(hook, sent)
    with session_scope(who.tenant_id, read_only=True) as session:
        found = session.exec(owned(Event, who.tenant_id).order_by(Event.id)).all()
    acts = [event.origin_id for event in found[-4:]]
    assert acts[0] == acts[1] != acts[2] == acts[3] and None not in acts


def test_the_past_is_judged_alike(who: Identity) -> None:
    desk = Desk(who)
    sequence = a_sequence(who, do("one"), do("two", timing=after(1)), trigger="conversation_started")
    desk.new_person()
    found = call(who, sequence_backtest.backtest, sequence, days=1)
    assert found.ends == {"on the way": 2} and found.steps["one"] == 2
