"""Access to the API: keys that are in force, what they may do, and that nobody else learns or changes anything."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from limits import parse
from sqlmodel import col

from platform_app.api.rest import access
from platform_app.api.rest.openapi import document
from platform_app.api.rest.operations import ID_PATTERN, OPERATIONS, Operation
from platform_app.clock import now
from platform_app.db import owned, owned_tables, owned_update, session_scope, unscoped, unscoped_delete
from platform_app.errors import Forbidden, Invalid
from platform_app.models.api_key import ApiKey
from platform_app.models.event import Event
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.services.accounts import member_changes
from platform_app.services.api_keys import api_keys
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.crm import contacts, leads, tasks
from platform_app.services.knowledge import articles, sites
from platform_app.services.scripts import scripts
from tests.api.keys import BASE, a_key, ask, ask_whole
from tests.api_client import client
from tests.conftest import make_member
from tests.rules.test_rules import a_rule
from tests.sequencing import a_lead, a_sequence, after, do, enrolled, note
from tests.talking import add_source, call, published, real_talk


def stored(who: Identity) -> ApiKey:
    with session_scope(who.tenant_id, read_only=True) as session:
        return session.exec(owned(ApiKey, who.tenant_id)).one()  # type: ignore[no-any-return]


async def test_a_key_works_and_only_its_hash_is_stored(who: Identity) -> None:
    key = a_key(who)
    answer = await ask(key, "GET", "/contacts")
    assert (answer.status_code, answer.json()) == (200, {"data": [], "next_cursor": None})
    row = stored(who)
    assert key not in str(row.model_dump()) and key.startswith(row.prefix)
    assert row.last_used_at is not None


async def is_refused(key: str) -> bool:
    answer = await ask(key, "GET", "/contacts")
    told = answer.headers.get("www-authenticate"), answer.headers["content-type"], answer.json().get("status")
    return answer.status_code == 401 and told == ("Bearer", "application/problem+json", 401)


@pytest.mark.parametrize("key", ["", "x", "gpta_" + "A" * 43, "ключ", "gpta_" + "A" * 9000])
async def test_without_a_key_nothing_is_answered(who: Identity, key: str) -> None:
    sent = {"authorization": f"Bearer {key}".encode()} if key else {}
    async with client() as system:
        answer = await system.get(f"{BASE}/contacts", headers=sent)  # type: ignore[arg-type]
    assert answer.status_code == 401


async def test_a_revoked_key_is_refused_at_once(who: Identity) -> None:
    key = a_key(who)
    call(who, api_keys.revoke, stored(who).id)
    assert await is_refused(key)


async def test_an_expired_key_is_refused(who: Identity) -> None:
    key = a_key(who, days=30)
    with time_machine.travel(now() + timedelta(days=29), tick=False):
        assert not await is_refused(key)
    with time_machine.travel(now() + timedelta(days=30, seconds=1), tick=False):
        assert await is_refused(key)


async def test_the_key_of_a_disabled_or_removed_member_is_refused(who: Identity) -> None:
    member = make_member(who, Role.ADMIN)
    key = a_key(member)
    call(who, member_changes.set_access, member.user_id, allowed=False)
    assert await is_refused(key)
    call(who, member_changes.set_access, member.user_id, allowed=True)
    assert not await is_refused(key)
    call(who, member_changes.remove, member.user_id)
    assert await is_refused(key)


async def test_the_key_of_a_disabled_user_or_a_deleted_tenant_is_refused(who: Identity, other: Identity) -> None:
    key, theirs = a_key(who), a_key(other)
    with session_scope(reason="tests") as session:
        session.exec(unscoped(User).where(User.id == who.user_id)).one().disabled_at = now()
    assert await is_refused(key)
    with session_scope(reason="tests") as session:
        session.execute(unscoped_delete(ApiKey).where(col(ApiKey.tenant_id) == other.tenant_id))
        session.execute(unscoped_delete(Member).where(col(Member.tenant_id) == other.tenant_id))
    assert await is_refused(theirs)


async def test_a_key_loses_what_its_member_may_no_longer_do(who: Identity) -> None:
    member = make_member(who, Role.ADMIN)
    key = a_key(member)
    assert (await ask(key, "POST", "/contacts", {"name": "Vera"})).status_code == 201
    call(who, member_changes.set_role, member.user_id, Role.VIEWER)
    assert (await ask(key, "POST", "/contacts", {"name": "Vera"})).status_code == 403
    assert (await ask(key, "GET", "/contacts")).status_code == 200


async def test_a_required_second_factor_counts_for_keys_too(who: Identity) -> None:
    key = a_key(who)
    with session_scope(reason="tests") as session:
        session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one().require_two_factor = True
    assert (await ask(key, "GET", "/contacts")).status_code == 403


def sent_body(one: Operation) -> Any:
    return {} if one.body is not None else None


def path_of(one: Operation, row_id: str = "0" * 32) -> str:
    path = one.path
    for name in one.id_names:
        path = path.replace("{" + name + "}", row_id)
    return path


async def test_every_operation_needs_a_key_its_scope_and_its_role(who: Identity) -> None:
    keys = {scope: a_key(who, scopes=[other for other in Scope if other != scope]) for scope in Scope}
    viewer = a_key(who, role=Role.VIEWER)
    for one in OPERATIONS:
        access._limiter.storage.reset()
        asked = one.method, path_of(one), sent_body(one)
        assert (await ask_whole("", *asked)).status_code == 401, one.path
        refused = await ask_whole(keys[one.scope], *asked)
        assert (refused.status_code, one.scope.value in refused.text) == (403, True), one.path
        assert ((await ask_whole(viewer, *asked)).status_code == 403) == (one.role != Role.VIEWER), one.path


def values(schema: dict[str, Any], known: dict[str, Any]) -> Any:
    """Return a value that fits a schema of the document."""
    if ref := schema.get("$ref"):
        return values(known[ref.rsplit("/", 1)[1]], known)
    for one in schema.get("anyOf", []):
        return values(one, known)
    kind = schema.get("type")
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if kind == "object":
        return {name: values(schema["properties"][name], known) for name in schema.get("required", [])}
    if kind == "array":
        return [values(schema["items"], known)] * schema.get("minItems", 0)
    if kind == "string":
        is_id = schema.get("pattern") == ID_PATTERN
        return "0" * 32 if is_id else "2030-01-01T00:00:00Z" if schema.get("format") == "date-time" else "Mine"
    return {"integer": schema.get("minimum", 1), "boolean": True}.get(str(kind))


SITE = {"address": "https://canary.test/CANARY", "scope": "site", "depth": "3", "page_limit": "9", "interval": "never"}


def everything(who: Identity) -> dict[str, str]:
    """Write a row of each kind that a path names; return the ids by the names in paths."""
    sequence_id, lead_id = a_sequence(who, do("first", timing=after(1))), a_lead(who, "CANARY")
    (enrollment_id,) = enrolled(who, sequence_id, lead_id)
    lead = call(who, leads.get, lead_id)
    article = call(who, articles.create, title="CANARY", text="CANARY")
    call(who, articles.publish, article.id)
    (version,) = call(who, articles.ARTICLES.versions, article.id)
    with session_scope(who.tenant_id, read_only=True) as session:
        event_id = session.exec(owned(Event, who.tenant_id)).first().id
    return {
        "contact_id": lead.contact_id,
        "lead_id": lead_id,
        "sequence_id": sequence_id,
        "enrollment_id": enrollment_id,
        "event_id": event_id,
        "conversation_id": real_talk(who),
        "agent_id": published(who, name="CANARY"),
        "task_id": call(who, tasks.create, text="CANARY").id,
        "script_id": call(who, scripts.create, title="CANARY", text="CANARY").id,
        "source_id": add_source(who, "CANARY.md", "CANARY"),
        "site_id": call(who, sites.create, SITE).id,
        "article_id": article.id,
        "version_id": version.id,
        "rule_id": a_rule(who, "lead_created", note("CANARY")),
    }


def rows_of(who: Identity) -> dict[str, list[str]]:
    """Return everything that belongs to a tenant, by table."""
    with session_scope(reason="tests", read_only=True) as session:
        return {
            name: sorted(
                str(row.model_dump()) for row in session.exec(unscoped(model)).all() if row.tenant_id == who.tenant_id
            )
            for name, model in owned_tables().items()
        }


async def test_nothing_of_another_tenant_is_read_or_written(who: Identity, other: Identity) -> None:
    """Every operation of the document, with the ids of another tenant in path, query and body."""
    ids, described = everything(other), document()
    known, key = described["components"]["schemas"], a_key(who)
    own = {"revoked": a_key(who), "weak": a_key(who, scopes=[Scope.EVENTS_READ])}
    call(who, api_keys.revoke, api_keys.find_holder(own["revoked"]).key_id)
    before, asked = rows_of(other), 0
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            names = re.findall(r"\{(\w+)\}", path)
            assert set(names) <= ids.keys(), path
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            given = values(body, known) if body else None
            if isinstance(given, dict):
                given |= {name: ids[name] for name in given if name in ids}
                given |= {"subject_ids": [ids["lead_id"]]} if "subject_ids" in given else {}
                given |= {"model": ids["agent_id"]} if "model" in given else {}
            filters = [one["name"] for one in operation["parameters"] if one["in"] == "query" and one["name"] in ids]
            query = "&".join(f"{name}={ids[name]}" for name in filters)
            address = path.format(**ids) + (f"?{query}" if query else "")
            for used, refused in (
                (key, False),
                (own["revoked"], True),
                (own["weak"], operation["x-scope"] != "events:read"),
            ):
                access._limiter.storage.reset()
                answer = await ask_whole(used, method.upper(), address, given)
                asked += 1
                assert "CANARY" not in answer.text, (method, path)
                if used == own["revoked"]:
                    assert answer.status_code == 401, (method, path)
                elif refused:
                    assert answer.status_code == 403, (method, path)
                elif names:
                    assert answer.status_code == 404, (method, path, answer.text)
    assert rows_of(other) == before and asked > 150


async def test_a_limit_counts_by_key_and_says_when_to_come_back(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    key, second = a_key(who), a_key(who)
    monkeypatch.setattr(access, "KEY_REQUESTS", parse("3/minute"))
    answers = [await ask(key, "GET", "/contacts") for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert [one.headers["ratelimit-remaining"] for one in answers] == ["2", "1", "0", "0"]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert (await ask(second, "GET", "/contacts")).status_code == 200


async def test_guessing_keys_is_slowed(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    a_key(who)
    monkeypatch.setattr(access, "REFUSED_KEYS", parse("2/minute"))
    codes = [(await ask("gpta_" + "B" * 43, "GET", "/contacts")).status_code for _ in range(3)]
    assert codes == [401, 401, 429]


async def test_contacts_of_another_tenant_are_not_found(who: Identity, other: Identity) -> None:
    theirs = call(other, contacts.create, name="CANARY")
    key = a_key(who)
    for one in OPERATIONS:
        if one.id_names != ["contact_id"]:
            continue
        body = {"name": "Mine"} if one.body is not None else None
        answer = await ask_whole(key, one.method, path_of(one, theirs.id), body)
        assert (answer.status_code, "CANARY" in answer.text) == (404, False)
    assert "CANARY" not in (await ask(key, "GET", "/contacts?search=CANARY")).text
    assert call(other, contacts.get, theirs.id).name == "CANARY"


def test_only_admins_make_and_revoke_keys(who: Identity) -> None:
    admin, operator = make_member(who, Role.ADMIN), make_member(who, Role.OPERATOR)
    a_key(admin)
    with pytest.raises(Forbidden):
        a_key(operator)
    with pytest.raises(Forbidden):
        call(operator, api_keys.revoke, stored(who).id)
    with pytest.raises(Forbidden):
        a_key(admin, role=Role.OWNER)
    with pytest.raises(Invalid):
        a_key(admin, scopes=["all"])
    with pytest.raises(Invalid):
        a_key(admin, days=31)


def test_the_last_use_is_written_at_most_once_a_minute(who: Identity) -> None:
    key = a_key(who)
    with session_scope(who.tenant_id) as session:
        at = now() - timedelta(seconds=30)
        session.execute(owned_update(ApiKey, who.tenant_id).values(last_used_at=at))
    assert api_keys.find_holder(key) is not None
    assert stored(who).last_used_at == at
