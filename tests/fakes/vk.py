"""Fake VK: the API of communities over a real socket, as dev.vk.com describes it.

- POST /method/{name} with form fields and `v`; the access key in Authorization: Bearer; a wrong one is error 5
  (dev.vk.com/en/reference/errors).
- Answers have `response`, or `error` with `error_code` and `error_msg`, both with status 200.
- Without the right of a key a method is error 15; uncertain: whether error 7 or 15.
- messages.send takes peer_id, random_id and message; a random_id that is known sends nothing and returns the first id
  (dev.vk.com/en/method/messages.send; uncertain: for how long it is known).
- groups.addCallbackServer {url, title of at most 14 characters, secret_key of at most 50}, groups.setCallbackSettings;
  VK confirms an address by a post {type: "confirmation", group_id} whose answer is the code of
  groups.getCallbackConfirmationCode (dev.vk.com/en/api/callback/getting-started). Updates hold `secret`, and "ok" is
  the only answer that counts. Uncertain: whether a post that confirms holds the secret; here it does not.
- groups.getLongPollServer returns server, key and ts; {server}?act=a_check&key&ts&wait returns ts and updates, or
  failed 1 with the next ts, 2 for an old key (dev.vk.com/en/api/bots-long-poll/getting-started).
"""

import itertools
import json
import time
from http.server import BaseHTTPRequestHandler
from threading import Condition
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.local_server import LocalServer

TOKEN = "vk1.a." + "k" * 60


class FakeVk(LocalServer):
    """One community and its dialogs; `faults` are codes of errors with which the next messages are refused."""

    def __init__(self) -> None:
        self.token, self.group_id, self.code = TOKEN, 770_001, "c0de1234"
        self.sent: list[dict[str, str]] = []
        self.updates: list[dict[str, Any]] = []
        self.faults: list[int] = []
        self.is_cut = False  # the next message is sent, and there is no answer
        self.rights = {"manage", "messages"}
        self.servers: list[dict[str, Any]] = []
        self.settings: dict[str, dict[str, str]] = {}
        self.failed: dict[str, Any] | None = None
        self.calls: list[str] = []
        self._ids, self._known, self.change = itertools.count(1), dict[str, int](), Condition()
        super().__init__(_handler(self))

    def put(self, kind: str, held: dict[str, Any], secret: str = "") -> dict[str, Any]:
        """Add an update of the community; return it as it is posted."""
        with self.change:
            made = {
                "type": kind,
                "object": held,
                "group_id": self.group_id,
                "event_id": f"e{next(self._ids)}",
                "v": "5.199",
            }
            self.updates.append(made)
            self.change.notify_all()
        return made | ({"secret": secret} if secret else {})

    def message(self, text: str = "", person: int = 42, **fields: Any) -> dict[str, Any]:
        """Return a message of a person."""
        number = next(self._ids)
        ids = {"id": number, "conversation_message_id": number, "peer_id": person, "from_id": person}
        return ids | {"date": int(time.time()), "text": text, "attachments": [], "out": 0} | fields

    def write(self, text: str = "Сколько стоит ремонт?", *, secret: str = "", **fields: Any) -> dict[str, Any]:
        """Write to the community; return the update."""
        held = {"message": self.message(text, **fields), "client_info": {"lang_id": 0, "keyboard": True}}
        return self.put("message_new", held, secret)

    def answer(self, method: str, given: dict[str, str]) -> Any:
        """Return the response to a method; raises LookupError with the code of an error."""
        self.calls.append(method)
        right = "messages" if method.startswith("messages.") else "manage"
        if method not in ("groups.getById", "users.get") and right not in self.rights:
            raise LookupError(15)
        if method == "groups.getById":
            return {"groups": [{"id": self.group_id, "name": "Мастерская", "screen_name": "workshop"}], "profiles": []}
        if method == "users.get":
            return [{"id": int(given["user_ids"]), "first_name": "Анна", "last_name": "К."}]
        if method == "messages.send":
            return self._send(given)
        if method == "groups.getCallbackConfirmationCode":
            return {"code": self.code}
        if method == "groups.getLongPollServer":
            return {"server": f"{self.address}/poll", "key": "s" * 40, "ts": str(len(self.updates))}
        if "Callback" in method or "LongPoll" in method:
            return self._set(method, given)
        return 1

    def _set(self, method: str, given: dict[str, str]) -> Any:
        if method == "groups.getCallbackServers":
            return {"count": len(self.servers), "items": self.servers}
        if method == "groups.deleteCallbackServer":
            self.servers = [server for server in self.servers if str(server["id"]) != given["server_id"]]
        if method == "groups.addCallbackServer":
            if len(self.servers) == 10:
                raise LookupError(2000)
            if len(given["title"]) > 14 or len(given["secret_key"]) > 50 or not given["secret_key"].isalnum():
                raise LookupError(100)
            self.servers.append(given | {"id": next(self._ids)})
            return {"server_id": self.servers[-1]["id"]}
        self.settings[method] = given
        return 1

    def _send(self, given: dict[str, str]) -> int:
        if self.faults:
            raise LookupError(self.faults.pop(0))
        if len(given["message"]) > 4096:
            raise LookupError(914)
        if given["random_id"] not in self._known:
            self._known[given["random_id"]] = next(self._ids)
            self.sent.append(given)
        return self._known[given["random_id"]]

    def poll(self, given: dict[str, str]) -> dict[str, Any]:
        """Return the events after a number, or how asking failed."""
        if self.failed is not None:
            failed, self.failed = self.failed, None
            return failed
        start = int(given["ts"])
        with self.change:
            self.change.wait_for(lambda: len(self.updates) > start, float(given["wait"]))
            return {"ts": str(len(self.updates)), "updates": self.updates[start:]}


def _handler(fake: FakeVk) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            given = dict(parse_qsl(body or parts.query, keep_blank_values=True))
            if parts.path == "/poll":
                return self.say(fake.poll(given))
            if self.headers.get("authorization") != f"Bearer {fake.token}":
                return self.say({"error": {"error_code": 5, "error_msg": "User authorization failed"}})
            try:
                response = {"response": fake.answer(parts.path.rpartition("/")[2], given)}
            except LookupError as error:
                response = {"error": {"error_code": error.args[0], "error_msg": f"Error {error.args[0]}"}}
            if fake.is_cut and parts.path.endswith("messages.send"):
                fake.is_cut = False
                self.close_connection = True
                return self.connection.close()
            return self.say(response)

        def say(self, said: Any) -> None:
            content = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    return Handler
