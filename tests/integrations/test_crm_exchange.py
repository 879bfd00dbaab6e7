"""CRM exchange: what is in Kommo comes in, changes go both ways once, and echoes change nothing."""

import json
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.demo.fake_kommo import sample_account as sample
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.models.bin import BinKind
from platform_app.models.crm import Contact, Lead, Note, Task
from platform_app.models.event import Event
from platform_app.models.integration import CrmLink, CrmNotice, LinkState, RecordKind
from platform_app.models.person import Identity
from platform_app.services.bin import row_removal
from platform_app.services.crm import contacts, leads, notes, pipelines, tasks
from platform_app.services.integrations import connections, definitions
from tests.crm_sync import connect, connected, events, exchange, link_of, linked, post, rows, synchronize
from tests.fakes.kommo import kommo, unpaced
from tests.rules.test_rules import a_rule
from tests.talking import call

__all__ = ["kommo", "unpaced"]
DAY = 86_400
WALL = {"field_id": sample.PHONE, "field_code": "PHONE", "field_name": "Phone", "field_type": "multitext"}


def old(**fields: Any) -> dict[str, Any]:
    """Return fields of an entity that has existed for a day."""
    at = int(now().timestamp()) - DAY
    return {"created_at": at, "updated_at": at} | fields


def a_person(fake: FakeKommo, name: str = "Anna Petrova", phone: str = "8 (912) 345-67-89") -> int:
    """Add a contact to Kommo who has existed for a day; return its id."""
    values = [WALL | {"values": [{"value": phone, "enum_code": "MOB", "enum_id": 5}]}]
    return int(fake.data.add("contacts", **old(name=name, custom_fields_values=values))["id"])


def a_deal(fake: FakeKommo, name: str = "Two bicycles", **fields: Any) -> int:
    """Add a lead to Kommo that has existed for a day; return its id."""
    given = {"name": name, "price": 1500, "status_id": sample.NEW, "contacts": [a_person(fake)]}
    return int(fake.data.add("leads", **old(**given | fields))["id"])


def stage(who: Identity, name: str) -> str:
    """Return the id of the stage with a name in the pipeline that came from Kommo."""
    found = [s.id for _, stages in call(who, pipelines.list_pipelines) for s in stages if s.name == name]
    return str(found[0])


def written(fake: FakeKommo, method: str, path: str) -> list[Any]:
    """Return the items that were written to a path."""
    return [item for m, p, body in fake.api.written if (m, p) == (method, path) for item in body]


def test_everything_comes_in_and_is_no_news(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced, tags=[{"id": 1, "name": "vip"}])
    unpaced.data.add_task(**old(text="Call back", entity_type="leads", entity_id=deal))
    unpaced.data.add_note("leads", deal, **old(params={"text": "Wants two bells"}))
    connection_id = connect(who, unpaced)
    sync = synchronize(who, connection_id)
    assert (sync.state, sync.error, sync.refused) == ("done", "", 0)
    lead = linked(who, RecordKind.LEAD, deal)
    assert (lead.title, lead.budget, lead.tags) == ("Two bicycles", 1500, ["vip"])
    assert lead.stage_id == stage(who, "New request")
    person = call(who, contacts.get, lead.contact_id)
    assert (person.name, person.phones) == ("Anna Petrova", ["+7 912 345-67-89"])
    (task,), (note,) = rows(who, Task), rows(who, Note)
    assert (task.text, task.lead_id, task.contact_id) == ("Call back", lead.id, person.id)
    assert (note.text, note.lead_id) == ("Wants two bells", lead.id)
    assert rows(who, Event) == []
    synchronize(who, connection_id)
    assert len(rows(who, Lead)) == len(rows(who, Contact)) == len(rows(who, Task)) == len(rows(who, Note)) == 1


def test_a_change_there_fires_a_rule_whose_actions_are_done_there(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = connected(who, unpaced)
    wanted = stage(who, "In work")
    is_there = {"kind": "condition", "fact": "lead.stage", "operator": "equals", "value": wanted}
    a_rule(
        who,
        "stage_changed",
        {"kind": "write_note", "text": "Welcome"},
        {"kind": "create_task", "text": "Prepare the offer"},
        {"kind": "change_stage", "stage_id": stage(who, "Offer")},
        {"kind": "add_tag", "tag": "hot"},
        condition={"kind": "group", "match": "all", "of": [is_there]},
    )
    unpaced.data.change("leads", deal, status_id=sample.IN_WORK)
    exchange(who, connection_id)
    (first, second) = events(who, "stage_changed")
    assert (first.before["stage"], first.after["stage"]) == ("New request", "In work")
    assert (second.before["stage"], second.after["stage"]) == ("In work", "Offer")
    there = unpaced.data.entities["leads"][deal]
    assert (there["status_id"], [tag["name"] for tag in there["tags"]]) == (sample.OFFER, ["hot"])
    assert [note["params"]["text"] for note in unpaced.data.notes] == ["Welcome"]
    assert [task["text"] for task in unpaced.data.entities["tasks"].values()] == ["Prepare the offer"]
    before = len(rows(who, Event)), len(unpaced.api.written)
    exchange(who, connection_id)
    exchange(who, connection_id)
    assert (len(rows(who, Event)), len(unpaced.api.written)) == before
    assert len(rows(who, Note)) == len(rows(who, Task)) == 1
    assert {link.state for link in rows(who, CrmLink)} == {LinkState.SAME}


def test_what_is_made_here_is_made_there_once(who: Identity, unpaced: FakeKommo) -> None:
    connection_id = connected(who, unpaced)
    person = call(who, contacts.create, name="Boris", phones=["+7 912 000-00-01"])
    lead = call(
        who, leads.create, title="Repair", stage_id=stage(who, "New request"), contact_id=person.id, budget="250"
    )
    call(who, notes.create, text="Manually", lead_id=lead.id)
    call(who, tasks.create, text="Order parts", lead_id=lead.id)
    exchange(who, connection_id)
    (there,) = unpaced.data.entities["leads"].values()
    (contact,) = unpaced.data.entities["contacts"].values()
    assert (there["name"], there["price"], there["contacts"]) == ("Repair", 250, [contact["id"]])
    assert contact["custom_fields_values"][0]["values"][0]["value"] == "+7 912 000-00-01"
    assert [note["params"]["text"] for note in unpaced.data.notes] == ["Manually"]
    (task,) = unpaced.data.entities["tasks"].values()
    assert (task["text"], task["entity_id"]) == ("Order parts", there["id"])
    call(who, tasks.set_done, rows(who, Task)[0].id, done=True)
    exchange(who, connection_id)
    assert task["is_completed"]
    exchange(who, connection_id)
    assert len(unpaced.data.entities["leads"]) == len(rows(who, Lead)) == 1
    assert len(unpaced.data.notes) == len(rows(who, Note)) == len(unpaced.data.entities["tasks"]) == 1


def test_a_post_counts_by_what_is_read_back(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = connected(who, unpaced)
    body = f"leads[status][0][id]={deal}&leads[status][0][status_id]=142&account[id]={unpaced.data.account_id}"
    post(who, connection_id, body.encode())
    exchange(who, connection_id, is_due=False)
    assert events(who, "stage_changed") == []  # it was said, but is not so
    unpaced.data.change("leads", deal, status_id=sample.WON)
    for _ in range(5):
        post(who, connection_id, body.encode())
    exchange(who, connection_id, is_due=False)
    (changed,) = events(who, "stage_changed")
    assert changed.after["stage"] == "Closed - won"
    assert rows(who, CrmNotice) == []


def test_a_newer_change_there_is_not_overwritten(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    unpaced.data.change("leads", deal, name="Three bicycles", price=2000)
    call(who, leads.save, lead.id, {"budget": "1800"})
    later = now().timestamp() + 60
    unpaced.data.entities["leads"][deal]["updated_at"] = int(later)
    exchange(who, connection_id)
    again = call(who, leads.get, lead.id)
    assert (again.title, again.budget) == ("Three bicycles", 2000)
    assert unpaced.data.entities["leads"][deal]["price"] == 2000


def test_kinds_and_what_is_no_number_stay_when_numbers_change(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    (contact_id,) = unpaced.data.entities["contacts"]
    values = unpaced.data.entities["contacts"][contact_id]["custom_fields_values"][0]["values"]
    values.append({"value": "ask Maria", "enum_code": "OTHER"})
    connection_id = connected(who, unpaced)
    person = linked(who, RecordKind.CONTACT, contact_id)
    call(who, contacts.save, person.id, {"phones": [*person.phones, "+7 495 123-45-67"]})
    exchange(who, connection_id)
    there = unpaced.data.entities["contacts"][contact_id]["custom_fields_values"][0]["values"]
    shown = {item["value"]: item["enum_code"] for item in there}
    assert shown == {"8 (912) 345-67-89": "MOB", "+7 495 123-45-67": "WORK", "ask Maria": "OTHER"}
    assert linked(who, RecordKind.LEAD, deal) is not None


def test_custom_fields_go_both_ways_and_the_company_comes_in(who: Identity, unpaced: FakeKommo) -> None:
    company = unpaced.data.add("companies", **old(name="Velo LLC"))["id"]
    size = {"field_id": sample.SIZE, "field_name": "Frame size", "field_code": None, "field_type": "numeric"}
    deal = a_deal(unpaced, custom_fields_values=[size | {"values": [{"value": "54"}]}], companies=[company])
    connection_id = connect(who, unpaced)
    with session_scope(who.tenant_id, read_only=True) as session:
        links = definitions.list_links(session, connections.get(session, who, connection_id), RecordKind.LEAD_FIELD)
    for link in links:
        call(who, definitions.set_counterpart, connection_id, link_id=link.id, value="new")
    synchronize(who, connection_id)
    lead = linked(who, RecordKind.LEAD, deal)
    assert lead.fields == {"frame_size": "54", "company": "Velo LLC"}
    changed = {"field.frame_size": "56", "field.delivery_date": "2026-12-24", "field.bicycles": "City, Mountain"}
    call(who, leads.save, lead.id, changed | {"field.company": "Mine"})
    exchange(who, connection_id)
    there = {item["field_id"]: item["values"] for item in unpaced.data.entities["leads"][deal]["custom_fields_values"]}
    assert str(there[sample.SIZE][0]["value"]) == "56"
    assert [item["value"] for item in there[sample.BICYCLES]] == ["City", "Mountain"]
    assert sample.DELIVERY_DATE in there and unpaced.data.entities["leads"][deal]["companies"] == [company]
    before = len(rows(who, Event))
    exchange(who, connection_id)
    assert len(rows(who, Event)) == before
    unpaced.data.change("leads", deal, custom_fields_values=None)
    exchange(who, connection_id)
    assert call(who, leads.get, lead.id).fields == {"company": "Mine"}


def test_people_are_not_merged_by_name(who: Identity, unpaced: FakeKommo) -> None:
    here = call(who, contacts.create, name="Anna Petrova", phones=["+7 912 345-67-89"])
    namesake = call(who, contacts.create, name="Anna Petrova")
    same, another = a_person(unpaced), a_person(unpaced, phone="8 912 111-22-33")
    connected(who, unpaced)
    assert linked(who, RecordKind.CONTACT, same).id == here.id
    assert linked(who, RecordKind.CONTACT, another).id not in (here.id, namesake.id)
    assert len(rows(who, Contact)) == 3


def test_what_is_deleted_there_is_in_the_bin_here(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    unpaced.data.remove("leads", deal)
    exchange(who, connection_id)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(Lead, who.tenant_id).where(Lead.id == lead.id)).one().deleted_at is not None


def test_what_is_deleted_for_good_does_not_come_again_and_leaves_nothing(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    with session_scope(who.tenant_id) as session:
        leads.delete(session, who, lead.id)
        row_removal.remove(session, who.tenant_id, BinKind.LEAD, [lead.id])
    unpaced.data.change("leads", deal, name="Again")
    exchange(who, connection_id)
    synchronize(who, connection_id)
    link = link_of(who, RecordKind.LEAD, deal)
    assert rows(who, Lead) == [] and link is not None
    assert (link.external_values, link.own_values) == ({}, {})


def test_what_is_restored_there_is_restored_here(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = connected(who, unpaced)
    held = unpaced.data.entities["leads"][deal]
    unpaced.data.remove("leads", deal)
    exchange(who, connection_id)
    unpaced.data.entities["leads"][deal] = held
    unpaced.data.change("leads", deal, name="Back again")
    exchange(who, connection_id)
    (lead,) = rows(who, Lead)
    assert (lead.title, lead.deleted_at) == ("Back again", None)


def test_what_kommo_does_not_accept_is_told(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    body = {"validation-errors": [{"request_id": "0", "errors": [{"code": "X", "path": "name", "detail": "Too dull"}]}]}
    unpaced.fail_next("PATCH", "/api/v4/leads", status=400, body=json.dumps(body).encode())
    call(who, leads.save, lead.id, {"title": "Dull"})
    exchange(who, connection_id)
    link = link_of(who, RecordKind.LEAD, deal)
    assert link is not None
    assert link.state == LinkState.FAILED
    assert "Too dull" in link.error_values["reason"]


@pytest.mark.parametrize("path", ["leads", "leads/notes", "tasks"])
def test_a_creation_without_an_answer_is_found_and_not_repeated(
    who: Identity, unpaced: FakeKommo, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal = a_deal(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    unpaced.fail_next("POST", f"/api/v4/{path}", does_it=True)
    if path == "leads":
        call(who, leads.create, title="Sold once", stage_id=lead.stage_id)
    elif path == "tasks":
        call(who, tasks.create, text="Call once", lead_id=lead.id)
    else:
        call(who, notes.create, text="Said once", lead_id=lead.id)
    monkeypatch.setattr("platform_app.services.integrations.exchange.RETRY_SECONDS", 0.0)
    monkeypatch.setattr("platform_app.services.integrations.record_creation.SETTLE", now() - now())
    exchange(who, connection_id)
    exchange(who, connection_id)
    assert len(unpaced.data.entities["leads"]) == (2 if path == "leads" else 1)
    assert len(unpaced.data.notes) == (path == "leads/notes")
    assert len(unpaced.data.entities["tasks"]) == (path == "tasks")
    assert {link.state for link in rows(who, CrmLink)} == {LinkState.SAME}
    assert len(rows(who, Lead)) == len(unpaced.data.entities["leads"])
