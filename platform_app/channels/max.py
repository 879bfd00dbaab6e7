"""MAX: a bot in whose dialogs contacts write (dev.max.ru/docs-api)."""

import re
from datetime import UTC, datetime
from typing import Any

from platform_app.channels import max_api
from platform_app.channels.bot_settings import BotSettings
from platform_app.channels.channel_kind import ChannelKind
from platform_app.channels.message_parts import split_text
from platform_app.channels.outbound_content import OutgoingText
from platform_app.channels.push_channel import (
    AttachedFile,
    Batch,
    MessageRefused,
    Profile,
    PushChannel,
    Update,
    UpdateKind,
)
from platform_app.channels.quick_replies import QuickReplyForm
from platform_app.channels.telegram import PERSON_COMMAND
from platform_app.channels.telegram_html import to_html
from platform_app.i18n import translate
from platform_app.llm.plain_text import strip_markdown
from platform_app.models.agent import Channel

MAX_TEXT = 4_000
UPDATE_TYPES = ["message_created", "message_edited", "bot_started", "bot_stopped", "dialog_removed"]
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MESSAGES = {"message_created": UpdateKind.MESSAGE, "message_edited": UpdateKind.EDIT}
_ATTACHMENTS = {
    "image": "Photo",
    "video": "Video",
    "audio": "Voice message",
    "file": "File",
    "location": "Location",
    "contact": "Contact card",
}


class MaxBot(PushChannel):
    """The calls of a MAX bot, whose secret is its token."""

    setup_help = "Open the bot in business.max.ru or @MasterBot in MAX and paste its token."
    secret_header = "x-max-bot-api-secret"  # noqa: S105  # a name of a header
    quick_reply_forms = (QuickReplyForm(),)
    messages_per_second = 25  # 30 requests a second are allowed
    chat_messages_per_second = 2

    def profile(self, secret: str) -> Profile:
        """Return the bot's id and name."""
        bot = max_api.request(secret, "GET", "/me")
        name = bot.get("username") or bot.get("first_name") or bot.get("name") or ""
        return Profile(str(bot.get("user_id", ""))[:64], f"@{name}"[:120])

    def link(self, name: str) -> str:
        """Return the address at which customers find the bot."""
        return f"https://max.ru/{name.lstrip('@')}"

    def split(self, text: str) -> list[str]:
        """Return a text in parts that fit into messages, with some room for tags."""
        return split_text(text, MAX_TEXT - 400)

    def send(self, secret: str, chat_id: str, text: str, *, is_markdown: bool) -> str:
        """Send a text; one whose formatting is refused is sent without it."""
        return self.send_part(secret, chat_id, OutgoingText(text, is_markdown))

    def send_part(self, secret: str, chat_id: str, part: OutgoingText) -> str:
        """Send a text with its quick replies; one whose formatting is refused is sent without it."""
        html = to_html(part.text) if part.is_markdown else ""
        buttons = _keyboard(part)
        if html and len(html) <= MAX_TEXT:
            try:
                return _post(secret, chat_id, {"text": html, "format": "html"} | buttons)
            except MessageRefused:
                pass
        return _post(secret, chat_id, {"text": strip_markdown(part.text) if part.is_markdown else part.text} | buttons)

    def show_typing(self, secret: str, chat_id: str) -> None:
        """Show that the bot is typing."""
        max_api.request(secret, "POST", f"/chats/{int(chat_id)}/actions", body={"action": "typing_on"}, seconds=3)

    def set_webhook(self, secret: str, address: str, key: str) -> None:
        """Subscribe an address, after removing all others: MAX posts to each of them."""
        for row in max_api.request(secret, "GET", "/subscriptions").get("subscriptions", []):
            max_api.request(secret, "DELETE", "/subscriptions", query={"url": row["url"]})
        if address:
            body = {"url": address, "update_types": UPDATE_TYPES, "secret": key}
            max_api.request(secret, "POST", "/subscriptions", body=body)

    def set_commands(self, secret: str) -> None:
        """Offer the command that asks for a person."""
        command = {"name": PERSON_COMMAND, "description": translate("ru", "Talk to a person")}
        max_api.request(secret, "PATCH", "/me", body={"commands": [command]})

    def fetch(self, secret: str, cursor: str, *, seconds: float) -> Batch:
        """Return the updates after a marker."""
        query = {"limit": 100, "timeout": int(seconds), "types": ",".join(UPDATE_TYPES)}
        query |= {"marker": int(cursor)} if cursor else {}
        answer = max_api.request(secret, "GET", "/updates", query=query, seconds=seconds + 10)
        marker = answer.get("marker")
        return Batch(list(answer.get("updates") or []), str(marker) if marker is not None else cursor)

    def download(self, secret: str, outside_id: str) -> bytes:
        """Return the content of a file by its address."""
        return max_api.download(outside_id)

    def read_update(self, data: Any) -> Update | None:
        """Return what an update says; group chats, channels and other bots are ignored.

        Raises ValueError if it is none of MAX's.
        """
        try:
            return _read_update(data)
        except (KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
            raise ValueError("This is not an update of MAX.") from error


def _keyboard(part: OutgoingText) -> dict[str, Any]:
    """Return the keyboard of a part; who presses a button of type "message" sends its text."""
    if not part.quick_replies:
        return {}
    rows = [[{"type": "message", "text": title}] for title in part.quick_replies]
    return {"attachments": [{"type": "inline_keyboard", "payload": {"buttons": rows}}]}


def _post(secret: str, chat_id: str, body: dict[str, Any]) -> str:
    answer = max_api.request(secret, "POST", "/messages", query={"chat_id": int(chat_id)}, body=body)
    return str(((answer.get("message") or {}).get("body") or {}).get("mid", ""))


def _read_update(data: dict[str, Any]) -> Update | None:
    name, at = data["update_type"], _at(data["timestamp"])
    language = str(data.get("user_locale") or "")[:2].lower()
    if name in _MESSAGES:
        said = data["message"]
        is_dialog = said["recipient"].get("chat_type") == "dialog" and not said["sender"].get("is_bot", False)
        return _message(said, _MESSAGES[name], at, language) if is_dialog else None
    if name in ("bot_stopped", "dialog_removed"):
        return Update(UpdateKind.BLOCKED, str(int(data["chat_id"])), at)
    if name != "bot_started":
        return None
    payload = str(data.get("payload") or "")
    source = payload if _PAYLOAD.fullmatch(payload) else ""
    return Update(
        UpdateKind.MESSAGE,
        str(int(data["chat_id"])),
        at,
        message_id=f"start-{int(data['timestamp'])}",
        text=f"/start {source}".strip(),
        name=_name(data["user"]),
        language=language,
        source=source,
    )


def _message(said: dict[str, Any], kind: UpdateKind, at: datetime, language: str) -> Update | None:
    body = said["body"]
    text = str(body.get("text") or "")
    attached = [_attached(file) for file in body.get("attachments") or [] if file.get("type") in _ATTACHMENTS]
    if not text and not attached:
        return None
    return Update(
        kind,
        str(int(said["recipient"]["chat_id"])),
        at,
        message_id=str(body["mid"])[:80],
        text=text[:MAX_TEXT],
        attachments=tuple(attached),
        name=_name(said["sender"]),
        language=language,
        wants_person=text.strip() == f"/{PERSON_COMMAND}",
    )


def _attached(file: dict[str, Any]) -> AttachedFile:
    address = str((file.get("payload") or {}).get("url") or "")
    label, name = _ATTACHMENTS[file["type"]], str(file.get("filename") or "")[:200]
    return AttachedFile(label, outside_id=address if len(address) <= 2_000 else "", name=name)


def _name(user: dict[str, Any]) -> str:
    whole = f"{user.get('first_name') or ''} {user.get('last_name') or ''}".strip()
    return (whole or str(user.get("name") or ""))[:200]


def _at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


MAX = ChannelKind(
    Channel.MAX,
    max_api.CHANNEL,
    BotSettings,
    longest_text=MAX_TEXT + 200,
    push=MaxBot(),
    menu_order=4,
    is_mirrored=True,
)
