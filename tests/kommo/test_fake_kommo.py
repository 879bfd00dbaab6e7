"""Fake Kommo: it refuses what the vendor refuses, so that tests against it mean something."""

import hashlib
import hmac
import json
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from platform_app.demo.fake_kommo import sample_account
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.integrations.kommo.webhook_forms import parse_account_hook
from tests.conftest import answers, free_port, wait_for
from tests.fakes.receiver import Receiver


def call(fake: FakeKommo, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    given = {"host": fake.host, "authorization": f"Bearer {fake.token}"} | headers
    return httpx.request(method, fake.address + path, json=body, headers=given, trust_env=False)


def signed(fake: FakeKommo, method: str, path: str, body: bytes = b"", **changes: str) -> httpx.Response:
    headers = {"date": formatdate(fake.clock.exactly(), usegmt=True), "content-type": "application/json"}
    headers["content-md5"] = hashlib.md5(body).hexdigest()
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    parts = [method, headers["content-md5"], headers["content-type"], headers["date"], path]
    made = hmac.new(fake.chats.secret.encode(), "\n".join(parts).encode(), hashlib.sha1).hexdigest()
    headers = {"x-signature": made, "host": "amojo.kommo.com"} | headers
    return httpx.request(method, fake.address + path, content=body, headers=headers, trust_env=False)


def connected(fake: FakeKommo) -> str:
    path = f"/v2/origin/custom/{fake.chats.channel_id}/connect"
    body = json.dumps({"account_id": "acc", "title": "Shop", "hook_api_version": "v2"}).encode()
    return str(signed(fake, "POST", path, body).json()["scope_id"])


def message(**changes: Any) -> bytes:
    payload: dict[str, Any] = {"timestamp": 1, "msec_timestamp": 1000, "msgid": "m1", "conversation_id": "c1"}
    payload |= {"sender": {"id": "s1", "name": "Olga"}, "message": {"type": "text", "text": "Hello"}} | changes
    return json.dumps({"event_type": "new_message", "payload": payload}).encode()


def test_an_empty_list_is_204_and_a_page_holds_250(unpaced: FakeKommo) -> None:
    assert call(unpaced, "GET", "/api/v4/leads").status_code == 204
    for _ in range(251):
        unpaced.data.add("leads", name="Lead")
    page = call(unpaced, "GET", "/api/v4/leads?limit=500").json()
    assert len(page["_embedded"]["leads"]) == 250 and "page=2" in page["_links"]["next"]["href"]
    assert len(call(unpaced, "GET", "/api/v4/leads").json()["_embedded"]["leads"]) == 50


def test_filters_with_brackets_choose(unpaced: FakeKommo) -> None:
    first = unpaced.data.add("leads", name="First", updated_at=100)
    second = unpaced.data.add("leads", name="Second", updated_at=200, status_id=142)

    def ids(query: str) -> list[int]:
        answer = call(unpaced, "GET", f"/api/v4/leads?{query}")
        return [] if answer.status_code == 204 else [lead["id"] for lead in answer.json()["_embedded"]["leads"]]

    assert ids("filter[updated_at][from]=150") == [second["id"]] and ids("filter[updated_at][to]=150") == [first["id"]]
    assert ids(f"filter[id][]={first['id']}") == ids(f"filter[id][0]={first['id']}") == [first["id"]]
    statuses = f"filter[statuses][0][pipeline_id]={sample_account.SALES}&filter[statuses][0][status_id]=142"
    assert ids(statuses) == [second["id"]] and ids("query=second") == [second["id"]]
    assert ids("order[updated_at]=desc") == [second["id"], first["id"]] and ids("filter[id]=5") == []


def test_hooks_are_repeated_shuffled_lost_and_switched_off(unpaced: FakeKommo) -> None:
    with Receiver() as receiver:
        body = {"destination": receiver.address, "settings": ["status_lead", "add_lead"]}
        assert call(unpaced, "POST", "/api/v4/webhooks", body).status_code == 201
        lead = unpaced.data.add("leads", name="Lead «5»")
        unpaced.data.change("leads", lead["id"], status_id=142)
        assert unpaced.hooks.wait()
        hooks = [parse_account_hook(sent) for sent in receiver.bodies]
        assert [(one.changes[0].action, one.changes[0].outside_id) for one in hooks] == [
            ("add", lead["id"]),
            ("status", lead["id"]),
        ] or unpaced.hooks.is_shuffled is False
        assert dict(parse_qsl(receiver.bodies[-1].decode()))["account[subdomain]"] == "shop"
        unpaced.hooks.duplicates, receiver.status = 1.0, 500
        unpaced.hooks.pauses = [0.01] * 4
        unpaced.data.change("leads", lead["id"], status_id=143)
        wait_for(lambda: len(receiver.bodies) == 2 + 2 * 5)
        unpaced.hooks.subscriptions[0].bad_answers = 99
        unpaced.data.change("leads", lead["id"], status_id=142)
        wait_for(lambda: unpaced.hooks.subscriptions[0].disabled)


def test_the_chats_api_checks_all_four_headers(unpaced: FakeKommo) -> None:
    scope = connected(unpaced)
    path = f"/v2/origin/custom/{scope}"
    assert signed(unpaced, "POST", path, message()).status_code == 200
    old = formatdate(unpaced.clock.exactly() - 1_000, usegmt=True)
    for changes in (
        {"date": old},
        {"date": "yesterday"},
        {"content_md5": "0" * 32},
        {"content_md5": hashlib.md5(message(msgid="m2")).hexdigest().upper()},
        {"x_signature": "0" * 40},
        {"content_type": "text/plain"},
    ):
        assert signed(unpaced, "POST", path, message(msgid="m2"), **changes).status_code == 403, changes
    for wrong in ({"timestamp": "1"}, {"msgid": 5}, {"message": {"type": "text", "text": 5}}, {"sender": {"id": "s"}}):
        assert signed(unpaced, "POST", path, message(**{"msgid": "m3"} | wrong)).status_code == 400, wrong
    assert signed(unpaced, "POST", "/v2/origin/custom/other", message(msgid="m4")).status_code == 404


def test_the_salesbot_asks_waits_and_shows_once(unpaced: FakeKommo) -> None:
    lead = unpaced.team.customer()
    with Receiver() as receiver:
        unpaced.bot.widget_url = receiver.address
        unpaced.team.write(lead, "How much is it?")
        unpaced.bot.wait()
        asked = json.loads(receiver.bodies[0])
    assert asked["data"]["message"] == "How much is it?" and asked["token"].count(".") == 2
    path = asked["return_url"].removeprefix(f"https://{unpaced.host}")
    show = {"handler": "show", "params": {"type": "text", "value": "x" * 81}}
    assert call(unpaced, "POST", path, {"execute_handlers": [show]}).status_code == 400
    assert call(unpaced, "POST", path, {"execute_handlers": [{"handler": "goto"}] * 11}).status_code == 400
    assert call(unpaced, "POST", path, {"data": {"answer": "590"}}).status_code == 202
    assert call(unpaced, "POST", path, {"data": {"answer": "590"}}).status_code == 404
    assert unpaced.team.received[lead] == ["590"]
    unpaced.team.manager_writes(lead, "I can help")
    kinds = [(event["type"], event["created_by"]) for event in unpaced.data.events if "chat" in event["type"]]
    assert kinds == [
        ("incoming_chat_message", 0),
        ("outgoing_chat_message", 0),
        ("outgoing_chat_message", sample_account.SELLER),
    ]


def test_as_a_program_it_has_a_page_on_which_everything_is_done(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-P", "-m", "platform_app.demo.fake_kommo", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process, Receiver() as receiver:
        home = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{home}/"))
        page = httpx.get(home).text
        lead = page.split('name="lead" value="')[1].split('"')[0]
        post = {"follow_redirects": True, "timeout": 5.0}
        httpx.post(f"{home}/widget", data={"url": receiver.address}, **post)
        shown = httpx.post(f"{home}/write", data={"lead": lead, "who": "customer", "text": "<b>Hi</b>"}, **post).text
        assert "Customer: &lt;b&gt;Hi&lt;/b&gt;" in shown
        wait_for(lambda: receiver.bodies)
        shown = httpx.post(f"{home}/write", data={"lead": lead, "who": "manager", "text": "Hello"}, **post).text
        assert "Team: Hello" in shown
        shown = httpx.post(f"{home}/move", data={"lead": lead, "status": "142"}, **post).text
        assert '<option value="142" selected>' in shown
        assert "Vera" in httpx.post(f"{home}/add", data={"name": "Vera"}, **post).text
        assert httpx.post(f"{home}/move", data={"lead": "5", "status": "x"}, **post).status_code == 400
        elsewhere = {"sec-fetch-site": "cross-site"}
        assert httpx.post(f"{home}/add", data={"name": "x"}, headers=elsewhere, **post).status_code == 403
        process.terminate()
        assert process.wait(10) == 0


def test_time_can_be_moved(unpaced: FakeKommo) -> None:
    thread = Thread(target=unpaced.clock.advance, args=(100,))
    before = unpaced.clock.now()
    thread.start()
    thread.join()
    assert unpaced.clock.now() - before >= 100


@pytest.mark.parametrize("path", ["/api/v4/nothing", "/api/v4/leads/x", "/oauth2/x", "/x"])
def test_what_there_is_not_is_not_found(unpaced: FakeKommo, path: str) -> None:
    assert call(unpaced, "GET", path).status_code == 404
