"""Telegram API: calls of a method of the Bot API, and what its errors mean (core.telegram.org/bots/api)."""

import json
import re
from typing import Any
from urllib.parse import quote

import httpx

from platform_app.channels.push_channel import (
    AccountRefused,
    ChannelError,
    ContactBlocked,
    MessageRefused,
    OutcomeUnknown,
    ReceivedElsewhere,
    TemporaryFailure,
)
from platform_app.config import settings
from platform_app.errors import Invalid
from platform_app.integrations import egress

TOKEN = re.compile(r"[0-9]{5,20}:[A-Za-z0-9_-]{30,100}")
MAX_RESPONSE_BYTES = 5_000_000
MAX_FILE_BYTES = 20_000_000  # a bot may download no more
CALL_SECONDS = 15.0
NO_CONNECTION = "Telegram does not answer. The platform tries again by itself."
UNREADABLE = "Telegram gave an answer that cannot be read. Whether the message arrived is not known."
NO_ANSWER = "Telegram did not answer in time. Whether the message arrived is not known."
BUSY = "Telegram asks to wait: too many messages. The platform sends it by itself."
SERVER_ERROR = "Telegram has a fault of its own (error {status}). The platform tries again by itself."
REVOKED = "Telegram does not accept the bot's token any more. Enter a new one from @BotFather."
BLOCKED = "The contact has blocked the bot or deleted the chat. It can be written to once the contact writes again."
ELSEWHERE = "Another program receives this bot's messages. Stop it, or enter a new token from @BotFather."
REFUSED = "Telegram did not take the message: {reason}"
_UNWRITTEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_GONE = ("chat not found", "user is deactivated", "bot was blocked", "peer_id_invalid", "bot can't initiate")


def call_method(token: str, method: str, *, seconds: float = CALL_SECONDS, **fields: Any) -> Any:
    """Call a method of the Bot API and return its result.

    Raises a ChannelError: AccountRefused for 401 and 404, ContactBlocked for 403, ReceivedElsewhere for 409,
    TemporaryFailure for 429 and 5xx and if there was no connection, MessageRefused for 400, OutcomeUnknown if there was
    no answer to a request that was sent.
    """
    if not TOKEN.fullmatch(token):
        raise AccountRefused(REVOKED)
    address = f"{settings().telegram_api_url.rstrip('/')}/bot{token}/{method}"
    body = json.dumps(fields).encode()
    headers = {"content-type": "application/json"}
    try:
        answer = egress.fetch(address, body, headers, seconds=seconds, max_bytes=MAX_RESPONSE_BYTES, is_trusted=True)
    except (*_UNWRITTEN, Invalid):
        raise TemporaryFailure(NO_CONNECTION) from None  # the address holds the token
    except (httpx.HTTPError, TimeoutError, OSError):
        raise OutcomeUnknown(NO_ANSWER) from None
    except egress.ResponseTooLarge:
        raise OutcomeUnknown(UNREADABLE) from None
    return _result(answer)


def download_file(token: str, path: str) -> bytes:
    """Return the content of a file by the path that getFile gave.

    Raises MessageRefused if there is none or it has more than MAX_FILE_BYTES, TemporaryFailure if there is no answer.
    """
    address = f"{settings().telegram_api_url.rstrip('/')}/file/bot{token}/{quote(path)}"
    try:
        answer = egress.fetch(address, b"", {}, seconds=CALL_SECONDS, max_bytes=MAX_FILE_BYTES, is_trusted=True)
    except (httpx.HTTPError, TimeoutError, OSError, Invalid):
        raise TemporaryFailure(NO_CONNECTION) from None
    except egress.ResponseTooLarge:
        raise MessageRefused(REFUSED, reason="file is too big") from None
    if answer.status != 200:
        raise MessageRefused(REFUSED, reason=f"error {answer.status}")
    return answer.body


def _result(answer: egress.Download) -> Any:
    """Return the result of an answer, or raise what it says went wrong."""
    try:
        data = json.loads(answer.body)
    except ValueError:
        data = None
    if answer.status >= 500:
        raise TemporaryFailure(SERVER_ERROR, status=answer.status)
    if not isinstance(data, dict):
        raise OutcomeUnknown(UNREADABLE) if answer.status < 400 else _error(answer.status, "", {})
    if answer.status == 200 and data.get("ok") is True:
        return data.get("result")
    parameters = data.get("parameters")
    raise _error(answer.status, str(data.get("description", "")), parameters if isinstance(parameters, dict) else {})


def _error(status: int, description: str, parameters: dict[str, Any]) -> ChannelError:
    told = description.casefold()
    if status == 401 or (status == 404 and "method" not in told):
        return AccountRefused(REVOKED)
    if status == 403 or (status == 400 and any(words in told for words in _GONE)):
        return ContactBlocked(BLOCKED)
    if status == 409:
        return ReceivedElsewhere(ELSEWHERE)
    if status == 429:
        seconds = parameters.get("retry_after")
        return TemporaryFailure(BUSY, seconds=min(max(float(seconds), 1), 3_600) if isinstance(seconds, int) else 5)
    return MessageRefused(REFUSED, reason=description[:200] or str(status))
