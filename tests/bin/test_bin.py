"""Bin: what is deleted stands there, comes back and works again; for good it goes by name, or after a month."""

from datetime import timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.engine.bin import agent_deletion, bin
from platform_app.engine.rules import rules
from platform_app.engine.sequences import sequences
from platform_app.errors import Conflict, Forbidden, Invalid, LimitReached, NotFound
from platform_app.models.bin import BinEntry, BinKind
from platform_app.models.conversation import Author, Conversation
from platform_app.models.crm import Contact, Holder, Task
from platform_app.models.knowledge import Chunk, Source, SourceState
from platform_app.models.person import Identity, Role
from platform_app.models.sequence import EnrollmentState
from platform_app.models.webhook import IncomingWebhook
from platform_app.services.agents import agents
from platform_app.services.channels import channel_accounts
from platform_app.services.chat import conversations
from platform_app.services.crm import cards, contacts, leads, notes, tasks
from platform_app.services.knowledge import categories, sources
from platform_app.services.scripts import scripts
from platform_app.services.webhooks import incoming_webhooks
from tests.conftest import make_member
from tests.knowledge.test_knowledge import TEXT, found, library, parts, run_late_jobs
from tests.rules.test_rules import a_rule, runs
from tests.sequencing import MONDAY, a_lead, a_sequence, at, do, enrolled, way
from tests.stored_files import stored_keys
from tests.talking import a_stage, activities, add_agent, begin, call, published, run_jobs, say
from tests.visiting import a_chat, write


def entries(who: Identity, **filters: Any) -> list[BinEntry]:
    """Return what stands in the bin, as its page reads it."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return bin.list_entries(session, who, **filters).entries


def names(who: Identity, **filters: Any) -> list[str]:
    return [entry.name for entry in entries(who, **filters)]


def restore(who: Identity) -> None:
    """Restore the only entry of the bin."""
    (entry,) = entries(who)
    call(who, bin.restore, entry.id)
    assert entries(who) == []


def rows(who: Identity, model: Any) -> list[Any]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(model, who.tenant_id)).all())


def test_an_entry_says_what_when_and_who(who: Identity) -> None:
    contact = call(who, contacts.create, name="Ёлкин Пётр")
    with at(MONDAY):
        call(who, contacts.delete, contact.id)
        (entry,) = entries(who, search="елкин ПЕТР", kind="contact")
    assert (entry.kind, entry.name, entry.deleted_by) == (BinKind.CONTACT, "Ёлкин Пётр", who.name)
    assert entry.deleted_at == MONDAY and entry.expires_at == MONDAY + timedelta(days=30)
    with at(MONDAY):
        assert names(who, search="%") == [] == names(who, kind="lead")
    with at(MONDAY + timedelta(days=30)):
        assert names(who) == []


def test_pages_go_from_the_latest_back(who: Identity) -> None:
    for number in range(26):
        call(who, contacts.delete, call(who, contacts.create, name=f"Contact {number}").id)
    with session_scope(who.tenant_id, read_only=True) as session:
        first, beyond = bin.list_entries(session, who), bin.list_entries(session, who, page=9)
    assert (first.total, first.entries[0].name) == (26, "Contact 25")
    assert (beyond.page, [entry.name for entry in beyond.entries]) == (2, ["Contact 0"])


def test_a_contact_and_a_lead_come_back_with_all_they_had(who: Identity) -> None:
    contact = call(who, contacts.create, name="Anna", emails=["anna@example.com"])
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    call(who, tasks.create, text="Call back", lead_id=lead.id)
    call(who, notes.create, text="Likes red", lead_id=lead.id)
    call(who, leads.delete, lead.id)
    call(who, contacts.delete, contact.id)
    assert names(who) == ["Anna", "Bike"]
    for entry in entries(who):
        call(who, bin.restore, entry.id)
    back = call(who, leads.get, lead.id)
    assert (back.contact_id, back.stage_id) == (contact.id, lead.stage_id)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert contacts.find_by_address(session, who, emails=["anna@example.com"], phones=[]).id == contact.id  # type: ignore[union-attr]
        card = cards.get_card(session, who, Holder.LEAD, lead.id)
    assert ([task.text for task in card.tasks], [note.text for note in card.notes]) == (["Call back"], ["Likes red"])
    assert {"Contact “{name}” restored", "Lead “{name}” restored"} <= set(activities(who))


def test_a_task_comes_back_with_its_lead_and_goes_for_good_with_its_contact(who: Identity) -> None:
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    task = call(who, tasks.create, text="Call back", lead_id=lead.id)
    alone = call(who, tasks.create, text="Ask Anna", contact_id=contact.id)
    call(who, tasks.delete, task.id)
    assert names(who, kind="task") == ["Call back"]
    restore(who)
    assert call(who, tasks.get, task.id).lead_id == lead.id and "Task “{name}” restored" in activities(who)
    call(who, tasks.delete, alone.id)
    call(who, contacts.delete, contact.id)
    with at(now() + timedelta(days=31)):
        bin.remove_expired()
    assert [row.text for row in rows(who, Task)] == ["Call back"] and rows(who, BinEntry) == []


def test_a_rule_comes_back_as_it_was_and_fires(who: Identity) -> None:
    rule_id, stage = a_rule(who, "lead_created", {"kind": "add_tag", "tag": "new"}), a_stage(who)
    off = a_rule(who, "lead_created", {"kind": "add_tag", "tag": "off"}, name="Off")
    call(who, rules.DEFINITIONS.switch, off, enabled=False)
    for row_id in (rule_id, off):
        call(who, rules.DEFINITIONS.delete, row_id)
    call(who, leads.create, title="Missed", stage_id=stage)
    run_jobs(who)
    assert runs(who) == []
    for entry in entries(who):
        call(who, bin.restore, entry.id)
    lead = call(who, leads.create, title="Seen", stage_id=stage)
    run_jobs(who)
    assert call(who, leads.get, lead.id).tags == ["new"]
    assert call(who, rules.DEFINITIONS.get, off).enabled is False


def test_who_was_in_a_sequence_goes_on_when_it_comes_back(who: Identity) -> None:
    sequence_id = a_sequence(who, do("a"))
    enrolled(who, sequence_id, a_lead(who))
    call(who, sequences.DEFINITIONS.delete, sequence_id)
    assert way(who).state == EnrollmentState.HELD
    restore(who)
    assert way(who).state == EnrollmentState.ACTIVE and call(who, sequences.DEFINITIONS.get, sequence_id).enabled


def test_there_has_to_be_room(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_of = {
        "webhook": (incoming_webhooks, call(who, incoming_webhooks.create, name="Shop").id),
        "script": (scripts, call(who, scripts.create, title="Hello").id),
        "rule": (rules.DEFINITIONS, a_rule(who, "manual", {"kind": "add_tag", "tag": "x"})),
    }
    for service, row_id in rows_of.values():
        call(who, service.delete, row_id)
    call(who, incoming_webhooks.create, name="Other")
    call(who, scripts.create, title="Other")
    a_rule(who, "manual", {"kind": "add_tag", "tag": "x"})
    for kept in (incoming_webhooks._ROWS, scripts.SCRIPTS, rules.DEFINITIONS):
        monkeypatch.setitem(vars(kept), "max_rows", 1)
    for entry in entries(who):
        with pytest.raises(LimitReached, match="You can add up to 1"):
            call(who, bin.restore, entry.id)
    assert len(entries(who)) == 3


def an_agent_with_all(who: Identity) -> str:
    """Return an agent that has a rule, a sequence, a script, a conversation and a web chat."""
    agent_id = published(who, channels=["test", "api", "web_chat"])
    for made, definitions in (
        (a_rule(who, "lead_created", {"kind": "add_tag", "tag": "new"}), rules.DEFINITIONS),
        (a_sequence(who, do("a")), sequences.DEFINITIONS),
    ):
        row = call(who, definitions.get, made)
        call(who, definitions.save, made, {"agent_id": agent_id}, revision=row.revision)
    call(who, scripts.create, title="Hello", agent_id=agent_id)
    call(who, conversations.create, agent_id)
    a_chat(who, agent_id)
    return agent_id


def test_an_agent_goes_and_comes_back_with_what_is_its_own(who: Identity) -> None:
    agent_id, stage = an_agent_with_all(who), a_stage(who)
    script = call(who, scripts.create, title="Deleted before", agent_id=agent_id)
    call(who, scripts.delete, script.id)
    found = call(who, agent_deletion.contents, agent_id)
    assert found.counts == {BinKind.RULE: 1, BinKind.SEQUENCE: 1, BinKind.SCRIPT: 1}
    assert (found.name, found.conversations, found.accounts) == ("Vera", 1, ["Shop"])
    call(who, agent_deletion.delete, agent_id)
    assert names(who) == ["Vera", "Deleted before"]
    with session_scope(who.tenant_id, read_only=True) as session:
        page = bin.list_entries(session, who)
    assert page.with_counts == {agent_id: found.counts}
    call(who, leads.create, title="Missed", stage_id=stage)
    run_jobs(who)
    assert runs(who) == [] and call(who, scripts.list_scripts, agent_id) == []
    agent, before = entries(who)
    with pytest.raises(Conflict, match="Vera"):
        call(who, bin.restore, before.id)
    call(who, bin.restore, agent.id)
    assert names(who) == ["Deleted before"]
    call(who, leads.create, title="Seen", stage_id=stage)
    run_jobs(who)
    assert len(runs(who)) == 1 and [row.title for row in call(who, scripts.list_scripts, agent_id)] == ["Hello"]
    (chat,) = call(who, channel_accounts.list_accounts)
    assert chat.agent_id == agent_id and write(who, chat).reply_id
    (talk,) = [row for row in rows(who, Conversation) if row.account_id is None]
    assert say(who, talk.id).author == Author.AGENT
    assert activities(who).count("Agent “{name}” restored") == 1
    assert "Rule “{name}” restored" not in activities(who)


def test_other_kinds_come_back_and_work(who: Identity) -> None:
    hook = call(who, incoming_webhooks.create, name="Shop", signed=False)
    chat = a_chat(who)
    talk = begin(who)
    call(who, incoming_webhooks.delete, hook.id)
    call(who, channel_accounts.delete, chat.id)
    call(who, conversations.delete, talk)
    with pytest.raises(NotFound):
        channel_accounts.find_by_token(chat.token)
    for entry in entries(who):
        call(who, bin.restore, entry.id)
    assert channel_accounts.find_by_token(chat.token).id == chat.id
    assert call(who, incoming_webhooks.get, hook.id).address_hash == hook.address_hash
    assert call(who, conversations.get, talk).id == talk


def test_a_category_comes_back_around_what_it_held(who: Identity) -> None:
    top = call(who, categories.add, "Top").id
    middle = call(who, categories.add, "Middle", parent_id=top).id
    inner = call(who, categories.add, "Inner", parent_id=middle).id
    moved = call(who, categories.add, "Moved", parent_id=middle).id
    call(who, categories.delete, middle)
    call(who, categories.add, "middle", parent_id=top)
    with session_scope(who.tenant_id) as session:
        categories.get(session, who, moved).parent_id = None
    assert {row.name: depth for row, depth in call(who, categories.list_categories)}["Inner"] == 1
    restore(who)
    found = {row.id: (row.name, row.parent_id) for row, _ in call(who, categories.list_categories)}
    assert found[middle] == ("Middle (2)", top)
    assert found[inner] == ("Inner", middle) and found[moved] == ("Moved", None)


def test_who_sees_restores_and_deletes_for_good(who: Identity, other: Identity) -> None:
    hook = call(who, incoming_webhooks.create, name="Shop")
    contact = call(who, contacts.create, name="Anna")
    call(who, incoming_webhooks.delete, hook.id)
    call(who, contacts.delete, contact.id)
    operator, admin = make_member(who, Role.OPERATOR), make_member(who, Role.ADMIN)
    assert names(operator) == ["Anna"] and names(admin) == ["Anna", "Shop"] and names(other) == []
    anna, shop = entries(admin)
    for person, entry in ((operator, shop), (other, anna)):
        with pytest.raises(NotFound):
            call(person, bin.restore, entry.id)
    with pytest.raises(Forbidden):
        call(operator, bin.delete_for_good, anna.id, name="Anna")
    with pytest.raises(NotFound):
        call(other, bin.delete_for_good, anna.id, name="Anna")
    with pytest.raises(Invalid) as refused:
        call(admin, bin.delete_for_good, anna.id, name="Ann")
    assert refused.value.field == "name"
    call(operator, bin.restore, anna.id)
    call(admin, bin.delete_for_good, shop.id, name=" shop ")
    assert names(admin) == [] and "Webhook “{name}” permanently deleted" in activities(who)
    with pytest.raises(NotFound):
        call(admin, incoming_webhooks.restore, hook.id)
    bin.remove_expired()
    assert rows(who, IncomingWebhook) == [] == rows(who, BinEntry)


def test_after_a_month_the_worker_removes_it(who: Identity) -> None:
    gone = call(who, contacts.create, name="Gone")
    call(who, contacts.delete, gone.id)
    with at(now() + timedelta(days=29)):
        kept = call(who, contacts.create, name="Kept")
        call(who, contacts.delete, kept.id)
        assert bin.remove_expired() is False
        assert len(rows(who, Contact)) == 2
    with at(now() + timedelta(days=31)):
        bin.remove_expired()
        assert [row.name for row in rows(who, Contact)] == ["Kept"] == names(who)


def test_one_that_cannot_be_removed_stops_no_other(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Broken", "Fine"):
        call(who, contacts.delete, call(who, contacts.create, name=name).id)
    real, calls = bin.row_removal.remove, list[str]()

    def failing(session: Any, tenant_id: str, kind: BinKind, row_ids: list[str]) -> None:
        calls.extend(row_ids)
        if len(calls) == 1:
            raise RuntimeError
        real(session, tenant_id, kind, row_ids)

    monkeypatch.setattr(bin.row_removal, "remove", failing)
    with at(now() + timedelta(days=31)):
        bin.remove_expired()
        assert len(rows(who, BinEntry)) == 1
        bin.remove_expired()
    assert rows(who, BinEntry) == [] == rows(who, Contact)


async def test_a_source_is_read_again_and_found(
    who: Identity, live_chroma: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await sources.store_upload(who, "Parking.md", parts(TEXT))
    run_jobs(who)
    library(who)
    call(who, sources.delete, made)
    monkeypatch.setattr("platform_app.services.knowledge.indexing.UNDO_SECONDS", 0)
    run_late_jobs(who)
    assert [row for row in rows(who, Chunk) if row.source_id == made] == []
    await sources.store_upload(who, "Parking.md", parts(b"# Bells\n\nBells ring."))
    run_jobs(who)
    restore(who)
    assert call(who, sources.get, made).state == SourceState.QUEUED
    run_jobs(who)
    back = call(who, sources.get, made)
    assert (back.state, back.file_name, back.title) == (SourceState.READY, "Parking (2).md", "Parking (2)")
    assert found(who)[0] == "Parking (2)"


async def test_a_source_goes_for_good_with_its_file(who: Identity, live_chroma: str) -> None:
    made = await sources.store_upload(who, "Parking.md", parts(b"# Parking\n\nThe gate is open."))
    run_jobs(who)
    call(who, sources.delete, made)
    (entry,) = entries(who)
    call(who, bin.delete_for_good, entry.id, name="Parking")
    bin.remove_expired()
    run_jobs(who)
    assert rows(who, Source) == [] == rows(who, Chunk) and stored_keys() == []


def test_agents_keep_their_state(who: Identity) -> None:
    agent_id = published(who)
    call(who, agent_deletion.delete, agent_id)
    restore(who)
    assert call(who, agents.get, agent_id).active
    draft = add_agent(who)
    call(who, agent_deletion.delete, draft)
    restore(who)
    assert not call(who, agents.get, draft).active
