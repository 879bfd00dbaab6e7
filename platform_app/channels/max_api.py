"""MAX API: requests to the Bot API of the messenger MAX, and what its errors mean (dev.max.ru/docs-api)."""

import json
from typing import Any
from urllib.parse import urlencode

from platform_app.channels import bot_requests
from platform_app.channels.push_channel import (
    AccountRefused,
    ChannelError,
    ContactBlocked,
    MessageRefused,
    OutcomeUnknown,
    TemporaryFailure,
)
from platform_app.config import settings
from platform_app.integrations import egress

CHANNEL = "MAX"
BUSY_SECONDS = 1.0  # 30 requests a second are allowed
BUSY = "MAX asks to wait because of too many messages. The platform will send this one automatically."
SERVER_ERROR = "MAX returned an error ({status}). Retrying automatically."
REVOKED = "MAX no longer accepts the bot’s token. Enter a new one from the bot’s settings."
BLOCKED = "The contact stopped the bot or deleted the chat. You can reply once they write again."
REFUSED = "MAX rejected the message: {reason}"


def request(
    token: str,
    method: str,
    path: str,
    *,
    query: dict[str, Any] | None = None,
    body: dict[str, Any] | None = None,
    seconds: float = bot_requests.CALL_SECONDS,
) -> Any:
    """Send a request and return the answer's JSON.

    Raises a ChannelError: AccountRefused for 401, ContactBlocked for 403 and 404, TemporaryFailure for 429 and 5xx and
    if there was no connection, MessageRefused for 400, OutcomeUnknown if there was no answer to a request.
    """
    if not token.isascii() or not token.isprintable():
        raise AccountRefused(REVOKED)
    address = f"{settings().max_api_url.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
    headers = {"authorization": token, "content-type": "application/json"}
    content = json.dumps(body).encode() if body is not None else b""
    answer = bot_requests.send(CHANNEL, address, content, headers, method=method, seconds=seconds)
    return _result(answer)


def download(address: str) -> bytes:
    """Return a file by the address that an attachment has; any public address is allowed, as MAX keeps files on many.

    Raises MessageRefused if there is none or it is too large, TemporaryFailure if there is no answer.
    """
    return bot_requests.download(CHANNEL, address, is_trusted=False)


def _result(answer: egress.Download) -> Any:
    try:
        data = json.loads(answer.body)
    except ValueError:
        data = None
    if answer.status == 200 and isinstance(data, dict):
        return data
    if answer.status < 300:
        raise OutcomeUnknown(bot_requests.UNREADABLE, channel=CHANNEL)
    raise _error(answer.status, str(data.get("message", "")) if isinstance(data, dict) else "")


def _error(status: int, reason: str) -> ChannelError:
    if status >= 500:
        return TemporaryFailure(SERVER_ERROR, status=status)
    if status == 401:
        return AccountRefused(REVOKED)
    if status in (403, 404):
        return ContactBlocked(BLOCKED)
    if status == 429:
        return TemporaryFailure(BUSY, seconds=BUSY_SECONDS)
    return MessageRefused(REFUSED, reason=reason[:200] or str(status))
