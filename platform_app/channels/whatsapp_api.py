"""WhatsApp API: requests to the Cloud API, signed with the app secret, and what its errors mean.

See developers.facebook.com/documentation/business-messaging/whatsapp: error codes, security (appsecret_proof).
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from platform_app.channels import bot_requests
from platform_app.channels.push_channel import (
    AccountRefused,
    ChannelError,
    ContactBlocked,
    CredentialRefused,
    MessageRefused,
    OutcomeUnknown,
    TemporaryFailure,
)
from platform_app.config import settings
from platform_app.integrations import egress

CHANNEL = "WhatsApp"
PAIR_SECONDS = 6  # one message to a contact in so many seconds
BUSY = "WhatsApp asks to wait because of too many messages. The platform will send this one automatically."
PAIR_BUSY = "WhatsApp accepts one message per contact every 6 seconds. The platform will send this one automatically."
SPAM_LIMIT = "WhatsApp limits this number because contacts blocked or reported it. Retrying automatically."
SERVER_ERROR = "WhatsApp returned an error ({status}). Retrying automatically."
REVOKED = "WhatsApp no longer accepts the access token. Enter a new one from Meta’s app dashboard."
NO_PERMISSION = "The access token can’t send from this number. Give it whatsapp_business_messaging at Meta."
LOCKED = "Meta restricted or locked this WhatsApp account. Check it in WhatsApp Manager."
NOT_REGISTERED = "This phone number isn’t registered with the Cloud API. Register it in WhatsApp Manager."
UNREACHABLE = "WhatsApp can’t deliver to this contact: no account, blocked, or an outdated app. Wait until they write."
WINDOW_CLOSED = "The contact last wrote more than 24 hours ago. WhatsApp accepts approved templates only."
MARKETING_LIMIT = "WhatsApp isn’t delivering marketing messages to this contact now. Try again another day."
NOT_PAID = "WhatsApp didn’t send it: the WhatsApp account has a payment problem."
BAD_TEMPLATE = "WhatsApp rejected the template: {reason}. Refresh the account’s templates."
REFUSED = "WhatsApp rejected the message: {reason}"
_UNDELIVERABLE, _WINDOW = 131026, 131047
_SENTENCES = {
    _WINDOW: WINDOW_CLOSED,
    131042: NOT_PAID,
    131049: MARKETING_LIMIT,
    131050: MARKETING_LIMIT,
}
_ACCOUNT = {0: REVOKED, 190: REVOKED, 10: NO_PERMISSION, 131005: NO_PERMISSION}
_ACCOUNT |= {368: LOCKED, 131031: LOCKED, 133010: NOT_REGISTERED, 131045: NOT_REGISTERED}
_WAITS = {4: 60.0, 80007: 60.0, 130429: 5.0, 131056: float(PAIR_SECONDS), 131048: 300.0, 613: 60.0}  # seconds
_SERVER_CODES = (1, 2, 131000, 131016, 131057, 133004)
_MAX_WAIT_SECONDS = 3_600.0


@dataclass(frozen=True)
class Access:
    """What the platform needs to act as a phone number."""

    phone_number_id: str
    business_account_id: str
    token: str
    app_secret: str

    def as_secret(self) -> str:
        """Return the access as it is stored."""
        return json.dumps(asdict(self))

    @classmethod
    def from_secret(cls, secret: str) -> "Access":
        """Return the access that was stored. Raises AccountRefused if it cannot be read."""
        try:
            return cls(**json.loads(secret))
        except (ValueError, TypeError):
            raise AccountRefused(REVOKED) from None


def request(
    access: Access, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None
) -> dict[str, Any]:
    """Send a request and return the answer's JSON.

    Raises a ChannelError: AccountRefused if the token or the number is not accepted, ContactBlocked if the contact
    cannot be reached, TemporaryFailure for limits and 5xx and if there was no connection, MessageRefused for what else
    is refused, OutcomeUnknown if there was no answer to a request that was sent.
    """
    if not access.token.isascii() or not access.token.isprintable():
        raise AccountRefused(REVOKED)
    proof = hmac.new(access.app_secret.encode(), access.token.encode(), hashlib.sha256).hexdigest()
    parameters = urlencode({**(query or {}), "appsecret_proof": proof})
    address = f"{settings().whatsapp_api_url.rstrip('/')}/{path}?{parameters}"
    headers = {"authorization": f"Bearer {access.token}", "content-type": "application/json"}
    content = json.dumps(body).encode() if body is not None else b""
    return _result(bot_requests.send(CHANNEL, address, content, headers, method=method))


def download(access: Access, address: str) -> bytes:
    """Return a file by the address that its id gave: one of the API's own, else any public one.

    Raises MessageRefused if there is none or it is too large, TemporaryFailure if there is no answer.
    """
    is_own = address.startswith(settings().whatsapp_api_url.rstrip("/") + "/")
    headers = {"authorization": f"Bearer {access.token}"}
    return bot_requests.download(CHANNEL, address, is_trusted=is_own, headers=headers)


def _result(answer: egress.Download) -> dict[str, Any]:
    try:
        data = json.loads(answer.body)
    except ValueError:
        data = None
    if answer.status < 300:
        if isinstance(data, dict):
            return data
        raise OutcomeUnknown(bot_requests.UNREADABLE, channel=CHANNEL)
    given = data.get("error") if isinstance(data, dict) else None
    raise error_of(answer.status, given if isinstance(given, dict) else {}, answer.headers.get("retry-after", ""))


def error_of(status: int, given: Mapping[str, Any], retry_after: str = "") -> ChannelError:
    """Return what an error of the API means, by its code; `status` is that of the answer, 0 for a message's status."""
    code = given.get("code")
    code = code if isinstance(code, int) else -1
    reason = _reason(given) or str(status or code)
    if code in _WAITS or status == 429:
        seconds = float(retry_after) if retry_after.isdigit() else _WAITS.get(code, 5.0)
        sentence = {131056: PAIR_BUSY, 131048: SPAM_LIMIT}.get(code, BUSY)
        return TemporaryFailure(sentence, seconds=min(max(seconds, 1.0), _MAX_WAIT_SECONDS))
    if code == 100 and "appsecret_proof" in reason:
        return CredentialRefused(REVOKED, "app_secret")
    if code in _ACCOUNT or 200 <= code < 300 or status == 401:
        return AccountRefused(_ACCOUNT.get(code, REVOKED if status == 401 else NO_PERMISSION))
    if code == _UNDELIVERABLE:
        return ContactBlocked(UNREACHABLE)
    if code in _SENTENCES:
        return MessageRefused(_SENTENCES[code])
    if 132_000 <= code < 133_000:
        return MessageRefused(BAD_TEMPLATE, reason=reason)
    if status >= 500 or code in _SERVER_CODES:
        return TemporaryFailure(SERVER_ERROR, status=status or code)
    return MessageRefused(REFUSED, reason=reason)


def _reason(given: Mapping[str, Any]) -> str:
    details = given.get("error_data")
    words = details.get("details") if isinstance(details, dict) else ""
    return str(words or given.get("message") or given.get("title") or "").strip()[:200].rstrip(".")
