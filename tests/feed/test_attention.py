"""Attention: the dashboard counts what waits for members, links to it, and leaves out what does not wait."""

from datetime import timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.events import emit
from platform_app.i18n import plural
from platform_app.models.agent import Agent
from platform_app.models.article import UnansweredQuestion
from platform_app.models.conversation import Channel, Conversation, ConversationState
from platform_app.models.crm import Task
from platform_app.models.event import EventKind
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Source, SourceState
from platform_app.models.person import Identity
from platform_app.models.rule import Rule, RuleRun, RunState
from platform_app.models.web_site import SiteState, WebSite
from platform_app.services.attention import attention
from platform_app.state.feed.dashboard_view import ATTENTION, attention_row


def counted(who: Identity) -> dict[str, tuple[int, str]]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return {item.kind: (item.count, item.path) for item in attention.list_attention(session, who, now())}


def store(who: Identity, *rows: Any) -> None:
    with session_scope(who.tenant_id) as session:
        for row in rows:
            session.add(row)
            session.flush()


def talk(who: Identity, **given: Any) -> Conversation:
    agent = Agent(tenant_id=who.tenant_id, name="Shop")
    row = Conversation(tenant_id=who.tenant_id, agent_id=agent.id, title="Anna", channel=Channel.API, **given)
    store(who, agent, row)
    return row


def source(who: Identity, **given: Any) -> Source:
    files = {"title": "Prices", "file_name": "prices.txt", "stored_as": "x"}
    return Source(tenant_id=who.tenant_id, state=SourceState.FAILED, **files, **given)


def test_nothing_waits_in_an_empty_tenant(who: Identity) -> None:
    assert counted(who) == {}


def test_each_kind_is_counted_with_its_list(who: Identity, other: Identity) -> None:
    held = talk(who, state=ConversationState.HANDED_OFF)
    late = now() - timedelta(days=1)
    asked = {"tenant_id": who.tenant_id, "conversation_id": held.id}
    store(
        who,
        UnansweredQuestion(question="When?", **asked),
        UnansweredQuestion(question="Where?", dismissed_at=late, **asked),
        Task(tenant_id=who.tenant_id, text="Call", due_at=late),
        Task(tenant_id=who.tenant_id, text="Done", due_at=late, done_at=late),
        source(who),
        source(who, deleted_at=late),
        WebSite(tenant_id=who.tenant_id, address="https://x.test/", title="x.test", state=SiteState.FAILED),
        WebSite(tenant_id=who.tenant_id, address="https://y.test/", title="y.test", state=SiteState.READY),
        Job(tenant_id=who.tenant_id, kind="index_source", state=JobState.DEAD, run_at=late),
        Job(tenant_id=who.tenant_id, kind="send_email", state=JobState.UNCERTAIN, run_at=late),
    )
    assert counted(who) == {
        "conversations": (1, "/inbox?view=person"),
        "questions": (1, "/knowledge/questions"),
        "overdue": (1, "/tasks?view=overdue"),
        "jobs": (1, "/jobs?state=dead"),
        "uncertain": (1, "/jobs?state=uncertain"),
        "sources": (1, "/knowledge?state=failed"),
        "sites": (1, "/knowledge"),
    }
    assert counted(other) == {}


def test_failed_runs_count_for_a_week(who: Identity) -> None:
    rule = Rule(tenant_id=who.tenant_id, name="Tag")
    store(who, rule)
    for days, state in ((1, RunState.FAILED), (8, RunState.FAILED), (1, RunState.DONE)):
        with session_scope(who.tenant_id) as session:
            event = emit(session, who.tenant_id, EventKind.LEAD_CREATED)
        at = now() - timedelta(days=days)
        store(who, RuleRun(tenant_id=who.tenant_id, rule_id=rule.id, event_id=event.id, state=state, at=at))
    assert counted(who) == {"runs": (1, "/rules/runs?state=failed")}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_kind_has_words_for_each_count(language: str) -> None:
    for kind, (_, one, many) in ATTENTION.items():
        said = {plural(language, one, many, count) for count in (1, 2, 5)}
        assert len(said) > 1
        row = attention_row(attention.AttentionItem(kind, 100, "/x"), "/manage/a", language)
        assert (row.number, row.link) == ("99+", "/manage/a/x") and row.words
