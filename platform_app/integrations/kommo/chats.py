"""Chats: the Chats API (amojo) for a channel of our own, by signed requests.

References: developers.kommo.com, connect-channel, authorization-and-headers, send-import-messages.
There is no token: the secret of the channel signs. What Kommo posts: chat_hooks.py.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

from platform_app.clock import now
from platform_app.integrations.kommo import errors
from platform_app.integrations.kommo.hosts import chats_host, product_of
from platform_app.integrations.kommo.requests import Request, read_json, send

CONTENT_TYPE = "application/json"
DELIVERED, READ, NOT_DELIVERED = 1, 2, -1
OTHER_ERROR = 905  # with a text of our own
_ROOT = "/v2/origin/custom/"


@dataclass(frozen=True)
class ChatsChannel:
    """A channel that the vendor's support registered; `repr` does not show its secret."""

    host: str  # of an account: shop.kommo.com
    channel_id: str
    secret: str
    bot_id: str = ""

    def __repr__(self) -> str:
        return f"ChatsChannel(host={self.host!r}, channel_id={self.channel_id!r})"


@dataclass(frozen=True)
class Person:
    """Who writes or is written to: a customer by our id, or with `ref_id` a member of Kommo or the channel's bot."""

    id: str
    name: str
    ref_id: str = ""
    phone: str = ""
    email: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the shape of the API."""
        profile = {name: value for name, value in (("phone", self.phone), ("email", self.email)) if value}
        shown: dict[str, Any] = {"id": self.id, "name": self.name or "-"}
        return shown | ({"ref_id": self.ref_id} if self.ref_id else {}) | ({"profile": profile} if profile else {})


@dataclass(frozen=True)
class ChatMessage:
    """A message that is shown in Kommo; ids are ours. Without `receiver` a customer wrote it."""

    id: str
    conversation_id: str
    sender: Person
    text: str
    milliseconds: int  # since 1970
    receiver: Person | None = None
    is_silent: bool = False  # no notification and no bot: for what was said before
    file: "ChatFile | None" = None

    def as_json(self) -> dict[str, Any]:
        """Return the payload of the API."""
        payload: dict[str, Any] = {"timestamp": self.milliseconds // 1000, "msec_timestamp": self.milliseconds}
        payload |= {"msgid": self.id, "conversation_id": self.conversation_id, "sender": self.sender.as_json()}
        shown: dict[str, Any] = {"type": "text", "text": self.text}
        payload |= {"message": shown | (self.file.as_json() if self.file else {}), "silent": self.is_silent}
        return payload | ({"receiver": self.receiver.as_json()} if self.receiver else {})


@dataclass(frozen=True)
class ChatFile:
    """A file of a message, which Kommo fetches at an address; `type` is picture, video, voice, audio or file."""

    type: str
    address: str
    name: str = ""
    size: int = 0  # bytes, 0 if not known

    def as_json(self) -> dict[str, Any]:
        """Return the shape of the API."""
        return {"type": self.type, "media": self.address, "file_name": self.name, "file_size": self.size}


class ChatsClient:
    """Calls of a channel. Each raises a KommoError if it fails."""

    def __init__(self, channel: ChatsChannel) -> None:
        self._channel = channel

    def connect(self, amojo_id: str, title: str) -> str:
        """Connect the channel to an account by its id in the Chats API; return the scope. A repeat changes nothing.

        Raises Unreachable if the answer cannot be read.
        """
        body = {"account_id": amojo_id, "title": title, "hook_api_version": "v2"}
        answer = self._call("POST", f"{self._channel.channel_id}/connect", body, repeatable=True)
        scope = answer.get("scope_id")
        if not isinstance(scope, str) or not scope:
            raise errors.Unreachable(errors.UNREADABLE, product=product_of(self._channel.host))
        return scope

    def disconnect(self, amojo_id: str) -> None:
        """Disconnect the channel from an account."""
        self._call("DELETE", f"{self._channel.channel_id}/disconnect", {"account_id": amojo_id})

    def send(self, scope: str, message: ChatMessage) -> str:
        """Show a message in Kommo; return its id there.

        Raises Uncertain if there is no answer: `has_message` says whether it is there.
        """
        answer = self._call("POST", scope, {"event_type": "new_message", "payload": message.as_json()})
        made = answer.get("new_message")
        return str(made.get("msgid") or "") if isinstance(made, dict) else ""

    def has_message(self, scope: str, message: ChatMessage, amojo_conversation_id: str) -> bool:
        """Return whether a message is in the history of a conversation, by its text and time."""
        answer = self._call("GET", f"{scope}/chats/{amojo_conversation_id}/history")
        held = answer.get("messages")
        return any(
            isinstance(item, dict)
            and item.get("timestamp") == message.milliseconds // 1000
            and isinstance(item.get("message"), dict)
            and item["message"].get("text") == message.text
            for item in (held if isinstance(held, list) else [])
        )

    def set_delivery(self, scope: str, message_id: str, status: int, error: str = "") -> None:
        """Say whether what a member of Kommo wrote was delivered, read or, with the reason, not delivered."""
        body: dict[str, Any] = {"msgid": message_id, "delivery_status": status}
        body |= {"error_code": OTHER_ERROR, "error": error[:200]} if status == NOT_DELIVERED else {}
        self._call("POST", f"{scope}/{message_id}/delivery_status", body, repeatable=True)

    def show_typing(self, scope: str, conversation_id: str, sender: Person) -> None:
        """Show in Kommo that somebody is writing."""
        self._call("POST", f"{scope}/typing", {"conversation_id": conversation_id, "sender": {"id": sender.id}})

    def _call(self, method: str, path: str, body: Any = None, *, repeatable: bool = False) -> dict[str, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        target = _ROOT + path
        headers = sign(self._channel.secret, method, target, content)
        request = Request(method, chats_host(self._channel.host), target, content, headers)
        try:
            answer = send(request)
        except errors.Uncertain:
            if repeatable:
                raise errors.Unreachable(errors.UNREACHABLE, product=product_of(self._channel.host)) from None
            raise
        product = product_of(self._channel.host)
        if answer.status in (401, 403):
            raise errors.Unauthorized(BAD_SIGNATURE, product=product)
        if answer.status == 404:
            raise errors.EntityNotFound(errors.MISSING, product=product)
        if answer.status == 429:
            raise errors.RateLimited(errors.BUSY, seconds=5, product=product)
        if answer.status >= 400:
            raise errors.RefusedFields(errors.REFUSED, [], product=product, reason=_reason(answer.body, answer.status))
        data = read_json(request, answer)
        return data if isinstance(data, dict) else {}


BAD_SIGNATURE = "{product} doesn’t accept the channel’s signature. Enter its ID and secret again."


def _reason(body: bytes, status: int) -> str:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return str(status)
    detail = data.get("detail") or data.get("title") if isinstance(data, dict) else None
    return str(detail or status)[:200]


def sign(secret: str, method: str, path: str, body: bytes) -> dict[str, str]:
    """Return the headers of a request: date, type, MD5 of the body and HMAC-SHA1 of it all, in lower case."""
    date = format_datetime(now(), usegmt=True)
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()  # the vendor's format
    signed = "\n".join([method, digest, CONTENT_TYPE, date, path.partition("?")[0]])
    signature = hmac.digest(secret.encode(), signed.encode(), hashlib.sha1).hex()
    return {"date": date, "content-type": CONTENT_TYPE, "content-md5": digest, "x-signature": signature}
