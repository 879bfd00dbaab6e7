"""Fake Bitrix24: a portal with its REST API over https, as apidocs.bitrix24.com describes it.

- POST /rest/{user}/{code}/{method}.json; an unknown code is 401 `{"error": "INVALID_CREDENTIALS", …}`.
- `batch` makes up to 50 calls, one after another, and fills `$result[key][…]` in their texts, also in those of people.
- A leaky bucket counts requests: each adds one, 2 a second leave; beyond 50 they are 503 QUERY_LIMIT_EXCEEDED.
- Lists have pages of 50 and `next`; a filter by a field that there is not is ignored.
- A deal has a main contact, which lists show, and others (crm.deal.contact.items.get, .set, .delete).
- Phone numbers have ids: an item with an id changes or deletes one, an item without an id adds one.
- An outgoing webhook posts a form with `event`, `data[FIELDS][ID]`, `auth[domain]` and `auth[application_token]`.
"""

import itertools
import json
import re
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import RLock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from platform_app.clock import now
from platform_app.integrations import call_pace, egress
from platform_app.integrations.bitrix24 import api
from tests.conftest import forget_process_state
from tests.mail_catcher import certificate

ZONE = timezone(timedelta(hours=3))
NEW, WORK, WON, SERVICE_NEW = "NEW", "EXECUTING", "WON", "C7:NEW"
SIZE, KIND, COLORS, SUM = "UF_CRM_SIZE", "UF_CRM_KIND", "UF_CRM_COLORS", "UF_CRM_SUM"
Item = dict[str, Any]
_REFERENCE = re.compile(r"\$result((?:\[[^\[\]\s]*\])*)")


class Refused(Exception):
    """A call is answered with an error: status, code and description."""


class LeakyBucket:
    """Counts requests as the vendor does, and the most that came within a second."""

    def __init__(self) -> None:
        self.capacity, self.rate, self.level, self.at = 50.0, 2.0, 0.0, time.monotonic()
        self.refused, self.times = 0, list[float]()

    def is_full(self) -> bool:
        """Count a request; return whether it is one too many."""
        at = time.monotonic()
        self.level, self.at = max(0.0, self.level - (at - self.at) * self.rate) + 1, at
        self.times.append(at)
        self.refused += self.level > self.capacity
        return self.level > self.capacity

    def most(self, seconds: float) -> int:
        """Return the most requests that came within some seconds."""
        return max((sum(at <= other < at + seconds for other in self.times) for at in self.times), default=0)


class FakeBitrix:
    """A portal: contacts, deals, tasks and comments by id; `fail_next` breaks the next request with a method."""

    def __init__(self, folder: Path) -> None:
        self.code, self.user_id, self.application_token = "k3yk3yk3yk3y", "1", "app-token-" + "a" * 22
        self.scopes, self.is_paid = ["crm", "task", "user"], True
        self.rows: dict[str, dict[str, Item]] = {"contact": {}, "deal": {}, "task": {}, "comment": {}}
        self.bucket, self.requests, self.done = LeakyBucket(), list[str](), list[tuple[str, Item]]()
        self.bindings: dict[str, list[str]] = {}  # contacts by deal, of those that have several
        self.faults: list[tuple[str, Item]] = []
        self.plain: tuple[int, dict[str, str]] | None = None  # status and headers of a page in place of answers
        self.refusals: list[tuple[str, str, str]] = []  # of single calls, by method, also in batches
        self._ids, self._lock = itertools.count(101), RLock()
        context, trusted = certificate(folder, "localhost")
        self.trusted = trusted
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def host(self) -> str:
        """The host of the portal with its port."""
        return f"localhost:{self.server.server_port}"

    @property
    def address(self) -> str:
        """The address of the incoming webhook, as the portal shows it."""
        return f"https://{self.host}/rest/{self.user_id}/{self.code}/"

    def close(self) -> None:
        """Stop the server."""
        self.server.shutdown()
        self.server.server_close()

    def fail_next(self, method: str, *, does_it: bool = False, status: int = 0, code: str = "") -> None:
        """Break the next request that calls a method: with a status and code, or by no answer; `does_it` before."""
        self.faults.append((method, {"does_it": does_it, "status": status, "code": code}))

    def add(self, kind: str, *, days: int = 0, **fields: Any) -> str:
        """Add a row that has existed for some days; return its id."""
        row_id = str(next(self._ids))
        at = self.moment(-days * 86_400)
        dated = {"DATE_CREATE": at, "DATE_MODIFY": at, "LAST_ACTIVITY_TIME": at}
        dated = {"CREATED_DATE": at, "CHANGED_DATE": at, "STATUS": "2"} if kind == "task" else dated
        self.rows[kind][row_id] = ({"CREATED": at} if kind == "comment" else dated) | {"ID": row_id} | fields
        return row_id

    def change(self, kind: str, row_id: str, **fields: Any) -> None:
        """Change a row as somebody does by hand, a second from now."""
        at = "CHANGED_DATE" if kind == "task" else "DATE_MODIFY"
        self.rows[kind][row_id] |= fields | {at: self.moment(1)}

    def moment(self, seconds: float = 0) -> str:
        """Return the time in some seconds, as the portal writes it."""
        return (now().astimezone(ZONE) + timedelta(seconds=seconds)).isoformat(timespec="seconds")

    def form(self, event: str, row_id: str, **auth: str) -> bytes:
        """Return what the outgoing webhook posts about a row."""
        told = {"domain": self.host, "application_token": self.application_token} | auth
        name = "FIELDS_AFTER" if event.startswith("ONTASK") else "FIELDS"
        pairs = [("event", event), (f"data[{name}][ID]", row_id), ("ts", "1764550000")]
        return urlencode([*pairs, *((f"auth[{key}]", value) for key, value in told.items())]).encode()

    def count(self, method: str) -> int:
        """Return how often a method was called, also in batches."""
        return Counter(name for name, _ in self.done)[method]

    def respond(self, path: str, body: Item) -> tuple[int, Item] | None:
        """Return status and JSON of a response, None for a connection that is cut."""
        with self._lock:
            _, _, user, code, method = path.split("/", 4)
            method = method.removesuffix(".json")
            self.requests.append(method)
            if self.bucket.is_full():
                return 503, {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}
            if (user, code) != (self.user_id, self.code):
                return 401, {"error": "INVALID_CREDENTIALS", "error_description": "Invalid request credentials"}
            if not self.is_paid:
                return 403, {"error": "ACCESS_DENIED", "error_description": "REST API is available on paid plans"}
            fault = self._fault(method, body)
            if fault and not fault["does_it"]:
                known = fault["status"], {"error": fault["code"], "error_description": "broken"}
                return known if fault["code"] else None
            try:
                answer = 200, {"result": self._batch(body) if method == "batch" else self._call(method, body)[0]}
            except Refused as error:
                answer = error.args[0], {"error": error.args[1], "error_description": error.args[2]}
            return None if fault else answer

    def _fault(self, method: str, body: Item) -> Item | None:
        names = {method, *(written.partition("?")[0] for written in dict(body.get("cmd") or {}).values())}
        for place, (name, fault) in enumerate(self.faults):
            if name in names:
                del self.faults[place]
                return fault
        return None

    def _batch(self, body: Item) -> Item:
        """Make the calls of a batch; empty parts are lists, as PHP writes them."""
        results, errors, following = dict[str, Any](), dict[str, Any](), dict[str, int]()
        if len(body["cmd"]) > 50:
            raise Refused(400, "ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
        for key, written in body["cmd"].items():
            method, _, query = written.partition("?")
            params = _filled(_tree(query), results)
            try:
                results[key], start = self._call(method, params)
                following |= {key: start} if start else {}
            except Refused as error:
                errors[key] = {"error": error.args[1], "error_description": error.args[2]}
        return {"result": results or [], "result_error": errors or [], "result_next": following or []}

    def _call(self, method: str, params: Item) -> tuple[Any, int]:
        """Return the result of a method and where its next page begins, 0 after the last."""
        self.done.append((method, params))
        if refusal := next((one for one in self.refusals if one[0] == method), None):
            self.refusals.remove(refusal)
            raise Refused(400, *refusal[1:])
        if method == "scope":
            return self.scopes, 0
        if {"crm": "crm", "tasks": "task", "user": "user"}.get(method.partition(".")[0], "crm") not in self.scopes:
            raise Refused(403, "insufficient_scope", "The request requires higher privileges")
        noun = {"tasks": "task"}.get(method.partition(".")[0], method.removeprefix("crm.").split(".")[0])
        noun = "comment" if "comment" in method else noun
        action = method.rpartition(".")[2]
        if action == "list" and noun in self.rows:
            return self._list(noun, params)
        if action == "fields":
            return FIELDS, 0
        if method in SETTINGS:
            return SETTINGS[method](params), 0
        if method.startswith("crm.deal.contact.items."):
            return self._deal_contacts(action, params), 0
        if method == "crm.item.update":
            return self._change_deal(params), 0
        if action in ("add", "update", "get", "complete", "renew") and noun in self.rows:
            return self._write(noun, action, params), 0
        raise Refused(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")

    def _list(self, noun: str, params: Item) -> tuple[Any, int]:
        where, start = params.get("filter") or {}, int(params.get("start") or 0)
        if noun == "comment" and not {"ENTITY_ID", "ENTITY_TYPE"} <= where.keys():
            raise Refused(400, "", "Filter by ENTITY_ID and ENTITY_TYPE is required")
        rows = sorted(self.rows[noun].values(), key=lambda row: int(row["ID"]))
        rows = [row for row in rows if all(_fits(row, name, value) for name, value in where.items())]
        page = rows[max(start, 0) :][:50]
        following = start + 50 if start >= 0 and len(rows) > start + 50 else 0
        return ({"tasks": [_camel(row) for row in page]} if noun == "task" else page), following

    def _write(self, noun: str, action: str, params: Item) -> Any:
        fields = params.get("fields") or {}
        if action == "add":
            row_id = self.add(noun)
            self._put(noun, row_id, fields)
            return {"task": {"id": row_id}} if noun == "task" else int(row_id)
        row_id = str(params.get("taskId") or params.get("id") or "")
        if row_id not in self.rows[noun]:
            raise Refused(400, "", "Not found")
        if action == "get":
            return self.rows[noun][row_id]
        self._put(noun, row_id, fields | {"complete": {"STATUS": "5"}, "renew": {"STATUS": "2"}}.get(action, {}))
        return True

    def _put(self, noun: str, row_id: str, fields: Item) -> None:
        row = self.rows[noun][row_id]
        if not str(fields.get("TITLE", "x")).strip():
            raise Refused(400, "", "Title is required")
        for name in ("PHONE", "EMAIL"):
            held = {item["ID"]: item for item in row.get(name, [])}
            for item in _listed(fields.get(name)):
                if item.get("DELETE") == "Y":
                    held.pop(item["ID"])
                else:
                    held |= {(made := str(next(self._ids))): item | {"ID": made}}
            row |= {name: list(held.values())} if name in fields else {}
        row |= {name: value for name, value in fields.items() if name not in ("PHONE", "EMAIL", "CONTACT_IDS")}
        self.link(row_id, *_listed(fields["CONTACT_IDS"])) if "CONTACT_IDS" in fields else None
        row |= {"UF_CRM_TASK": _listed(fields["UF_CRM_TASK"])} if "UF_CRM_TASK" in fields else {}
        row["CHANGED_DATE" if noun == "task" else "DATE_MODIFY"] = self.moment()

    def link(self, deal: str, *contacts: str) -> None:
        """Give a deal its contacts, the main one first."""
        self.bindings[deal] = list(contacts)
        self.rows["deal"][deal] |= {"CONTACT_ID": contacts[0] if contacts else "0", "DATE_MODIFY": self.moment(1)}

    def _deal_contacts(self, action: str, params: Item) -> Any:
        """Return, set or delete the contacts of a deal; one of them is the main one."""
        deal, main = params["id"], str(self.rows["deal"][params["id"]].get("CONTACT_ID") or "0")
        if action == "get":
            held = self.bindings.get(deal, [main] * (main != "0"))
            return [{"CONTACT_ID": int(n), "SORT": 10, "IS_PRIMARY": "Y" if n == main else "N"} for n in held]
        self.link(deal, *(str(item["CONTACT_ID"]) for item in _listed(params.get("items"))))
        return True

    def _change_deal(self, params: Item) -> bool:
        row, fields = self.rows["deal"][params["id"]], params["fields"]
        names = {"stageId": "STAGE_ID", "categoryId": "CATEGORY_ID"}
        row |= {names[name]: value for name, value in fields.items() if name in names}
        row["DATE_MODIFY"] = self.moment()
        return True


def _statuses(params: Item) -> list[Item]:
    place = params["filter"]["ENTITY_ID"]
    named = {
        "DEAL_STAGE": [(NEW, "New request", None), (WORK, "In work", None), (WON, "Sold", "S"), ("LOSE", "Lost", "F")],
        "DEAL_STAGE_7": [(SERVICE_NEW, "Accepted", None), ("C7:WON", "Repaired", "S")],
    }[place]
    return [{"STATUS_ID": code, "NAME": name, "SEMANTICS": meaning} for code, name, meaning in named]


def _options(*names: str) -> list[Item]:
    return [{"ID": str(44 + place), "VALUE": name} for place, name in enumerate(names)]


_CATEGORIES = [{"id": 7, "name": "Service", "sort": 400}, {"id": 0, "name": "Sales", "sort": 300}]
_USERS = [
    {"ID": "1", "NAME": "Olga", "LAST_NAME": "Orlova", "EMAIL": "olga@acme.test"},
    {"ID": "9", "NAME": "Pavel", "LAST_NAME": "", "EMAIL": "pavel@shop.test"},
]
SETTINGS: dict[str, Any] = {
    "crm.category.list": lambda params: {"categories": _CATEGORIES},
    "crm.status.list": _statuses,
    "user.get": lambda params: _USERS,
    "bizproc.workflow.start": lambda params: "workflow-1",
}
FIELDS = {
    "TITLE": {"type": "string", "title": "Title"},
    "LAST_ACTIVITY_TIME": {"type": "datetime", "title": "Last activity"},
    SIZE: {"type": "double", "title": SIZE, "formLabel": "Frame size"},
    KIND: {"type": "enumeration", "formLabel": "Kind", "items": _options("City", "Sport")},
    COLORS: {"type": "enumeration", "isMultiple": True, "formLabel": "Colors", "items": _options("Red", "Blue")},
    SUM: {"type": "money", "formLabel": "Deposit"},
}


def _listed(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value or [])


def _camel(row: Item) -> Item:
    words = {name: name.lower().split("_") for name in row}
    return {w[0] + "".join(part.capitalize() for part in w[1:]): row[name] for name, w in words.items()}


def _fits(row: Item, name: str, wanted: Any) -> bool:
    """Return whether a row passes a filter; one by an unknown field does not count."""
    operator = re.match(r"[<>=@!%]*", name)[0]  # type: ignore[index]
    field = name[len(operator) :]
    if field not in row and field not in ("ORIGIN_ID", "ORIGINATOR_ID", "CATEGORY_ID", "UF_CRM_TASK"):
        return True
    held = row.get(field, "")
    if operator == "@" or isinstance(wanted, dict):
        return str(held) in _listed(wanted)
    if operator in (">", ">="):
        left, right = (int(held), int(wanted or 0)) if field == "ID" else (_at(held), _at(wanted))
        return left > right or (operator == ">=" and left == right)
    return wanted in held if isinstance(held, list) else str(held) == str(wanted)


def _at(written: str) -> Any:
    return datetime.fromisoformat(written)


def _tree(query: str) -> Item:
    tree: Item = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        path, inner = [name.partition("[")[0], *re.findall(r"\[([^\]]*)\]", name)], tree
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
        inner[path[-1]] = value
    return tree


def _filled(value: Any, results: Item) -> Any:
    """Fill references to results of calls before; what there is not becomes empty."""
    if isinstance(value, dict):
        return {name: _filled(inner, results) for name, inner in value.items()}
    return _REFERENCE.sub(lambda match: str(_looked_up(results, re.findall(r"\[([^\]]*)\]", match[1]))), value)


def _looked_up(held: Any, path: list[str]) -> Any:
    for part in path:
        try:
            held = held[int(part)] if isinstance(held, list) else held[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return ""
    return held


def _handler(fake: FakeBitrix) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"{}")
            answer = fake.respond(urlsplit(self.path).path, body)
            if answer is None:
                self.close_connection = True
                self.connection.close()
                return
            status, headers = fake.plain or (answer[0], {})
            content = b"<html>moved</html>" if fake.plain else json.dumps(answer[1]).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def portal(env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeBitrix]:
    """A fake portal that the platform may reach and whose certificate it trusts."""
    fake = FakeBitrix(tmp_path)
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32")
    forget_process_state()
    trust = ssl.create_default_context(cafile=str(fake.trusted))
    monkeypatch.setattr(egress, "_trust", lambda: trust)
    monkeypatch.setattr(call_pace, "_local", {})
    yield fake
    fake.close()


@pytest.fixture
def bitrix(portal: FakeBitrix, monkeypatch: pytest.MonkeyPatch) -> FakeBitrix:
    """The fake portal without its limit, called without pauses: the pace has tests of its own."""
    monkeypatch.setattr(api, "PER_SECOND", 1e9)
    portal.bucket.capacity = 1e9
    return portal
