"""WhatsApp past: chats of the phone app from before a number was connected, as posts of the field `history` hold them.

A post holds threads with their messages; the content of media that was sent in the last days comes in further posts of
the field, as messages without a thread. See the reference of webhooks: history.
"""

import re
from collections.abc import Iterator
from typing import Any

LIST = "history"
MAX_MESSAGES = 200  # of a chat that are stored in one transaction


def items_of(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the past messages of each chat, in lists of at most MAX_MESSAGES."""
    metadata = value.get("metadata")
    business = _digits(metadata.get("display_phone_number")) if isinstance(metadata, dict) else ""
    about = {"metadata": metadata, "contacts": None, "list": LIST, "business": business}
    for chat, messages in _chats(value, business):
        for start in range(0, len(messages), MAX_MESSAGES):
            yield {**about, "chat": chat, "item": messages[start : start + MAX_MESSAGES]}


def _chats(value: dict[str, Any], business: str) -> Iterator[tuple[str, list[Any]]]:
    for chunk in _dicts(value.get("history")):
        for thread in _dicts(chunk.get("threads")):
            messages = thread.get("messages")
            if thread.get("id") and isinstance(messages, list):
                yield str(thread["id"])[:150], messages
    for message in _dicts(value.get("messages")):
        chat = message.get("to") if is_own(message, business) else message.get("from")
        if chat:
            yield str(chat)[:150], [message]


def is_own(message: dict[str, Any], business: str) -> bool:
    """Return whether somebody of the company wrote a message; `business` is the number's digits."""
    context = message.get("history_context")
    if isinstance(context, dict) and context.get("from_me") is True:
        return True
    return bool(business) and _digits(message.get("from")) == business


def _digits(number: Any) -> str:
    return re.sub(r"\D", "", str(number or ""))


def _dicts(listed: Any) -> list[dict[str, Any]]:
    return [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
