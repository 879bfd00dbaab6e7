"""Plans of sequences: what is asked for each step and each event goes by an index of its own, however many wait."""

from typing import Any

import pytest
from sqlalchemy import event

from platform_app import db
from platform_app.db import session_scope
from platform_app.engine import stepping
from platform_app.models.person import Identity
from platform_app.services import contacts, conversations, leads
from tests.sequencing import a_lead, a_sequence, after, do, enrolled
from tests.talking import begin, call

GROWS = ("enrollment", "enrollmentstep", "event", "contact", "lead", "conversation")  # with what a tenant does


def plans(said: list[tuple[str, Any]]) -> list[str]:
    """Return the lines of the plans of statements, each as SQLite would do it."""
    asked, found = list(said), []
    with session_scope(reason="tests", reading=True) as session:
        for statement, parameters in asked:
            lines = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            found += [f"{line[-1]} | {statement}" for line in lines]
    return found


@pytest.fixture
def said(database: str) -> Any:
    """What is asked of the database from here on."""
    kept: list[tuple[str, Any]] = []

    def keep(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("SELECT") and not many:
            kept.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", keep)
    yield kept
    event.remove(db.engine(), "before_cursor_execute", keep)


def test_nothing_reads_all_that_a_tenant_has(who: Identity, said: list[tuple[str, Any]]) -> None:
    if db.engine().dialect.name != "sqlite":
        pytest.skip("PostgreSQL counts what is there before it plans")
    sequence = a_sequence(who, do("one"), do("two", timing=after(1)), leave_on_stage=True)
    people = [call(who, contacts.create, name=f"P{number}").id for number in range(stepping.AT_ONCE + 5)]
    lead, talk = a_lead(who), begin(who)
    call(who, conversations.play_with, talk, lead_id=lead, contact_id=call(who, leads.get, lead).contact_id)
    said.clear()
    enrolled(who, sequence, lead, *people)
    stepping.take_due()
    call(who, conversations.receive, talk, "Hello")
    whole = [
        line
        for line in plans(said)
        for table in GROWS
        if line.startswith((f"SCAN {table} ", f"SEARCH {table} USING INDEX ix_{table}_tenant_id"))
    ]
    assert whole == []
