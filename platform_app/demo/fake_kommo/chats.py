"""Chats: the Chats API (amojo) of the fake, on a host of its own.

References: developers.kommo.com, connect-channel, authorization-and-headers, send-import-messages,
receiving-chat-webhooks: four headers, a date of at most 15 minutes, MD5 and HMAC-SHA1 in lower case; numbers as texts
are refused; a hook is sent once and has 5 seconds. A message with a file names an https address (`media`), its name and
its size as a number; what managers attach is at an address below this host, which anybody may read.
"""

import hashlib
import hmac
import json
import re
import secrets
import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from platform_app.demo.fake_kommo.fake_clock import FakeClock
from platform_app.demo.fake_kommo.replies import Call, Refusal, Reply

VALID_SECONDS = 15 * 60
HOOK_SECONDS = 5.0
TYPES = frozenset(["text", "file", "video", "picture", "voice", "audio", "sticker", "contact", "location"])
_FILES = TYPES - {"text", "contact", "location"}
_INTEGERS = ("timestamp", "msec_timestamp")


class ChatsServer:
    """One registered channel, the accounts that it is connected to, and what was said in its conversations."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.channel_id, self.secret = "dddddddd-0000-4000-8000-000000000001", "c" * 40
        self.bot_id = "eeeeeeee-0000-4000-8000-000000000001"
        self.hook_url = ""  # as it was given to support at the registration
        self.routes: dict[str, str] = {}  # the start of the hook's address, and where it leads on this machine
        self.scopes: dict[str, str] = {}  # scope, and the account's amojo id
        self.messages: dict[str, list[dict[str, Any]]] = {}  # by our id of the conversation, as they were sent
        self.delivery: dict[str, list[dict[str, Any]]] = {}  # states that were told, by the message's id
        self.files: dict[str, bytes] = {}  # what managers attached, by path
        self.typing: list[dict[str, Any]] = []
        self.statuses: list[int] = []  # of answers to hooks, 0: none within 5 seconds
        self.lost = 0  # hooks that were not answered with 200 and are never sent again
        self.answer_limit = 0.0

    def answer(self, call: Call) -> Reply:
        """Answer a request. Raises Refusal if it is not signed as it has to be, or cannot be read."""
        if call.method == "GET" and call.path in self.files:
            return Reply(200, self.files[call.path], {"content-type": "application/octet-stream"})
        self._check(call)
        try:
            body = json.loads(call.body) if call.body else {}
        except ValueError:
            raise Refusal(400, "Bad Request", "The body is not JSON") from None
        path = call.path.removeprefix("/v2/origin/custom/").split("/")
        if path[0] == self.channel_id and path[1:] in (["connect"], ["disconnect"]):
            return self._connect(call, body)
        if path[0] not in self.scopes:
            raise Refusal(404, "Not Found", "No such scope")
        return self._scoped(call, path, body)

    def _check(self, call: Call) -> None:
        names = ("date", "content-type", "content-md5", "x-signature")
        if any(not call.headers.get(name) for name in names):
            raise Refusal(403, "Forbidden", "A header is missing")
        try:
            sent_at = parsedate_to_datetime(call.headers["date"]).timestamp()
        except ValueError:
            raise Refusal(403, "Forbidden", "The date is not RFC 2822") from None
        if abs(sent_at - self.clock.exactly()) > VALID_SECONDS:
            raise Refusal(403, "Forbidden", "The date is too old")
        if call.headers["content-md5"] != hashlib.md5(call.body, usedforsecurity=False).hexdigest():
            raise Refusal(403, "Forbidden", "Content-MD5 does not fit")
        signed = "\n".join(
            [call.method, *(call.headers[n] for n in ("content-md5", "content-type", "date")), call.path]
        )
        wanted = hmac.new(self.secret.encode(), signed.encode(), hashlib.sha1).hexdigest()
        if call.headers["content-type"] != "application/json" or not hmac.compare_digest(
            call.headers["x-signature"], wanted
        ):
            raise Refusal(403, "Forbidden", "The signature does not fit")

    def _connect(self, call: Call, body: Any) -> Reply:
        account = body.get("account_id")
        if not isinstance(account, str) or not account:
            raise Refusal(400, "Bad Request", "account_id is needed")
        scope = f"{self.channel_id}_{account}"
        if call.method == "DELETE":
            self.scopes.pop(scope, None)
            return Reply(200)
        if body.get("hook_api_version") != "v2" or not isinstance(body.get("title"), str):
            raise Refusal(400, "Bad Request", "title and hook_api_version are needed")
        self.scopes[scope] = account
        shown = {"account_id": account, "scope_id": scope, "title": body["title"], "hook_api_version": "v2"}
        return Reply(200, shown)

    def _scoped(self, call: Call, path: list[str], body: Any) -> Reply:
        if call.method == "POST" and len(path) == 1:
            return self._receive(body)
        if call.method == "POST" and path[1:] == ["typing"]:
            self.typing.append(body)
            return Reply(204)
        if call.method == "POST" and len(path) == 3 and path[2] == "delivery_status":
            self._check_delivery(body)
            self.delivery.setdefault(path[1], []).append(body)
            return Reply(200)
        if call.method == "GET" and len(path) == 4 and path[1::2] == ["chats", "history"]:
            shown = [
                {"timestamp": held["timestamp"], "message": held["message"]} for held in self.messages.get(path[2], [])
            ]
            return Reply(200, {"messages": shown}) if shown else Reply(204)
        raise Refusal(404, "Not Found")

    def _check_delivery(self, body: Any) -> None:
        if body.get("delivery_status") not in (1, 2, -1) or not isinstance(body.get("msgid"), str):
            raise Refusal(400, "Bad Request", "delivery_status is 1, 2 or -1")
        if body["delivery_status"] == -1 and body.get("error_code") not in (901, 902, 903, 904, 905):
            raise Refusal(400, "Bad Request", "error_code is needed")

    def _receive(self, body: Any) -> Reply:
        payload = body.get("payload") if isinstance(body, dict) else None
        if not isinstance(payload, dict) or body.get("event_type") not in ("new_message", "edit_message"):
            raise Refusal(400, "Bad Request", "event_type and payload are needed")
        self._check_payload(payload)
        held = self.messages.setdefault(payload["conversation_id"], [])
        if any(message["msgid"] == payload["msgid"] for message in held) and body["event_type"] == "new_message":
            raise Refusal(400, "Bad Request", "The message exists already")
        held.append(payload)
        made = {"conversation_id": secrets.token_hex(16), "msgid": secrets.token_hex(16), "ref_id": payload["msgid"]}
        return Reply(200, {"new_message": made | {"sender_id": payload["sender"]["id"]}})

    def _check_payload(self, payload: dict[str, Any]) -> None:
        wrong = [name for name in _INTEGERS if not isinstance(payload.get(name), int)]
        wrong += [name for name in ("msgid", "conversation_id") if not isinstance(payload.get(name), str)]
        sender, message = payload.get("sender"), payload.get("message")
        if not isinstance(sender, dict) or not isinstance(sender.get("id"), str) or not sender.get("name"):
            wrong.append("sender")
        if (
            not isinstance(message, dict)
            or message.get("type") not in TYPES
            or not isinstance(message.get("text"), str)
        ):
            wrong.append("message")
        elif message["type"] in _FILES:
            wrong += [name for name in ("media", "file_name") if not isinstance(message.get(name), str)]
            wrong += ["media"] if not str(message.get("media")).startswith("https://") else []
            wrong += ["file_size"] if type(message.get("file_size")) is not int else []
        if isinstance(sender, dict) and sender.get("ref_id") and not isinstance(payload.get("receiver"), dict):
            wrong.append("receiver")
        if not re.fullmatch(r"[\w.:-]{1,100}", str(payload.get("conversation_id", ""))):
            wrong.append("conversation_id")
        if wrong:
            raise Refusal(400, "Bad Request", f"Not as documented: {', '.join(wrong)}")

    def hook(self, conversation_id: str, text: str, **more: Any) -> bytes:
        """Return the body of the hook of a message that a manager wrote."""
        at = self.clock.exactly()
        message = {
            "id": secrets.token_hex(16),
            "type": "text",
            "text": text,
            "media": "",
            "file_name": "",
            "file_size": 0,
        }
        sender = {"id": "aaaaaaaa-0000-4000-8000-000000000502", "name": "Pavel Orlov"}
        told: dict[str, Any] = {"receiver": {"id": conversation_id}, "sender": sender}
        told |= {"conversation": {"id": secrets.token_hex(16), "client_id": conversation_id}, "timestamp": int(at)}
        told |= {"msec_timestamp": int(at * 1000), "message": message | more}
        account = next(iter(self.scopes.values()), "")
        return json.dumps({"account_id": account, "time": int(at), "message": told}).encode()

    def attach(self, name: str, content: bytes) -> dict[str, Any]:
        """Return what a hook says of a file that a manager attached."""
        path = f"/attachments/{secrets.token_hex(8)}/{name}"
        self.files[path] = content
        address = f"https://amojo.kommo.com{path}"
        return {"type": "picture", "media": address, "file_name": name, "file_size": len(content)}

    def signature(self, body: bytes) -> str:
        """Return the signature of a hook."""
        return hmac.new(self.secret.encode(), body, hashlib.sha1).hexdigest()

    def manager_writes(self, conversation_id: str, text: str, **more: Any) -> int:
        """Post what a manager wrote to the hook, once; return the status, 0 if there is no answer in 5 seconds."""
        body = self.hook(conversation_id, text, **more)
        self.messages.setdefault(conversation_id, []).append(json.loads(body)["message"] | {"msgid": ""})
        return self.post(body, self.signature(body))

    def post(self, body: bytes, signature: str) -> int:
        """Post a body with a signature to the hook; return the status, 0 if there is no answer in 5 seconds."""
        address, headers = self.hook_url, {"content-type": "application/json", "x-signature": signature}
        for start, there in self.routes.items():
            if address.startswith(start):
                headers["host"] = start.split("://")[-1]
                address = there + address[len(start) :]
        began = time.monotonic()
        try:
            answer = httpx.post(address, content=body, headers=headers, timeout=HOOK_SECONDS, trust_env=False)
            status = answer.status_code
        except httpx.HTTPError:
            status = 0
        self.answer_limit = max(self.answer_limit, time.monotonic() - began)
        self.statuses.append(status)
        self.lost += status != 200
        return status
