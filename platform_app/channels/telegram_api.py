"""Telegram API: calls of a method of the Bot API, and what its errors mean (core.telegram.org/bots/api)."""

import json
import re
from typing import Any
from urllib.parse import quote

from platform_app.channels import bot_requests
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
from platform_app.integrations import egress

TOKEN = re.compile(r"[0-9]{5,20}:[A-Za-z0-9_-]{30,100}")
CHANNEL = "Telegram"
BUSY = "Telegram asks to wait because of too many messages. The platform will send this one automatically."
SERVER_ERROR = "Telegram returned an error ({status}). Retrying automatically."
REVOKED = "Telegram no longer accepts the bot’s token. Enter a new one from @BotFather."
BLOCKED = "The contact blocked the bot or deleted the chat. You can reply once they write again."
ELSEWHERE = "Another program receives this bot’s messages. Stop it, or enter a new token from @BotFather."
REFUSED = "Telegram rejected the message: {reason}"
_GONE = ("chat not found", "user is deactivated", "bot was blocked", "peer_id_invalid", "bot can't initiate")


def call_method(token: str, method: str, *, seconds: float = bot_requests.CALL_SECONDS, **fields: Any) -> Any:
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
    answer = bot_requests.send(CHANNEL, address, body, headers, seconds=seconds)
    return _result(answer)


def download_file(token: str, path: str) -> bytes:
    """Return the content of a file by the path that getFile gave.

    Raises MessageRefused if there is none or it is too large, TemporaryFailure if there is no answer.
    """
    address = f"{settings().telegram_api_url.rstrip('/')}/file/bot{token}/{quote(path)}"
    return bot_requests.download(CHANNEL, address, is_trusted=True)


def _result(answer: egress.Download) -> Any:
    """Return the result of an answer, or raise what it says went wrong."""
    try:
        data = json.loads(answer.body)
    except ValueError:
        data = None
    if answer.status >= 500:
        raise TemporaryFailure(SERVER_ERROR, status=answer.status)
    if not isinstance(data, dict):
        raise (
            OutcomeUnknown(bot_requests.UNREADABLE, channel=CHANNEL)
            if answer.status < 400
            else _error(answer.status, "", {})
        )
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
