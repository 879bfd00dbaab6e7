"""WhatsApp updates: what a post to the webhook holds: messages, echoes and the past of the phone app, and statuses.

See developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference: messages (edit, revoke),
smb_message_echoes, history, smb_app_state_sync.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from platform_app.channels import whatsapp_past
from platform_app.channels.push_channel import AttachedFile, Delivery, PastMessage, Update, UpdateKind
from platform_app.channels.whatsapp_api import error_of
from platform_app.models.channel import OutboundState

MAX_KEY_CHARS = 80
MAX_TEXT = 4_096
_LISTS = ("messages", "message_echoes", "statuses", "state_sync")  # of a change, with what they hold
_PERSON = re.compile(r"/person", re.IGNORECASE)
_PHONE = re.compile(r"[0-9]{7,15}")
_FILES = {
    "image": "Photo",
    "video": "Video",
    "audio": "Audio",
    "document": "File",
    "sticker": "Sticker",
}
_OTHERS = {"location": "Location", "contacts": "Contact card", "order": "Order", "media_placeholder": "File"}
_UNKNOWN = "Unsupported message"
_IGNORED = ("reaction", "system", "request_welcome", "errors")
_STATES = {
    "sent": OutboundState.SENT,
    "delivered": OutboundState.DELIVERED,
    "read": OutboundState.READ,
    "played": OutboundState.READ,
    "failed": OutboundState.FAILED,
}


def message_key(given: Any) -> str:
    """Return the id of a message, or its SHA-256 hash if it is too long to be stored."""
    key = str(given or "")
    return key if len(key) <= MAX_KEY_CHARS else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def unpack(data: Any) -> list[Any]:
    """Return messages, echoes and statuses of a post. Raises ValueError if it is none of WhatsApp's."""
    if not isinstance(data, dict) or not isinstance(data.get("entry"), list):
        raise ValueError("This is not a post of WhatsApp.")
    return [item for entry in data["entry"] if isinstance(entry, dict) for item in _items(entry.get("changes"))]


def _items(changes: Any) -> Iterator[dict[str, Any]]:
    for change in changes if isinstance(changes, list) else []:
        value = change.get("value") if isinstance(change, dict) else None
        if not isinstance(value, dict):
            continue
        if change.get("field") == "history":
            yield from whatsapp_past.items_of(value)
            continue
        about = {"metadata": value.get("metadata"), "contacts": value.get("contacts")}
        for name in _LISTS:
            listed = value.get(name)
            yield from ({**about, "list": name, "item": item} for item in (listed if isinstance(listed, list) else []))


def read_item(data: dict[str, Any]) -> Update | None:
    """Return what a message, echo or status says, None if it concerns no conversation.

    Raises KeyError, TypeError, AttributeError or ValueError if it cannot be read.
    """
    item, account = data["item"], str(data["metadata"]["phone_number_id"])[:64]
    if data["list"] == whatsapp_past.LIST:
        return _past(data, account)
    if (read := {"statuses": _status, "state_sync": _known_name}.get(data["list"])) is not None:
        return read(item, account)
    is_echo = data["list"] == "message_echoes"
    chat_id = _chat_id(item, is_echo=is_echo)
    kind, said = UpdateKind.ECHO if is_echo else UpdateKind.MESSAGE, item
    message_id = message_key(item["id"])
    if item["type"] == "edit" and not is_echo:
        kind, said = UpdateKind.EDIT, item["edit"]["message"]
        message_id = message_key(item["edit"]["original_message_id"])
    if item["type"] == "revoke":
        revoked = message_key(item["revoke"]["original_message_id"])
        return Update(UpdateKind.REVOKED, chat_id, _at(item["timestamp"]), message_id=revoked, account=account)
    if (is_echo and item["type"] == "edit") or said["type"] in _IGNORED:
        return None
    text, attachments = _content(said)
    if not text.strip() and not attachments:
        attachments = (AttachedFile(_UNKNOWN),)
    referral = item.get("referral")
    return Update(
        kind,
        chat_id,
        _at(item["timestamp"]),
        message_id=message_id,
        text=text[: MAX_TEXT + 200],
        attachments=attachments,
        name=_name(data["contacts"], chat_id),
        source=str(referral.get("source_id") or "")[:64] if isinstance(referral, dict) else "",
        wants_person=_PERSON.fullmatch(text.strip()) is not None,
        phone=_phone(chat_id),
        account=account,
    )


def _phone(chat_id: str) -> str:
    """Return the phone number of a contact, "" if it is hidden."""
    return f"+{chat_id}" if _PHONE.fullmatch(chat_id) else ""


def _past(data: dict[str, Any], account: str) -> Update | None:
    """Return the past messages of a chat; what cannot be read of them is left out."""
    past = [message for item in data["item"] if (message := _past_message(item, data["business"])) is not None]
    if not past:
        return None
    chat_id, last = data["chat"].removeprefix("+"), max(message.at for message in past)
    return Update(UpdateKind.PAST, chat_id, last, phone=_phone(chat_id), account=account, past=tuple(past))


def _past_message(item: Any, business: str) -> PastMessage | None:
    try:
        if item["type"] in (*_IGNORED, "edit", "revoke"):
            return None
        text, attachments = _content(item)
        at, is_own = _at(item["timestamp"]), whatsapp_past.is_own(item, business)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, OSError):
        return None
    if not text.strip() and not attachments:
        attachments = (AttachedFile(_UNKNOWN),)
    return PastMessage(message_key(item.get("id")), at, text[: MAX_TEXT + 200], attachments, is_own)


def _known_name(item: dict[str, Any], account: str) -> Update | None:
    """Return how a contact is called in the address book of the phone app; "" if it was removed from there."""
    if item["type"] != "contact":
        return None
    contact, is_removed = item["contact"], item.get("action") == "remove"
    chat_id = re.sub(r"\D", "", str(contact["phone_number"]))
    if not _PHONE.fullmatch(chat_id):
        raise ValueError("not a phone number")
    name = "" if is_removed else str(contact.get("full_name") or contact.get("first_name") or "")
    at = _at(item["metadata"]["timestamp"])
    return Update(UpdateKind.NAME, chat_id, at, name=" ".join(name.split())[:200], account=account)


def _chat_id(item: dict[str, Any], *, is_echo: bool) -> str:
    """Return the phone number of the contact, digits alone, or the user id if the contact hides the number."""
    names = ("to", "to_user_id") if is_echo else ("from", "from_user_id")
    chat_id = next((str(item[name]) for name in names if item.get(name)), "")
    if not chat_id or len(chat_id) > 150:
        raise KeyError(names[0])
    return chat_id.removeprefix("+")


def _content(said: dict[str, Any]) -> tuple[str, tuple[AttachedFile, ...]]:
    """Return text and attachments of a message; what cannot be shown is named as an attachment."""
    kind = str(said["type"])
    content = said.get(kind)
    if kind == "text":
        return str(said["text"]["body"]), ()
    if kind == "button":
        return str(content["text"]) if isinstance(content, dict) else "", ()
    if kind == "interactive" and isinstance(content, dict):
        reply = content.get("button_reply") or content.get("list_reply")
        return (str(reply["title"]), ()) if isinstance(reply, dict) else ("", (AttachedFile(_UNKNOWN),))
    if kind in _FILES and isinstance(content, dict):
        label = "Voice message" if content.get("voice") else _FILES[kind]
        name = str(content.get("filename") or "")[:200]
        file = AttachedFile(label, outside_id=str(content.get("id") or "")[:300], name=name)
        return str(content.get("caption") or ""), (file,)
    if kind == "location" and isinstance(content, dict):
        place = ", ".join(str(content[part]) for part in ("name", "address") if content.get(part))
        return place or f"{content.get('latitude')}, {content.get('longitude')}", (AttachedFile(_OTHERS[kind]),)
    return "", (AttachedFile(_OTHERS.get(kind, _UNKNOWN)),)


def _name(contacts: Any, chat_id: str) -> str:
    for contact in contacts if isinstance(contacts, list) else []:
        if isinstance(contact, dict) and chat_id in (contact.get("wa_id"), contact.get("user_id")):
            profile = contact.get("profile")
            return str(profile.get("name") or "")[:200] if isinstance(profile, dict) else ""
    return ""


def _status(item: dict[str, Any], account: str) -> Update | None:
    state = _STATES.get(str(item["status"]))
    if state is None:
        return None
    errors = item.get("errors")
    given = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    delivery = Delivery(
        state,
        reference=str(item.get("biz_opaque_callback_data") or "")[:100],
        error=error_of(0, given) if state == OutboundState.FAILED else None,
    )
    return Update(
        UpdateKind.STATUS,
        str(item.get("recipient_id") or ""),
        _at(item["timestamp"]),
        message_id=message_key(item["id"]),
        account=account,
        delivery=delivery,
    )


def _at(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
