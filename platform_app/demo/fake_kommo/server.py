"""Server: the fake Kommo over a real socket: one process whose hosts are told apart by the header Host.

`with FakeKommo() as fake:` starts and stops it. Set PLATFORM_KOMMO_API_URL to `fake.address` and connect `fake.host`
with `fake.token`. `fake.data` adds and changes entities as a member does; `fake.api.written` lists what was written
through the API; `fake.team` is a messenger in which customers and managers write, `fake.bot` the Salesbot that asks our
widget, `fake.chats` the Chats API of a channel of our own; `fake.calls`, `fake.rates.most` and `fake.tokens.refreshes`
count; `fake.faults` and the switches `is_paid`, `is_allowed`, `is_cut` let calls fail; `fake.hooks` posts, and loses,
repeats or shuffles, what is subscribed to.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any

from platform_app.demo.fake_kommo.chats import ChatsServer
from platform_app.demo.fake_kommo.crm_api import CrmApi
from platform_app.demo.fake_kommo.crm_data import CrmData
from platform_app.demo.fake_kommo.fake_clock import FakeClock
from platform_app.demo.fake_kommo.hooks import HookSender
from platform_app.demo.fake_kommo.rate_counter import RateCounter
from platform_app.demo.fake_kommo.replies import Call, NoAnswer, Refusal, Reply
from platform_app.demo.fake_kommo.salesbot import Salesbot
from platform_app.demo.fake_kommo.team_channel import TeamChannel
from platform_app.demo.fake_kommo.tokens import TokenServer

Answer = Callable[[Call], Reply]
_CONTINUE = re.compile(r"/api/v4/(?:salesbot|marketingbot)/\d+/continue/\w+")


@dataclass
class Fault:
    """What goes wrong with the next call of a method whose path begins with `path`."""

    method: str
    path: str
    status: int = 0  # answered without doing anything; 0: no answer
    does_it: bool = False  # what was asked for is done, and then there is no answer
    body: bytes | None = None  # answered instead
    count: int = 1
    skip: int = 0  # calls that go well before
    headers: tuple[tuple[str, str], ...] = ()


class FakeKommo:
    """One account and its server."""

    def __init__(self, host: str = "shop.kommo.com", *, port: int = 0) -> None:
        self.host, self.clock = host, FakeClock()
        self.hooks, self.rates = HookSender(), RateCounter()
        self.data = CrmData(self.clock, self.hooks.send)
        self.data.subdomain = host.split(".")[0]
        self.tokens, self.api = TokenServer(self.clock, host), CrmApi(self.data, self.hooks)
        self.team = TeamChannel(self.data)
        self.bot, self.chats = Salesbot(self.team, self.tokens), ChatsServer(self.clock)
        self.token = self.tokens.long_lived()
        self.show: Answer | None = None  # the page for people
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.is_paid = self.is_allowed = True
        self.is_cut = False
        self.server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a caller that died
        self._thread = Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        """The address to set as PLATFORM_KOMMO_API_URL."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "FakeKommo":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.hooks.close()
        self.server.shutdown()
        self.server.server_close()

    def rename(self, subdomain: str) -> None:
        """Rename the account: tokens of the old host are refused there."""
        zone = self.host.split(".", 1)[1]
        self.host = self.tokens.host = f"{subdomain}.{zone}"
        self.data.subdomain = subdomain

    def route(self, public: str, local: str) -> None:
        """Let posts to addresses that begin with `public` go to `local`."""
        for sender in (self.hooks, self.bot, self.chats):
            sender.routes[public] = local

    def fail_next(self, method: str, path: str, **how: Any) -> None:
        """Let the next call fail, see Fault; `path` is the start of the path."""
        self.faults.append(Fault(method, path, **how))

    def answer(self, call: Call) -> Reply:
        """Answer a request. Raises NoAnswer if the connection is to end without one."""
        call.at = time.monotonic()
        self.calls.append(call)
        if self.is_cut:
            raise NoAnswer
        fault = next((f for f in self.faults if f.method == call.method and call.path.startswith(f.path)), None)
        if fault is not None and fault.skip:
            fault.skip, fault = fault.skip - 1, None
        if fault is not None:
            fault.count -= 1
            if fault.count <= 0:
                self.faults.remove(fault)
            if not fault.does_it:
                return self._failed(fault)
        reply = self._answered(call)
        call.status = reply.status
        if fault is not None:
            raise NoAnswer
        return reply

    def _failed(self, fault: Fault) -> Reply:
        if not fault.status:
            raise NoAnswer
        return Reply(fault.status, fault.body or {"title": "Error", "status": fault.status}, dict(fault.headers))

    def _answered(self, call: Call) -> Reply:
        try:
            return self._dispatch(call)
        except Refusal as refusal:
            return refusal.reply

    def _dispatch(self, call: Call) -> Reply:
        if call.host.startswith("amojo."):
            return self.chats.answer(call)
        if call.path.startswith("/oauth2/"):
            return self.tokens.answer(call)
        if self.show is not None and call.host in ("127.0.0.1", "localhost"):
            return self.show(call)
        if call.host != self.host:
            raise Refusal(401 if call.path.startswith("/api/") else 404, "Account not found")
        call.integration = self.tokens.integration_of(call)
        if status := self.rates.check(call.integration):
            raise Refusal(status, "Too Many Requests" if status == 429 else "Forbidden")
        if not self.is_paid:
            raise Refusal(402, "Payment Required", "The account is not paid")
        if not self.is_allowed:
            raise Refusal(403, "Forbidden", "Not enough rights")
        if call.path == "/api/v2/salesbot/run" and call.method == "POST":
            return self.bot.run(call, self._json(call))
        if _CONTINUE.fullmatch(call.path) and call.method == "POST":
            return self.bot.resume(call, self._json(call))
        return self.api.answer(call)

    def _json(self, call: Call) -> Any:
        try:
            return json.loads(call.body or b"{}")
        except ValueError:
            raise Refusal(400, "Bad Request", "The body is not JSON") from None


def _handler(fake: FakeKommo) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            host = headers.get("host", "").split(":")[0]
            try:
                reply = fake.answer(Call(self.command, host, self.path, headers, body))
            except NoAnswer:
                self.close_connection = True
                return
            self._send(reply)

        do_POST = do_PATCH = do_DELETE = do_PUT = do_GET

        def _send(self, reply: Reply) -> None:
            content = reply.body if isinstance(reply.body, bytes) else b""
            if reply.body is not None and not content:
                content = json.dumps(reply.body).encode()
            kind = "text/html; charset=utf-8" if content.startswith(b"<") else "application/hal+json"
            try:
                self.send_response(reply.status)
                for name, value in {"content-type": kind, "content-length": str(len(content)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except OSError:  # the caller has gone
                self.close_connection = True

        def log_message(self, format: str, *words: Any) -> None:
            """Say nothing."""

    return Handler
