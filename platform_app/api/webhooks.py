"""Webhooks: the route to which other systems deliver; addresses and signatures count, not cookies or origins.

Accepted deliveries are stored before the response; Redis is not needed. Deliveries to one address that arrive while
others are stored are stored together in one transaction.
"""

from collections.abc import Sequence
from math import ceil

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from platform_app.api.group_commit import GroupCommit
from platform_app.api.routes import ANYONE, client_address, problem, route
from platform_app.clock import now
from platform_app.models.webhook import DeliveryOutcome, IncomingWebhook
from platform_app.services.webhooks import deliveries, incoming_webhooks
from platform_app.services.webhooks.deliveries import MAX_BODY_BYTES, IncomingRequest

RATE_LIMITS = parse_many("500/second; 10000/minute")  # of the deliveries to one address
_limiter = FixedWindowRateLimiter(MemoryStorage())


def _find_webhooks(address: str, requests: Sequence[None]) -> list[IncomingWebhook]:
    return [deliveries.find_webhook(address)] * len(requests)


def _store_deliveries(address: str, sent: Sequence[IncomingRequest]) -> list[DeliveryOutcome | Exception]:
    webhook = deliveries.find_webhook(address)  # as it is now: a body may have been under way for long
    return deliveries.accept_all(webhook, sent)


_lookups = GroupCommit(_find_webhooks, weight=lambda _: 1, max_weight=1_000)
_stores = GroupCommit(_store_deliveries, weight=lambda sent: 20_000 + len(sent.body), max_weight=4_000_000)


@route("/hooks/{address}", ANYONE, methods=["POST"])
async def receive(request: Request) -> Response:
    """Receive a delivery: 202 with the status "accepted", or "duplicate" if its id was accepted before.

    404 for an unknown address, 429 beyond RATE_LIMITS; each refusal of `deliveries` has its own status.
    """
    address = request.path_params["address"]
    key = incoming_webhooks.hash_address(address)
    if limit := _exceeded_limit(key):
        return _rate_limited(request, limit, key)
    await _lookups.submit(address, None)  # before a byte of the body is read
    outcome = await _stores.submit(address, await _read_delivery(request))
    return JSONResponse({"status": outcome.value}, 202)


def _exceeded_limit(key: str) -> RateLimitItem | None:
    """Count a delivery to an address; return the limit that it exceeds, or None."""
    return next((limit for limit in RATE_LIMITS if not _limiter.hit(limit, key)), None)


def _rate_limited(request: Request, limit: RateLimitItem, key: str) -> Response:
    reset = _limiter.get_window_stats(limit, key).reset_time
    seconds = max(1, ceil(reset - now().timestamp()))
    answer = problem(429, "Too many requests. Retry in {seconds} s.", request.state.language, seconds=seconds)
    answer.headers["Retry-After"] = answer.headers["RateLimit-Reset"] = str(seconds)
    answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"] = str(limit.amount), "0"
    return answer


async def _read_delivery(request: Request) -> IncomingRequest:
    """Read a delivery; beyond MAX_BODY_BYTES reading stops, and it is marked as truncated."""
    said, parts, size = request.headers.get("content-length", ""), list[bytes](), 0
    is_cut = said.isdecimal() and int(said) > MAX_BODY_BYTES
    if not is_cut:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                is_cut = True
                break
            parts.append(part)
    return IncomingRequest(b"".join(parts), request.headers, client_address(request), is_cut)
