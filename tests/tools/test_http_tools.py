"""HTTP tools: requests of a tenant's own with a sealed secret, to public addresses; what changes is called once."""

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Forbidden, Invalid, LimitReached, NotFound
from platform_app.models.conversation import Message, MessageState
from platform_app.models.http_tool import HttpTool
from platform_app.models.person import Identity, Role
from platform_app.models.secret import Secret
from platform_app.models.tool_call import ToolCall, ToolCallState
from platform_app.services.chat import approvals, tool_calls
from platform_app.services.tools import http_tools
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, calls, says, serving
from tests.talking import answered, begin, call, real_talk, row, run_jobs, written

SCHEMA = {
    "type": "object",
    "properties": {"order": {"type": "string", "description": "Its number"}, "days": {"type": "integer"}},
    "required": ["order"],
}
FORM = {
    "name": "order_status", "description": "The state of an order", "effect": "reads", "method": "GET",
    "url": "https://shop.example.com/orders/{order}", "parameters": json.dumps(SCHEMA), "seconds": "5",
    "header": "Authorization", "secret": "Bearer shop-secret-1234",
}  # fmt: skip


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.0/8")
    yield from serving(env)


class Shop:
    """Another system: it answers as it is told and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer = (200, "{}")
        self.asked: list[tuple[str, str, Any, str]] = []  # method, path, headers and body
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                shop.asked.append((self.command, self.path, self.headers, body))
                status, text = shop.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_GET

            def log_message(self, *words: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.server.shutdown()
    made.server.server_close()


def add(who: Identity, shop: Shop | None = None, **form: Any) -> HttpTool:
    address = {"url": f"http://127.0.0.1:{shop.port}/orders/{{order}}"} if shop else {}
    made: HttpTool = call(who, http_tools.save, "", FORM | address | form)
    return made


def made_calls(who: Identity) -> list[ToolCall]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(ToolCall, who.tenant_id).order_by(ToolCall.created_at)).all())


async def test_a_reading_tool_is_called_with_its_secret(provider: FakeProvider, who: Identity, shop: Shop) -> None:
    add(who, shop)
    shop.answer = (200, '{"state": "sent"}')
    provider.will(calls(("http_order_status", {"order": "A 7", "days": 3})), says("It is sent."))
    reply = await answered(who, begin(who, tools={"http_order_status": "allowed"}))
    assert reply.text == "It is sent."
    ((method, path, headers, body),) = shop.asked
    assert (method, path, body) == ("GET", "/orders/A%207?days=3", "")
    assert headers["Authorization"] == "Bearer shop-secret-1234" and headers["Idempotency-Key"]
    assert json.loads(provider.last.body["messages"][-1]["content"].partition("\n")[2]) == {"state": "sent"}
    assert "shop-secret" not in str([request.body for request in provider.asked])


async def test_faults_of_the_other_system_are_told(provider: FakeProvider, who: Identity, shop: Shop) -> None:
    add(who, shop)
    shop.answer = (404, "no such order")
    provider.will(calls(("http_order_status", {"order": "1"})), says("Not there."))
    await answered(who, begin(who, tools={"http_order_status": "allowed"}))
    assert "404: no such order" in provider.last.body["messages"][-1]["content"]
    assert made_calls(who)[0].state == ToolCallState.FAILED


async def test_inner_addresses_are_not_reached(who: Identity, env: pytest.MonkeyPatch, shop: Shop) -> None:
    for provider in serving(env):
        add(who, url=f"http://localhost:{shop.port}/orders/{{order}}")
        provider.will(calls(("http_order_status", {"order": "1"})), says("No."))
        await answered(who, begin(who, tools={"http_order_status": "allowed"}))
        assert shop.asked == [] and made_calls(who)[0].state == ToolCallState.FAILED


@pytest.mark.parametrize(
    "arguments",
    [{}, {"order": 7}, {"order": "1", "days": "3"}, {"order": "1", "days": True}, {"order": "1", "url": "http://x"}],
)
async def test_arguments_that_do_not_fit_are_not_sent(
    provider: FakeProvider, who: Identity, shop: Shop, arguments: dict[str, Any]
) -> None:
    add(who, shop)
    provider.will(calls(("http_order_status", arguments)), says("No."))
    await answered(who, begin(who, tools={"http_order_status": "allowed"}))
    assert shop.asked == [] and made_calls(who)[0].state == ToolCallState.FAILED


@pytest.mark.parametrize("order", ["../admin", "..", ".", "a/b", "x?y=1", "x#y", "%2e%2e", "ключ", "a b"])
def test_an_argument_stays_in_its_place(order: str) -> None:
    tool = HttpTool(tenant_id="t", name="x", description="x", url="https://shop.example.com/orders/{order}/state")
    address, _ = http_tools.request_of(tool, {"order": order})
    start, end = "https://shop.example.com/orders/", "/state"
    inner = address.removeprefix(start).removesuffix(end)
    assert (
        address.startswith(start) and address.endswith(end) and not set("/?#") & set(inner) and inner not in (".", "..")
    )


async def test_a_changing_tool_asks_and_is_called_once(provider: FakeProvider, who: Identity, shop: Shop) -> None:
    add(who, shop, name="cancel_order", effect="changes", method="POST")
    provider.will(calls(("http_cancel_order", {"order": "1", "days": 2})), says("It is cancelled."))
    reply = await answered(who, real_talk(who, tools={"http_cancel_order": "ask"}))
    assert reply.state == MessageState.TO_APPROVE and shop.asked == []
    call(who, approvals.approve, reply.id, '{"order": "1", "days": 4}')
    assert shop.asked == []  # the worker calls
    await asyncio.to_thread(run_jobs, who)
    assert row(who, reply).text == "It is cancelled." and len(shop.asked) == 1
    assert shop.asked[0][0] == "POST" and json.loads(shop.asked[0][3]) == {"days": 4}


async def test_a_change_whose_outcome_is_unknown_is_not_repeated(
    provider: FakeProvider, who: Identity, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(who, shop, name="cancel_order", effect="changes", method="POST")
    provider.will(calls(("http_cancel_order", {"order": "1"})), says("A person looks at it."))
    opened = real_talk(who, tools={"http_cancel_order": "ask"})
    reply = await answered(who, opened)
    call(who, approvals.approve, reply.id, "")
    record, crashed = tool_calls.record, []

    def dies(*given: Any) -> None:
        crashed.append(given)
        raise RuntimeError("the process is gone")

    monkeypatch.setattr(tool_calls, "record", dies)
    with pytest.raises(RuntimeError, match="gone"):
        await asyncio.to_thread(run_jobs, who)
    monkeypatch.setattr(tool_calls, "record", record)
    assert crashed and made_calls(who)[0].state == ToolCallState.CALLING
    await written(who, put_back(who, reply))
    assert len(shop.asked) == 1 and made_calls(who)[0].sentence == tool_calls.UNKNOWN
    assert row(who, reply).text == "A person looks at it."


def put_back(who: Identity, reply: Message) -> Message:
    """Let a reply be written again, as a worker does whose predecessor died."""
    with session_scope(who.tenant_id) as session:
        left: Message = session.exec(owned(Message, who.tenant_id).where(Message.id == reply.id)).one()
        left.state, left.error, left.finished_at = MessageState.STREAMING, "", None
        return left


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x"),
        ("name", "Has Space"),
        ("name", "x" * 41),
        ("description", ""),
        ("effect", "explodes"),
        ("method", "BREW"),
        ("url", "ftp://x"),
        ("url", "https://{order}.example.com/"),
        ("url", "https://example.com/{unknown}"),
        ("url", "https://example.com/{days}"),
        ("url", "https://example.com/{"),
        ("url", "https://user:pw@example.com/"),
        ("parameters", "nonsense"),
        ("parameters", "[]"),
        ("parameters", '{"properties": {"a b": {}}}'),
        ("parameters", '{"properties": {"a": {"type": "object"}}}'),
        ("parameters", '{"properties": {}, "required": ["a"]}'),
        ("seconds", "0"),
        ("seconds", "31"),
        ("header", "Host"),
        ("header", "a b"),
        ("secret", "a\nb"),
        ("secret", "ключ"),
    ],
)
def test_wrong_values_are_said_at_their_field(who: Identity, field: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        call(who, http_tools.save, "", FORM | {field: value})
    assert refused.value.field == field


def test_secret_names_and_borders(who: Identity, other: Identity) -> None:
    tool = add(who)
    assert call(who, http_tools.secret_suffix, tool.id) == "1234"
    with session_scope(who.tenant_id, read_only=True) as session:
        assert "shop-secret" not in str([secret.sealed for secret in session.exec(owned(Secret, who.tenant_id))])
    call(who, http_tools.save, tool.id, FORM | {"secret": ""})
    with pytest.raises(Invalid):
        call(who, http_tools.save, tool.id, FORM | {"secret": "", "url": "https://evil.example.com/{order}"})
    with pytest.raises(Conflict):
        add(who)
    for member, error in ((make_member(who, Role.OPERATOR), Forbidden), (other, NotFound)):
        for service in (http_tools.get, http_tools.remove, http_tools.secret_suffix):
            if member is other and service is http_tools.secret_suffix:
                assert call(other, service, tool.id) is None
                continue
            with pytest.raises(error):
                call(member, service, tool.id)
    call(who, http_tools.remove, tool.id)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(Secret, who.tenant_id)).all() == []


def test_there_can_be_fifty(who: Identity) -> None:
    for number in range(http_tools.MAX_TOOLS):
        add(who, name=f"tool_{number}", secret="")
    with pytest.raises(LimitReached):
        add(who)


async def test_a_tool_of_another_tenant_is_none(provider: FakeProvider, who: Identity, other: Identity) -> None:
    add(other, secret="")
    provider.will(calls(("http_order_status", {"order": "1"})), says("No."))
    await answered(who, begin(who, tools={"http_order_status": "allowed"}))
    assert "tools" not in provider.asked[0].body and made_calls(who)[0].state == ToolCallState.FAILED
