"""Chat hooks: what Kommo posts to a channel of our own, whose signature is checked.

Reference: developers.kommo.com, receiving-chat-webhooks. The secret of the channel signs.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from platform_app.integrations.kommo.entities import Text

MAX_HOOK_BYTES = 1_000_000


class UntrustedHook(ValueError):
    """A hook is not signed with the secret of the channel, or cannot be read."""


class _Side(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: Text = ""
    client_id: Text = ""
    name: Text = ""


class _Content(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: Text
    type: Text = "text"
    text: Text = ""
    media: Text = ""
    file_name: Text = ""


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    sender: _Side
    receiver: _Side = Field(default_factory=_Side)
    conversation: _Side
    timestamp: int = 0
    message: _Content


@dataclass(frozen=True)
class ChatHook:
    """What a member or a bot of Kommo wrote to a customer."""

    amojo_id: str  # of the account
    message_id: str
    conversation_id: str  # ours
    sender_id: str  # a member's id in the Chats API
    sender_name: str
    text: str
    type: str
    at: int  # Unix seconds
    media: str = field(default="")  # the address of a file
    file_name: str = ""


def read_hook(body: bytes, signature: str, secret: str) -> ChatHook | None:
    """Return what a hook says, None if it is no message.

    Raises UntrustedHook if it is not signed with the secret, or cannot be read.
    """
    made = hmac.digest(secret.encode(), body, hashlib.sha1).hex()
    if not secret or len(body) > MAX_HOOK_BYTES or not hmac.compare_digest(signature.encode(), made.encode()):
        raise UntrustedHook("another signature")
    try:
        data = json.loads(body)
        if not isinstance(data, dict) or not isinstance(data.get("message"), dict):
            return None
        read = _Message.model_validate(data["message"])
    except (ValidationError, ValueError, RecursionError) as error:
        raise UntrustedHook("cannot be read") from error
    conversation = read.conversation.client_id or read.receiver.client_id
    return ChatHook(
        amojo_id=str(data.get("account_id") or "")[:100],
        message_id=read.message.id[:100],
        conversation_id=conversation[:100],
        sender_id=read.sender.id[:100],
        sender_name=read.sender.name[:200],
        text=read.message.text,
        type=read.message.type[:20],
        at=data["time"] if isinstance(data.get("time"), int) else read.timestamp,
        media=read.message.media[:2_000],
        file_name=read.message.file_name[:200],
    )
