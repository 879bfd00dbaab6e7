"""Rules and crashes: a worker that dies at any point of its work leaves nothing undone and does nothing twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, owned_update, session_scope
from platform_app.engine.actions import conversation_actions, outbound_actions
from platform_app.engine.rules import rule_worker
from platform_app.jobs import LeaseLost, RunningJob, payload_adapter
from platform_app.models.crm import Task
from platform_app.models.event import Activity
from platform_app.models.job import Effect, Job, JobState
from platform_app.models.person import Identity
from platform_app.models.rule import RunState
from platform_app.services.crm import contacts
from platform_app.services.jobs import ledger
from tests.rules.test_rule_webhooks import Receiver, open_loopback, receiver
from tests.rules.test_rules import a_rule, runs
from tests.talking import call, run_jobs

__all__ = ["open_loopback", "receiver"]


class Killed(BaseException):
    """The worker is gone, as after kill -9: nobody catches it, and what was not committed is not there."""


class Points:
    """The code points that the work goes through, counted; at one of them the worker dies."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.deadly = -1
        self.passed: list[str] = []
        step, post = RunningJob.transaction, outbound_actions.post_webhook

        @contextmanager
        def watched(job: RunningJob, **named: Any) -> Iterator[Any]:
            with step(job, **named) as session:
                self.come("transaction is open")
                yield session
                self.come("before the commit")
            self.come("after the commit")

        def called(*given: Any) -> Any:
            self.come("before the call")
            answer = post(*given)
            self.come("after the call")
            return answer

        monkeypatch.setattr(RunningJob, "transaction", watched)
        monkeypatch.setattr(outbound_actions, "post_webhook", called)

    def come(self, name: str) -> None:
        """Come to a point."""
        self.passed.append(name)
        if len(self.passed) == self.deadly:
            raise Killed(name)


def take_over(who: Identity) -> None:
    """Let the lease of a dead worker run out, and the job go back to the queue."""
    with session_scope(who.tenant_id) as session:
        running = owned_update(Job, who.tenant_id).where(Job.state == JobState.RUNNING)
        session.execute(running.values(lease_until=None, lease_token=None, state=JobState.QUEUED))


def count(who: Identity, model: Any) -> int:
    """Return how many rows there are."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return len(session.exec(owned(model, who.tenant_id)).all())


def write_rules(who: Identity, address: str) -> None:
    """Write two rules that act inside and outside."""
    inside = {"kind": "create_task", "text": "Call", "user_id": "", "days": ""}
    outside = {"kind": "call_webhook", "url": address, "body": "{{ contact.name }}"}
    a_rule(who, "contact_created", inside, outside, inside)
    a_rule(who, "contact_created", outside, inside)


def die_at(who: Identity, points: Points, number: int) -> str:
    """Handle what waits, die at the n-th point; return its name, nothing when the work was over before."""
    points.passed, points.deadly = [], number
    try:
        run_jobs(who)
    except Killed as point:
        points.deadly = -1
        take_over(who)
        return str(point)
    return ""


@pytest.mark.usefixtures("open_loopback")
@pytest.mark.parametrize("span", [5.0, 0.0], ids=["several actions at once", "an action at a time"])
def test_whatever_the_point_each_action_happens_once(
    who: Identity, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, span: float
) -> None:
    monkeypatch.setattr(rule_worker, "TRANSACTION_SECONDS", span)
    points = Points(monkeypatch)
    write_rules(who, receiver.address)
    names: set[str] = set()
    for number in range(1, 60):
        call(who, contacts.create, name=f"Person {number}")
        name = die_at(who, points, number)
        if not name:
            break
        names.add(name)
        run_jobs(who)
    assert names == {
        "transaction is open",
        "before the commit",
        "after the commit",
        "before the call",
        "after the call",
    }
    assert {run.state for run in runs(who)} == {RunState.DONE}
    assert len({(run.event_id, run.rule_id) for run in runs(who)}) == len(runs(who)) == number * 2
    assert count(who, Task) == number * 3
    assert count(who, Effect) == len({key for key, *_ in receiver.got}) == number * 2
    told = [one for one in _activities(who) if one == "Rule “{name}” ran"]
    assert len(told) == number * 2


def _activities(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return [row.sentence for row in session.exec(owned(Activity, who.tenant_id)).all()]


@pytest.mark.usefixtures("open_loopback")
def test_a_worker_that_lost_its_lease_writes_nothing_more(
    who: Identity, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was frozen during its call, another one did the work."""
    write_rules(who, receiver.address)
    call(who, contacts.create, name="Anna")
    post, frozen = outbound_actions.post_webhook, []

    def freeze(*given: Any) -> Any:
        answer = post(*given)
        if not frozen:
            frozen.append(True)
            take_over(who)
            run_jobs(who)
        return answer

    monkeypatch.setattr(outbound_actions, "post_webhook", freeze)
    _handle(who, lambda job: pytest.raises(LeaseLost, rule_worker.handle_event, job))
    assert [run.state for run in runs(who)] == [RunState.DONE, RunState.DONE]
    assert count(who, Task) == 3 and len({key for key, *_ in receiver.got}) == 2


def _handle(who: Identity, do: Callable[[RunningJob], object]) -> None:
    with session_scope(who.tenant_id, read_only=True) as session:
        waiting = session.exec(owned(Job, who.tenant_id).where(Job.state == JobState.QUEUED)).all()
    for row in waiting:
        job = ledger.claim(row.id)
        assert job is not None
        do(job)


@pytest.mark.usefixtures("open_loopback")
def test_a_worker_that_dies_again_and_again_gives_up_only_where_it_does_not_come_on(
    who: Identity, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first action is done with the first attempt; the call kills the worker each time."""
    inside = {"kind": "create_task", "text": "Call", "user_id": "", "days": ""}
    a_rule(who, "contact_created", inside, {"kind": "call_webhook", "url": receiver.address, "body": ""})
    call(who, contacts.create, name="Anna")
    deadly = True

    def die(*given: Any) -> Any:
        if deadly:
            raise Killed
        return {}

    monkeypatch.setattr(outbound_actions, "post_webhook", die)
    for _ in range(2):
        _crash(who)
    assert _job(who).crashes == 2 and _job(who).state == JobState.QUEUED and count(who, Task) == 1
    deadly = False
    run_jobs(who)
    assert _job(who).crashes == 0 and runs(who)[0].state == RunState.DONE
    deadly = True
    call(who, contacts.create, name="Boris")
    for _ in range(ledger.MAX_CRASHES):
        _crash(who)
    assert _job(who).state == JobState.DEAD


def _job(who: Identity) -> Job:
    """Return the newest job."""
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Job = session.exec(owned(Job, who.tenant_id).order_by(Job.id.desc())).first()  # type: ignore[attr-defined]
        return found


def _crash(who: Identity) -> None:
    """Let a worker take the newest job and die; its lease runs out and is swept."""
    job = ledger.claim(_job(who).id)
    assert job is not None
    with pytest.raises(Killed):
        rule_worker.handle_event(job)
    with session_scope(who.tenant_id) as session:
        late = owned_update(Job, who.tenant_id).where(Job.id == job.id)
        session.execute(late.values(lease_until=now() - timedelta(seconds=1)))
    ledger.recover_abandoned()


def test_a_fault_of_ours_leaves_the_other_rules_alone(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    a_rule(who, "contact_created", {"kind": "add_tag", "tag": "one"})
    a_rule(who, "contact_created", {"kind": "close_conversation"})
    a_rule(who, "contact_created", {"kind": "add_tag", "tag": "three"})

    def broken(self: Any, scene: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(conversation_actions.CloseConversation, "plan", broken)
    row = call(who, contacts.create, name="Anna")
    _handle(who, lambda job: pytest.raises(rule_worker.CallFailed, rule_worker.handle_event, job))
    assert [run.state.value for run in runs(who)] == ["done", "retrying", "done"]
    assert call(who, contacts.get, row.id).tags == ["one", "three"]
    with session_scope(who.tenant_id, read_only=True) as session:
        job = session.exec(owned(Job, who.tenant_id)).one()
    payload = payload_adapter.validate_python(job.payload)
    rule_worker.handle_event(
        RunningJob(job.id, who.tenant_id, job.kind, payload, rule_worker.MAX_ATTEMPTS, job.lease_token or "")
    )
    assert runs(who)[1].state == RunState.FAILED and runs(who)[1].actions[0]["error"] == "Something went wrong."
