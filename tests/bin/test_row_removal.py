"""Row removal: for good means that no row of any table names what was removed, and nothing else goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import JSON, String, cast

from platform_app.db import owned, owned_tables, session_scope
from platform_app.engine.rules import rules
from platform_app.errors import Invalid
from platform_app.models.audit import AuditEntry
from platform_app.models.bin import BinKind
from platform_app.models.message_search import messagesearch
from platform_app.models.person import Identity
from platform_app.models.saved_view import ViewedList
from platform_app.services.bin import row_removal, waiting_reminders
from platform_app.services.bin.json_references import RECORDS, REMOVED_ID, SETTINGS
from platform_app.services.crm import contacts, leads, merge_contacts
from platform_app.services.demo import demo
from platform_app.services.knowledge import categories
from platform_app.services.views import saved_views
from platform_app.services.webhooks import incoming_webhooks
from platform_app.state.console.setting_text import names_by_id
from platform_app.state.rules.definition_list import definition_status
from platform_app.state.rules.rule_words import describe_actions
from tests.automation.test_condition_tree import leaf
from tests.sequencing import a_sequence, do
from tests.talking import a_stage, add_agent, call, real_talk, run_jobs
from tests.visiting import a_chat, the_talk, write

SMALL_FIRST = (
    BinKind.SCRIPT,
    BinKind.RULE,
    BinKind.SEQUENCE,
    BinKind.WEBHOOK,
    BinKind.CATEGORY,
    BinKind.CHANNEL_ACCOUNT,
    BinKind.TASK,
    BinKind.LEAD,
    BinKind.CONTACT,
    BinKind.CONVERSATION,
    BinKind.AGENT,
)


def mentions(who: Identity, row_id: str) -> list[str]:
    """Return the columns of every table that have an id as a value or at the end, or in JSON that is no record."""
    found = []
    with session_scope(who.tenant_id, read_only=True) as session:
        for name, model in owned_tables().items():
            if model is AuditEntry:  # the audit log keeps the ids of what is gone
                continue
            for column in model.__table__.columns:  # type: ignore[attr-defined]
                held = getattr(model, column.name)
                if isinstance(column.type, JSON):
                    if column.name in RECORDS.get(name, ()):
                        continue
                    names_it = cast(held, String).contains(row_id)
                elif isinstance(column.type, String):
                    names_it = held.contains(row_id) if name == "savedview" else held.endswith(row_id)
                else:
                    continue
                if session.exec(owned(model, who.tenant_id).where(names_it).limit(1)).first() is not None:
                    found.append(f"{name}.{column.name}")
    return found


def counts(who: Identity) -> dict[str, int]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return {name: len(session.exec(owned(model, who.tenant_id)).all()) for name, model in owned_tables().items()}


@pytest.fixture
def full(who: Identity) -> Identity:
    """A tenant with rows of every kind that refer to each other."""
    with session_scope(who.tenant_id) as session:
        demo.load(session, who)
    run_jobs_of_events(who)
    write(who, a_chat(who), "Hello")
    hook = call(who, incoming_webhooks.create, name="Shop")
    call(who, categories.add, "Prices")
    assert hook.id
    return who


def run_jobs_of_events(who: Identity) -> None:
    """Let rules run on the events of the demo."""
    with only_events():
        run_jobs(who)


@contextmanager
def only_events() -> Iterator[None]:
    """Let other jobs end at once: their work needs servers."""
    from worker.tasks import HANDLERS

    with pytest.MonkeyPatch.context() as patch:
        for kind in HANDLERS:
            if kind != "handle_event":
                patch.setitem(HANDLERS, kind, lambda job: None)
        yield


def richest(who: Identity, kind: BinKind) -> str:
    """Return the row of a kind to which most columns refer."""
    with session_scope(who.tenant_id, read_only=True) as session:
        model = row_removal.model_of(kind)
        ids = list(session.exec(owned(model, who.tenant_id).with_only_columns(model.id).limit(4)).all())
    return max(ids, key=lambda row_id: len(mentions(who, row_id)))


def test_no_row_names_what_is_removed(full: Identity) -> None:
    for kind in SMALL_FIRST:
        row_id, before = richest(full, kind), counts(full)
        with session_scope(full.tenant_id) as session:
            row_removal.remove(session, full.tenant_id, kind, [row_id])
        after = counts(full)
        assert mentions(full, row_id) == [], kind
        assert after[kind.value] == before[kind.value] - 1, kind
        for kept in ("member", "stage", "source"):
            assert after[kept] == before[kept], kind
        if kind in (BinKind.LEAD, BinKind.CONTACT):
            assert (after["conversation"], after["message"]) == (before["conversation"], before["message"])


def test_what_stays_of_a_contact_is_unlinked(who: Identity) -> None:
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    with session_scope(who.tenant_id) as session:
        row_removal.remove(session, who.tenant_id, BinKind.CONTACT, [contact.id])
    assert call(who, leads.get, lead.id).contact_id is None and mentions(who, contact.id) == []


def test_a_merged_contact_goes_with_the_other(who: Identity) -> None:
    kept, other = (call(who, contacts.create, name=name) for name in ("Anna", "Anna P."))
    call(who, merge_contacts.merge, kept.id, other.id)
    with session_scope(who.tenant_id) as session:
        row_removal.remove(session, who.tenant_id, BinKind.CONTACT, [kept.id])
    assert counts(who)["contact"] == 0 and mentions(who, other.id) == []


def test_words_and_history_of_a_conversation_go(who: Identity) -> None:
    write(who, a_chat(who), "Hello")
    talk = the_talk(who)
    with session_scope(who.tenant_id) as session:
        query = messagesearch.select()
        assert len(session.execute(query).all()) == 1
        row_removal.remove(session, who.tenant_id, BinKind.CONVERSATION, [talk.id])
        assert session.execute(query).all() == []
    left = counts(who)
    assert (left["event"], left["message"], left["contact"]) == (1, 0, 1)  # that the contact was created


def test_only_what_reminders_wait_for_drops_them(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    talk, contact, columns = real_talk(who), call(who, contacts.create, name="Anna"), []
    monkeypatch.setattr(waiting_reminders, "drop", lambda session, tenant_id, column, ids: columns.append(column))
    with session_scope(who.tenant_id) as session:
        row_removal.remove(session, who.tenant_id, BinKind.CONVERSATION, [talk])
        row_removal.remove(session, who.tenant_id, BinKind.CONTACT, [contact.id])
    assert columns == ["contact_id"]


def test_many_conversations_of_an_agent_go_in_parts(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_removal, "BATCH_SIZE", 2)
    chat: Any = a_chat(who)
    for number in range(3):
        write(who, chat, visitor=f"{number}" * 43)
    sizes = []
    for _ in range(2):
        with session_scope(who.tenant_id) as session:
            sizes.append(row_removal.remove_some_conversations(session, who.tenant_id, chat.agent_id))
    assert sizes == [2, 1] and counts(who)["message"] == 0


def test_every_column_of_settings_and_records_exists() -> None:
    for table, names in [*SETTINGS.items(), *RECORDS.items()]:
        columns = owned_tables()[table].__table__.columns  # type: ignore[attr-defined]
        assert all(isinstance(columns[name].type, JSON) for name in names), table
    assert not set(SETTINGS) & set(RECORDS)


def test_rules_say_that_what_they_name_was_deleted_and_are_not_published(who: Identity) -> None:
    sequence, hook = a_sequence(who, do("a")), call(who, incoming_webhooks.create, name="Shop").id
    agent = add_agent(who)
    start = {"kind": "start_sequence", "sequence_id": sequence}
    condition = {"kind": "group", "of": [leaf("agent.name", "in_list", [agent])]}
    draft = {"trigger": "webhook_received", "webhook_id": hook, "actions": [start], "condition": condition}
    rule = call(who, rules.DEFINITIONS.create, name="Shop", draft=draft)
    call(who, rules.DEFINITIONS.publish, rule.id)
    rule = call(who, rules.DEFINITIONS.get, rule.id)
    view = {"name": "Runs", "shared": False}
    for query in (f"rule={rule.id}", f"rule={rule.id}&state=failed"):
        call(who, saved_views.create, ViewedList.RUNS, query=query, **view | {"name": query[-9:]})
    for kind, row_id in ((BinKind.SEQUENCE, sequence), (BinKind.WEBHOOK, hook), (BinKind.AGENT, agent)):
        with session_scope(who.tenant_id) as session:
            row_removal.remove(session, who.tenant_id, kind, [row_id])
        assert mentions(who, row_id) == [], kind
    row = call(who, rules.DEFINITIONS.get, rule.id)
    for held in (row.draft, row.published):
        assert held["webhook_id"] == held["actions"][0]["sequence_id"] == REMOVED_ID
        assert held["condition"]["of"][0]["value"] == [REMOVED_ID]
    assert row.revision > rule.revision
    assert (definition_status(rule), definition_status(row)) == ("published", "outdated")
    with session_scope(who.tenant_id, read_only=True) as session:
        problems = rules.problems(session, who, row)
        words = describe_actions(row.draft["actions"], "en", names_by_id(session, who))
    assert problems.keys() == {"condition", "webhook_id", "action.0.sequence_id"}
    assert problems["action.0.sequence_id"] == "This item was deleted. Choose another."
    assert words == "start a sequence: deleted item"
    call(who, rules.DEFINITIONS.save, rule.id, {"daily_cap": 5}, revision=row.revision)
    with pytest.raises(Invalid):
        call(who, rules.DEFINITIONS.publish, rule.id)
    with session_scope(who.tenant_id) as session:
        row_removal.remove(session, who.tenant_id, BinKind.RULE, [rule.id])
    assert mentions(who, rule.id) == []
    assert [one.query for one in call(who, saved_views.list_views, ViewedList.RUNS)] == ["state=failed"]
