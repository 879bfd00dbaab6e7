"""Run log: kept as long as the tenant says, counted on afterwards, and taken away a little at a time."""

from datetime import datetime, timedelta

import pytest
import time_machine

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.engine.rules import retention, rule_runs, rules
from platform_app.errors import Forbidden, Invalid, NotFound
from platform_app.models.event import Event
from platform_app.models.job import Effect, Job, JobState
from platform_app.models.person import Identity, Role
from platform_app.models.rule import RuleRun, RunState
from platform_app.services.accounts import accounts
from platform_app.services.crm import contacts
from tests.conftest import make_tenant
from tests.rules.test_rules import a_rule, runs
from tests.sequences.test_sequence_races import Barrier, is_postgres, rush
from tests.talking import call, run_jobs
from worker.schedule import Periodic


def keep(who: Identity, days: int) -> None:
    """Say for how long runs are kept."""
    call(who, accounts.update_tenant, name="Acme", time_zone="UTC", run_days=days)


def test_runs_leave_the_log_when_their_time_is_over_and_are_counted_on(who: Identity, other: Identity) -> None:
    keep(who, 30)
    keep(other, 0)
    rule = a_rule(who, "contact_created", {"kind": "add_tag", "tag": "x"})
    theirs = a_rule(other, "contact_created", {"kind": "add_tag", "tag": "x"})
    with time_machine.travel(now() - timedelta(days=40)):
        for identity in (who, other):
            call(identity, contacts.create, name="Anna")
            run_jobs(identity)
    call(who, contacts.create, name="Boris")
    run_jobs(who)
    old, young = runs(who)
    last = call(who, rules.run_counts)[rule][1]
    assert retention.delete_old_runs() is False
    assert [run.id for run in runs(who)] == [young.id] and len(runs(other)) == 1
    assert call(who, rules.run_counts)[rule] == (2, last) and call(other, rules.run_counts)[theirs][0] == 1
    with pytest.raises(NotFound):
        call(who, rule_runs.get, old.id)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert len(session.exec(owned(Event, who.tenant_id)).all()) == 6  # events are kept for ever
    with time_machine.travel(now() + timedelta(days=31)):
        retention.delete_old_runs()
    assert runs(who) == [] and call(who, rules.run_counts)[rule] == (2, last)


def test_a_little_at_a_time_and_never_what_is_under_way(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    a_rule(who, "contact_created", {"kind": "add_tag", "tag": "x"})
    with time_machine.travel(now() - timedelta(days=400)):
        for name in ("Anna", "Boris", "Clara", "Dora"):
            call(who, contacts.create, name=name)
        run_jobs(who)
    with session_scope(who.tenant_id) as session:
        kept = session.exec(owned(RuleRun, who.tenant_id).order_by(RuleRun.at)).first()
        kept.state, kept_id = RunState.RETRYING, kept.id
    assert retention.delete_old_runs() is True and len(runs(who)) == 2
    retention.delete_old_runs()
    assert [run.id for run in runs(who)] == [kept_id]


def test_jobs_that_are_done_go_after_a_month_and_their_effects_with_them(
    who: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    states, long_ago = (JobState.DONE, JobState.DONE, JobState.DONE, *JobState), now() - timedelta(days=31)
    for identity in (who, other):
        with session_scope(identity.tenant_id) as session:
            for place, state in enumerate(states):
                job = Job(tenant_id=identity.tenant_id, kind="test", state=state, created_at=long_ago)
                job.finished_at = now() if place == 0 else long_ago  # it waited for a month, and has just been done
                session.add(job)
                session.flush()
                effect = Effect(tenant_id=identity.tenant_id, job_id=job.id, key=f"effect {place}")
                effect.closed_at = None if place == 1 else now()  # whether that call was made is not known
                session.add(effect)
    with session_scope(who.tenant_id) as session:
        session.add(Job(tenant_id=who.tenant_id, kind="test", state=JobState.DONE, finished_at=now()))
    assert retention.delete_old_jobs() is True and retention.delete_old_jobs() is False
    for identity, more in ((who, 2), (other, 1)):
        with session_scope(identity.tenant_id, read_only=True) as session:
            left = [job.state for job in session.exec(owned(Job, identity.tenant_id)).all()]
            effects = session.exec(owned(Effect, identity.tenant_id)).all()
        assert sorted(left) == sorted([*set(JobState) - {JobState.DONE}, *[JobState.DONE] * (more + 1)])
        assert len(effects) == len(left) - more + 1


def test_only_an_admin_says_for_how_long(who: Identity) -> None:
    with pytest.raises(Invalid):
        keep(who, 7)
    with pytest.raises(Forbidden):
        keep(make_tenant("globex", role=Role.OPERATOR), 30)
    keep(who, 90)
    assert call(who, accounts.run_retention_days) == 90


def test_seldom_goes_on_at_once_while_more_is_left() -> None:
    left, done = [True, True, False], []

    def work() -> bool:
        done.append(1)
        return left.pop(0) if left else False

    seldom = Periodic(work, 3_600)
    for _ in range(10):
        seldom()
    assert len(done) == 3 and seldom.__name__ == "work"


def test_what_two_workers_forget_at_once_is_counted_once(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(who, 30)
    rule = a_rule(who, "contact_created", {"kind": "add_tag", "tag": "x"})
    with time_machine.travel(now() - timedelta(days=40)):
        call(who, contacts.create, name="Anna")
        run_jobs(who)
    forget, barrier, waits = retention._delete_runs, Barrier(2), is_postgres(who)  # SQLite lets one write at a time

    def both(session: Transaction, tenant_id: str, since: datetime) -> bool:
        is_more = forget(session, tenant_id, since)
        session.flush()
        if waits:
            barrier.wait(10)  # neither has committed
        return is_more

    monkeypatch.setattr(retention, "_delete_runs", both)
    rush(retention.delete_old_runs, retention.delete_old_runs)
    assert runs(who) == [] and call(who, rules.run_counts)[rule][0] == 1
