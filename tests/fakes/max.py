"""Fake MAX: the Bot API over a real socket, as dev.max.ru/docs-api describes it.

- The token stands in the header Authorization; an unknown one is 401 `{"code": "verify.token", "message": …}`.
- POST /messages?chat_id= with `text` of at most 4000 characters and `format`; the answer holds `message.body.mid`.
- GET /updates?marker=&timeout=&types= returns `updates` and the next `marker`; POST /subscriptions {url, update_types,
  secret} makes MAX post updates with the header X-Max-Bot-Api-Secret.
- Updates have `update_type` and `timestamp` in milliseconds: message_created, message_edited, bot_started with a
  payload, bot_stopped.
"""

import itertools
import json
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler
from threading import Condition
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.local_server import LocalServer

TOKEN = "max-token-" + "m" * 40


class FakeMax(LocalServer):
    """One bot and its dialogs; `faults` are statuses that the next messages are refused with."""

    def __init__(self) -> None:
        self.token, self.bot_id = TOKEN, 880_001
        self.sent: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.faults: list[int] = []
        self.subscriptions: list[dict[str, Any]] = []
        self.calls: dict[str, int] = defaultdict(int)
        self.change, self._ids = Condition(), itertools.count(1)
        super().__init__(_handler(self))

    def put(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Add an update for the bot."""
        with self.change:
            made = {"update_type": kind, "timestamp": int(time.time() * 1000) + next(self._ids)} | fields
            self.updates.append(made)
            self.change.notify_all()
            return made

    def write(self, text: str = "Сколько стоит ремонт?", chat_id: int = 42, **body: Any) -> dict[str, Any]:
        """Write to the bot; return the update."""
        user = {"user_id": chat_id + 1, "first_name": "Анна", "last_name": "К.", "is_bot": False}
        said = {"mid": f"mid.{next(self._ids)}", "seq": 1, "text": text} | body
        message = {"sender": user, "recipient": {"chat_id": chat_id, "chat_type": "dialog"}, "body": said}
        return self.put("message_created", message=message, user_locale="ru")

    def start(self, payload: str = "", chat_id: int = 42) -> dict[str, Any]:
        """Press "Start"; return the update."""
        user = {"user_id": chat_id + 1, "first_name": "Анна", "is_bot": False}
        return self.put("bot_started", chat_id=chat_id, user=user, payload=payload, user_locale="ru")

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        """Return status and JSON of an answer."""
        self.calls[f"{method} {path}"] += 1
        if (method, path) == ("GET", "/me"):
            return 200, {"user_id": self.bot_id, "first_name": "Магазин", "username": "shop_max_bot", "is_bot": True}
        if path == "/subscriptions":
            return 200, self._subscribe(method, query, body)
        if (method, path) == ("GET", "/updates"):
            return 200, self._updates(int(query.get("marker", 0)), float(query.get("timeout", 0)))
        if (method, path) == ("POST", "/messages"):
            return self._send(int(query["chat_id"]), body)
        return 200, {"success": True}

    def _subscribe(self, method: str, query: dict[str, str], body: dict[str, Any]) -> Any:
        if method == "POST":
            self.subscriptions.append(body)
        if method == "DELETE":
            self.subscriptions = [row for row in self.subscriptions if row["url"] != query["url"]]
        return {"success": True, "subscriptions": [{"url": row["url"]} for row in self.subscriptions]}

    def _updates(self, marker: int, seconds: float) -> Any:
        with self.change:
            self.change.wait_for(lambda: len(self.updates) > marker, seconds)
            return {"updates": self.updates[marker:], "marker": len(self.updates)}

    def _send(self, chat_id: int, body: dict[str, Any]) -> tuple[int, Any]:
        if self.faults:
            status = self.faults.pop(0)
            return status, {"code": f"error.{status}", "message": f"Error {status}"}
        if not body["text"] or len(body["text"]) > 4000:
            return 400, {"code": "proto.payload", "message": "text: size must be between 1 and 4000"}
        self.sent.append({"chat_id": chat_id, **body})
        return 200, {"message": {"body": {"mid": f"mid.{next(self._ids)}"}}}


def _handler(fake: FakeMax) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
            status, answer = 401, {"code": "verify.token", "message": "Invalid access_token"}
            if self.headers.get("authorization") == fake.token:
                status, answer = fake.answer(self.command, parts.path, dict(parse_qsl(parts.query)), body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_PATCH = answer

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    return Handler
