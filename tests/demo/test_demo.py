"""Demo: comes whole, counts true, is found by its agent, and goes without a trace of itself or harm to others."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func

from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import Transaction, owned, owned_tables, session_scope, unscoped
from platform_app.demo import Ending, articles, shop
from platform_app.errors import Conflict
from platform_app.files.tenant_files import StoredFile
from platform_app.i18n import LANGUAGES, lookup
from platform_app.models.agent import Agent
from platform_app.models.conversation import Conversation, Message, MessageState, Trace
from platform_app.models.crm import Contact, CustomField, FieldKind, Holder, Lead, Pipeline
from platform_app.models.event import Activity, Event, EventKind
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Chunk, Source, SourceState
from platform_app.models.person import Identity, Role, Tenant
from platform_app.models.script import ScriptProgress
from platform_app.services.accounts import members, sessions
from platform_app.services.agents import agents
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, leads, tasks
from platform_app.services.demo import demo
from platform_app.services.feed import dashboard
from platform_app.services.knowledge import sources
from platform_app.services.scripts import guided_scripts, scripts
from tests.conftest import make_member, make_tenant
from tests.stored_files import stored_keys
from tests.talking import call, run_jobs

PASSWORD = "a-long-demo-password"
# tables of which the demo has rows
FILLED = """
    activity address agent agentversion channelaccount channelidentity contact conversation conversationread
    customfield enrollment enrollmentstep event job lead member message note pipeline rule rulerun ruleversion
    script scriptprogress scriptuse scriptversion sequence sequenceversion source stage task trace
    unansweredquestion
"""


def rows(who: Identity, model: Any) -> list[Any]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(model, who.tenant_id)).all())


def counts(who: Identity) -> dict[str, int]:
    """Return how many rows a tenant has in each table."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return {
            name: session.exec(owned(model, who.tenant_id).with_only_columns(func.count())).one()
            for name, model in owned_tables().items()
        }


def filled(counted: dict[str, int]) -> set[str]:
    """Return the tables with rows, but those of the audit log, which tells of the demo and stays."""
    return {name for name, count in counted.items() if count and name not in ("auditentry", "audithead")}


def load(who: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        demo.load(session, who)


def remove(who: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        demo.remove(session, who)


def demo_owner() -> Identity:
    with session_scope(reason="tests", read_only=True) as session:
        return members.get_owner(session, demo.SLUG)


@pytest.mark.parametrize("language", LANGUAGES)
def test_articles_are_real(language: str) -> None:
    found = articles(language)
    assert len(found) == 12
    for path in found:
        text = path.read_text()
        assert text.startswith(f"# {path.stem}\n"), path.name
        assert 250 <= len(text.split()) <= 500, path.name
    told = shop(language)
    named = {article for talk in told.conversations for _, _, article in talk.turns}
    assert named - {""} <= {path.stem for path in found}
    for talk in told.conversations:
        drafts = [("", *talk.draft)] if talk.draft[0] else []
        for _, reply, article in [*talk.turns, *drafts]:
            assert ("[1]" in reply) == bool(article), reply
            assert article or reply == told.agent.no_answer_text


def test_languages_tell_the_same_story() -> None:
    def shape(language: str) -> Any:
        told = shop(language)
        order = [path.stem for path in articles(language)]
        talks = [(t.contact, t.lead, t.day, t.time, t.ago, t.closed, len(t.turns)) for t in told.conversations]
        stands = [(t.on_site, t.ending, *map(bool, (t.last, t.draft[0], t.note, t.member))) for t in told.conversations]
        sources = Counter(order.count(article) for t in told.conversations for *_, article in t.turns)
        leads = [(x.contact, x.stage, x.day, x.moved) for x in told.leads]
        steps = [[len(step["fields"]) for step in script.steps] for script in told.scripts]
        beside = [(x.task and x.task.due, bool(x.note), len(x.tags), len(x.own)) for x in (*told.contacts, *told.leads)]
        fields = [(field.holder, field.kind, len(field.options)) for field in told.fields]
        kinds = [kind for _, kind in told.pipeline.stages]
        return talks, stands, sources, leads, [c.day for c in told.contacts], kinds, steps, beside, fields

    assert shape("en") == shape("ru")


def test_the_demo_comes_whole(who: Identity) -> None:
    load(who)
    counted = counts(who)
    assert filled(counted) == set(FILLED.split())
    assert (counted["contact"], counted["lead"], counted["stage"], counted["pipeline"]) == (9, 13, 5, 1)
    assert (counted["source"], counted["job"], counted["conversation"]) == (12, 12, 32)
    (agent,) = rows(who, Agent)
    assert (agents.status_of(agent), agent.published_number, agent.changed_since_publish) == ("active", 2, False)
    assert {source.state for source in rows(who, Source)} == {SourceState.QUEUED}
    for source in rows(who, Source):
        assert (settings().uploads / source.stored_as).read_text().startswith(f"# {source.title}\n")
    assert {job.state for job in rows(who, Job)} == {JobState.QUEUED}


def test_everything_of_it_lies_in_the_last_two_weeks(who: Identity) -> None:
    load(who)
    oldest = now() - timedelta(days=15)
    for event in rows(who, Event):
        assert oldest < event.at <= now()
    for update in rows(who, Activity):
        assert update.is_demo
        assert oldest < update.at <= now()
        assert lookup("ru", update.sentence) != update.sentence
    ended = {talk.id: talk.last_message_at for talk in rows(who, Conversation)}
    for message in rows(who, Message):
        last = now() if message.state == MessageState.TO_APPROVE else ended[message.conversation_id]
        assert message.created_at <= message.finished_at <= last <= now()


def test_every_reply_has_its_event_trace_and_source(who: Identity) -> None:
    load(who)
    replies = {m.id: m for m in rows(who, Message) if m.answers_id}
    (waiting,) = (key for key, reply in replies.items() if reply.state == MessageState.TO_APPROVE)
    assert {e.message_id for e in rows(who, Event) if e.kind == EventKind.REPLY_SENT} == set(replies) - {waiting}
    traces = {t.message_id: t for t in rows(who, Trace)}
    assert set(traces) == set(replies)
    for key, reply in replies.items():
        assert traces[key].data["prompt"][0]["role"] == "system"
        assert traces[key].data["passages"] == reply.sources
        assert all(source["text"] and source["number"] == 1 for source in reply.sources)
    assert sum(1 for reply in replies.values() if not reply.sources) == 1  # the one that had no answer


def test_the_dashboard_counts_it(who: Identity) -> None:
    load(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        found = dashboard.get_summary(session, who, now())
    told = shop("en")
    replies = sum(len(talk.turns) for talk in told.conversations)
    assert sum(n for _, n in found.days) == replies
    assert sum(n for _, n in found.months) == replies
    with_people = (Ending.PERSON, Ending.MEMBER)
    open_ones = [talk for talk in told.conversations if not talk.closed and talk.ending not in with_people]
    assert found.open_conversations == len(open_ones)
    expected = Counter(lead.stage for lead in told.leads)
    assert [(stage.name, stage.leads) for stage in found.stages] == [
        (name, expected[n]) for n, (name, _) in enumerate(told.pipeline.stages)
    ]
    assert (found.active_agents, found.all_agents) == (1, 1)


def test_every_kind_of_field_is_there_with_values(who: Identity) -> None:
    load(who)
    held = {(row.holder, row.key): row.kind for row in rows(who, CustomField)}
    assert set(held.values()) == set(FieldKind)
    used = {(Holder.CONTACT, key) for row in rows(who, Contact) for key in row.fields}
    used |= {(Holder.LEAD, key) for row in rows(who, Lead) for key in row.fields}
    assert used == set(held)


def test_scripts_were_used_and_one_guides_a_conversation(who: Identity) -> None:
    load(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        found = {row.title: row for row in scripts.list_scripts(session, who, rows(who, Agent)[0].id)}
        used = scripts.usage_by_script(session, who)
        assert scripts.list_versions(session, who, found["First words to a newcomer"].id)
        (progress,) = rows(who, ScriptProgress)
        place = guided_scripts.list_progress(session, who, progress.conversation_id)
    assert place == [("Test ride", 1, 2, ["Height (cm)", "Wanted by", "Rides"])]
    counted = {title: used[row.id].count for title, row in found.items() if row.id in used}
    assert counted == {"Help with choosing": 1, "Test ride": 2}  # of many replies that were given a script
    trace = next(t for t in rows(who, Trace) if t.data["guided"] and t.data["guided"]["step"] == 1)
    assert "[S2] guided: Test ride" in trace.data["prompt"][0]["content"]
    assert [one["applied"] for one in trace.data["scripts"]] == [False, True, False, True]
    assert not any("[S" in message.text for message in rows(who, Message))


def test_it_cannot_be_loaded_twice(who: Identity) -> None:
    load(who)
    before = counts(who)
    with pytest.raises(Conflict, match="already"):
        load(who)
    assert counts(who) == before
    assert len(stored_keys()) == 12


def test_a_load_that_fails_leaves_nothing(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(demo, "write_conversations", broken)
    with pytest.raises(ZeroDivisionError):
        load(who)
    assert filled(counts(who)) == {"member"}
    assert stored_keys() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_indexed_and_cited_then_removed(database: str, live_chroma: str, language: str) -> None:
    who = make_tenant("acme", language=language)
    load(who)
    run_jobs(who)
    assert {(s.state, s.error) for s in rows(who, Source)} == {(SourceState.READY, "")}
    chunks = {chunk.id: chunk for chunk in rows(who, Chunk)}
    for message in rows(who, Message):
        for source in message.sources:
            chunk = chunks[source["chunk_id"]]
            assert (chunk.source_id, chunk.text, chunk.heading) == (
                source["source_id"],
                source["text"],
                source["heading"],
            )
    remove(who)
    assert {s.deleted_at is not None for s in rows(who, Source)} == {True}
    run_jobs(who)
    assert filled(counts(who)) == {"member", "knowledgestate", "job", "jobtally"}
    assert {(job.kind, job.state) for job in rows(who, Job)} == {("remove_source", JobState.DONE)}
    assert stored_keys() == []


def test_removed_before_it_was_indexed(who: Identity, other: Identity, live_chroma: str) -> None:
    load(other)
    theirs = counts(other)
    load(who)
    remove(who)
    remove(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert not demo.is_loaded(session, who)
    run_jobs(who)
    assert filled(counts(who)) == {"member", "knowledgestate", "job", "jobtally"}
    assert counts(other) == theirs
    load(who)
    assert counts(who)["conversation"] == 32


def test_what_grew_on_the_demo_goes_with_it(who: Identity) -> None:
    load(who)
    (agent,) = rows(who, Agent)
    with session_scope(who.tenant_id) as session:
        talk = conversations.create(session, who, agent.id)
        conversations.receive(session, who, talk.id, "Do you sell bells?")
        agents.save_draft(session, who, agent.id, {"reply_delay_seconds": 60}, revision=agent.revision)
        slow = conversations.create(session, who, agent.id)
        conversations.receive(session, who, slow.id, "And horns?")
        agents.set_active(session, who, agent.id, active=False)
    operator = make_member(who, Role.OPERATOR)
    call(operator, tasks.create, text="Call", contact_id=rows(who, Contact)[0].id, responsible_id=who.user_id)
    assert counts(who)["notification"] == 1
    remove(who)
    left = counts(who)
    assert filled(left) == {"member", "knowledgestate", "source", "job"}
    assert {job.kind for job in rows(who, Job)} == {"remove_source"}


def own_things(session: Transaction, who: Identity) -> None:
    """Write what a person may have made beside and upon the demo."""
    mine = agents.create(session, who, {"name": "Mine"})
    lead, contact = (
        session.exec(owned(Lead, who.tenant_id)).first(),
        session.exec(owned(Contact, who.tenant_id)).first(),
    )
    talk = conversations.create(session, who, mine.id, is_live=True)
    conversations.set_test_context(session, who, talk.id, lead_id=lead.id, contact_id=contact.id)
    conversations.receive(session, who, talk.id, "Hello")
    leads.create(session, who, title="My lead", stage_id=lead.stage_id, contact_id=contact.id)
    sources.add_source(session, who, "mine.md", StoredFile("f" * 32, 1, ""))
    contacts.create(session, who, name="Mine", **{"field.height_cm": "170"})
    scripts.create(session, who, title="Mine", text="Pack it in {{ lead.field.colour }}.")


def test_own_things_stay(who: Identity) -> None:
    load(who)
    with session_scope(who.tenant_id) as session:
        own_things(session, who)
    remove(who)
    assert [agent.name for agent in rows(who, Agent)] == ["Mine"]
    assert [(lead.title, lead.contact_id) for lead in rows(who, Lead)] == [("My lead", None)]
    assert [(p.name, p.is_demo) for p in rows(who, Pipeline)] == [("Sales", False)]
    assert [(t.title, t.contact_id, t.lead_id) for t in rows(who, Conversation)] == [("Hello", None, None)]
    assert {(row.key, row.is_demo) for row in rows(who, CustomField)} == {("height_cm", False), ("colour", False)}
    assert [source.title for source in rows(who, Source) if source.deleted_at is None] == ["mine"]
    (mine,) = rows(who, Contact)
    named = {None: None, mine.id: "mine"}
    assert {(e.kind, named[e.contact_id], e.lead_id is None) for e in rows(who, Event)} == {
        (EventKind.CONVERSATION_STARTED, None, True),
        (EventKind.MESSAGE_RECEIVED, None, True),
        (EventKind.LEAD_CREATED, None, False),
        (EventKind.CONTACT_CREATED, "mine", True),
    }
    assert {update.sentence for update in rows(who, Activity)} == {
        "Agent “{name}” created",
        "Conversation with “{agent}” started",
        "Source “{title}” uploaded",
        "Script “{title}” created",
        "Contact “{name}” created",
        "Lead “{title}” created",
    }
    load(who)
    assert len(rows(who, CustomField)) == 7, "fields that are there already are used"
    remove(who)
    assert len(rows(who, CustomField)) == 2
    assert [agent.name for agent in rows(who, Agent)] == ["Mine"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_demo_tenant_is_made_once(database: str, language: str) -> None:
    assert demo.ensure_demo(PASSWORD, language) == demo.EMAIL
    who = demo_owner()
    assert (who.email, who.language, who.tenant_name) == (demo.EMAIL, language, shop(language).tenant)
    before = counts(who)
    assert demo.ensure_demo(PASSWORD, {"ru": "en", "en": "ru"}[language]) == demo.EMAIL
    assert counts(demo_owner()) == before
    with session_scope(reason="tests", read_only=True) as session:
        (tenant,) = session.exec(unscoped(Tenant)).all()
    assert (tenant.slug, tenant.is_demo, tenant.language) == (demo.SLUG, True, language)


def test_the_password_given_last_signs_in(database: str) -> None:
    from platform_app.services.accounts import accounts

    demo.ensure_demo(PASSWORD, "en")
    with session_scope(reason="tests") as session:
        user = accounts.authenticate(demo.EMAIL, PASSWORD, "127.0.0.1")
        token = sessions.redeem_ticket(session, sessions.issue_ticket(session, user.id), "")
    demo.ensure_demo(PASSWORD, "en")
    assert sessions.get_identity(token, demo.SLUG) is not None
    demo.ensure_demo("another-long-password", "en")
    assert sessions.get_identity(token, demo.SLUG) is None
    assert accounts.authenticate(demo.EMAIL, "another-long-password", "127.0.0.1").id == user.id


def test_an_emptied_demo_stays_empty(database: str) -> None:
    demo.ensure_demo(PASSWORD, "en")
    who = demo_owner()
    remove(who)
    demo.ensure_demo(PASSWORD, "en")
    assert counts(who)["agent"] == 0


def test_files_of_the_demo_are_packed_with_the_code() -> None:
    folder = Path(demo.__file__).parents[2] / "demo"
    found = {path.suffix for path in folder.glob("*/*") if path.is_file()}
    assert found - {".pyc"} == {".py", ".md", ".toml"}
