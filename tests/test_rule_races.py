"""Races of rules: events, people and workers that meet at one rule, one conversation or one run."""

from threading import Thread
from typing import Any

import pytest

from platform_app.db import owned, session_scope
from platform_app.engine import judging
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.services import contacts, leads
from tests.talking import a_stage, call
from tests.test_rules import a_rule, runs
from tests.test_sequence_races import Barrier, is_postgres, rush

TAG = {"kind": "add_tag", "tag": "x"}


def events(who: Identity, kind: EventKind) -> list[Event]:
    """Return the events of a kind, oldest first."""
    with session_scope(who.tenant_id, reading=True) as session:
        return list(session.exec(owned(Event, who.tenant_id).where(Event.kind == kind).order_by(Event.id)).all())


def test_two_events_at_a_rule_that_counts_its_runs_are_both_weighed(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has written its run, which belongs to the rule, before either locks the rule."""
    a_rule(who, "contact_created", TAG, daily_cap=1)
    for name in ("Anna", "Boris"):
        call(who, contacts.create, name=name)
    barrier, before, waits = Barrier(2), judging.before, is_postgres(who)  # SQLite lets one write at a time

    def both(session: Any, *given: Any, **named: Any) -> Any:
        session.flush()
        if waits:
            barrier.wait(10)
        return before(session, *given, **named)

    def weigh(event: Event) -> None:
        with session_scope(who.tenant_id) as session:
            judging.weigh(session, event)

    monkeypatch.setattr(judging, "before", both)
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
