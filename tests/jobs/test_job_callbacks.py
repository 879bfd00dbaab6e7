"""Purposes of jobs: what a job was for says when the job ends without it, and goes on when it is tried again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, owned_update, session_scope
from platform_app.engine.enrollments import enrollments
from platform_app.engine.rules import rule_runs
from platform_app.models.crm import ImportState
from platform_app.models.job import Effect, Job, JobState
from platform_app.models.person import Identity
from platform_app.models.rule import RunState
from platform_app.models.sequence import EnrollmentState
from platform_app.services.crm import contacts, import_job, imports
from platform_app.services.jobs import job_list, ledger
from tests.crm.test_imports import begun, breaking_at
from tests.rules.test_rule_webhooks import Receiver, open_loopback, receiver
from tests.rules.test_rules import a_rule, runs
from tests.sequences.test_sequence_calls import waiting
from tests.sequencing import lines, taken, way, work
from tests.talking import activities, call
from worker.runner import MAX_ATTEMPTS, Runner
from worker.tasks import HANDLERS

__all__ = ["open_loopback", "receiver", "waiting"]
pytestmark = pytest.mark.usefixtures("open_loopback")


def job_of(who: Identity) -> Job:
    """Return the newest job."""
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Job = session.exec(owned(Job, who.tenant_id).order_by(Job.id.desc())).first()  # type: ignore[attr-defined]
        return found


def change(who: Identity, **values: Any) -> None:
    """Change the newest job."""
    with session_scope(who.tenant_id) as session:
        session.execute(owned_update(Job, who.tenant_id).where(Job.id == job_of(who).id).values(**values))


def attempt(who: Identity, **values: Any) -> None:
    """Let a worker take the newest job now."""
    change(who, run_at=now(), **values)
    runner = Runner(HANDLERS, 30)
    runner.start()
    runner.run(job_of(who).id)
    runner.stop()


def cancelled(who: Identity) -> None:
    """Let an operator cancel the newest job."""
    call(who, job_list.cancel, job_of(who).id)


def given_up(who: Identity) -> None:
    """Let the newest job fail for the last time, by a fault that its handler does not see."""

    def fail(job: Any) -> None:
        raise ZeroDivisionError

    change(who, attempts=MAX_ATTEMPTS - 1, run_at=now())
    runner = Runner(dict.fromkeys(HANDLERS, fail), 30)
    runner.start()
    runner.run(job_of(who).id)
    runner.stop()
    assert job_of(who).state == JobState.DEAD


def crashed(who: Identity) -> None:
    """Let workers die over the newest job until it is given up."""
    change(who, run_at=now())
    for _ in range(ledger.MAX_CRASHES):
        assert ledger.claim(job_of(who).id) is not None
        change(who, lease_until=now() - timedelta(seconds=1))
        ledger.recover_abandoned()
    assert job_of(who).state == JobState.DEAD


Ending = Callable[[Identity], None]
DEAD = "All retries failed."
ENDINGS = [(cancelled, "The job was canceled."), (given_up, DEAD), (crashed, DEAD)]
every_ending = pytest.mark.parametrize(("ending", "sentence"), ENDINGS)


@every_ending
@pytest.mark.parametrize("again", ["step", "job"])
def test_a_step_whose_job_ends_can_be_tried_again(
    waiting: Identity, receiver: Receiver, ending: Ending, sentence: str, again: str
) -> None:
    receiver.answers = [503]
    attempt(waiting)
    assert taken(waiting) == [("call", "retrying")]
    ending(waiting)
    assert (way(waiting).state, taken(waiting)) == (EnrollmentState.FAILED, [("call", "failed")])
    assert lines(waiting)[0].error == sentence
    assert "A step of sequence “{name}” failed: {reason}" in activities(waiting)
    if again == "step":
        call(waiting, enrollments.retry, way(waiting).id)
        work(waiting)
    else:
        call(waiting, job_list.retry, job_of(waiting).id)
        assert (way(waiting).state, taken(waiting)) == (EnrollmentState.ACTIVE, [("call", "retrying")])
        attempt(waiting)
    assert taken(waiting) == [("call", "done")] and way(waiting).step_id == "end"
    assert len(receiver.got) == 2


def test_a_step_in_doubt_is_decided_where_people_look_for_it(waiting: Identity, receiver: Receiver) -> None:
    change(waiting, state=JobState.UNCERTAIN)
    call(waiting, job_list.resolve_uncertain, job_of(waiting).id)
    assert (way(waiting).state, taken(waiting)) == (EnrollmentState.FAILED, [("call", "uncertain")])
    call(waiting, enrollments.skip, way(waiting).id)
    assert way(waiting).step_id == "end" and receiver.got == []


@every_ending
@pytest.mark.parametrize("again", ["run", "job"])
def test_a_run_whose_job_ends_can_be_tried_again(
    who: Identity, receiver: Receiver, ending: Ending, sentence: str, again: str
) -> None:
    receiver.answers = [503]
    tag = {"kind": "add_tag", "tag": "new"}
    a_rule(who, "contact_created", tag, {"kind": "call_webhook", "url": receiver.address, "body": ""}, tag)
    a_rule(who, "contact_created", {"kind": "close_conversation"})  # fails for a reason of its own
    call(who, contacts.create, name="Anna")
    attempt(who)
    assert [run.state for run in runs(who)] == [RunState.RETRYING, RunState.FAILED]
    ending(who)
    run, own = runs(who)
    assert (run.state, [one["state"] for one in run.actions]) == (RunState.FAILED, ["done", "failed", "waiting"])
    assert run.actions[1]["error"] == sentence and run.finished_at is not None
    if again == "run":
        call(who, rule_runs.retry, run.id)
    else:
        call(who, job_list.retry, job_of(who).id)
    attempt(who)
    assert [one.state for one in runs(who)] == [RunState.DONE, RunState.FAILED]
    assert runs(who)[1].finished_at == own.finished_at and len(receiver.got) == 2


@every_ending
def test_an_import_whose_job_ends_says_so_and_goes_on_with_it(
    who: Identity, monkeypatch: pytest.MonkeyPatch, ending: Ending, sentence: str
) -> None:
    monkeypatch.setattr(import_job, "BATCH_SIZE", 2)
    import_id = begun(who, 6)
    with monkeypatch.context() as broken:
        broken.setattr(import_job, "_write_row", breaking_at(import_job._write_row, 4))
        attempt(who)
    ending(who)
    row = call(who, imports.get, import_id)
    assert (row.state, row.rows_done) == (ImportState.FAILED, 2)
    call(who, job_list.retry, job_of(who).id)
    assert call(who, imports.get, import_id).state == ImportState.RUNNING
    attempt(who)
    assert call(who, imports.get, import_id).state == ImportState.DONE and call(who, contacts.list_contacts)[1] == 6


def test_a_call_in_doubt_that_kills_its_workers_is_said_to_be_in_doubt(waiting: Identity) -> None:
    job = ledger.claim(job_of(waiting).id)
    assert job is not None
    with session_scope(waiting.tenant_id) as session:
        session.add(Effect(tenant_id=waiting.tenant_id, job_id=job.id, key="call"))
    change(waiting, attempts=2 * ledger.MAX_CRASHES, lease_until=now() - timedelta(seconds=1))
    ledger.recover_abandoned()
    assert job_of(waiting).state == JobState.UNCERTAIN
    assert (way(waiting).state, taken(waiting)) == (EnrollmentState.FAILED, [("call", "uncertain")])


def test_a_lost_lease_ends_nothing(waiting: Identity) -> None:
    job = ledger.claim(job_of(waiting).id)
    assert job is not None
    change(waiting, lease_token="another")
    ledger.end_attempt(job, JobState.DEAD, "late")
    assert (way(waiting).state, taken(waiting)) == (EnrollmentState.ACTIVE, [("call", "outside")])


def test_a_fault_in_telling_ends_the_job_all_the_same(waiting: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_app.sequence_exits.end_enrollment", breaking_at(None, 0))
    cancelled(waiting)
    assert job_of(waiting).state == JobState.CANCELLED and taken(waiting) == [("call", "outside")]
