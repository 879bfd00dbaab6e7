"""Hooks: deliveries over HTTP, from anywhere, within limits, once; whoever guesses learns nothing."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from limits import parse_many

from platform_app.api import webhooks
from platform_app.models.person import Identity
from platform_app.models.webhook import DeliveryOutcome, IncomingWebhook
from platform_app.services.webhooks import incoming_webhooks
from platform_app.services.webhooks.deliveries import MAX_BODY_BYTES
from tests import shared
from tests.api.test_api_security import ALWAYS
from tests.api_client import client
from tests.conftest import answers, free_port, wait_for
from tests.hooks import a_webhook, address_of, events, log, secret_of, signed
from tests.rules.test_rules import a_rule, runs
from tests.talking import call, run_jobs

SUITE = "corpora/JSONTestSuite/test_parsing"
NOBODY = "x" * 32


async def post(address: str, body: Any = b"{}", **headers: str) -> httpx.Response:
    async with client() as system:
        return await system.post(f"/hooks/{address}", content=body, headers=headers)


async def test_accepted_means_written_down_though_redis_is_away(who: Identity) -> None:
    webhook, body = a_webhook(who, signed=True), b'{"total": 5}'
    answer = await post(address_of(webhook), body, **signed(secret_of(webhook), body))
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    (event,), (row,) = events(who), log(who)
    assert event.after["payload"] == {"total": 5} and row.event_id == event.id
    again = await post(address_of(webhook), body, **signed(secret_of(webhook), body))
    assert (again.status_code, again.json()) == (202, {"status": "duplicate"})


async def test_a_body_that_was_long_under_way_is_judged_by_what_counts_now(who: Identity) -> None:
    webhook, come = a_webhook(who), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await come.wait()
        yield b"}"

    slow = asyncio.create_task(post(address_of(webhook), slowly()))
    while not webhooks._limiter.storage.storage:
        await asyncio.sleep(0)
    assert (await post(address_of(webhook), b"{}")).status_code == 202
    call(who, incoming_webhooks.require_signature, webhook.id, signed=True)
    come.set()
    answers_now = await asyncio.gather(slow, post(address_of(webhook), b"{}"))
    assert [answer.status_code for answer in answers_now] == [401, 401] and len(events(who)) == 1


async def test_many_at_once_are_each_answered_for_themselves(who: Identity) -> None:
    webhook = a_webhook(who, signed=True)
    secret, bodies = secret_of(webhook), [b"{}", b"{", b"{}", b"{}"] * 10

    def headers(place: int) -> dict[str, str]:
        return signed(secret, bodies[place], message_id=f"msg_{place - place % 4 % 3}") if place % 4 != 2 else {}

    sent = [post(address_of(webhook), body, **headers(place)) for place, body in enumerate(bodies)]
    found = [(answer.status_code, answer.json().get("status")) for answer in await asyncio.gather(*sent)]
    accepted, duplicate = (202, "accepted"), (202, "duplicate")
    for place in range(0, 40, 4):
        assert sorted(map(str, (found[place], found[place + 3]))) in (
            sorted(map(str, (accepted, accepted))),
            sorted(map(str, (accepted, duplicate))),
        )
        assert [status for status, _ in found[place + 1 : place + 3]] == [400, 401]
    assert len(events(who)) == sum(status == 202 and words == "accepted" for status, words in found)


async def test_no_cookie_and_no_origin_counts_here(who: Identity) -> None:
    webhook = a_webhook(who)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Cookie": "session=x"}):
        assert (await post(address_of(webhook), b"{}", **headers)).status_code == 202
    async with client(Origin="https://evil.example") as browser:
        for near in ("/hooks", "/hooks/", "/hooks/a/b", "/api/hooks/x"):
            assert (await browser.post(near)).status_code == 403
        assert (await browser.get(f"/hooks/{address_of(webhook)}")).status_code == 405


async def test_what_is_not_there_what_is_off_and_what_is_gone_look_alike(who: Identity, other: Identity) -> None:
    off, gone, theirs = a_webhook(who), a_webhook(who, name="Gone"), a_webhook(other, name="Theirs")
    call(who, incoming_webhooks.set_enabled, off.id, enabled=False)
    call(who, incoming_webhooks.delete, gone.id)
    asked = [
        NOBODY,
        address_of(off),
        address_of(gone),
        theirs.id,
        off.id,
        theirs.address_hash,
        "%00",
        "a" * 5_000,
    ]
    found = {((await post(one)).status_code, (await post(one)).content) for one in asked}
    assert len(found) == 1 and next(iter(found))[0] == 404
    assert log(who) == log(other) == []


async def test_a_bad_signature_is_answered_without_a_hint(who: Identity) -> None:
    webhook = a_webhook(who, signed=True)
    right = signed(secret_of(webhook), b"{}")
    bad: list[dict[str, str]] = [{}, right | {"webhook-signature": "v1,AAAA"}, right | {"webhook-timestamp": "1"}]
    found = [await post(address_of(webhook), b"{}", **headers) for headers in bad]
    found.append(await post(address_of(webhook), b"{} ", **right))
    assert {answer.status_code for answer in found} == {401} and len({answer.content for answer in found}) == 1
    assert events(who) == []


async def test_the_test_suite_of_json_over_http(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "RATE_LIMITS", parse_many("10000/second"))  # quick machines exceed the limit
    webhook = a_webhook(who)
    counted = {"y": 0, "n": 0}
    async with client() as system:
        for path in sorted(shared.path(SUITE).glob("*.json")):
            for kind in ("application/json", "text/plain"):
                headers = {"content-type": kind}
                answer = await system.post(f"/hooks/{address_of(webhook)}", content=path.read_bytes(), headers=headers)
                must = path.name[0]
                assert answer.status_code in {"y": (202,), "n": (400,), "i": (202, 400)}[must], path.name
            counted[must] = counted.get(must, 0) + 1
    assert (counted["y"], counted["n"]) == (95, 188)


async def parts(size: int) -> Any:
    for _ in range(0, size, 50_000):
        yield b" " * 50_000


async def test_a_body_is_one_megabyte_at_most_said_or_not(who: Identity) -> None:
    webhook = a_webhook(who)
    most = b'"' + b"x" * (MAX_BODY_BYTES - 2) + b'"'
    assert (await post(address_of(webhook), most)).status_code == 202
    found = [
        await post(address_of(webhook), most + b" "),
        await post(address_of(webhook), parts(MAX_BODY_BYTES + 50_000)),
        await post(address_of(webhook), parts(MAX_BODY_BYTES + 50_000), **{"Content-Length": "5"}),
    ]
    assert [answer.status_code for answer in found] == [413] * 3
    assert [row.why for row in log(who)] == [""] + ["The body is larger than 1 MB."] * 3
    assert len(events(who)) == 1
    assert (await post(NOBODY, most + b" ")).status_code == 404


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three deliveries an hour come to an address."""
    monkeypatch.setattr(webhooks, "RATE_LIMITS", parse_many("3/hour"))


@pytest.mark.usefixtures("slow")
async def test_too_many_are_asked_to_come_later(who: Identity) -> None:
    webhook, calm = a_webhook(who), a_webhook(who, name="Calm")
    found = [await post(address_of(webhook)) for _ in range(6)]
    assert [answer.status_code for answer in found] == [202] * 3 + [429] * 3
    last = found[-1]
    assert 0 < int(last.headers["retry-after"]) <= 3_600 and last.headers["ratelimit-limit"] == "3"
    assert last.json()["detail"].startswith("Too many requests.")
    assert (await post(address_of(calm))).status_code == 202
    assert len(events(who)) == 4


@pytest.fixture
def server(database: str) -> Iterator[str]:
    """The routes on a real server of this test's own; its address."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--port", str(port)]
    process = subprocess.Popen([*command, "tests.hook_server:app"], cwd=Path(__file__).parents[2])
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(f"{address}/healthz"), 90)
        yield address
    finally:
        process.terminate()
        process.wait(20)


async def at_once(address: str, bodies: list[tuple[bytes, dict[str, str]]]) -> list[int]:
    """Deliver all of these at the same moment, each over a connection of its own; return what was answered."""
    most = httpx.Limits(max_connections=len(bodies))
    async with httpx.AsyncClient(limits=most, timeout=60) as system:
        sent = (system.post(address, content=body, headers=headers) for body, headers in bodies)
        return [answer.status_code for answer in await asyncio.gather(*sent)]


async def test_fifty_at_once_on_a_real_server_are_one_event_and_one_effect(who: Identity, server: str) -> None:
    webhook: IncomingWebhook = a_webhook(who, signed=True)
    a_rule(who, "webhook_received", {"kind": "notify", "user_id": who.user_id, "text": "Once"})
    address, body = f"{server}/hooks/{address_of(webhook)}", b'{"total": 5}'
    assert await at_once(address, [(body, signed(secret_of(webhook), body))] * 50) == [202] * 50
    assert [row.outcome for row in log(who)].count(DeliveryOutcome.ACCEPTED) == 1 and len(log(who)) == 50
    run_jobs(who)
    assert len(events(who)) == len(runs(who)) == 1
    others = [(body, signed(secret_of(webhook), body, message_id=f"msg_{place}")) for place in range(2, 42)]
    assert await at_once(address, others) == [202] * 40
    assert len(events(who)) == 41
