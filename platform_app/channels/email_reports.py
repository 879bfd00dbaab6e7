"""E-mail reports: what mail servers report of messages that the account has sent (RFC 3464)."""

import re
from datetime import UTC, datetime
from email.message import Message
from typing import Any

from platform_app.channels.email_text import decoded, payload, raw_header
from platform_app.channels.push_channel import (
    ChannelError,
    ContactBlocked,
    Delivery,
    MessageRefused,
    Update,
    UpdateKind,
)
from platform_app.models.channel import OutboundState

OWN_ID = re.compile(r"<?([0-9a-f]{32})\.(\d{1,6}|thread)\.([A-Za-z0-9_-]{22})@")
_RAW_ID = re.compile(rb"[0-9a-f]{32}\.\d{1,6}\.[A-Za-z0-9_-]{22}(?=@)")
NO_MAILBOX = "The address doesn’t accept email: {answer}"
RETURNED = "The mail server returned the message: {answer}"
_ADDRESS_STATUS = re.compile(r"5\.(?:1\.[0-36-9]|1\.10|2\.1|4\.4)\b")  # the address or its domain does not exist
_MAX_ANSWER = 250


def read_report(message: Message) -> Update | None:
    """Return how far a message has come by a report, None for one that says nothing of a message of ours."""
    content: Any = message.get_payload()
    parts = [part for part in content if isinstance(part, Message)] if isinstance(content, list) else []
    status = next((part for part in parts if part.get_content_type() == "message/delivery-status"), None)
    token = next((found for part in parts[1:] if (found := _token_of(part))), "")
    if status is None or not token:
        return None
    fields = _fields(status)
    action, answer = fields.get("action", ""), fields.get("diagnostic-code", "") or fields.get("status", "")
    if action == "delivered":
        return _status(token, Delivery(OutboundState.DELIVERED))
    if action != "failed":
        return None  # delayed: the server goes on trying
    error = _error(fields.get("status", ""), answer)
    return _status(token, Delivery(OutboundState.FAILED, error=error))


def find_bounce(raw: bytes) -> Update | None:
    """Return that a message was returned, by its id within the notice of a mail system; None if it has none."""
    found = _RAW_ID.search(raw)
    if found is None:
        return None
    error = MessageRefused(RETURNED, answer="MAILER-DAEMON")
    return _status(found[0].decode(), Delivery(OutboundState.FAILED, error=error))


def _status(token: str, delivery: Delivery) -> Update:
    return Update(UpdateKind.STATUS, "", datetime.fromtimestamp(0, UTC), message_id=token, delivery=delivery)


def _error(status: str, answer: str) -> ChannelError:
    shown = " ".join(decoded(answer).split())[:_MAX_ANSWER]
    if _ADDRESS_STATUS.match(status):
        return ContactBlocked(NO_MAILBOX, answer=shown)
    return MessageRefused(RETURNED, answer=shown)


def _token_of(part: Message) -> str:
    """Return the id of our message that a part holds the headers of, or ""."""
    content: Any = part.get_payload()
    inner = content[0] if isinstance(content, list) and content and isinstance(content[0], Message) else None
    written = raw_header(inner, "Message-ID") if inner is not None else payload(part)[:50_000].decode("latin-1")
    found = OWN_ID.search(written)
    return f"{found[1]}.{found[2]}.{found[3]}" if found else ""


def _fields(status: Message) -> dict[str, str]:
    """Return the fields of the first recipient that says what was done, in lower case but for the server's answer."""
    content: Any = status.get_payload()
    blocks = [block for block in content if isinstance(block, Message)] if isinstance(content, list) else []
    for block in blocks[:20]:
        if action := raw_header(block, "Action").lower():
            code = raw_header(block, "Diagnostic-Code").partition(";")[2].strip()
            return {"action": action, "status": raw_header(block, "Status")[:20], "diagnostic-code": code}
    return {}
