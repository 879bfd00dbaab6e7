"""Pages and replies read what they show, not all there is: with four times as much they read the same."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.engine import cursor as cursors

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.engine.rules import rules
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.crm import Contact, Task
from platform_app.models.event import Event, EventKind
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.models.rule import Rule, RuleRun, RunState
from platform_app.models.sequence import Enrollment
from platform_app.services.chat import conversations, reply_context
from platform_app.services.jobs import job_list
from platform_app.services.tasks.task_list import TaskFilter, View
from platform_app.state.chat import test_chat
from platform_app.state.rules import rules as rule_list
from platform_app.state.rules import runs
from platform_app.state.sequences import enrollments as enrollment_list
from platform_app.state.sequences import sequences
from platform_app.state.tasks import tasks as task_page
from tests.rules.test_rules import a_rule
from tests.sequencing import a_sequence, do
from tests.talking import begin, call, say


@contextmanager
def rows_read() -> Iterator[list[int]]:
    """Count the rows that come from the database."""
    counted = [0]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fetchall", "fetchmany", "fetchone"):
            for strategy in (cursors.CursorFetchStrategy, cursors.BufferedRowCursorFetchStrategy):
                fetch = getattr(strategy, name)

                def counting(*given: Any, fetch: Any = fetch, **named: Any) -> Any:
                    found = fetch(*given, **named)
                    counted[0] += len(found) if isinstance(found, list) else found is not None
                    return found

                patch.setattr(strategy, name, counting)
        yield counted


def add(who: Identity, rows: list[Any]) -> None:
    with session_scope(who.tenant_id) as session:
        session.add_all(rows)


def some_jobs(who: Identity, count: int) -> None:
    states = [JobState.DONE, JobState.FAILED, JobState.QUEUED]
    add(who, [Job(tenant_id=who.tenant_id, kind="reply", state=states[one % 3]) for one in range(count)])


def some_messages(who: Identity, count: int) -> None:
    """Write a long conversation, or make it longer."""
    talk = one_talk(who)
    with session_scope(who.tenant_id) as session:
        old = session.exec(owned(Message, who.tenant_id).where(Message.conversation_id == talk).limit(1)).first()
        at = (old.created_at if old else now()) - timedelta(days=1)
        for place in range(count):
            row = Message(tenant_id=who.tenant_id, conversation_id=talk, author=Author.CONTACT, text="One word " * 80)
            row.author = Author.AGENT if place % 2 else Author.CONTACT
            row.created_at = at - timedelta(seconds=place)
            session.add(row)


def one_talk(who: Identity) -> str:
    with session_scope(who.tenant_id, read_only=True) as session:
        found = session.exec(owned(Conversation, who.tenant_id)).first()
    if found is None:
        talk = begin(who)
        say(who, talk, "The first one")
        return talk
    return str(found.id)


def some_talks(who: Identity, count: int) -> None:
    agent = call(who, conversations.get, one_talk(who)).agent_id
    add(who, [Conversation(tenant_id=who.tenant_id, agent_id=agent, title=f"T {one}") for one in range(count)])


def some_rules(who: Identity, count: int) -> None:
    with session_scope(who.tenant_id, read_only=True) as session:
        first = session.exec(owned(Rule, who.tenant_id)).first()
    if first is None:
        a_rule(who, "contact_created", {"kind": "add_tag", "tag": "new"})
        return some_rules(who, count)
    draft = {"draft": first.draft, "published": first.published, "trigger": first.trigger, "published_number": 1}
    add(who, [Rule(tenant_id=who.tenant_id, name=f"R {one}", position=one + 2, **draft) for one in range(count)])
    return None


def some_runs(who: Identity, count: int) -> None:
    some_rules(who, 1)
    with session_scope(who.tenant_id, read_only=True) as session:
        rule = session.exec(owned(Rule, who.tenant_id)).first()
    events = [Event(tenant_id=who.tenant_id, kind=EventKind.CONTACT_CREATED) for _ in range(count)]
    add(who, events)
    shown = {"rule_id": rule.id, "at": now(), "state": RunState.DONE, "fired": True}
    add(who, [RuleRun(tenant_id=who.tenant_id, event_id=event.id, **shown) for event in events])


def some_ways(who: Identity, count: int) -> None:
    sequence = a_sequence(who, do("a"), name="Many")
    people = [Contact(tenant_id=who.tenant_id, name="P") for _ in range(count)]
    add(who, people)
    with session_scope(who.tenant_id) as session:
        for one in people:
            row = Enrollment(tenant_id=who.tenant_id, sequence_id=sequence, version=1, subject_id=one.id)
            row.contact_id, row.step_id = one.id, "a"
            session.add(row)


def some_tasks(who: Identity, count: int) -> None:
    due = {"due_at": now(), "responsible_id": who.user_id}
    add(who, [Task(tenant_id=who.tenant_id, text=f"T {one}", **due) for one in range(count)])


def a_reply(who: Identity) -> None:
    """Load what the newest reply stands on, as if nobody had written it."""
    with session_scope(who.tenant_id) as session:
        query = owned(Message, who.tenant_id).where(Message.author == Author.AGENT)
        row = session.exec(query.order_by(Message.created_at.desc()).limit(1)).first()  # type: ignore[attr-defined]
        row.state = MessageState.STREAMING
        reply_id = row.id
    work = reply_context.load_context(who.tenant_id, reply_id)
    assert work is not None and len(work.facts.history) >= 20


Fill = Callable[[Identity, int], None]
READERS: dict[str, tuple[Fill, Callable[[Identity], object]]] = {
    "jobs": (some_jobs, lambda who: call(who, job_list.list_jobs)),
    "chat": (some_messages, lambda who: call(who, test_chat._read_conversation, one_talk(who), test_chat.PAGE_SIZE)),
    "reply": (some_messages, a_reply),
    "talks": (some_talks, lambda who: call(who, conversations.list_test_conversations)),
    "rules": (some_rules, lambda who: call(who, rule_list._read, "", "", page=1)),
    "runs": (some_runs, lambda who: call(who, runs._read, {}, 1)),
    "runs of rules": (some_runs, lambda who: call(who, rule_list._read, "", "", page=1)),
    "tasks": (some_tasks, lambda who: call(who, task_page._read, TaskFilter(View.ALL), {})),
    "enrollments": (some_ways, lambda who: call(who, enrollment_list._read, "", state="", page=1)),
}


@pytest.mark.parametrize("name", READERS)
def test_reads_the_same_with_four_times_as_much(who: Identity, name: str) -> None:
    fill, read = READERS[name]
    fill(who, 160)
    with rows_read() as before:
        read(who)
    fill(who, 480)
    with rows_read() as after:
        read(who)
    names_alone = 480 if name == "rules" else 0  # id and name of each: a search and the order need them
    assert 0 < after[0] <= before[0] * 1.1 + 3 + names_alone, (before, after)


def test_a_long_conversation_is_read_page_by_page(who: Identity) -> None:
    some_messages(who, 150)
    talk, seen = one_talk(who), list[str]()
    for shown in (60, 120, 180):
        found, has_more = call(who, conversations.newest_messages, talk, limit=shown)
        assert len(found) == min(shown, 152) and has_more == (shown < 152)
        seen = [row.id for row in found]
        assert [row.created_at for row in found] == sorted(row.created_at for row in found)
    assert seen == [row.id for row in call(who, conversations.list_messages, talk)]


def test_what_is_known_counts_all_messages_though_few_are_read(who: Identity) -> None:
    some_messages(who, 500)
    a_reply(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        from platform_app import fact_snapshots

        talk = fact_snapshots.recent_messages(session, call(who, conversations.get, one_talk(who)), limit=10)
    assert (len(talk.messages), talk.contact_count) == (10, 251) and talk.last_contact_at == talk.messages[
        -2
    ].created_at


def test_more_than_the_limit_is_counted_no_further(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    from platform_app import bounded_count

    some_ways(who, 30)
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Enrollment, who.tenant_id).with_only_columns(Enrollment.id)
        assert bounded_count.count_each(session, [query, query], 10) == [11, 11]
        assert bounded_count.count_rows(session, query, 30) == 30 and bounded_count.count_each(session, []) == []
    assert bounded_count.count_words("en", "{count} run", "{count} runs", 10_001) == "10000+ runs"
    assert bounded_count.count_words("ru", "{count} run", "{count} runs", 3).startswith("3 ")


def test_pages_of_rules_and_sequences_are_turned(who: Identity) -> None:
    some_rules(who, 120)
    found = [call(who, rules.DEFINITIONS.list_page, page=page) for page in (1, 2, 3, 9)]
    assert [len(one.rows) for one in found] == [50, 50, 21, 21] and found[0].pages == 3 and found[3].page == 3
    assert found[1].rows[0].position == found[0].rows[-1].position + 1
    assert len(call(who, rules.DEFINITIONS.list_page, search="r 11").rows) == 11
    a_sequence(who, do("a"))
    assert len(call(who, sequences._read, "", "", page=1).listed.rows) == 1
