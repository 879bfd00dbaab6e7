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

PACE = parse_many("500/second; 10000/minute")  # deliveries to one address
_limiter = FixedWindowRateLimiter(MemoryStorage())


def _find(address: str, asking: Sequence[None]) -> list[IncomingWebhook]:
    return [deliveries.find_webhook(address)] * len(asking)


def _take(address: str, sent: Sequence[IncomingRequest]) -> list[DeliveryOutcome | Exception]:
    webhook = deliveries.find_webhook(address)  # as it is now: a body may have been under way for long
    return deliveries.accept_all(webhook, sent)


_finding = GroupCommit(_find, weight=lambda _: 1, heaviest=1_000)
_taking = GroupCommit(_take, weight=lambda sent: 20_000 + len(sent.body), heaviest=4_000_000)


@route("/hooks/{address}", ANYONE, methods=["POST"])
async def receive(request: Request) -> Response:
    """Receive a delivery: 202 if it is stored now or was before."""
    address = request.path_params["address"]
    key = incoming_webhooks.hash_address(address)
    if limit := _exceeded(key):
        return _too_many(request, limit, key)
    await _finding.do(address, None)  # before a byte of the body is read
    outcome = await _taking.do(address, await _sent(request))
    return JSONResponse({"status": outcome.value}, 202)


def _exceeded(key: str) -> RateLimitItem | None:
    """Count a delivery to an address; return the limit that it exceeds, or None."""
    return next((limit for limit in PACE if not _limiter.hit(limit, key)), None)


def _too_many(request: Request, limit: RateLimitItem, key: str) -> Response:
    reset = _limiter.get_window_stats(limit, key).reset_time
    seconds = max(1, ceil(reset - now().timestamp()))
    answer = problem(429, "Too many deliveries. Send it again in {seconds} s.", request.state.language, seconds=seconds)
    answer.headers["Retry-After"] = answer.headers["RateLimit-Reset"] = str(seconds)
    answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"] = str(limit.amount), "0"
    return answer


async def _sent(request: Request) -> IncomingRequest:
    """Read a delivery, up to the limit of a body."""
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
