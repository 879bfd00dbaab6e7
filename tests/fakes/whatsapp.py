"""Fake WhatsApp: the Cloud API over a real socket, as developers.facebook.com describes it (WhatsApp).

- Authorization: Bearer; an unknown token is 401 with code 190. `appsecret_proof` (HMAC-SHA256 of the token with the app
  secret) is checked where it is given: code 100 "Invalid appsecret_proof provided in the API argument".
- POST /<phone number id>/messages: text of 1 to 4096 characters; answers `messages[0].id`. Outside of 24 hours after
  the customer's last message only a template: code 131047; a second message to a customer within 6 seconds: 131056.
  An unknown or unapproved template is 132001, a wrong number of parameters 132000. `biz_opaque_callback_data` comes
  back with statuses.
- interactive messages: up to 3 reply buttons with titles of 20 characters below a text of 1024, or a list of up to 10
  rows with titles of 24 below a text of 4096, whose button has 20 (interactive-reply-buttons-messages,
  interactive-list-messages); else 131009.
- GET /<phone number id>?fields=, GET /<WABA id>/phone_numbers, POST /<WABA id>/subscribed_apps, POST /<phone number id>
  with `webhook_configuration` (webhooks/override), GET /<WABA id>/message_templates in pages with `paging.cursors`.
- GET /<media id> answers `url`, which is fetched with the token.
- Webhooks: `entry[].changes[].value` with messages, statuses or message_echoes (smb_message_echoes); each post carries
  `X-Hub-Signature-256: sha256=` HMAC-SHA256 of the raw bytes with the app secret.
- messages of type edit and revoke name `original_message_id`; history has threads with messages of both sides, and
  media as `media_placeholder` whose content follows in `messages` of that field (webhooks/reference/history);
  smb_app_state_sync has the address book (webhooks/reference/smb_app_state_sync).
"""

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.local_server import LocalServer

TOKEN, SECRET = "EAAG" + "w" * 196, "5" * 32
PHONE_ID, ACCOUNT_ID = "106540352242922", "102290129340398"
CUSTOMER = "15550001111"
Fault = Callable[["FakeWhatsApp", dict[str, Any]], None]


class Refusal(Exception):
    """An answer of the API that is an error."""

    def __init__(self, status: int, code: int, message: str = "", **headers: str) -> None:
        super().__init__(message or f"Error {code}")
        self.status, self.code, self.headers = status, code, headers


class Silence(Exception):
    """The connection ends without an answer."""


class Garbage(Exception):
    """The answer is not JSON."""


def refuse(status: int, code: int, message: str = "", **headers: str) -> Fault:
    """Return a fault: the message is refused and nothing is sent."""

    def fault(fake: "FakeWhatsApp", body: dict[str, Any]) -> None:
        raise Refusal(status, code, message, **headers)

    return fault


def silent_after(fake: "FakeWhatsApp", body: dict[str, Any]) -> None:
    """Send the message and end the connection without an answer."""
    fake.deliver(body)
    raise Silence


def garbage_after(fake: "FakeWhatsApp", body: dict[str, Any]) -> None:
    """Send the message and answer with something that is not JSON."""
    fake.deliver(body)
    raise Garbage


class FakeWhatsApp(LocalServer):
    """One phone number and its customers; `faults` are used up one for each message that is to be sent."""

    def __init__(self) -> None:
        self.token, self.secret, self.phone_id, self.account_id = TOKEN, SECRET, PHONE_ID, ACCOUNT_ID
        self.sent: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.templates: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.webhook: dict[str, str] = {}
        self.subscribed = False
        self.has_pair_rate = False
        self.wrote_at: dict[str, float] = {}  # of customers, in seconds since 1970
        self.calls: list[str] = []
        self._ids, self._lock = itertools.count(1), Lock()
        self._sent_at: dict[str, float] = {}
        super().__init__(_handler(self))

    @property
    def credentials(self) -> dict[str, str]:
        """What an admin enters to connect the number."""
        ids = {"phone_number_id": self.phone_id, "business_account_id": self.account_id}
        return ids | {"token": self.token, "app_secret": self.secret}

    def wamid(self) -> str:
        """Return a new id of a message."""
        return f"wamid.HBgLMTU1NTAwMDExMTEVAgARGB{next(self._ids):016X}AA=="

    def write(
        self, words: str = "How much is a tune-up?", *, at: float | None = None, **message: Any
    ) -> dict[str, Any]:
        """Let a customer write; return the post."""
        sender = message.pop("sender", CUSTOMER)
        when = time.time() if at is None else at
        self.wrote_at[sender] = max(self.wrote_at.get(sender, 0), when)
        said = {
            "from": sender,
            "id": self.wamid(),
            "timestamp": str(int(when)),
            "type": "text",
            "text": {"body": words},
        }
        return self.post(messages=[said | message], contacts=[{"profile": {"name": "Anna"}, "wa_id": sender}])

    def edit(self, post: dict[str, Any], text: str, seconds: int = 5) -> dict[str, Any]:
        """Let a customer change a message; return the post."""
        said = post["entry"][0]["changes"][0]["value"]["messages"][0]
        changed = {"original_message_id": said["id"], "message": {"type": "text", "text": {"body": text}}}
        stamp = str(int(said["timestamp"]) + seconds)
        made = {"from": said["from"], "id": self.wamid(), "timestamp": stamp, "type": "edit", "edit": changed}
        return self.post(messages=[made])

    def press(self, wamid: str, key: str, title: str, kind: str = "button_reply") -> dict[str, Any]:
        """Let a customer press a reply button, or choose a row of a list; return the post."""
        chosen = {"type": kind, kind: {"id": key, "title": title}}
        return self.write(type="interactive", interactive=chosen, context={"from": "15550009999", "id": wamid})

    def revoke(self, post: dict[str, Any], seconds: int = 5) -> dict[str, Any]:
        """Let a customer delete a message; return the post."""
        said = post["entry"][0]["changes"][0]["value"]["messages"][0]
        made = {"from": said["from"], "id": self.wamid(), "timestamp": str(int(said["timestamp"]) + seconds)}
        return self.post(messages=[made | {"type": "revoke", "revoke": {"original_message_id": said["id"]}}])

    def past(self, *said: tuple[str, int], customer: str = CUSTOMER, **fields: Any) -> dict[str, Any]:
        """Return a post of the phone app's past: texts, "<" before those of the company, and seconds since 1970."""
        messages = [
            {
                "from": "15550009999" if text.startswith("<") else customer,
                "id": self.wamid(),
                "timestamp": str(at),
                "type": "text",
                "text": {"body": text.lstrip("<")},
                "history_context": {"status": "READ"},
            }
            | fields
            for text, at in said
        ]
        thread = {"id": customer, "messages": messages}
        chunk = {"metadata": {"phase": 0, "chunk_order": 1, "progress": 50}, "threads": [thread]}
        return self.post("history", history=[chunk])

    def name(self, full_name: str, customer: str = CUSTOMER, action: str = "add") -> dict[str, Any]:
        """Return a post that tells how the phone's address book calls somebody."""
        contact = {"phone_number": customer} | ({"full_name": full_name, "first_name": full_name.split()[0]})
        stamp = {"timestamp": str(int(time.time()))}
        row = {"type": "contact", "contact": contact, "action": action, "metadata": stamp}
        return self.post("smb_app_state_sync", state_sync=[row])

    def file(self, kind: str = "image", content: bytes = b"\xff\xd8\xff picture", **more: Any) -> dict[str, Any]:
        """Let a customer send a file; return the post."""
        file_id = str(900_000_000 + next(self._ids))
        self.files[file_id] = content
        return self.write(type=kind, **{kind: {"id": file_id, "mime_type": "image/jpeg"} | more})

    def status(self, wamid: str, state: str, reference: str = "", **more: Any) -> dict[str, Any]:
        """Return the post of a status."""
        made = {"id": wamid, "status": state, "timestamp": str(int(time.time())), "recipient_id": CUSTOMER}
        made |= {"biz_opaque_callback_data": reference} if reference else {}
        return self.post(statuses=[made | more])

    def echo(self, text: str = "I will call you.", to: str = CUSTOMER, **more: Any) -> dict[str, Any]:
        """Let somebody write in the phone app; return the post."""
        said = {"from": "15550009999", "to": to, "id": self.wamid(), "timestamp": str(int(time.time()))}
        said |= {"type": "text", "text": {"body": text}} | more
        return self.post("smb_message_echoes", message_echoes=[said])

    def post(self, field: str = "messages", **lists: Any) -> dict[str, Any]:
        """Return a post of the webhook."""
        metadata = {"display_phone_number": "15550009999", "phone_number_id": self.phone_id}
        value = {"messaging_product": "whatsapp", "metadata": metadata} | lists
        return {
            "object": "whatsapp_business_account",
            "entry": [{"id": self.account_id, "changes": [{"value": value, "field": field}]}],
        }

    def signature(self, body: bytes) -> str:
        """Return the header of a post."""
        return "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()

    def texts(self) -> list[str]:
        """Return the texts that customers have received."""
        return [row["text"]["body"] for row in self.sent if row["type"] == "text"]

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Any:
        """Return the JSON of an answer. Raises Refusal as the API would."""
        self.calls.append(f"{method} {path}")
        proof = hmac.new(self.secret.encode(), self.token.encode(), hashlib.sha256).hexdigest()
        if query.get("appsecret_proof", proof) != proof:
            raise Refusal(400, 100, "Invalid appsecret_proof provided in the API argument")
        if path == f"/{self.phone_id}/messages":
            return self._send(body)
        if path == f"/{self.phone_id}":
            self.webhook = body.get("webhook_configuration", self.webhook)
            return (
                {"id": self.phone_id, "display_phone_number": "+1 555-000-9999"}
                if method == "GET"
                else {"success": True}
            )
        if path == f"/{self.account_id}/phone_numbers":
            return {"data": [{"id": self.phone_id}]}
        if path == f"/{self.account_id}/subscribed_apps":
            self.subscribed = True
            return {"success": True}
        if path == f"/{self.account_id}/message_templates":
            return self._templates(query)
        if (file_id := path.removeprefix("/")) in self.files:
            return {"id": file_id, "url": f"{self.address}/files/{file_id}", "mime_type": "image/jpeg"}
        raise Refusal(400, 100, f"Unsupported request: object with ID '{path}' does not exist")

    def _templates(self, query: dict[str, str]) -> Any:
        start, limit = int(query.get("after") or 0), int(query.get("limit") or 25)
        end = start + limit
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(end)}}
        if end < len(self.templates):
            paging["next"] = f"{self.address}/next"
        return {"data": self.templates[start:end], "paging": paging}

    def _send(self, body: dict[str, Any]) -> Any:
        with self._lock:
            if self.faults:
                self.faults.pop(0)(self, body)
            return {"messaging_product": "whatsapp", "messages": [{"id": self.deliver(body)}]}

    def deliver(self, body: dict[str, Any]) -> str:
        """Deliver a message to a customer; return its id. Raises Refusal as the API would."""
        to = str(body.get("to") or body.get("recipient"))
        if self.has_pair_rate and time.time() - self._sent_at.get(to, 0) < 6:
            raise Refusal(400, 131056, "(Business Account, Consumer Account) pair rate limit hit")
        if body["type"] == "template":
            self._check_template(body["template"])
        elif time.time() - self.wrote_at.get(to, 0) >= 86_400:
            raise Refusal(400, 131047, "Re-engagement message")
        elif body["type"] == "interactive":
            _check_interactive(body["interactive"])
        elif not 1 <= len(body["text"]["body"]) <= 4096:
            raise Refusal(400, 100, "Param text['body'] must be at most 4096 characters long")
        made = body | {"id": self.wamid()}
        self.sent.append(made)
        self._sent_at[to] = time.time()
        return str(made["id"])

    def _check_template(self, asked: dict[str, Any]) -> None:
        language = asked["language"]["code"]
        for template in self.templates:
            if (template["name"], template["language"]) == (asked["name"], language):
                body = next(part for part in template["components"] if part["type"] == "BODY")
                given = [row for part in asked.get("components", []) for row in part["parameters"]]
                if template["status"] != "APPROVED" or body["text"].count("{{") != len(given):
                    raise Refusal(400, 132000, "Number of parameters does not match the expected number of params")
                return
        raise Refusal(404, 132001, "Template name does not exist in the translation")


def _check_interactive(asked: dict[str, Any]) -> None:
    is_list, action = asked["type"] == "list", asked["action"]
    if is_list:
        given = [(row["id"], row["title"]) for section in action["sections"] for row in section["rows"]]
    else:
        given = [(button["reply"]["id"], button["reply"]["title"]) for button in action["buttons"]]
    most, title_chars, body_chars = (10, 24, 4096) if is_list else (3, 20, 1024)
    if not 1 <= len(given) <= most or not 1 <= len(asked["body"]["text"]) <= body_chars:
        raise Refusal(400, 131009, "Parameter value is not valid")
    if any(not 1 <= len(title) <= title_chars for _, title in given) or len({key for key, _ in given}) < len(given):
        raise Refusal(400, 131009, "Parameter value is not valid")
    if is_list and not 1 <= len(action["button"]) <= 20:
        raise Refusal(400, 131009, "Parameter value is not valid")


def _handler(fake: FakeWhatsApp) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
            headers: dict[str, str] = {}
            try:
                if self.headers.get("authorization") != f"Bearer {fake.token}":
                    raise Refusal(401, 190, "Invalid OAuth access token")
                if parts.path.startswith("/files/"):
                    return self.reply(200, fake.files[parts.path.removeprefix("/files/")], {})
                query = dict(parse_qsl(parts.query))
                status, answer = 200, fake.answer(self.command, parts.path, query, body)
            except Refusal as error:
                status, headers = error.status, error.headers
                answer = {"error": {"message": str(error), "type": "OAuthException", "code": error.code}}
            except Silence:
                self.close_connection = True
                return None
            except Garbage:
                return self.reply(200, b"<html>not JSON", {})
            return self.reply(status, json.dumps(answer).encode(), headers)

        def reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    return Handler
