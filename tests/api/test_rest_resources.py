"""Resources of the API: what is written is there, what is read is true, and it acts as the console does."""

from typing import Any

import pytest

from platform_app.models.knowledge import Source
from platform_app.models.person import Identity
from platform_app.services.crm import contacts
from platform_app.services.scripts import scripts
from tests.api.keys import a_key, an_account, ask
from tests.rules.test_rules import a_rule
from tests.sequencing import a_lead, a_sequence, after, do, note
from tests.talking import ELSEWHERE, a_stage, add_source, call, events, published, run_jobs
from tests.visiting import rows


async def good(key: str, method: str, path: str, body: Any = None) -> Any:
    answer = await ask(key, method, path, body)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.text else None


async def test_contacts(who: Identity) -> None:
    key = a_key(who)
    sent = {
        "name": "Olga",
        "emails": ["Olga@Shop.example"],
        "phones": ["+79281234567"],
        "tags": ["vip"],
        "language": "ru",
    }
    made = await good(key, "POST", "/contacts", sent)
    assert (made["emails"], made["phones"]) == (["olga@shop.example"], ["+7 928 123-45-67"])
    assert events(who) == ["contact_created", "tag_added"]
    changed = await good(key, "PATCH", f"/contacts/{made['id']}", {"name": "Olga P.", "time_zone": "Europe/Samara"})
    assert (changed["name"], changed["time_zone"], changed["tags"]) == ("Olga P.", "Europe/Samara", ["vip"])
    assert [one["id"] for one in (await good(key, "GET", "/contacts?search=olga"))["data"]] == [made["id"]]
    assert (await good(key, "GET", "/contacts?search=vera"))["data"] == []
    assert await good(key, "DELETE", f"/contacts/{made['id']}") is None
    assert (await ask(key, "GET", f"/contacts/{made['id']}")).status_code == 404
    call(who, contacts.restore, made["id"])  # it was in the bin


async def test_leads_and_tasks(who: Identity) -> None:
    key, stage_id, second = a_key(who), a_stage(who), a_stage(who)
    pipelines = (await good(key, "GET", "/pipelines"))["data"]
    assert stage_id in [stage["id"] for one in pipelines for stage in one["stages"]]
    lead = await good(key, "POST", "/leads", {"title": "Bike", "stage_id": stage_id, "budget": 590})
    assert lead["budget"] == "590.00"
    first = await good(key, "POST", "/leads", {"title": "Another"})
    assert first["stage_id"] == pipelines[0]["stages"][0]["id"]
    moved = await good(key, "PATCH", f"/leads/{lead['id']}", {"stage_id": second, "tags": ["hot"]})
    assert (moved["stage_id"], moved["tags"]) == (second, ["hot"]) and "stage_changed" in events(who)
    assert [one["id"] for one in (await good(key, "GET", f"/leads?stage_id={second}"))["data"]] == [lead["id"]]
    task = await good(
        key, "POST", "/tasks", {"text": "Call", "lead_id": lead["id"], "due_at": "2030-01-31T10:00:00+03:00"}
    )
    assert task["due_at"] == "2030-01-31T07:00:00Z" and task["responsible_id"] is None
    done = await good(key, "PATCH", f"/tasks/{task['id']}", {"done": True, "due_at": None})
    assert done["done_at"] and done["due_at"] is None
    assert (await good(key, "GET", "/tasks?state=open"))["data"] == []
    assert len((await good(key, "GET", "/tasks?state=done"))["data"]) == 1
    await good(key, "DELETE", f"/tasks/{task['id']}")
    await good(key, "DELETE", f"/leads/{lead['id']}")
    assert (await ask(key, "GET", f"/leads/{lead['id']}")).status_code == 404


async def test_the_contacts_of_a_lead(who: Identity) -> None:
    key, stage_id = a_key(who), a_stage(who)
    anna, boris = [(await good(key, "POST", "/contacts", {"name": name}))["id"] for name in ("Anna", "Boris")]
    body = {"title": "Bike", "stage_id": stage_id, "contact_id": anna, "other_contact_ids": [boris]}
    lead = await good(key, "POST", "/leads", body)
    assert (lead["contact_id"], lead["other_contact_ids"]) == (anna, [boris])
    await good(key, "POST", "/leads", {"title": "Boat", "stage_id": stage_id})
    (listed,) = (await good(key, "GET", f"/leads?contact_id={boris}"))["data"]
    assert (listed["id"], listed["other_contact_ids"]) == (lead["id"], [boris])
    moved = await good(key, "PATCH", f"/leads/{lead['id']}", {"contact_id": boris})
    assert (moved["contact_id"], moved["other_contact_ids"]) == (boris, [anna])
    changed = await good(key, "PATCH", f"/leads/{lead['id']}", {"other_contact_ids": []})
    assert changed == await good(key, "GET", f"/leads/{lead['id']}") and changed["other_contact_ids"] == []
    foreign = {"other_contact_ids": ["0" * 32]}
    assert (await ask(key, "PATCH", f"/leads/{lead['id']}", foreign)).status_code == 404


async def test_agents(who: Identity) -> None:
    key, agent_id = a_key(who), published(who, name="Vera", instructions="Be brief.")
    assert [one["name"] for one in (await good(key, "GET", "/agents"))["data"]] == ["Vera"]
    draft = await good(key, "PUT", f"/agents/{agent_id}/draft", {"instructions": "Be kind."})
    assert (draft["draft_instructions"], draft["published_instructions"]) == ("Be kind.", "Be brief.")
    stale = {"instructions": "Be rude.", "revision": draft["revision"] - 1}
    assert (await ask(key, "PUT", f"/agents/{agent_id}/draft", stale)).status_code == 409
    off = await good(key, "PUT", f"/agents/{agent_id}/active", {"active": False})
    assert off["active"] is False


async def test_knowledge(who: Identity) -> None:
    key = a_key(who)
    add_source(who, "Else.md", *ELSEWHERE)
    text = "# Prices\n\nA full tune-up costs 40 euros and takes one day."
    made = await good(key, "POST", "/knowledge/sources", {"title": "Prices 2026", "text": text})
    assert (made["title"], made["state"]) == ("Prices 2026", "queued")
    assert (made["kind"], made["visibility"]) == ("file", "visible")
    assert made["id"] in [one["id"] for one in (await good(key, "GET", "/knowledge/sources"))["data"]]
    asked = {"category_ids": ["0" * 32], "question": "tune-up"}
    assert (await good(key, "POST", "/knowledge/search", asked))["data"] == []
    found = await good(key, "POST", "/knowledge/search", {"question": "Is the shop open on Sundays?"})
    assert found["data"][0]["source_title"] == "Else.md" and found["data"][0]["score"] > 0
    await good(key, "DELETE", f"/knowledge/sources/{made['id']}")
    assert (await good(key, "GET", "/knowledge/categories"))["data"] == []
    refused = await ask(key, "POST", "/knowledge/sources", {"title": "x", "text": "x", "category_id": "0" * 32})
    assert refused.status_code == 404 and len(rows(who, Source)) == 2


async def test_web_addresses(who: Identity) -> None:
    key = a_key(who)
    sent = {"address": "https://shop.test/help?utm_source=x#top", "scope": "site", "path_prefix": "/help"}
    made = await good(key, "POST", "/knowledge/sites", sent)
    assert (made["address"], made["state"], made["depth"]) == ("https://shop.test/help", "queued", 3)
    assert (await ask(key, "POST", "/knowledge/sites", sent)).status_code == 409
    assert (await ask(key, "POST", "/knowledge/sites", sent | {"depth": 6})).status_code == 422
    assert [one["id"] for one in (await good(key, "GET", "/knowledge/sites"))["data"]] == [made["id"]]
    told = await good(key, "GET", f"/knowledge/sites/{made['id']}")
    assert (told["pages"], told["sources"]) == ({"waiting": 1}, 0)
    assert (await ask(key, "POST", f"/knowledge/sites/{made['id']}/read")).status_code == 409
    await good(key, "DELETE", f"/knowledge/sites/{made['id']}")
    assert (await good(key, "GET", "/knowledge/sites"))["data"] == []


async def test_scripts(who: Identity) -> None:
    key, agent_id = a_key(who), published(who)
    sent = {"title": "Hello", "kind": "greeting", "text": "Say hello.", "agent_id": agent_id}
    made = await good(key, "POST", "/scripts", sent)
    assert made["enabled"] is True and (await good(key, "GET", "/scripts?kind=closing"))["data"] == []
    off = await good(key, "PUT", f"/scripts/{made['id']}/enabled", {"enabled": False})
    assert off["enabled"] is False and call(who, scripts.get, made["id"]).enabled is False
    await good(key, "DELETE", f"/scripts/{made['id']}")
    assert (await good(key, "GET", "/scripts"))["data"] == []


async def test_sequences_and_enrollments(who: Identity) -> None:
    key = a_key(who)
    sequence_id, lead_id = a_sequence(who, do("first", timing=after(1))), a_lead(who)
    assert [one["id"] for one in (await good(key, "GET", "/sequences"))["data"]] == [sequence_id]
    body = {"sequence_id": sequence_id, "subject_ids": [lead_id, lead_id]}
    (made,) = (await good(key, "POST", "/enrollments", body))["data"]
    assert (made["lead_id"], made["state"]) == (lead_id, "active")
    paused = await good(key, "POST", f"/enrollments/{made['id']}/pause")
    assert paused["state"] == "paused"
    assert (await ask(key, "POST", f"/enrollments/{made['id']}/pause")).status_code == 409
    assert (await good(key, "POST", f"/enrollments/{made['id']}/resume"))["state"] == "active"
    off = await good(key, "PUT", f"/sequences/{sequence_id}/enabled", {"enabled": False})
    assert off["enabled"] is False
    assert (await good(key, "GET", f"/enrollments/{made['id']}"))["state"] == "held"
    assert (await good(key, "POST", f"/enrollments/{made['id']}/end"))["state"] == "left"
    assert (await ask(key, "POST", "/enrollments", body)).status_code == 409  # the sequence is off


async def test_events_activity_and_analytics(who: Identity) -> None:
    key = a_key(who)
    made = await good(key, "POST", "/contacts", {"name": "Olga"})
    (event,) = (await good(key, "GET", f"/events?kind=contact_created&contact_id={made['id']}"))["data"]
    assert event["after"]["name"] == "Olga" and (await good(key, "GET", f"/events/{event['id']}")) == event
    told = (await good(key, "GET", "/activity"))["data"]
    assert "Contact “Olga” created" in [one["text"] for one in told]
    figures = await good(key, "GET", "/analytics")
    assert (figures["open_conversations"], len(figures["days"])) == (0, 14)


async def test_rules(who: Identity) -> None:
    key, rule_id = a_key(who), a_rule(who, "lead_created", note())
    off = await good(key, "PUT", f"/rules/{rule_id}/enabled", {"enabled": False})
    assert off["enabled"] is False and [one["id"] for one in (await good(key, "GET", "/rules"))["data"]] == [rule_id]
    run_jobs(who)
    assert (await good(key, "GET", f"/rule-runs?rule_id={rule_id}"))["data"] == []


@pytest.mark.parametrize("body", [{"due_at": "2030-02-30T10:00:00Z"}, {"due_at": "0"}, {"due_at": 0}, {"due_at": ""}])
async def test_moments_are_checked(who: Identity, body: dict[str, Any]) -> None:
    answer = await ask(a_key(who), "POST", "/tasks", {"text": "Call"} | body)
    assert answer.status_code == 422, answer.text


async def test_the_directory(who: Identity, other: Identity) -> None:
    key, account = a_key(who), an_account(who)
    an_account(other)
    listed = (await good(key, "GET", "/channel-accounts"))["data"]
    assert [(one["id"], one["kind"]) for one in listed] == [(account.id, "api")]
    assert (await good(key, "GET", "/members"))["data"] == [
        {"user_id": who.user_id, "name": who.name, "role": who.role.value}
    ]
