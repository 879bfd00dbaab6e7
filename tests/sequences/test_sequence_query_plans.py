"""Plans: what is asked for each step, event and silence goes by an index of its own, however much there is."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from platform_app import db
from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.engine.rules import timers
from platform_app.engine.sequences import sequence_scheduler
from platform_app.models.person import Identity
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, leads
from platform_app.state.sequences.enrollments import read_enrollment_names
from tests.rules.test_rules import a_rule
from tests.sequencing import a_lead, a_sequence, after, at, do, enrolled, ways
from tests.talking import begin, call

GROWS = (
    "enrollment",
    "enrollmentstep",
    "event",
    "contact",
    "lead",
    "conversation",
    "message",
    "message_1",
)  # with what a tenant does


def plans(said: list[tuple[str, Any]]) -> list[str]:
    """Return the lines of the plans of statements, each as SQLite would do it."""
    asked, found = list(said), []
    with session_scope(reason="tests", read_only=True) as session:
        for statement, parameters in asked:
            lines = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            found += [f"{line[-1]} | {statement}" for line in lines]
    return found


def whole(said: list[tuple[str, Any]]) -> list[str]:
    """Return what reads all that a tenant has."""
    return [
        line
        for line in plans(said)
        for table in GROWS
        if line.startswith((f"SCAN {table} ", f"SEARCH {table} USING INDEX ix_{table.removesuffix('_1')}_tenant_id"))
    ]


@pytest.fixture
def said(database: str) -> Any:
    """What is asked of the database from here on."""
    kept: list[tuple[str, Any]] = []

    def keep(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "WITH")) and not many:
            kept.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", keep)
    yield kept
    event.remove(db.engine(), "before_cursor_execute", keep)


def test_nothing_reads_all_that_a_tenant_has(who: Identity, said: list[tuple[str, Any]]) -> None:
    if db.engine().dialect.name != "sqlite":
        pytest.skip("PostgreSQL counts what is there before it plans")
    sequence = a_sequence(who, do("one"), do("two", timing=after(1)), leave_on_stage=True)
    people = [call(who, contacts.create, name=f"P{number}").id for number in range(sequence_scheduler.BATCH_SIZE + 5)]
    lead, talk = a_lead(who), begin(who)
    call(who, conversations.set_test_context, talk, lead_id=lead, contact_id=call(who, leads.get, lead).contact_id)
    said.clear()
    enrolled(who, sequence, lead, *people)
    sequence_scheduler.run_due_steps()
    call(who, conversations.receive, talk, "Hello")
    assert whole(said) == []


def test_the_names_of_many_are_read_at_once_by_their_ids(who: Identity, said: list[tuple[str, Any]]) -> None:
    sequence = a_sequence(who, do("one", timing=after(1)))
    people = [call(who, contacts.create, name=f"P{number}").id for number in range(9)]
    enrolled(who, sequence, *[a_lead(who, f"L{number}") for number in range(9)], *people)
    rows, asked = ways(who), []
    for few in (rows[8:10], rows):
        said.clear()
        names = call(who, read_enrollment_names, few)
        asked.append(len(said))
    assert sorted(names.subjects.values()) == [f"{kind}{number}" for kind in "LP" for number in range(9)]
    assert asked[0] == asked[1]
    if db.engine().dialect.name == "sqlite":
        assert whole([one for one in said if "FROM lead" in one[0] or "FROM contact" in one[0]]) == []


def test_silences_are_found_without_reading_what_was_ever_said(who: Identity, said: list[tuple[str, Any]]) -> None:
    if db.engine().dialect.name != "sqlite":
        pytest.skip("PostgreSQL counts what is there before it plans")
    a_rule(who, "no_reply", {"kind": "add_tag", "tag": "quiet"}, minutes=30)
    call(who, conversations.receive, begin(who), "Hello")
    said.clear()
    with at(now() + timedelta(hours=1)):
        timers.emit_no_replies()
    asked = [one for one in said if "EXISTS" in one[0] and "conversation" in one[0]]
    assert len(asked) >= 2 and whole(asked) == []
