"""Client: pages, batches, errors in words, and no request that creates is repeated blindly."""

import json
import logging
from typing import Any

import pytest

from platform_app.demo.fake_kommo import sample_account
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.integrations.kommo import errors, lookups
from platform_app.integrations.kommo.client import Access, KommoClient, LongLivedToken
from tests.fakes.kommo import client_of

CONTENT = {"name": "City bicycle", "price": 590}


@pytest.fixture
def fake(unpaced: FakeKommo) -> FakeKommo:
    return unpaced


def test_pages_are_followed_to_the_end_and_an_empty_list_is_empty(fake: FakeKommo) -> None:
    client = client_of(fake)
    assert list(client.pages("leads")) == [] and client.custom_fields("leads")
    for number in range(501):
        fake.data.add("leads", name=f"Lead {number}")
    pages = list(client.linked_pages("leads", {"with": "contacts"}))
    assert [len(page.items) for page in pages] == [250, 250, 1] and pages[-1].next_address == ""
    names = [item["name"] for page in pages for item in page.items]
    assert names == [f"Lead {number}" for number in range(501)]
    resumed = list(client.resume(pages[0].next_address))
    assert [len(page.items) for page in resumed] == [250, 1]


def test_a_next_page_elsewhere_is_not_followed(fake: FakeKommo) -> None:
    fake.data.add("leads", name="Lead")
    links = {"next": {"href": "https://evil.example/api/v4/leads?page=2"}}
    body = json.dumps({"_links": links, "_embedded": {"leads": [{"id": 1}]}}).encode()
    fake.fail_next("GET", "/api/v4/leads", status=200, body=body)
    list(client_of(fake).pages("leads"))
    assert {call.host for call in fake.calls} == {fake.host}
    for hostile in ("file:///etc/passwd", "//evil.example/x", "https://[", "/oauth2/access_token", "", None, 5, []):
        body = json.dumps({"_links": {"next": {"href": hostile}}, "_embedded": {"leads": [{"id": 1}]}}).encode()
        fake.fail_next("GET", "/api/v4/leads", status=200, body=body)
        assert len(list(client_of(fake).pages("leads"))) == 1


def test_the_account_its_pipelines_members_and_fields_are_read(fake: FakeKommo) -> None:
    client = client_of(fake)
    assert client.account().time_zone == "Europe/Moscow"
    pipeline = client.pipelines()[0]
    assert [status.id for status in pipeline.statuses][-2:] == [142, 143] and pipeline.statuses[0].type == 1
    assert [user.is_admin for user in client.users()] == [True, False]
    assert client.custom_fields("leads")[3].options[0].value == "City"
    contact = fake.data.add("contacts", name="Olga")
    lead = fake.data.add("leads", name="Lead", contacts=[contact["id"]])
    assert client.lead(lead["id"]).contact_ids == [contact["id"]]
    assert client.contact(contact["id"]).lead_ids == [lead["id"]]
    with pytest.raises(errors.EntityNotFound):
        client.lead(5)


def test_items_are_matched_by_request_id_whatever_the_order(fake: FakeKommo) -> None:
    client = client_of(fake)
    written = client.create("leads", [{"name": f"Lead {number}"} for number in range(50)])
    names = {lead_id: held["name"] for lead_id, held in fake.data.entities["leads"].items()}
    assert [names[one.id] for one in written] == [f"Lead {number}" for number in range(50)]
    changed = client.update("leads", [{"id": one.id, "price": place} for place, one in enumerate(written)])
    assert [one.id for one in changed] == [one.id for one in written]
    assert fake.data.entities["leads"][written[7].id]["price"] == 7
    made = client.create("leads/complex", [CONTENT | {"_embedded": {"contacts": [{"first_name": "Olga"}]}}])
    assert fake.data.entities["leads"][made[0].id]["contacts"] == [made[0].data["contact_id"]]
    with pytest.raises(ValueError):
        client.create("leads", [CONTENT] * 51)


def test_an_answer_without_the_item_is_uncertain(fake: FakeKommo) -> None:
    for body in (b"{}", b'{"_embedded": {"leads": [{"id": 5, "request_id": "other"}]}}', b"[]", b"", b"<html>"):
        fake.fail_next("POST", "/api/v4/leads", status=200, body=body)
        with pytest.raises(errors.Uncertain):
            client_of(fake).create("leads", [CONTENT])


def test_refused_fields_are_said_in_words(fake: FakeKommo) -> None:
    with pytest.raises(errors.RefusedFields) as refused:
        client_of(fake).create("leads", [CONTENT, {"name": "x", "price": "much", "request_id": "b"}])
    problem = refused.value.problems[0]
    assert (problem.request_id, problem.path, problem.code) == ("b", "price", "InvalidType")
    assert "price: This value should be of type int." in str(refused.value)
    assert fake.data.entities["leads"] == {}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (402, errors.PaymentRequired),
        (403, errors.AccessDenied),
        (404, errors.EntityNotFound),
        (429, errors.RateLimited),
        (400, errors.RefusedFields),
        (418, errors.RefusedFields),
        (500, errors.Uncertain),
        (502, errors.Uncertain),
        (504, errors.Uncertain),
    ],
)
def test_each_status_is_its_error(fake: FakeKommo, status: int, kind: type[errors.KommoError]) -> None:
    fake.fail_next("POST", "/api/v4/leads", status=status)
    with pytest.raises(kind) as failed:
        client_of(fake).create("leads", [CONTENT])
    assert "Kommo" in str(failed.value)
    if status >= 500:
        fake.fail_next("GET", "/api/v4/leads", status=status)
        with pytest.raises(errors.Unreachable):
            list(client_of(fake).pages("leads"))


def test_a_token_that_does_not_count_is_refused_after_one_try(fake: FakeKommo) -> None:
    fake.tokens.revoke()
    with pytest.raises(errors.Unauthorized):
        client_of(fake).account()
    assert len(fake.calls) == 1


def test_a_create_without_an_answer_is_looked_for_before_it_is_sent_again(fake: FakeKommo) -> None:
    key = {"field_id": sample_account.EXTERNAL_KEY, "key": "platform-1"}
    fake.fail_next("POST", "/api/v4/leads", does_it=True)
    made = lookups.create_once(client_of(fake), "leads", CONTENT, **key)
    assert list(fake.data.entities["leads"]) == [made] and fake.data.entities["leads"][made]["price"] == 590
    fake.fail_next("POST", "/api/v4/leads")  # nothing was done
    with pytest.raises(errors.Uncertain):
        lookups.create_once(client_of(fake), "leads", CONTENT, field_id=key["field_id"], key="platform-2")
    assert lookups.create_once(client_of(fake), "leads", CONTENT, **key) == made
    again = lookups.create_once(client_of(fake), "leads", CONTENT, field_id=key["field_id"], key="platform-2")
    assert list(fake.data.entities["leads"]) == [made, again]


def test_notes_and_tasks_without_an_answer_are_found(fake: FakeKommo) -> None:
    client, lead = client_of(fake), fake.data.add("leads", name="Lead")
    since = fake.clock.now()
    path, note = f"leads/{lead['id']}/notes", {"note_type": "common", "params": {"text": "Called"}}
    fake.fail_next("POST", f"/api/v4/{path}", does_it=True)
    with pytest.raises(errors.Uncertain):
        client.create(path, [note])
    assert lookups.find_note(client, "leads", lead["id"], text="Called", since=since) == fake.data.notes[0]["id"]
    assert lookups.find_note(client, "leads", lead["id"], text="Calle", since=since) is None
    task: dict[str, Any] = {"entity_id": lead["id"], "entity_type": "leads", "text": "Call", "complete_till": since + 9}
    fake.fail_next("POST", "/api/v4/tasks", does_it=True)
    with pytest.raises(errors.Uncertain):
        client.create("tasks", [task])
    assert lookups.find_task(client, task, since=since) in fake.data.entities["tasks"]
    assert lookups.find_task(client, task | {"text": "Write"}, since=since) is None


def test_a_cut_network_is_unreachable_for_reads_and_uncertain_for_creates(fake: FakeKommo) -> None:
    fake.is_cut = True
    with pytest.raises(errors.Unreachable):
        client_of(fake).account()
    with pytest.raises(errors.Unreachable):
        client_of(fake).update("leads", [{"id": 1, "price": 5}])
    with pytest.raises(errors.Uncertain):
        client_of(fake).create("leads", [CONTENT])


def test_where_nobody_listens_nothing_was_done(env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_KOMMO_API_URL", "http://127.0.0.1:1")
    with pytest.raises(errors.Unreachable):
        KommoClient(LongLivedToken(Access("shop.kommo.com", "t"))).create("leads", [CONTENT])


def test_tokens_are_in_no_text_that_is_logged(fake: FakeKommo, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    source = LongLivedToken(Access(fake.host, fake.token))
    fake.is_cut = True
    with pytest.raises(errors.Unreachable) as failed:
        KommoClient(source).account()
    assert failed.value.__cause__ is None
    assert fake.token not in f"{source!r} {failed.value!r} {caplog.text}"
