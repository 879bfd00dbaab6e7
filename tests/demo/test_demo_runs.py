"""Demo runs: the log of rules shows what they did with the demo's messages, and the demo loads with few statements."""

from typing import Any

from sqlalchemy import event

from platform_app import db
from platform_app.db import session_scope
from platform_app.engine.rules import rule_runs
from platform_app.models.conversation import Conversation, ConversationState, Message, Origin
from platform_app.models.event import Activity
from platform_app.models.person import Identity
from platform_app.models.rule import RuleRun, RunState
from tests.demo.test_demo import load, rows

MOST_STATEMENTS = 1_200  # 2,300 without the cache of the transaction


def test_the_rule_that_hands_off_ran_once_and_says_what_it_did(who: Identity) -> None:
    load(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        ((run, happened, name),) = rule_runs.list_runs(session, who, state="fired")
    assert (run.state, name) == (RunState.DONE, "Hand off when the customer asks for a person")
    assert [line["kind"] for line in run.actions] == ["send_message", "hand_off"]
    assert {line["state"] for line in run.actions} == {"done"}
    (talk,) = (row for row in rows(who, Conversation) if row.id == happened.conversation_id)
    assert talk.state == ConversationState.HANDED_OFF and talk.last_line == run.actions[0]["values"]["text"]
    (sent,) = (row for row in rows(who, Message) if row.origin == Origin.RULE)
    assert (sent.run_id, sent.cause_id, sent.origin_name) == (run.id, happened.id, name)
    assert f"/rules/runs/{run.id}" in {row.link for row in rows(who, Activity)}


def test_every_other_message_says_why_no_rule_ran(who: Identity) -> None:
    load(who)
    others = [run for run in rows(who, RuleRun) if not run.fired]
    assert len(others) > 20
    assert {run.state for run in others} == {RunState.CONDITION}
    assert all(run.proof and run.change and not run.actions for run in others)


def test_it_loads_with_few_statements(who: Identity) -> None:
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        load(who)
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    assert 100 < len(asked) < MOST_STATEMENTS
