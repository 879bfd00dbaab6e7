"""Requests to the API: bodies, parameters, methods and repeats; every refusal is a problem."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from platform_app.api.rest import request_bodies
from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.models.api_key import IdempotentRequest
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.services.api_keys import idempotency
from tests.api.keys import a_key, ask


def names(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return sorted(row.name for row in session.exec(owned(Contact, who.tenant_id)).all())


def checked_problem(answer: Any, status: int) -> dict[str, Any]:
    """Return a problem after checking that it is one."""
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert told["status"] == status and told["title"] and told["detail"] and told["type"] == "about:blank"
    return told


DEEP = b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
MALFORMED = [
    *(b"", b" ", b"{", b"}", b"[", b'{"name": }', b"{'name': 'x'}", b'{"name": "x",}', b'{"name" "x"}', b"nul", b"tru"),
    *(b'{"name": NaN}', b'{"name": Infinity}', b'{"name": -Infinity}', b'{"name": 1e999}', b'{"name": 01}', b"[1,,2]"),
    *(b'{"name": .5}', b'{"name": 1.}', b'{"name": +1}', b'{"name": 0x1}', b'{"name": "\t"}', b'{"name": "\\x41"}'),
    *(b'{"name": "\\u12"}', b'{"name": "x"} x', b'{"name": "x"}{}', b"\xff\xfe{}", b'{"name": "\xff"}', b"{/**/}"),
    *(b'{"name": "\\ud800"}', b'{"name": "\\udc00\\ud800"}', b'{"\\ud800": 1}', b"\xef\xbb\xbf{}", b'{"name": "\x00"}'),
    *(b'{"name": ' + b"9" * 100_000 + b"}", DEEP, b"[" * 100_000, b'{"a":' * 100_000, b'["x"\x0c]', b"\xed\xa0\x80"),
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: repr(body[:30]))
async def test_what_is_not_json_is_malformed(who: Identity, body: bytes) -> None:
    checked_problem(await ask(a_key(who), "POST", "/contacts", body), 400)
    assert names(who) == []


WELL_FORMED = [
    *(b"null", b"true", b"1", b'"x"', b"[]", b"{}", b" [1, 2.5e3, -0, 1E+2] ", b'{"a": {"b": [null]}}', b'{"": 0}'),
    *(b'{"name": "\\u0000"}', b'{"name": 123456789012345678901234567890}', b'{"a":1,"a":2}', b'{"\\ud83d\\ude00": 1}'),
    *(b'{"name": null}', b'{"name": ["x"]}', b'{"name": true}', b'{"name": {}}', b'{"name": "  "}', b'{"name": ""}'),
    *(b'{"name": "x", "tenant_id": "y"}', b'{"name": "x", "id": "y"}', b'{"name": "' + b"x" * 201 + b'"}'),
    *(b'{"name": "x", "emails": "a@b.example"}', b'{"name": "x", "emails": ["a"]}', b'{"name": "x\\u0000"}'),
]


@pytest.mark.parametrize("body", WELL_FORMED, ids=lambda body: repr(body[:30]))
async def test_json_that_does_not_fit_is_told_apart(who: Identity, body: bytes) -> None:
    checked_problem(await ask(a_key(who), "POST", "/contacts", body), 422)
    assert names(who) == []


async def test_a_problem_names_each_place(who: Identity) -> None:
    told = await ask(a_key(who), "POST", "/contacts", {"emails": ["a@b.example", "x"], "role": "owner"})
    errors = {one["path"]: one["detail"] for one in checked_problem(told, 422)["errors"]}
    assert errors == {
        "/name": "This field is required.",
        "/emails/1": "This value isn’t allowed.",
        "/role": "Field not found.",
    }
    told = await ask(a_key(who), "POST", "/contacts", {}, accept_language="ru")
    assert checked_problem(told, 422)["errors"] == [{"path": "/name", "detail": "Это поле обязательно."}]


async def test_what_no_description_can_say_is_a_conflict(who: Identity) -> None:
    told = await ask(a_key(who), "POST", "/contacts", {"name": "Vera", "fields": {"nothing": "x"}})
    assert checked_problem(told, 409)["errors"][0]["path"] == "/field.nothing"
    assert names(who) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1.0", "limit=1&limit=2", "page=1"])
async def test_wrong_parameters_are_refused(who: Identity, query: str) -> None:
    checked_problem(await ask(a_key(who), "GET", f"/contacts?{query}"), 422)


@pytest.mark.parametrize("cursor", ["x", "'", "%00", "G" * 32, "0" * 31, "0" * 33, "%D0%B6"])
async def test_a_cursor_that_is_none_is_refused(who: Identity, cursor: str) -> None:
    checked_problem(await ask(a_key(who), "GET", f"/contacts?cursor={cursor}"), 422)


async def test_other_refusals_are_problems_too(who: Identity) -> None:
    key = a_key(who)
    checked_problem(await ask(key, "GET", "/nothing"), 404)
    checked_problem(await ask(key, "GET", "/contacts/../nothing"), 404)
    checked_problem(await ask(key, "GET", "/contacts/%2e%2e%2fx"), 404)
    checked_problem(await ask(key, "GET", "/contacts/%0a%10%0d/x"), 404)
    told = await ask(key, "PUT", "/contacts", {})
    checked_problem(told, 405)
    assert told.headers["allow"] == "GET, POST"
    for method in ("TRACE", "OPTIONS", "PATCH", "QUERY"):
        assert (await ask(key, method, "/contacts")).status_code == 405
    checked_problem(await ask(key, "POST", "/contacts", b"<x/>", content_type="application/xml"), 415)
    checked_problem(await ask(key, "POST", "/contacts", b"name=x", content_type="text/plain"), 415)
    checked_problem(await ask(key, "POST", "/contacts", b" " * (request_bodies.MAX_BYTES + 1)), 413)
    checked_problem(await ask(key, "POST", "/contacts", {"name": "x"}, idempotency_key="a b"), 400)


async def test_a_bug_is_a_problem_without_details(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    key = a_key(who)
    monkeypatch.setattr(idempotency, "claim", lambda *_: 1 / 0)
    told = checked_problem(await ask(key, "POST", "/contacts", {"name": "x"}, idempotency_key="1"), 500)
    assert "division" not in json.dumps(told) and "code" in told["detail"]


async def test_pages_hold_every_row_once(who: Identity) -> None:
    key = a_key(who)
    for number in range(7):
        await ask(key, "POST", "/contacts", {"name": f"Contact {number}"})
    found, cursor = [], ""
    while True:
        page = (await ask(key, "GET", f"/contacts?limit=3{cursor}")).json()
        found += [one["name"] for one in page["data"]]
        if page["next_cursor"] is None:
            break
        await ask(key, "POST", "/contacts", {"name": "Later"})  # what comes meanwhile moves no page
        cursor = f"&cursor={page['next_cursor']}"
    assert found == [f"Contact {number}" for number in range(6, -1, -1)]


async def test_a_repeat_with_the_same_key_gets_the_first_answer(who: Identity) -> None:
    key = a_key(who)
    first = await ask(key, "POST", "/contacts", {"name": "Vera"}, idempotency_key="order-1")
    again = await ask(key, "POST", "/contacts", {"name": "Vera"}, idempotency_key="order-1")
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert names(who) == ["Vera"]
    checked_problem(await ask(key, "POST", "/contacts", {"name": "Olga"}, idempotency_key="order-1"), 409)
    checked_problem(await ask(key, "POST", "/tasks", {"text": "Call"}, idempotency_key="order-1"), 409)
    assert names(who) == ["Vera"]
    other_key = a_key(who)  # a key of its own has idempotency keys of its own
    assert (await ask(other_key, "POST", "/contacts", {"name": "Olga"}, idempotency_key="order-1")).status_code == 201


async def test_a_refused_request_may_be_repeated(who: Identity) -> None:
    key, unknown = a_key(who), {"name": "Vera", "fields": {"nothing": "x"}}
    assert (await ask(key, "POST", "/contacts", unknown, idempotency_key="1")).status_code == 409
    assert (await ask(key, "POST", "/contacts", {"name": "Vera"}, idempotency_key="1")).status_code == 201


async def test_concurrent_repeats_are_answered_once(who: Identity) -> None:
    key = a_key(who)
    asked = [ask(key, "POST", "/contacts", {"name": "Vera"}, idempotency_key="order-1") for _ in range(8)]
    answers = await asyncio.gather(*asked)
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["id"] for one in answers}) == 1
    assert names(who) == ["Vera"]


async def test_answers_are_kept_for_a_day(who: Identity) -> None:
    key = a_key(who)
    first = await ask(key, "POST", "/contacts", {"name": "Vera"}, idempotency_key="1")
    with time_machine.travel(now() + idempotency.KEPT - timedelta(minutes=1), tick=False):
        assert idempotency.delete_old() is False
        again = await ask(key, "POST", "/contacts", {"name": "Vera"}, idempotency_key="1")
        assert again.json()["id"] == first.json()["id"]
    with time_machine.travel(now() + idempotency.KEPT + timedelta(minutes=1), tick=False):
        later = await ask(key, "POST", "/contacts", {"name": "Olga"}, idempotency_key="1")
        assert later.status_code == 201
    with time_machine.travel(now() + 3 * idempotency.KEPT, tick=False):
        idempotency.delete_old()
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(IdempotentRequest, who.tenant_id)).all() == []
