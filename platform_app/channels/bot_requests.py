"""Bot requests: how the server of a messenger is called, and what it means when there is no answer."""

import httpx

from platform_app.channels.push_channel import MessageRefused, OutcomeUnknown, TemporaryFailure
from platform_app.errors import Invalid
from platform_app.integrations import egress

CALL_SECONDS = 15.0
MAX_RESPONSE_BYTES = 5_000_000
MAX_FILE_MEGABYTES = 20  # Telegram lets bots download no more
NO_CONNECTION = "{channel} isn’t responding. Retrying automatically."
NO_ANSWER = "{channel} timed out. We don’t know if the message arrived."
UNREADABLE = "{channel} returned an invalid response. We don’t know if the message arrived."
TRY_LATER = "{channel} isn’t responding. Try again in a minute."
TOO_LARGE = "This file is larger than {megabytes} MB and can’t be opened here. Open it in {channel}."
NO_FILE = "{channel} no longer has this file."
_UNWRITTEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def send(
    channel: str, address: str, body: bytes, headers: dict[str, str], *, method: str = "", seconds: float = CALL_SECONDS
) -> egress.Download:
    """Send a request to the server of a channel, which the operator named, and return the answer.

    `channel` is its name for people. Raises TemporaryFailure if there was no connection, OutcomeUnknown if the request
    was sent and there was no answer, or one of more than MAX_RESPONSE_BYTES.
    """
    try:
        return egress.fetch(
            address, body, headers, method=method, seconds=seconds, max_bytes=MAX_RESPONSE_BYTES, is_trusted=True
        )
    except (*_UNWRITTEN, Invalid):
        raise TemporaryFailure(NO_CONNECTION, channel=channel) from None  # the address may hold the token
    except (httpx.HTTPError, TimeoutError, OSError):
        raise OutcomeUnknown(NO_ANSWER, channel=channel) from None
    except egress.ResponseTooLarge:
        raise OutcomeUnknown(UNREADABLE, channel=channel) from None


def download(channel: str, address: str, *, is_trusted: bool, headers: dict[str, str] | None = None) -> bytes:
    """Return the content of a file of at most MAX_FILE_MEGABYTES; `is_trusted` is that of `egress.fetch`.

    Raises MessageRefused if there is none or it is larger, TemporaryFailure if there is no answer.
    """
    max_bytes = MAX_FILE_MEGABYTES * 1_000_000
    try:
        answer = egress.fetch(
            address, b"", headers or {}, seconds=CALL_SECONDS, max_bytes=max_bytes, is_trusted=is_trusted
        )
    except (httpx.HTTPError, TimeoutError, OSError, Invalid):
        raise TemporaryFailure(TRY_LATER, channel=channel) from None
    except egress.ResponseTooLarge:
        refusal = no_file(channel, is_too_large=True)
        raise refusal from None
    if answer.status != 200:
        refusal = no_file(channel)
        raise refusal
    return answer.body


def no_file(channel: str, *, is_too_large: bool = False) -> MessageRefused:
    """Return the error for a file that a channel does not hand out."""
    if is_too_large:
        return MessageRefused(TOO_LARGE, megabytes=MAX_FILE_MEGABYTES, channel=channel)
    return MessageRefused(NO_FILE, channel=channel)
