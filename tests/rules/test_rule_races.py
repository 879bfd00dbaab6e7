"""Races of rules: events, people and workers that meet at one rule, one conversation or one run."""

from threading import Event as Happened
from threading import Thread
from typing import Any

import pytest

from platform_app.db import owned, session_scope
from platform_app.engine.enrollments import enrollment_entry
from platform_app.engine.rules import rule_evaluation
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, leads
from tests.conftest import wait_for
from tests.rules.test_rules import a_rule, runs
from tests.sequences.test_sequence_races import Barrier, Pair, is_postgres, pair, rush
from tests.sequencing import a_sequence, after, do, enrolled, when
from tests.talking import a_stage, call, run_jobs, shown

__all__ = ["pair"]
TAG = {"kind": "add_tag", "tag": "x"}


def events(who: Identity, kind: EventKind) -> list[Event]:
    """Return the events of a kind, oldest first."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(Event, who.tenant_id).where(Event.kind == kind).order_by(Event.id)).all())


def test_two_events_at_a_rule_that_counts_its_runs_are_both_weighed(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has written its run, which belongs to the rule, before either locks the rule."""
    a_rule(who, "contact_created", TAG, daily_cap=1)
    for name in ("Anna", "Boris"):
        call(who, contacts.create, name=name)
    barrier, before, waits = Barrier(2), rule_evaluation.prior_runs, is_postgres(who)  # SQLite lets one write at a time

    def both(session: Any, *given: Any, **named: Any) -> Any:
        session.flush()
        if waits:
            barrier.wait(10)
        return before(session, *given, **named)

    def weigh(event: Event) -> None:
        with session_scope(who.tenant_id) as session:
            rule_evaluation.create_runs(session, event)

    monkeypatch.setattr(rule_evaluation, "prior_runs", both)
    first, second = events(who, EventKind.CONTACT_CREATED)
    rush(lambda: weigh(first), lambda: weigh(second))
    assert sorted(run.state.value for run in runs(who)) == ["capped", "running"]


def test_whoever_changes_a_contact_does_not_wait_for_what_is_written_for_it(who: Identity) -> None:
    """Of two who write something for a contact and then change it, neither waits for the other's writing."""
    contact, stage = call(who, contacts.create, name="Anna").id, a_stage(who)
    change = Thread(target=lambda: call(who, contacts.save, contact, {"name": "Clara"}), daemon=True)
    with session_scope(who.tenant_id) as session:
        leads.create(session, who, title="Bike", stage_id=stage, contact_id=contact)
        session.flush()
        change.start()
        if is_postgres(who):  # SQLite lets one write at a time
            change.join(5)
            assert not change.is_alive()
    change.join(20)
    assert call(who, contacts.get, contact).name == "Clara"


def is_waited_for(who: Identity) -> bool:
    """Tell whether a transaction waits for a row which another has."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with session_scope(who.tenant_id, read_only=True) as session:
        return bool(session.connection().exec_driver_sql(query).scalar())


def test_whoever_writes_goes_before_an_event_that_is_handled(
    who: Identity, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person has the conversation and wants the way; the job has the way, and then wants the conversation."""
    never = when("lead.budget", "greater", "1000000")
    sequence = a_sequence(who, do("one", timing=after(1)), leave_if=never, leave_on_reply=False)
    a_rule(who, "message_received", {"kind": "send_message", "text": "Said once"})
    lead, talk = pair()
    enrolled(who, sequence, lead)
    call(who, conversations.receive, talk, "Hello")
    handle, has_talk, has_way, waits = enrollment_entry.handle_event, Happened(), Happened(), is_postgres(who)

    def held(session: Any, event: Event) -> None:
        handle(session, event)
        if waits and event.kind == EventKind.MESSAGE_RECEIVED and not has_way.is_set():
            has_way.set()
            wait_for(lambda: is_waited_for(who))

    def write() -> None:
        with session_scope(who.tenant_id) as session:
            conversations.receive(session, who, talk, "And one more thing")
            session.flush()
            has_talk.set()
            assert not waits or has_way.wait(10)  # SQLite lets one write at a time

    def work() -> None:
        assert has_talk.wait(10)
        run_jobs(who)

    monkeypatch.setattr(enrollment_entry, "handle_event", held)
    rush(write, work)
    run_jobs(who)
    assert [run.state.value for run in runs(who)] == ["done", "done"]
    assert sorted(filter(None, shown(who, talk))) == ["And one more thing", "Hello", "Said once", "Said once"]
