"""Bitrix24: a portal is connected by the address of a webhook; what is there comes in, changes go both ways once."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from platform_app.db import session_scope
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.integrations import call_pace
from platform_app.integrations.base import CrmError
from platform_app.integrations.crm_registry import CRM_TYPES
from platform_app.models.crm import Contact, Lead, Note, Task
from platform_app.models.event import Event
from platform_app.models.integration import ConnectionState, CrmCall, CrmKind, CrmLink, LinkState, RecordKind
from platform_app.models.person import Identity
from platform_app.models.secret import Secret
from platform_app.services.crm import contacts, leads, notes, tasks
from platform_app.services.integrations import connections, definitions, post_secrets
from tests.api_client import client
from tests.conftest import forget_process_state
from tests.crm_sync import connection, events, exchange, linked, rows, synchronize
from tests.fakes import bitrix24
from tests.fakes.bitrix24 import FakeBitrix, bitrix, portal
from tests.integrations.test_crm_exchange import stage
from tests.integrations.test_crm_failures import run_again
from tests.talking import call

__all__ = ["bitrix", "portal"]
HOME = "https://agents.example.com"


def a_person(fake: FakeBitrix, phone: str = "8 (912) 345-67-89", **fields: Any) -> str:
    """Add a contact that has existed for a day; return its id."""
    numbers = [{"ID": "5", "VALUE": phone, "VALUE_TYPE": "MOBILE"}]
    return fake.add("contact", days=1, **{"NAME": "Anna", "LAST_NAME": "Petrova", "PHONE": numbers} | fields)


def a_deal(fake: FakeBitrix, **fields: Any) -> str:
    """Add a deal that has existed for a day; return its id."""
    held = {"TITLE": "Two bicycles", "OPPORTUNITY": "1500.00", "STAGE_ID": bitrix24.NEW, "CATEGORY_ID": "0"}
    if "CONTACT_ID" not in fields:
        fields["CONTACT_ID"] = a_person(fake)
    return fake.add("deal", days=1, **held | {"ASSIGNED_BY_ID": "1"} | fields)


def connect(who: Identity, fake: FakeBitrix) -> str:
    """Connect a portal without reading its records; return the connection's id."""
    access = connections.verify(CrmKind.BITRIX24, "", fake.address)
    row = call(who, connections.connect, access)
    with session_scope(who.tenant_id) as session:
        definitions.store(session, who, connections.get(session, who, row.id), access.definitions)
    return str(row.id)


def connected(who: Identity, fake: FakeBitrix) -> str:
    """Connect a portal and synchronize everything; return the connection's id."""
    connection_id = connect(who, fake)
    assert synchronize(who, connection_id).error == ""
    return connection_id


def public(env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_PUBLIC_URL", HOME)
    forget_process_state()


def test_a_wrong_webhook_one_without_rights_and_a_closed_network_are_said(
    who: Identity, bitrix: FakeBitrix, env: pytest.MonkeyPatch
) -> None:
    def refusal(address: str) -> str:
        with pytest.raises(Invalid) as refused:
            connections.verify(CrmKind.BITRIX24, "", address)
        assert refused.value.field == "token" and bitrix.code not in str(refused.value)
        return translate("en", refused.value.sentence, **refused.value.values)

    wrong = bitrix.address.replace(bitrix.code, "wrong12345")
    assert refusal(wrong) == "Bitrix24 doesn’t accept this access. Check it and enter it again."
    for status, code in ((503, "QUERY_LIMIT_EXCEEDED"), (500, "INTERNAL_SERVER_ERROR"), (502, "")):
        bitrix.fail_next("scope", status=status, code=code)
        told = refusal(bitrix.address)  # nothing is repeated for who is connecting
        assert told.endswith("Try again later.") and "automatically" not in told, told
        call_pace._local.clear()
    bitrix.scopes = ["crm"]
    assert "task, user" in refusal(bitrix.address)
    env.setenv("PLATFORM_EGRESS_ALLOW", "")
    forget_process_state()
    assert refusal(bitrix.address) == "This URL is blocked."


def test_everything_comes_in_and_is_no_news(who: Identity, bitrix: FakeBitrix) -> None:
    deal = a_deal(bitrix, **{bitrix24.SIZE: "54.50", bitrix24.KIND: "45", bitrix24.SUM: "900|RUB"})
    repair = a_deal(bitrix, TITLE="Repair", STAGE_ID=bitrix24.SERVICE_NEW, CATEGORY_ID="7", CONTACT_ID="0")
    bitrix.add("task", days=1, TITLE="Call back", RESPONSIBLE_ID="1", UF_CRM_TASK=["C_7", f"D_{deal}"])
    bitrix.add("task", days=1, TITLE="Clean the office", RESPONSIBLE_ID="1")
    for number in range(60):
        bitrix.add("comment", days=1, ENTITY_TYPE="deal", ENTITY_ID=deal, COMMENT=f"Wants bell {number}")
    connection_id = connect(who, bitrix)
    with session_scope(who.tenant_id) as session:
        row = connections.get(session, who, connection_id)
        for link in definitions.list_links(session, row, RecordKind.LEAD_FIELD):
            link.is_chosen = True
    sync = synchronize(who, connection_id)
    assert (sync.state, sync.error, sync.refused) == ("done", "", 0)
    assert sync.counts == {"contact": 1, "lead": 2, "task": 1, "note": 60}
    lead = linked(who, RecordKind.LEAD, deal)
    assert (lead.title, lead.budget, lead.stage_id) == ("Two bicycles", 1500, stage(who, "New request"))
    assert lead.fields == {"frame_size": "54.5", "kind": "Sport", "deposit": "900.00"}
    assert linked(who, RecordKind.LEAD, repair).stage_id == stage(who, "Accepted")
    person = call(who, contacts.get, lead.contact_id)
    assert (person.name, person.phones) == ("Anna Petrova", ["+7 912 345-67-89"])
    (task,) = rows(who, Task)
    assert (task.text, task.lead_id) == ("Call back", lead.id)
    assert len(rows(who, Note)) == 60 and rows(who, Event) == []
    synchronize(who, connection_id)
    assert len(rows(who, Lead)) == 2 and len(rows(who, Contact)) == len(rows(who, Task)) == 1


def test_a_synchronization_takes_few_requests_and_goes_on_where_it_broke_off(who: Identity, bitrix: FakeBitrix) -> None:
    for number in range(600):
        a_deal(bitrix, TITLE=f"Lead {number}", CONTACT_ID="0")
    connection_id = connect(who, bitrix)
    before = len(bitrix.requests)
    bitrix.fail_next("crm.deal.list", status=500, code="INTERNAL_SERVER_ERROR")
    synchronize(who, connection_id)
    run_again(who)
    run_again(who)
    assert len(rows(who, Lead)) == 600 and len(bitrix.requests) - before < 40
    assert {link.state for link in rows(who, CrmLink)} == {LinkState.SAME}


def test_a_stage_changed_here_arrives_there_once_also_in_another_pipeline(who: Identity, bitrix: FakeBitrix) -> None:
    deal = a_deal(bitrix)
    connection_id = connected(who, bitrix)
    lead = linked(who, RecordKind.LEAD, deal)
    for name, held in (("In work", ("0", bitrix24.WORK)), ("Accepted", ("7", bitrix24.SERVICE_NEW))):
        call(who, leads.move_to_stage, lead.id, stage(who, name))
        before, row = bitrix.count("crm.item.update"), bitrix.rows["deal"][deal]
        for _ in range(2):
            exchange(who, connection_id)
        assert (row["CATEGORY_ID"], row["STAGE_ID"]) == held
        assert bitrix.count("crm.item.update") - before == 1
    assert len(events(who, "stage_changed")) == 2


def test_changes_there_come_in_once_the_oldest_first(who: Identity, bitrix: FakeBitrix) -> None:
    deal = a_deal(bitrix)
    connection_id = connected(who, bitrix)
    bitrix.change("deal", deal, STAGE_ID=bitrix24.WON, OPPORTUNITY="1750.50")
    new = bitrix.add("deal", TITLE="New one", STAGE_ID=bitrix24.NEW, CATEGORY_ID="0")
    note = bitrix.add("comment", ENTITY_TYPE="deal", ENTITY_ID=deal, COMMENT="Was here")
    bitrix.rows["deal"][deal]["LAST_ACTIVITY_TIME"] = bitrix.moment()
    exchange(who, connection_id)
    exchange(who, connection_id)
    lead = linked(who, RecordKind.LEAD, deal)
    assert (lead.stage_id, float(lead.budget)) == (stage(who, "Sold"), 1750.5)
    assert linked(who, RecordKind.LEAD, new).title == "New one"
    assert linked(who, RecordKind.NOTE, note).text == "Was here"
    assert [event.after["stage"] for event in events(who, "stage_changed")] == ["Sold"]
    assert len(events(who, "lead_created")) == 1 and bitrix.count("crm.deal.update") == 0


def test_what_is_made_here_is_made_there_once(who: Identity, bitrix: FakeBitrix) -> None:
    connection_id = connected(who, bitrix)
    person = call(who, contacts.create, name="Boris Ivanovich Petrov", phones=["+7 912 000-00-01"])
    given: dict[str, Any] = {"stage_id": stage(who, "Accepted"), "contact_id": person.id, "budget": "250.5"}
    lead = call(who, leads.create, title="Repair & “paint”", **given)
    call(who, notes.create, text="Said $result[w0c0] by hand", lead_id=lead.id)
    task = call(who, tasks.create, text="Order parts " + "x" * 300, lead_id=lead.id)
    call(who, tasks.set_done, call(who, tasks.create, text="Done already", lead_id=lead.id).id, done=True)
    exchange(who, connection_id)
    (deal,), (held,), (comment,) = (bitrix.rows[kind].values() for kind in ("deal", "contact", "comment"))
    assert (held["NAME"], held["SECOND_NAME"], held["LAST_NAME"]) == ("Boris", "Ivanovich", "Petrov")
    assert [item["VALUE"] for item in held["PHONE"]] == ["+7 912 000-00-01"]
    assert (deal["TITLE"], deal["OPPORTUNITY"], deal["CONTACT_ID"]) == ("Repair & “paint”", "250.50", held["ID"])
    assert (deal["CATEGORY_ID"], deal["STAGE_ID"]) == ("7", bitrix24.SERVICE_NEW)
    assert comment["COMMENT"] == "Said $result[w0c0] by hand"  # not filled with results of other calls
    assert {row["STATUS"] for row in bitrix.rows["task"].values() if row["TITLE"] == "Done already"} == {"5"}
    before = len(bitrix.done)
    exchange(who, connection_id)
    written = [method for method, _ in bitrix.done[before:] if method.rpartition(".")[2] in ("add", "update")]
    assert written == [] and {link.state for link in rows(who, CrmLink)} == {LinkState.SAME}
    assert call(who, tasks.get, task.id).text == task.text and len(rows(who, Task)) == 2


def test_fields_go_both_ways_and_numbers_keep_their_kinds(who: Identity, bitrix: FakeBitrix) -> None:
    deal = a_deal(bitrix, **{bitrix24.SIZE: "54"})
    connection_id = connect(who, bitrix)
    with session_scope(who.tenant_id) as session:
        row = connections.get(session, who, connection_id)
        for link in definitions.list_links(session, row, RecordKind.LEAD_FIELD):
            link.is_chosen = True
    synchronize(who, connection_id)
    lead = linked(who, RecordKind.LEAD, deal)
    call(who, leads.save, lead.id, {"field.kind": "City", "field.colors": "Blue, Red", "field.deposit": "7"})
    person = call(who, contacts.get, lead.contact_id)
    call(who, contacts.save, person.id, {"phones": ["+7 495 123-45-67", *person.phones], "name": "Anna Orlova"})
    exchange(who, connection_id)
    held = bitrix.rows["deal"][deal]
    assert (held[bitrix24.KIND], list(held[bitrix24.COLORS].values())) == ("44", ["45", "44"])
    assert bitrix24.SUM not in held  # it has a currency there
    numbers = next(iter(bitrix.rows["contact"].values()))
    assert [(item["VALUE"], item["VALUE_TYPE"]) for item in numbers["PHONE"]] == [
        ("+7 495 123-45-67", "WORK"),
        ("8 (912) 345-67-89", "MOBILE"),
    ]
    assert numbers["LAST_NAME"] == "Orlova"


@pytest.mark.parametrize("kind", ["deal", "contact", "task", "comment"])
def test_a_creation_without_an_answer_is_found_and_not_repeated(
    who: Identity, bitrix: FakeBitrix, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal = a_deal(bitrix)
    connection_id = connected(who, bitrix)
    lead = linked(who, RecordKind.LEAD, deal)
    methods = {"task": "tasks.task.add", "comment": "crm.timeline.comment.add"}
    bitrix.fail_next(methods.get(kind, f"crm.{kind}.add"), does_it=True)
    if kind == "contact":
        person = call(who, contacts.create, name="Anna Petrova")  # a namesake is not taken for her
        call(who, leads.create, title="Second one", stage_id=lead.stage_id, contact_id=person.id)
    elif kind == "deal":
        call(who, leads.create, title="Two bicycles", stage_id=lead.stage_id)
    elif kind == "task":
        call(who, tasks.create, text="Call once", lead_id=lead.id)
    else:
        call(who, notes.create, text="Said once", lead_id=lead.id)
    monkeypatch.setattr("platform_app.services.integrations.exchange.RETRY_SECONDS", 0.0)
    monkeypatch.setattr("platform_app.services.integrations.record_creation.SETTLE", timedelta(0))
    exchange(who, connection_id)
    exchange(who, connection_id)
    assert len(bitrix.rows[kind]) == (2 if kind in ("deal", "contact") else 1)
    assert {link.state for link in rows(who, CrmLink)} == {LinkState.SAME}
    assert len(rows(who, Lead)) == len(bitrix.rows["deal"])


def test_what_the_portal_does_not_take_is_told_and_the_others_are_written(
    who: Identity, bitrix: FakeBitrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal = a_deal(bitrix)
    connection_id = connected(who, bitrix)
    lead = linked(who, RecordKind.LEAD, deal)
    call(who, leads.save, lead.id, {"budget": "77"})
    tasks_here = [call(who, tasks.create, text=text, lead_id=lead.id) for text in ("First", "Second", "Third")]
    bitrix.refusals += [("tasks.task.add", "ERROR_CORE", "Too dull"), ("tasks.task.add", "OPERATION_TIME_LIMIT", "")]
    exchange(who, connection_id)
    assert bitrix.rows["deal"][deal]["OPPORTUNITY"] == "77.00"
    dull, late, written = (next(link for link in rows(who, CrmLink) if link.row_id == row.id) for row in tasks_here)
    assert dull.state == LinkState.FAILED and "Too dull" in translate("en", dull.error, **dull.error_values)
    assert written.external_id is not None and late.external_id is None and late.state == LinkState.SENDING
    monkeypatch.setattr("platform_app.services.integrations.record_creation.SETTLE", timedelta(0))
    run_again(who)
    assert [row["TITLE"] for row in bitrix.rows["task"].values()] == ["Third", "Second"]


def test_a_task_that_is_created_and_not_completed_is_completed_later(
    who: Identity, bitrix: FakeBitrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal = a_deal(bitrix)
    connection_id = connected(who, bitrix)
    lead = linked(who, RecordKind.LEAD, deal)
    done = call(who, tasks.create, text="Done already", lead_id=lead.id)
    call(who, tasks.set_done, done.id, done=True)
    bitrix.refusals.append(("tasks.task.complete", "OPERATION_TIME_LIMIT", ""))
    monkeypatch.setattr("platform_app.services.integrations.record_creation.SETTLE", timedelta(0))
    exchange(who, connection_id)
    run_again(who)
    (held,) = bitrix.rows["task"].values()
    assert held["STATUS"] == "5" and call(who, tasks.get, done.id).done_at is not None
    assert {link.state for link in rows(who, CrmLink)} == {LinkState.SAME}


def test_a_revoked_webhook_is_said_at_the_card_and_a_new_one_goes_on(who: Identity, bitrix: FakeBitrix) -> None:
    deal = a_deal(bitrix)
    connection_id = connected(who, bitrix)
    bitrix.code = "newc0denewc0de"
    bitrix.change("deal", deal, TITLE="Meanwhile")
    exchange(who, connection_id)
    row = connection(who, connection_id)
    assert row.state == ConnectionState.REFUSED
    assert "Bitrix24 no longer accepts" in translate("en", row.problem, **row.problem_values)
    access = connections.verify(CrmKind.BITRIX24, row.host, bitrix.address)
    call(who, connections.set_token, connection_id, access)
    exchange(who, connection_id)
    assert connection(who, connection_id).problem == ""
    assert linked(who, RecordKind.LEAD, deal).title == "Meanwhile"


@pytest.mark.parametrize("trouble", ["QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT", "INTERNAL_SERVER_ERROR", "unpaid"])
def test_trouble_is_waited_for(who: Identity, bitrix: FakeBitrix, trouble: str) -> None:
    deal = a_deal(bitrix)
    connection_id = connected(who, bitrix)
    call(who, leads.save, linked(who, RecordKind.LEAD, deal).id, {"budget": "77"})
    bitrix.is_paid = trouble != "unpaid"
    if bitrix.is_paid:
        bitrix.fail_next("crm.deal.list", status=429 if "TIME" in trouble else 503, code=trouble)
    exchange(who, connection_id)
    assert bitrix.rows["deal"][deal]["OPPORTUNITY"] == "1500.00"
    assert bool(connection(who, connection_id).problem) == (trouble in ("INTERNAL_SERVER_ERROR", "unpaid"))
    bitrix.is_paid = True
    call_pace._local.clear()
    run_again(who)
    assert bitrix.rows["deal"][deal]["OPPORTUNITY"] == "77.00" and connection(who, connection_id).problem == ""


async def post(token: str, body: bytes) -> httpx.Response:
    async with client() as system:
        return await system.post(f"/hooks/crm/{token}", content=body)


async def test_posts_count_with_their_token_and_forged_ones_are_refused(
    who: Identity, bitrix: FakeBitrix, env: pytest.MonkeyPatch
) -> None:
    public(env)
    deal = a_deal(bitrix)
    connection_id = await asyncio.to_thread(connected, who, bitrix)
    token, form = connection(who, connection_id).token, bitrix.form("ONCRMDEALUPDATE", deal)
    assert (await post(token, form)).status_code == 403  # none was entered yet
    row = call(who, post_secrets.set_post_secret, connection_id, f" {bitrix.application_token} ")
    assert row.webhook == f"{HOME}/hooks/crm/{token}"
    bitrix.change("deal", deal, TITLE="Renamed")
    forged = (
        bitrix.form("ONCRMDEALUPDATE", deal, application_token="wrong"),
        bitrix.form("ONCRMDEALUPDATE", deal, domain="evil.test"),
    )
    for body in (*forged, b"event=ONCRMDEALUPDATE", b"data[FIELDS=1", b"[]=1", b"\xff"):
        assert (await post(token, body)).status_code in (403, 422), body
    await asyncio.to_thread(exchange, who, connection_id, is_due=False)
    assert linked(who, RecordKind.LEAD, deal).title == "Two bicycles"
    assert (await post(token, form)).status_code == 200
    assert (await post(token, bitrix.form("ONTASKCOMMENTADD", "1"))).status_code == 200
    await asyncio.to_thread(exchange, who, connection_id, is_due=False)
    assert linked(who, RecordKind.LEAD, deal).title == "Renamed" and len(events(who, "lead_updated")) == 1
    del bitrix.rows["deal"][deal]
    assert (await post(token, bitrix.form("ONCRMDEALDELETE", deal))).status_code == 200
    await asyncio.to_thread(exchange, who, connection_id, is_due=False)
    assert rows(who, Lead)[0].deleted_at is not None
    call(who, connections.disconnect, connection_id)
    assert (await post(token, form)).status_code == 404 and rows(who, Secret) == []


def test_a_change_of_the_platforms_address_ends_that_posts_come(
    who: Identity, bitrix: FakeBitrix, env: pytest.MonkeyPatch
) -> None:
    connection_id = connected(who, bitrix)
    with pytest.raises(Invalid, match="PLATFORM_PUBLIC_URL"):
        call(who, post_secrets.set_post_secret, connection_id, bitrix.application_token)
    public(env)
    for wrong in ("", "short", "x" * 201, "токен-токен"):
        with pytest.raises(Invalid) as refused:
            call(who, post_secrets.set_post_secret, connection_id, wrong)
        assert refused.value.field == "secret"
    call(who, post_secrets.set_post_secret, connection_id, bitrix.application_token)
    exchange(who, connection_id)
    assert connection(who, connection_id).webhook
    env.setenv("PLATFORM_PUBLIC_URL", "https://other.example.com")
    forget_process_state()
    exchange(who, connection_id)
    assert connection(who, connection_id).webhook == ""


def test_a_workflow_is_started_and_the_log_holds_no_secret(who: Identity, bitrix: FakeBitrix) -> None:
    deal = a_deal(bitrix)
    connected(who, bitrix)
    CRM_TYPES[CrmKind.BITRIX24].open(bitrix.host, f"1/{bitrix.code}").run_bot("12", deal)
    document = {"TEMPLATE_ID": 12, "DOCUMENT_ID": ["crm", "CCrmDocumentDeal", f"DEAL_{deal}"]}
    assert bitrix.done[-1] == ("bizproc.workflow.start", document)
    logged = [f"{entry.method} {entry.path} {entry.error}" for entry in rows(who, CrmCall)]
    assert "POST /rest/batch:crm.deal.list " in logged and not any(bitrix.code in line for line in logged)


def test_comments_that_may_not_be_read_any_more_are_not_taken_for_deleted(who: Identity, bitrix: FakeBitrix) -> None:
    deal = a_deal(bitrix)
    kept, gone = (bitrix.add("comment", ENTITY_TYPE="deal", ENTITY_ID=deal, COMMENT=text) for text in ("a", "b"))
    crm = CRM_TYPES[CrmKind.BITRIX24].open(bitrix.host, f"1/{bitrix.code}")
    del bitrix.rows["comment"][gone]
    assert [record.external_id for record in crm.read(RecordKind.NOTE, [kept, gone])] == [kept]
    bitrix.refusals = [("crm.timeline.comment.get", "ACCESS_DENIED", "Access denied.")]
    with pytest.raises(CrmError):
        crm.read(RecordKind.NOTE, [kept])
