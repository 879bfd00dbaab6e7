"""VK: a community to which contacts write (dev.vk.com: Callback API, Bots Long Poll API, messages.send).

Updates are posted with the secret in their body; the address is confirmed by answering a code. What the documents leave
open is marked as uncertain.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from platform_app.channels import bot_requests
from platform_app.channels.bot_settings import BotSettings
from platform_app.channels.channel_kind import ChannelKind
from platform_app.channels.message_parts import split_text
from platform_app.channels.outbound_content import OutgoingText
from platform_app.channels.push_channel import (
    AccessField,
    AccountRefused,
    AttachedFile,
    Batch,
    ChannelError,
    ChannelPost,
    ContactBlocked,
    CredentialRefused,
    MessageRefused,
    OutcomeUnknown,
    Profile,
    PushChannel,
    ReceivedElsewhere,
    TemporaryFailure,
    Update,
    UpdateKind,
)
from platform_app.channels.quick_replies import QuickReplyForm
from platform_app.channels.telegram import PERSON_COMMAND
from platform_app.clock import now
from platform_app.integrations import egress
from platform_app.llm.plain_text import strip_markdown
from platform_app.models.agent import Channel

CHANNEL = "VK"
API_URL = "https://api.vk.com/method"
VERSION = "5.199"
SERVER_TITLE = "gpt-agents"  # of our servers among those of a community, at most 14 characters
MAX_TEXT = 4_000  # 4096 are accepted (uncertain: the documents say 9000); longer ones are error 914
BUSY = "VK asks to wait because of too many messages. The platform will send this one automatically."
SERVER_ERROR = "VK returned an error ({status}). Retrying automatically."
REVOKED = "VK no longer accepts the community’s access key. Enter a new one from the community’s settings."
NOT_ACCEPTED = "VK doesn’t accept this access key. Create one in the community’s settings, API usage."
LACKS_RIGHTS = "The access key needs the rights to manage the community and its messages. Create one that has them."
NO_ROOM = (
    "VK doesn’t accept this platform as a receiver. A community has up to 10: remove one in its settings, API usage."
)
BLOCKED = "The contact doesn’t let the community write to them. You can reply once they write again."
REFUSED = "VK rejected the message: {reason}"
_EVENTS = ("message_new", "message_edit", "message_reply", "message_allow", "message_deny")
_FIRST_CHAT = 2_000_000_000  # ids from here on are those of group chats
_SOURCE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANGUAGES = {0: "ru", 1: "uk", 2: "be", 3: "en"}  # by lang_id
_LABELS = {
    "photo": "Photo",
    "video": "Video",
    "audio_message": "Voice message",
    "audio": "Audio",
    "doc": "File",
    "sticker": "Sticker",
    "story": "Story",
    "poll": "Poll",
}
_REFUSED_KEY, _REFUSED_CONTACT = (5, 27, 28), (900, 901, 902)  # codes of errors
_LACKING_RIGHTS = (7, 15, 203)
_WAITS = {
    6: 1.0,
    9: 60.0,
    29: 600.0,
}  # too often in a second; alike too often; too often in a day (uncertain: how long)
_FAULTS = (1, 10)  # of VK itself: a repeat with the same random_id sends nothing twice


class _Denied(MessageRefused):
    """The access key lacks a right."""


class VkCommunity(PushChannel):
    """The calls of a VK community, whose secret is its access key."""

    setup_help = (
        "In the community’s settings, API usage, create an access key with the rights to manage the community and its "
        "messages, and turn messages on."
    )
    secret_header = ""
    messages_per_second = 15  # 20 requests a second are allowed
    chat_messages_per_second = 1
    connect_label = "Connect {channel} community"
    access_fields = (AccessField("token", "Community access key", max_length=400),)
    max_access_chars = 400
    names_when_asked = True
    accepted_answer = "ok"
    blocked_sentence = BLOCKED
    quick_reply_forms = (QuickReplyForm(),)  # a keyboard has up to 10 rows
    keeps_quick_replies = True

    def profile(self, secret: str) -> Profile:
        """Return the id and the short name of the community.

        Raises CredentialRefused for a key that is not accepted, that of a person, and one without the rights.
        """
        try:
            group = _community(secret)
        except AccountRefused:
            raise CredentialRefused(NOT_ACCEPTED, "token") from None
        _manage(secret, "groups.getCallbackServers", {"group_id": int(group["id"])})
        _manage(secret, "messages.getConversations", {"count": 1})
        return Profile(str(int(group["id"])), str(group.get("screen_name") or f"club{group['id']}")[:120])

    def link(self, name: str) -> str:
        """Return the address at which customers write to the community."""
        return f"https://vk.me/{name}"

    def split(self, text: str) -> list[str]:
        """Return a text in parts that fit into messages."""
        return split_text(text, MAX_TEXT)

    def send(self, secret: str, chat_id: str, text: str, *, is_markdown: bool) -> str:
        """Send a text."""
        return self.send_part(secret, chat_id, OutgoingText(text, is_markdown))

    def send_part(self, secret: str, chat_id: str, part: OutgoingText) -> str:
        """Send a text once: VK sends nothing for a random_id that it knows, so that a doubtful call is repeated.

        Uncertain: for how long it knows one; about an hour and 100 messages of the dialog. Raises TemporaryFailure if
        there is no answer, too.
        """
        text = strip_markdown(part.text) if part.is_markdown else part.text
        sent = {"peer_id": int(chat_id), "random_id": random_id(part.reference, text), "message": text}
        if part.quick_replies or part.ends_quick_replies:
            sent["keyboard"] = _keyboard(part.quick_replies)
        try:
            return str(_call(secret, "messages.send", sent))
        except OutcomeUnknown as error:
            raise TemporaryFailure(bot_requests.NO_CONNECTION, channel=CHANNEL) from error

    def show_typing(self, secret: str, chat_id: str) -> None:
        """Show that the community is typing."""
        _call(secret, "messages.setActivity", {"peer_id": int(chat_id), "type": "typing"}, seconds=3)

    def contact_name(self, secret: str, chat_id: str) -> str:
        """Return the name of a person."""
        people = _call(secret, "users.get", {"user_ids": int(chat_id)}, seconds=2)
        person = people[0] if isinstance(people, list) and people and isinstance(people[0], dict) else {}
        return f"{person.get('first_name') or ''} {person.get('last_name') or ''}".strip()

    def set_webhook(self, secret: str, address: str, key: str) -> None:
        """Let updates be posted to an address, in place of our former one, or keep them to be asked for."""
        group = {"group_id": int(_community(secret)["id"])}
        for server in _manage(secret, "groups.getCallbackServers", group).get("items") or []:
            if server.get("title") == SERVER_TITLE:
                _manage(secret, "groups.deleteCallbackServer", group | {"server_id": server["id"]})
        events = dict.fromkeys(_EVENTS, 1) | {"api_version": VERSION}
        if not address:
            _manage(secret, "groups.setLongPollSettings", group | events | {"enabled": 1})
            return
        server = {"url": address, "title": SERVER_TITLE, "secret_key": _post_secret(key)}
        added = _manage(secret, "groups.addCallbackServer", group | server)
        _manage(secret, "groups.setCallbackSettings", group | events | {"server_id": int(added["server_id"])})

    def set_commands(self, secret: str) -> None:
        """Do nothing: there is no menu of commands."""

    def answer_post(self, post: ChannelPost, *, secret: str, account_id: str) -> str | None:
        """Return the code that confirms the address, which changes from time to time."""
        try:
            data = json.loads(post.body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(data, dict) or data.get("type") != "confirmation" or str(data.get("group_id")) != account_id:
            return None
        return str(
            _call(secret, "groups.getCallbackConfirmationCode", {"group_id": int(account_id)}, seconds=3)["code"]
        )

    def is_genuine(self, post: ChannelPost, *, secret: str, key: str, account_id: str) -> bool:
        """Return whether the secret and the community in the body are those of the account."""
        try:
            data = json.loads(post.body)
        except (ValueError, RecursionError):
            return False
        if not isinstance(data, dict) or str(data.get("group_id")) != account_id:
            return False
        return hmac.compare_digest(str(data.get("secret") or "").encode(), _post_secret(key).encode())

    def fetch(self, secret: str, cursor: str, *, seconds: float) -> Batch:
        """Return the updates after an event number; those before the first request are not asked for."""
        server = _manage(secret, "groups.getLongPollServer", {"group_id": int(_community(secret)["id"])})
        start = cursor if cursor.isascii() and cursor.isdecimal() else str(server["ts"])
        query = {"act": "a_check", "key": server["key"], "ts": start, "wait": int(seconds)}
        answer = _json(_get(f"{server['server']}?{urlencode(query)}", seconds + 10))
        if answer.get("failed"):  # 1: older ones are gone, and `ts` is the next; 2 and 3: another session is needed
            return Batch([], str(answer["ts"]) if answer.get("ts") else str(server["ts"]))
        return Batch(list(answer.get("updates") or []), str(answer.get("ts") or start))

    def download(self, secret: str, outside_id: str) -> bytes:
        """Return the content of a file by its address, which may be on any of VK's hosts."""
        return bot_requests.download(CHANNEL, outside_id, is_trusted=False)

    def read_update(self, data: Any) -> Update | None:
        """Return what an update says; group chats and what the community writes itself are ignored.

        Raises ValueError if it is none of VK's.
        """
        try:
            return _read_update(data)
        except (KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
            raise ValueError("This is not an update of VK.") from error


def random_id(reference: str, text: str) -> int:
    """Return the same number for each attempt at a part of a message; without a reference it is that of the text."""
    part_id = reference.partition(".")[0] or text
    return int.from_bytes(hashlib.sha256(part_id.encode()).digest()[:4], "big") >> 1 or 1  # 31 bits; 0 is no id


def _community(token: str) -> dict[str, Any]:
    """Return the community of an access key. Raises AccountRefused for the key of a person."""
    answer = _call(token, "groups.getById")
    groups = answer.get("groups") if isinstance(answer, dict) else answer
    if not groups:
        raise AccountRefused(REVOKED)
    community: dict[str, Any] = groups[0]
    return community


def _manage(token: str, method: str, params: Mapping[str, Any]) -> Any:
    """Call a method that manages the community.

    Raises CredentialRefused if the key lacks the right, ReceivedElsewhere if VK does not let us in beside others.
    """
    try:
        return _call(token, method, params)
    except _Denied:
        raise CredentialRefused(LACKS_RIGHTS, "token") from None
    except MessageRefused:
        raise ReceivedElsewhere(NO_ROOM) from None


def _post_secret(key: str) -> str:
    """Return a key as VK takes it: at most 50 letters and digits."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def _call(token: str, method: str, params: Mapping[str, Any] | None = None, *, seconds: float = 15.0) -> Any:
    """Call a method and return its response. Raises the ChannelError that an error of VK means."""
    if not token.isascii() or not token.isprintable():
        raise AccountRefused(REVOKED)
    body = urlencode({**(params or {}), "v": VERSION}).encode()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/x-www-form-urlencoded"}
    data = _json(bot_requests.send(CHANNEL, f"{API_URL}/{method}", body, headers, seconds=seconds))
    if isinstance(data.get("error"), dict):
        raise _error(data["error"])
    if "response" not in data:
        raise OutcomeUnknown(bot_requests.UNREADABLE, channel=CHANNEL)
    return data["response"]


def _json(answer: egress.Download) -> dict[str, Any]:
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        data = None
    if answer.status >= 500 and not isinstance(data, dict):
        raise TemporaryFailure(SERVER_ERROR, status=answer.status)
    if not isinstance(data, dict):
        raise OutcomeUnknown(bot_requests.UNREADABLE, channel=CHANNEL)
    return data


def _get(address: str, seconds: float) -> egress.Download:
    """Return what a server of events says, whose address VK has named."""
    return bot_requests.send(CHANNEL, address, b"", {}, method="GET", seconds=seconds)


def _error(held: Mapping[str, Any]) -> ChannelError:
    code = held["error_code"] if isinstance(held.get("error_code"), int) else 0
    if code in _REFUSED_KEY:
        return AccountRefused(REVOKED)
    if code in _REFUSED_CONTACT:
        return ContactBlocked(BLOCKED)
    if code in _WAITS:
        return TemporaryFailure(BUSY, seconds=_WAITS[code])
    if code in _FAULTS:
        return TemporaryFailure(SERVER_ERROR, status=code)
    kind = _Denied if code in _LACKING_RIGHTS else MessageRefused
    return kind(REFUSED, reason=str(held.get("error_msg") or code)[:200])


def _keyboard(titles: Sequence[str]) -> str:
    """Return a keyboard that goes away when a button is pressed; one without buttons removes that which is shown."""
    rows = [[{"action": {"type": "text", "label": title}}] for title in titles]
    return json.dumps({"one_time": True, "buttons": rows}, ensure_ascii=False)


def _read_update(data: dict[str, Any]) -> Update | None:
    name, held = data["type"], data["object"]
    if name in ("message_allow", "message_deny"):
        kind = UpdateKind.UNBLOCKED if name == "message_allow" else UpdateKind.BLOCKED
        return Update(kind, str(int(held["user_id"])), now())
    if name not in ("message_new", "message_edit", "message_reply"):
        return None
    said = held["message"] if name == "message_new" else held
    chat, at = int(said["peer_id"]), datetime.fromtimestamp(int(said.get("update_time") or said["date"]), UTC)
    if not 0 < chat < _FIRST_CHAT:
        return None
    if name == "message_reply":  # a person of the community, unless a program has written it
        return Update(UpdateKind.ANSWERED, str(chat), at) if said.get("admin_author_id") else None
    if int(said["from_id"]) != chat:
        return None
    client: dict[str, Any] = (held.get("client_info") if name == "message_new" else None) or {}
    language = _LANGUAGES.get(client.get("lang_id", -1), "")
    return _message(said, UpdateKind.MESSAGE if name == "message_new" else UpdateKind.EDIT, at, language)


def _message(said: dict[str, Any], kind: UpdateKind, at: datetime, language: str) -> Update | None:
    text, source = str(said.get("text") or "")[:MAX_TEXT], str(said.get("ref") or "")
    attached = [_attached(file) for file in said.get("attachments") or []]
    attached += [AttachedFile("Location")] if said.get("geo") else []
    if not text and not attached:
        return None
    return Update(
        kind,
        str(int(said["peer_id"])),
        at,
        message_id=str(int(said["conversation_message_id"])),
        text=text,
        attachments=tuple(attached),
        language=language,
        source=source if _SOURCE.fullmatch(source) else "",
        wants_person=text.strip() == f"/{PERSON_COMMAND}",
    )


def _attached(file: dict[str, Any]) -> AttachedFile:
    kind = str(file["type"])
    held = file.get(kind) or {}
    name = str(held.get("title") or "")[:200] if kind == "doc" else ""
    address = _address(kind, held)
    return AttachedFile(_LABELS.get(kind, "File"), outside_id=address if len(address) <= 2_000 else "", name=name)


def _address(kind: str, held: dict[str, Any]) -> str:
    """Return where a file is, "" if it cannot be fetched; of a photo the largest of its sizes."""
    if kind == "photo":
        sizes = [size for size in held.get("sizes") or [] if isinstance(size, dict) and size.get("url")]
        largest = max(sizes, key=lambda size: int(size.get("width") or 0) * int(size.get("height") or 0), default={})
        return str(largest.get("url") or "")
    return str(held.get("link_ogg") or held.get("link_mp3") or held.get("url") or "")


VK = ChannelKind(
    Channel.VK, CHANNEL, BotSettings, longest_text=MAX_TEXT + 400, push=VkCommunity(), menu_order=8, is_mirrored=True
)
