"""Telegram: a bot in whose private chats contacts write (core.telegram.org/bots/api)."""

import re
from datetime import UTC, datetime
from typing import Any

from platform_app.channels.bot_requests import no_file
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
from platform_app.channels.telegram_api import CHANNEL, call_method, download_file
from platform_app.channels.telegram_html import to_html
from platform_app.i18n import translate
from platform_app.models.agent import Channel

MAX_TEXT = 4_096  # of a message, after its entities are parsed
ALLOWED_UPDATES = ["message", "edited_message", "my_chat_member"]
_START = re.compile(r"/start(?:@\w+)?(?:[ ]+([A-Za-z0-9_-]{1,64}))?")
PERSON_COMMAND = "person"
_PERSON = re.compile(rf"/{PERSON_COMMAND}(?:@\w+)?")
_ATTACHMENTS = {  # the field of a message, and what it is called
    "photo": "Photo",
    "animation": "Animation",
    "video": "Video",
    "video_note": "Video",
    "voice": "Voice message",
    "audio": "Audio",
    "document": "File",
    "location": "Location",
    "contact": "Contact card",
    "poll": "Poll",
    "story": "Story",
}


class TelegramBot(PushChannel):
    """The calls of a Telegram bot, whose secret is its token."""

    setup_help = "Create a bot with @BotFather in Telegram and paste its token."
    secret_header = "x-telegram-bot-api-secret-token"  # noqa: S105  # a name of a header
    quick_reply_forms = (QuickReplyForm(),)
    keeps_quick_replies = True
    messages_per_second = 25  # the FAQ says about 30
    chat_messages_per_second = 1

    def profile(self, secret: str) -> Profile:
        """Return the bot's id and its name with @."""
        found = call_method(secret, "getMe")
        return Profile(str(found.get("id", ""))[:64], f"@{found.get('username', '')}"[:120])

    def link(self, name: str) -> str:
        """Return the address at which customers find the bot."""
        return f"https://t.me/{name.lstrip('@')}"

    def split(self, text: str) -> list[str]:
        """Return a text in parts that fit into messages."""
        return split_text(text, MAX_TEXT)

    def send(self, secret: str, chat_id: str, text: str, *, is_markdown: bool) -> str:
        """Send a text; one whose formatting is refused is sent without it."""
        return self.send_part(secret, chat_id, OutgoingText(text, is_markdown))

    def send_part(self, secret: str, chat_id: str, part: OutgoingText) -> str:
        """Send a text with its quick replies; one whose formatting is refused is sent without it.

        Quick replies are a reply keyboard: who presses one sends its title as a message of the own, and sees it.
        """
        sent = {"chat_id": chat_id} | _keyboard(part)
        if part.is_markdown and (html := to_html(part.text)):
            try:
                message = call_method(secret, "sendMessage", **sent, text=html, parse_mode="HTML")
                return str(message.get("message_id", ""))
            except MessageRefused as error:
                if "parse" not in str(error):
                    raise
        message = call_method(secret, "sendMessage", **sent, text=part.text)
        return str(message.get("message_id", ""))

    def show_typing(self, secret: str, chat_id: str) -> None:
        """Show for some five seconds that the bot is typing."""
        call_method(secret, "sendChatAction", seconds=3, chat_id=chat_id, action="typing")

    def set_webhook(self, secret: str, address: str, key: str) -> None:
        """Set the webhook, or remove it; updates that are kept stay."""
        if address:
            fields: dict[str, Any] = {"allowed_updates": ALLOWED_UPDATES, "max_connections": 20}
            call_method(secret, "setWebhook", url=address, secret_token=key, **fields)
        else:
            call_method(secret, "deleteWebhook", drop_pending_updates=False)

    def set_commands(self, secret: str) -> None:
        """Offer the command that asks for a person in the bot's menu."""
        for language in ("", "ru"):
            command = {"command": PERSON_COMMAND, "description": translate(language or "en", "Talk to a person")}
            call_method(secret, "setMyCommands", commands=[command], language_code=language)

    def fetch(self, secret: str, cursor: str, *, seconds: float) -> Batch:
        """Return the updates from an offset on."""
        fields: dict[str, Any] = {"timeout": int(seconds), "limit": 100, "allowed_updates": ALLOWED_UPDATES}
        fields |= {"offset": int(cursor)} if cursor else {}
        updates = call_method(secret, "getUpdates", seconds=seconds + 10, **fields)
        numbers = [one["update_id"] for one in updates if isinstance(one, dict) and isinstance(one["update_id"], int)]
        return Batch(updates, str(max(numbers) + 1) if numbers else cursor)

    def download(self, secret: str, outside_id: str) -> bytes:
        """Return the content of a file of at most 20 MB. Raises MessageRefused if there is none or it is larger."""
        try:
            found = call_method(secret, "getFile", file_id=outside_id)
        except MessageRefused as error:
            refusal = no_file(CHANNEL, is_too_large="too big" in str(error))
            raise refusal from None
        return download_file(secret, str(found.get("file_path", "")))

    def read_update(self, data: Any) -> Update | None:
        """Return what an update says; groups, channels and other bots are ignored.

        Raises ValueError if it is none of Telegram's.
        """
        try:
            return _read_update(data)
        except (KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
            raise ValueError("This is not an update of Telegram.") from error


def _keyboard(part: OutgoingText) -> dict[str, Any]:
    """Return the keyboard of a part, or what removes that of the message before."""
    if part.quick_replies:
        rows = [[{"text": title}] for title in part.quick_replies]
        return {"reply_markup": {"keyboard": rows, "one_time_keyboard": True, "resize_keyboard": True}}
    return {"reply_markup": {"remove_keyboard": True}} if part.ends_quick_replies else {}


def _read_update(data: dict[str, Any]) -> Update | None:
    for field, kind in (("message", UpdateKind.MESSAGE), ("edited_message", UpdateKind.EDIT)):
        if said := data.get(field):
            is_private = said["chat"]["type"] == "private" and not said["from"].get("is_bot", False)
            return _message(said, kind) if is_private else None
    changed = data.get("my_chat_member")
    if not changed or changed["chat"]["type"] != "private":
        data["update_id"] + 0  # an update of another kind has a number
        return None
    kind = UpdateKind.BLOCKED if changed["new_chat_member"]["status"] == "kicked" else UpdateKind.UNBLOCKED
    return Update(kind, str(int(changed["chat"]["id"])), _at(changed["date"]))


def _message(said: dict[str, Any], kind: UpdateKind) -> Update | None:
    sender = said["from"]
    text = str(said.get("text") or said.get("caption") or (said.get("sticker") or {}).get("emoji") or "")
    attachments = tuple(_attached(said[field], label) for field, label in _ATTACHMENTS.items() if said.get(field))
    if not text and not attachments:
        return None  # of the chat itself, such as a pinned message
    start = _START.fullmatch(text.strip())
    return Update(
        kind,
        str(int(said["chat"]["id"])),
        _at(said.get("edit_date") or said["date"]),
        message_id=str(int(said["message_id"])),
        text=text[:MAX_TEXT],
        attachments=attachments[:1] if "animation" in said else attachments,
        group_id=str(said.get("media_group_id") or "")[:60],
        name=f"{sender.get('first_name') or ''} {sender.get('last_name') or ''}".strip()[:200],
        language=str(sender.get("language_code") or "")[:2].lower(),
        source=(start[1] or "") if start else "",
        wants_person=_PERSON.fullmatch(text.strip()) is not None,
    )


def _attached(given: Any, label: str) -> AttachedFile:
    """Return an attachment; of a photo the largest of its sizes."""
    file = given[-1] if isinstance(given, list) else given
    return AttachedFile(
        label,
        outside_id=str(file.get("file_id") or "")[:300],
        name=str(file.get("file_name") or "")[:200],
    )


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


TELEGRAM = ChannelKind(
    Channel.TELEGRAM,
    CHANNEL,
    BotSettings,
    longest_text=MAX_TEXT + 200,
    push=TelegramBot(),
    menu_order=3,
    is_mirrored=True,
)
