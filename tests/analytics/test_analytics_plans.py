"""Plans: what analytics asks is found by time or by the row, however much a tenant has."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from platform_app import db
from platform_app.clock import new_id
from platform_app.db import session_scope
from platform_app.models.crm import Lead
from platform_app.models.person import Identity
from platform_app.services.analytics.selection import Dimension
from platform_app.services.crm import pipelines
from tests.analysing import Talk, breakdown, report
from tests.talking import add_agent, call

GROWS = ("event", "event_1", "message", "conversation", "trace", "lead", "conversationtag", "enrollment")
ROWS, TALKS, LEADS = 3_000, 200, 600
BEGIN = datetime(2026, 7, 1, tzinfo=UTC)


def fill(who: Identity) -> None:
    """Write a message, its event and its trace for each minute of two days, and count them for the planner."""
    agent_id = add_agent(who)
    talks = [Talk(who, agent_id, tags=["vip"]).id for _ in range(TALKS)]
    shared = {"tenant": who.tenant_id, "agent": agent_id}
    rows = []
    for number in range(ROWS):
        at = (BEGIN + timedelta(minutes=number)).replace(tzinfo=None)
        kind = ("message_received", "reply_sent", "member_replied")[number % 3]
        talk = talks[number % TALKS]
        rows.append(shared | {"id": new_id(), "message": new_id(), "talk": talk, "at": at, "kind": kind})
    write_leads(who)
    with db.engine().begin() as connection:
        connection.info.pop("session", None)
        for statement in (MESSAGE, EVENT, TRACE):
            connection.connection.driver_connection.executemany(statement, rows)  # past the guard of tenants
        connection.execute(text("ANALYZE"))


def write_leads(who: Identity) -> None:
    """Write leads in every stage of a pipeline; the planner guesses about a table without rows."""
    pipeline = call(who, pipelines.create, "Sales", pipelines.default_stages("en"))
    stages = next(stages for held, stages in call(who, pipelines.list_pipelines) if held.id == pipeline.id)
    with session_scope(who.tenant_id) as session:
        for number in range(LEADS):
            since = BEGIN + timedelta(hours=number)
            stage = stages[number % len(stages)].id
            session.add(Lead(tenant_id=who.tenant_id, title="Boat", stage_id=stage, in_stage_since=since))


MESSAGE = (
    "INSERT INTO message (id, created_at, tenant_id, conversation_id, author, author_name, origin, origin_name, text, "
    "state, error, task, depth, replaced, sources, without_vectors, is_exempt, is_suggestion, gate, own_text, review, "
    "mentions, template, figures, quick_replies) VALUES (:message, :at, :tenant, :talk, 'agent', 'Vera', "
    "'conversation', '', 'Hello', 'complete', '', '', 0, 0, '[]', 0, 0, 0, '{}', '', '{}', '[]', '{}', '[]', '[]')"
)
EVENT = (
    "INSERT INTO event (id, created_at, tenant_id, kind, at, agent_id, conversation_id, lead_id, message_id, before, "
    "after, facts, depth) VALUES (:id, :at, :tenant, :kind, :at, :agent, :talk, :talk, :message, '{}', '{}', '{}', 0)"
)
TRACE = (
    "INSERT INTO trace (id, created_at, tenant_id, message_id, agent_id, model, prompt_tokens, cached_tokens, "
    "completion_tokens, cost, total_ms, first_token_ms, is_unanswered, data) VALUES (:id, :at, :tenant, :message, "
    ":agent, '', 1, 0, 1, 0.1, 0, 0, 0, '{}')"
)


@pytest.fixture
def asked(database: str) -> Any:
    """What is asked of the database from here on."""
    statements: list[tuple[str, Any]] = []

    def keep(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("SELECT") and not many:
            statements.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", keep)
    yield statements
    event.remove(db.engine(), "before_cursor_execute", keep)


def test_no_query_reads_all_that_a_tenant_has(who: Identity, asked: list[tuple[str, Any]]) -> None:
    if db.engine().dialect.name != "sqlite":
        pytest.skip("PostgreSQL counts what is there before it plans")
    fill(who)
    asked.clear()
    days, at = (date(2026, 7, 2), date(2026, 7, 2)), datetime(2026, 8, 1, tzinfo=UTC)
    made = report(who, *days, at)
    for dimension in Dimension:
        breakdown(who, dimension.value, days, at)
    assert made.now.talks.replies > 100 and made.now.usage.input_tokens > 300
    statements, whole = list(asked), []
    with session_scope(reason="tests", read_only=True) as session:
        for statement, parameters in statements:
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            whole += [
                f"{line[-1]} | {statement}"
                for line in plan
                for table in GROWS
                if line[-1].startswith(f"SCAN {table}") or f"ix_{table.removesuffix('_1')}_tenant_id" in line[-1]
            ]
    assert len(statements) > 15 and whole == []
