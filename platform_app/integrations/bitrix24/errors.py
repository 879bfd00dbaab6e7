"""Bitrix24 errors: what the vendor's codes and the statuses of its answers mean."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from platform_app.integrations import crm_messages, egress
from platform_app.integrations.base import (
    CrmBusy,
    CrmError,
    CrmRefused,
    CrmUncertain,
    CrmUnpaid,
    CrmUnreachable,
)

PRODUCT = "Bitrix24"
PAUSE_SECONDS, METHOD_SECONDS = 10.0, 60.0  # after too many calls, and after calls that took too long
OVERLOADED = "{product} has blocked the REST API of this portal because of overload. Its support removes the block."
CLOSED = "The {product} portal is closed or deleted."
MOVED = "The {product} portal has another address now: {host}. Enter the address of its webhook again."
LACKING_SCOPE = "The webhook doesn’t have these rights: {scopes}. Add them in its settings in {product}."
_REVOKED = {"NO_AUTH_FOUND", "INVALID_CREDENTIALS", "EXPIRED_TOKEN", "INVALID_TOKEN", "USER_ACCESS_ERROR"}
_CLOSED = {"PAYMENT_REQUIRED": crm_messages.NOT_PAID, "PORTAL_DELETED": CLOSED, "OVERLOAD_LIMIT": OVERLOADED}


def error_of_status(answer: egress.Download) -> CrmError | None:
    """Return the error of an answer below 500 that is none of the API, such as a page of a server before it.

    Nothing was done then.
    """
    if 300 <= answer.status < 400:
        return CrmRefused(MOVED, product=PRODUCT, host=_host(answer.headers.get("location", "")))
    if answer.status == 401:
        return CrmRefused(crm_messages.REVOKED, product=PRODUCT)
    if answer.status == 429:
        return CrmBusy(crm_messages.BUSY, seconds=PAUSE_SECONDS, product=PRODUCT)
    return CrmUnreachable(crm_messages.UNREADABLE, product=PRODUCT) if 400 <= answer.status < 500 else None


def _host(address: str) -> str:
    try:
        return (urlsplit(address[:2_000]).hostname or "")[:100]
    except ValueError:
        return ""


def lost_answer(sentence: str, *, creates: bool, **values: Any) -> CrmError:
    """Return the error of a call without an answer that says what became of it."""
    if creates:
        return CrmUncertain(crm_messages.UNCERTAIN, product=PRODUCT)
    return CrmUnreachable(sentence, product=PRODUCT, **values)


def error_of_call(data: Mapping[str, Any], method: str, status: int) -> CrmError:
    """Return the error that the vendor's code means; `method` is "" for one of the calls of a batch."""
    code = str(data.get("error") or "").upper()
    if code == "QUERY_LIMIT_EXCEEDED":
        return CrmBusy(crm_messages.BUSY, seconds=PAUSE_SECONDS, product=PRODUCT)
    if code == "OPERATION_TIME_LIMIT":
        return CrmBusy(crm_messages.BUSY, seconds=METHOD_SECONDS, product=PRODUCT)
    if code in _REVOKED:
        return CrmRefused(crm_messages.REVOKED, product=PRODUCT)
    if code in _CLOSED:
        return CrmUnpaid(_CLOSED[code], product=PRODUCT)
    if code == "ACCESS_DENIED" and method == "batch":  # of the API itself: single calls of a batch have their own
        return CrmUnpaid(crm_messages.NOT_PAID, product=PRODUCT)
    if status >= 500:
        return CrmUnreachable(crm_messages.SERVER_ERROR, product=PRODUCT, status=status)
    reason = str(data.get("error_description") or code)[:300]
    denied = {"INSUFFICIENT_SCOPE", "ACCESS_DENIED"}
    return CrmError(crm_messages.DENIED if code in denied else crm_messages.REFUSED, product=PRODUCT, reason=reason)
