"""Races of sequences: a reply or a move against a step that is due: never a step after either."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.engine.enrollments import enrollments
from platform_app.engine.sequences import sequence_scheduler
from platform_app.models import event
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.models.sequence import Enrollment, EnrollmentState, EnrollmentStep
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, leads
from tests.conftest import FULL
from tests.sequencing import MONDAY, a_sequence, after, at, do, enrolled, lines, taken, way, ways
from tests.talking import a_stage, add_agent, call

RACES = int(os.environ.get("PLATFORM_RACES", "60" if FULL else "20"))
SAY = {"kind": "send_message", "text": "Hello"}


Pair = Callable[[], tuple[str, str]]


def rush(*acts: Callable[[], object], head_start: float = 0) -> None:
    """Do things at the same instant, each in a thread of its own; the first may be some seconds ahead."""
    barrier, never = Barrier(len(acts)), Event()

    def run(place: int) -> None:
        barrier.wait(10)
        never.wait(head_start if place else 0)
        acts[place]()

    with ThreadPoolExecutor(len(acts)) as pool:
        for future in [pool.submit(run, place) for place in range(len(acts))]:
            future.result(60)


def after_it(who: Identity, kind: event.EventKind) -> tuple[int, int, list[str]]:
    """Return how many steps were taken and how many not, and those that were taken after what happened."""
    with session_scope(who.tenant_id, read_only=True) as session:
        happened = session.exec(owned(event.Event, who.tenant_id).where(event.Event.kind == kind)).all()
        came = {one.lead_id: one for one in happened}
        rows = {row.id: row for row in session.exec(owned(Enrollment, who.tenant_id)).all()}
        steps = session.exec(owned(EnrollmentStep, who.tenant_id)).all()
        late = [line.id for line in steps if line.taken_at > came[rows[line.enrollment_id].lead_id].at]
        counted = {line.enrollment_id for line in steps if line.replied_at or line.stage_at}
        assert counted == {line.enrollment_id for line in steps}  # what came after a step is counted for it
        return len(steps), len(rows) - len(steps), late


def due(who: Identity, sequence_id: str, lead_id: str) -> None:
    """Let a lead's step be due at this moment."""
    (row,) = enrolled(who, sequence_id, lead_id)
    with session_scope(who.tenant_id) as session:
        enrollments.get(session, who, row, lock=True).due_at = now()


@pytest.fixture
def pair(who: Identity) -> Callable[[], tuple[str, str]]:
    """What writes a lead and a conversation with it, and returns their ids."""
    stage, agent = a_stage(who), add_agent(who, reply_delay_seconds=60)

    def make() -> tuple[str, str]:
        contact = call(who, contacts.create, name="Anna").id
        lead = call(who, leads.create, title="Bike", stage_id=stage, contact_id=contact).id
        talk = call(who, conversations.create, agent, is_live=True).id
        call(who, conversations.set_test_context, talk, lead_id=lead, contact_id=contact)
        return lead, talk

    return make


@pytest.mark.parametrize("first", ["reply", "step"])
def test_no_step_is_taken_after_a_reply(who: Identity, pair: Pair, first: str) -> None:
    sequence = a_sequence(who, do("say", SAY, timing=after(1)))
    for number in range(RACES):
        lead, talk = pair()
        due(who, sequence, lead)
        acts: list[Callable[[], object]] = [
            lambda talk=talk: call(who, conversations.receive, talk, "Hello"),  # type: ignore[misc]
            sequence_scheduler.run_due_steps,
        ]
        rush(*(acts if first == "reply" else acts[::-1]), head_start=number % 10 / 1_000)
    took, not_taken, late = after_it(who, event.EventKind.MESSAGE_RECEIVED)
    print("replies against steps:", took, "taken before,", not_taken, "not taken")
    assert late == [] and took + not_taken == RACES
    assert {row.state for row in ways(who)} <= {EnrollmentState.LEFT, EnrollmentState.FINISHED}


@pytest.mark.parametrize("first", ["move", "step"])
def test_no_step_is_taken_after_a_move(who: Identity, pair: Pair, first: str) -> None:
    sequence = a_sequence(who, do("note", timing=after(1)), leave_on_stage=True)
    stage = a_stage(who)
    for number in range(RACES):
        lead, _ = pair()
        due(who, sequence, lead)
        acts: list[Callable[[], object]] = [
            lambda lead=lead: call(who, leads.move_to_stage, lead, stage),  # type: ignore[misc]
            sequence_scheduler.run_due_steps,
        ]
        rush(*(acts if first == "move" else acts[::-1]), head_start=number % 10 / 1_000)
    took, not_taken, late = after_it(who, event.EventKind.STAGE_CHANGED)
    print("moves against steps:", took, "taken before,", not_taken, "not taken")
    assert late == [] and took + not_taken == RACES


def test_a_reply_that_is_written_while_the_step_is_taken_comes_after_it(who: Identity, pair: Pair) -> None:
    """The step goes first, and the reply's transaction began before it."""
    sequence = a_sequence(who, do("note", timing=after(1)), do("next", timing=after(1)))
    lead, talk = pair()
    due(who, sequence, lead)
    barrier, done = Barrier(2), Barrier(2)

    def reply() -> None:
        with session_scope(who.tenant_id) as session:
            conversations.receive(session, who, talk, "Hello")
            if session.connection().dialect.name == "postgresql":  # SQLite lets one write at a time
                barrier.wait(10)
                done.wait(10)

    def step() -> None:
        if is_postgres(who):
            barrier.wait(10)
        sequence_scheduler.run_due_steps()
        if is_postgres(who):
            done.wait(10)

    rush(reply, step)
    sequence_scheduler.run_due_steps()
    if is_postgres(who):
        assert taken(who) == [("note", "done")]
    assert after_it(who, event.EventKind.MESSAGE_RECEIVED)[2] == [] and way(who).state == EnrollmentState.LEFT


def is_postgres(who: Identity) -> bool:
    with session_scope(who.tenant_id, read_only=True) as session:
        return session.connection().dialect.name == "postgresql"


def test_two_workers_take_each_step_once(who: Identity) -> None:
    sequence = a_sequence(who, *[do(f"s{number}") for number in range(4)])
    for _ in range(20):
        with session_scope(who.tenant_id) as session:
            rows = [Contact(tenant_id=who.tenant_id, name="P") for _ in range(8)]
            session.add_all(rows)
            ids = [row.id for row in rows]
        enrolled(who, sequence, *ids)
        rush(sequence_scheduler.run_due_steps, sequence_scheduler.run_due_steps, sequence_scheduler.run_due_steps)
    sequence_scheduler.run_due_steps()
    assert len(lines(who)) == 20 * 8 * 4 and {row.state for row in ways(who)} == {EnrollmentState.FINISHED}


def test_two_workers_put_late_steps_off_at_one_pace(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)), pace=60, late="spread")
    people = [call(who, contacts.create, name="P").id for _ in range(60)]
    with at(MONDAY):
        enrolled(who, sequence, *people)
    with at(MONDAY + timedelta(days=3)):
        rush(*[lambda: sequence_scheduler._try_tenant(who.tenant_id, now())] * 4)
        sequence_scheduler.run_due_steps()
    dues = sorted(row.due_at for row in ways(who) if row.due_at)
    assert len(lines(who)) == 1 and len(set(dues)) == 59
    assert all(later - sooner == timedelta(seconds=1) for sooner, later in zip(dues, dues[1:], strict=False))


def test_whoever_enters_twice_at_one_moment_is_in_it_once(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)))
    for _ in range(15):
        lead = call(who, contacts.create, name="Anna").id
        rush(*[lambda lead=lead: call(who, enrollments.enroll, sequence, [lead])] * 3)  # type: ignore[misc]
    assert len(ways(who)) == 15


def test_pause_and_step_do_not_meet(who: Identity) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)), do("two", timing=after(1)))
    for _ in range(15):
        lead = call(who, contacts.create, name="Anna").id
        due(who, sequence, lead)
        row = ways(who)[-1].id
        rush(sequence_scheduler.run_due_steps, lambda row=row: call(who, enrollments.pause, row))  # type: ignore[misc]
        sequence_scheduler.run_due_steps()
        assert way(who, row).state == EnrollmentState.PAUSED and len(lines(who, row)) <= 1
