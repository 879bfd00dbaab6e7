"""Calls of sequences: a step that goes outside is called once, with its key, and only while somebody stands at it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, owned_delete, session_scope
from platform_app.engine.actions import outbound_calls
from platform_app.engine.enrollments import enrollment_entry, enrollments
from platform_app.engine.sequences import sequence_scheduler, sequences, step_calls
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.errors import Conflict
from platform_app.jobs import RunningJob
from platform_app.models.event import Event, EventKind
from platform_app.models.job import Effect, Job, JobState
from platform_app.models.person import Identity
from platform_app.models.sequence import Enrollment, EnrollmentState, ExitReason
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, leads
from platform_app.services.jobs import effects, ledger
from platform_app.services.jobs.effects import CallFailed
from tests.rules.test_rule_webhooks import Receiver, a_job, open_loopback, receiver
from tests.sequencing import (
    MONDAY,
    a_lead,
    a_sequence,
    after,
    at,
    do,
    enrolled,
    lines,
    publish_anew,
    taken,
    way,
    ways,
    when,
    work,
)
from tests.talking import begin, call, run_jobs, say

__all__ = ["open_loopback", "receiver"]
pytestmark = pytest.mark.usefixtures("open_loopback")


def hook(receiver: Receiver, body: str = "{{ contact.name }}") -> dict[str, Any]:
    """Return an action that calls the receiver."""
    return {"kind": "call_webhook", "url": receiver.address, "body": body}


@pytest.fixture
def waiting(who: Identity, receiver: Receiver) -> Identity:
    """Somebody whose first step is to be called by a job that waits."""
    sequence = a_sequence(who, do("call", hook(receiver)), do("end", timing=after(1)))
    enrolled(who, sequence, a_lead(who))
    sequence_scheduler.run_due_steps()
    assert taken(who) == [("call", "outside")] and receiver.got == []
    return who


def attempt(who: Identity, number: int) -> RunningJob:
    """Make an attempt of the newest job as a worker does, and end it."""
    job = a_job(who, number)
    step_calls.take_step(job)
    if not job.is_finished:
        ledger.end_attempt(job, JobState.DONE, "")
    return job


def test_is_made_once_with_its_key(waiting: Identity, receiver: Receiver) -> None:
    run_jobs(waiting)
    ((key, _, body),) = receiver.got
    (line,) = lines(waiting)
    assert (key, body, line.state) == (f"step-{line.id}", "Anna", "done")
    assert way(waiting).step_id == "end" and way(waiting).due_at is not None
    run_jobs(waiting)
    work(waiting)
    assert len(receiver.got) == 1


def test_is_tried_again_with_the_same_key(waiting: Identity, receiver: Receiver) -> None:
    receiver.answers = [503, 429]
    for number in (1, 2):
        with pytest.raises(CallFailed):
            step_calls.take_step(a_job(waiting, number))
        assert taken(waiting) == [("call", "retrying")]
        with pytest.raises(Conflict):
            call(waiting, enrollments.skip, way(waiting).id)
    attempt(waiting, 3)
    assert taken(waiting) == [("call", "done")] and lines(waiting)[0].error == ""
    assert len({key for key, *_ in receiver.got}) == 1 and len(receiver.got) == 3


def test_is_given_up_in_the_end_and_tried_again_by_hand(waiting: Identity, receiver: Receiver) -> None:
    receiver.answers = [500] * 5
    for number in range(1, 5):
        with pytest.raises(CallFailed):
            step_calls.take_step(a_job(waiting, number))
    attempt(waiting, 5)
    assert (way(waiting).state, taken(waiting)) == (EnrollmentState.FAILED, [("call", "failed")])
    assert lines(waiting)[0].error == "The URL isn’t working."
    call(waiting, enrollments.retry, way(waiting).id)
    work(waiting)
    assert taken(waiting) == [("call", "done")] and way(waiting).step_id == "end"
    assert len(receiver.got) == 6 and len({key for key, *_ in receiver.got}) == 1


def test_is_not_repeated_when_refused(waiting: Identity, receiver: Receiver) -> None:
    receiver.answers = [404]
    run_jobs(waiting)
    assert (way(waiting).state, taken(waiting)) == (EnrollmentState.FAILED, [("call", "failed")])
    assert lines(waiting)[0].error_values == {"status": "404"} and len(receiver.got) == 1


def test_that_may_have_arrived_is_made_again_by_a_person_alone(
    waiting: Identity, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a receiver that knows no keys."""
    once, made = effects.call_once, []

    def unrepeatable(job: RunningJob, key: str, make: Callable[[str], Any], *, repeatable: bool) -> Any:
        def lost(key: str) -> dict[str, Any]:
            made.append(make(key))
            raise TimeoutError

        return once(job, key, lost, repeatable=False)

    monkeypatch.setattr(effects, "call_once", unrepeatable)
    attempt(waiting, 1)
    assert (way(waiting).state, taken(waiting)) == (EnrollmentState.FAILED, [("call", "uncertain")])
    call(waiting, enrollments.retry, way(waiting).id)
    work(waiting)
    assert taken(waiting) == [("call", "uncertain")] and len(receiver.got) == 2  # a person wanted it so


def test_a_worker_that_dies_after_the_call_leads_to_no_second_effect(
    waiting: Identity, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The process is gone."""

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(step_calls, "_done", die)
        with pytest.raises(Killed):
            step_calls.take_step(a_job(waiting, 1))
    assert taken(waiting) == [("call", "outside")] and len(receiver.got) == 1
    with at(now() + timedelta(minutes=10)):
        ledger.recover_abandoned()
        run_jobs(waiting)
    assert taken(waiting) == [("call", "done")] and len(receiver.got) == 1


def test_a_worker_that_dies_within_the_call_repeats_it_with_the_same_key(
    waiting: Identity, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = outbound_calls.egress.post

    def dying(*given: Any, **options: Any) -> Any:
        post(*given, **options)
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(outbound_calls.egress, "post", dying)
        with pytest.raises(SystemExit):
            step_calls.take_step(a_job(waiting, 1))
    with at(now() + timedelta(minutes=10)):
        ledger.recover_abandoned()
        run_jobs(waiting)
    assert taken(waiting) == [("call", "done")]
    assert len(receiver.got) == 2 and len({key for key, *_ in receiver.got}) == 1


def test_a_fault_of_ours_is_said_in_the_end(
    waiting: Identity, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("out of the blue")

    with monkeypatch.context() as broken:
        broken.setattr(step_calls, "_done", fails)
        for number in range(1, 5):
            with pytest.raises(RuntimeError):
                step_calls.take_step(a_job(waiting, number))
        attempt(waiting, 5)
    assert (way(waiting).state, lines(waiting)[0].error) == (EnrollmentState.FAILED, "Something went wrong.")
    call(waiting, enrollments.retry, way(waiting).id)
    work(waiting)
    assert taken(waiting) == [("call", "done")] and len(receiver.got) == 1


def pause(who: Identity) -> None:
    call(who, enrollments.pause, way(who).id)


def resume(who: Identity) -> None:
    call(who, enrollments.resume, way(who).id)


def switch(who: Identity, enabled: bool) -> None:
    call(who, DEFINITIONS.switch, way(who).sequence_id, enabled=enabled)


@pytest.mark.parametrize(
    ("stand", "go_on"), [(pause, resume), (lambda who: switch(who, False), lambda who: switch(who, True))]
)
def test_stands_while_the_way_stands(
    waiting: Identity, receiver: Receiver, stand: Callable[[Identity], None], go_on: Callable[[Identity], None]
) -> None:
    stand(waiting)
    run_jobs(waiting)
    work(waiting)
    assert receiver.got == [] and taken(waiting) == [("call", "outside")]
    go_on(waiting)
    work(waiting)
    assert len(receiver.got) == 1 and taken(waiting) == [("call", "done")]


def test_taken_up_after_a_pause_it_waits_for_its_window(who: Identity, receiver: Receiver) -> None:
    hours = {"periods": [{"days": [1, 2, 3, 4, 5, 6, 7], "start": "09:00", "end": "17:00"}], "zone": "fixed"}
    sequence = a_sequence(who, do("call", hook(receiver), timing=hours))
    noon = now().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
    with at(noon):
        enrolled(who, sequence, a_lead(who))
        sequence_scheduler.run_due_steps()
        pause(who)
        run_jobs(who)
    with at(noon + timedelta(hours=15)):
        resume(who)
        work(who)
        assert receiver.got == [] and way(who).due_at == noon + timedelta(hours=21)
    with at(noon + timedelta(hours=21)):
        work(who)
    assert len(receiver.got) == 1


def test_taken_up_when_the_sequence_is_switched_on_again_it_is_late(who: Identity, receiver: Receiver) -> None:
    sequence = a_sequence(who, do("call", hook(receiver)), late="spread", pace=1)
    with at(MONDAY):
        enrolled(who, sequence, *[a_lead(who) for _ in range(3)])
        sequence_scheduler.run_due_steps()
        call(who, DEFINITIONS.switch, sequence, enabled=False)
        run_jobs(who)
        assert {(row.since, row.due_at) for row in ways(who)} == {(None, MONDAY)}
    for minute in range(3):
        with at(MONDAY + timedelta(days=1, minutes=minute)):
            call(who, DEFINITIONS.switch, sequence, enabled=True)
            work(who)
        assert len(receiver.got) == minute + 1
    assert len({key for key, _, _ in receiver.got}) == 3
    assert {row.state for row in ways(who)} == {EnrollmentState.FINISHED}


def test_handed_back_twice_it_keeps_its_time(waiting: Identity) -> None:
    pause(waiting)
    job = a_job(waiting, 1)
    step_calls.take_step(job)
    due = way(waiting).due_at
    step_calls.take_step(job)
    assert due is not None and way(waiting).due_at == due


def test_an_event_during_the_call_changes_nothing(who: Identity, receiver: Receiver) -> None:
    goal = when("lead.budget", "greater", "1000000")
    enrolled(who, a_sequence(who, do("call", hook(receiver)), goal=goal), a_lead(who))
    sequence_scheduler.run_due_steps()
    before = way(who)
    with session_scope(who.tenant_id) as session:
        made = Event(tenant_id=who.tenant_id, kind=EventKind.LEAD_UPDATED, lead_id=before.lead_id)
        enrollment_entry.handle_event(session, made)
    assert (way(who).due_at, way(who).is_met, way(who).since) == (None, False, before.since)
    work(who)
    assert len(receiver.got) == 1 and way(who).state == EnrollmentState.FINISHED


def reply(who: Identity) -> None:
    """Let whoever is on the way write something."""
    row, talk = way(who), begin(who)
    call(who, conversations.set_test_context, talk, lead_id=row.lead_id, contact_id=row.contact_id)
    say(who, talk)


def erase(who: Identity) -> None:
    """Remove the lead and the contact from the database."""
    row = way(who)
    with session_scope(who.tenant_id) as session:
        for model, row_id in ((leads.Lead, row.lead_id), (contacts.Contact, row.contact_id)):
            session.execute(owned_delete(model, who.tenant_id).where(model.id == row_id))


OUT: list[tuple[Callable[[Identity], Any], ExitReason]] = [
    (reply, ExitReason.REPLIED),
    (lambda who: call(who, leads.delete, way(who).lead_id), ExitReason.DELETED),
    (lambda who: call(who, contacts.delete, way(who).contact_id), ExitReason.DELETED),
    (erase, ExitReason.DELETED),
    (lambda who: call(who, enrollments.remove, way(who).id), ExitReason.REMOVED),
]


@pytest.mark.parametrize(("go", "leaving"), OUT)
def test_is_not_made_for_whoever_has_left(
    waiting: Identity, receiver: Receiver, go: Callable[[Identity], Any], leaving: ExitReason
) -> None:
    go(waiting)
    run_jobs(waiting)
    assert receiver.got == [] and taken(waiting) == [("call", "cancelled")]
    assert (way(waiting).state, way(waiting).leaving) == (EnrollmentState.LEFT, leaving)


def during_the_call(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Let something happen between a call and what is written about it."""
    post = outbound_calls.egress.post

    def posting(*given: Any, **options: Any) -> Any:
        answer = post(*given, **options)
        do()
        return answer

    monkeypatch.setattr(outbound_calls.egress, "post", posting)


@pytest.mark.parametrize("status", [204, 404, 503])
def test_whoever_leaves_during_the_call_has_left(
    waiting: Identity, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    receiver.answers = [status]
    during_the_call(monkeypatch, lambda: reply(waiting))
    job = a_job(waiting, 1)
    if status == 503:
        with pytest.raises(CallFailed):
            step_calls.take_step(job)
        attempt(waiting, 2)
    else:
        step_calls.take_step(job)
    assert (way(waiting).state, way(waiting).leaving) == (EnrollmentState.LEFT, ExitReason.REPLIED)
    assert taken(waiting)[0][1] in {204: ["done"], 404: ["failed"], 503: ["cancelled"]}[status]
    assert len(receiver.got) == 1
    line = lines(waiting)[0]
    assert line.replied_at is None or line.replied_at >= line.taken_at


def test_a_call_that_comes_back_late_skips_no_step(
    waiting: Identity, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sequence was published anew and the way moved while the call was made."""

    def move() -> None:
        publish_anew(waiting, way(waiting).sequence_id, steps=[do("other", timing=after(1)), do("last")])
        assert call(waiting, sequences.move_to_newest_version, way(waiting).sequence_id) == 1

    during_the_call(monkeypatch, move)
    run_jobs(waiting)
    assert way(waiting).step_id == "" and way(waiting).state == EnrollmentState.FINISHED
    assert taken(waiting) == [("call", "done")]


def test_a_call_whose_step_is_gone_is_not_made(waiting: Identity, receiver: Receiver) -> None:
    publish_anew(waiting, way(waiting).sequence_id, steps=[do("end", timing=after(1)), do("last")])
    assert call(waiting, sequences.move_to_newest_version, way(waiting).sequence_id) == 1
    run_jobs(waiting)
    assert receiver.got == [] and taken(waiting) == [("call", "cancelled")] and way(waiting).step_id == "end"


def test_a_way_that_is_removed_with_its_rows_lets_the_job_end(waiting: Identity, receiver: Receiver) -> None:
    with session_scope(waiting.tenant_id) as session:
        session.execute(owned_delete(Enrollment, waiting.tenant_id))
    run_jobs(waiting)
    with session_scope(waiting.tenant_id, read_only=True) as session:
        assert [job.state for job in session.exec(owned(Job, waiting.tenant_id)).all()] == [JobState.DONE]
        assert session.exec(owned(Effect, waiting.tenant_id)).all() == []
    assert receiver.got == []
