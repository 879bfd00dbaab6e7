"""Requests: sends requests to hosts of the vendor and says what went wrong with them."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from platform_app.config import settings
from platform_app.errors import Invalid
from platform_app.integrations import egress
from platform_app.integrations.kommo import errors
from platform_app.integrations.kommo.hosts import is_vendor_host, product_of

SECONDS = 20.0  # as the vendor's own client waits
MAX_RESPONSE_BYTES = 30_000_000  # a page of 250 leads with all of their fields has some
_UNWRITTEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True)
class Request:
    """A request to a host of the vendor."""

    method: str
    host: str
    path: str  # with the query
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_repeatable(self) -> bool:
        """Whether a repeat has no further effect: only a POST creates something."""
        return self.method != "POST"


def with_query(path: str, query: dict[str, Any]) -> str:
    """Return a path with a query; a list becomes several fields."""
    pairs = [(name, item) for name, value in query.items() for item in (value if isinstance(value, list) else [value])]
    written = urlencode([(name, str(item)) for name, item in pairs if item is not None], safe="[],")
    return f"{path}?{written}" if written else path


def send(request: Request) -> egress.Download:
    """Send a request and return the response, whatever its status below 500.

    Raises Unreachable if nothing was done or the request may be repeated, Uncertain if it may have had an effect and
    must not be repeated blindly.
    """
    product = product_of(request.host)
    if not is_vendor_host(request.host):
        raise errors.Unreachable(errors.UNREACHABLE, product=product)
    stand_in = settings().kommo_api_url.rstrip("/")
    address = f"{stand_in or f'https://{request.host}'}{request.path}"
    headers = request.headers | {"host": request.host, "user-agent": "gpt-agents"}
    lost = errors.Unreachable if request.is_repeatable else errors.Uncertain
    sentence = errors.UNREACHABLE if request.is_repeatable else errors.UNCERTAIN
    try:
        answer = egress.fetch(
            address,
            request.body,
            headers,
            method=request.method,
            seconds=SECONDS,
            max_bytes=MAX_RESPONSE_BYTES,
            is_trusted=bool(stand_in),
        )
    except (*_UNWRITTEN, Invalid):
        raise errors.Unreachable(errors.UNREACHABLE, product=product) from None
    except (httpx.HTTPError, TimeoutError, OSError, egress.ResponseTooLarge):
        raise lost(sentence, product=product) from None  # the request may hold a secret
    if answer.status >= 500:
        if request.is_repeatable:
            raise errors.Unreachable(errors.SERVER_ERROR, product=product, status=answer.status)
        raise errors.Uncertain(errors.UNCERTAIN, product=product)
    return answer


def read_json(request: Request, answer: egress.Download) -> Any:
    """Return the body of a response; {} for an empty one.

    Raises Unreachable, or Uncertain after a POST, if it is not JSON.
    """
    if answer.status == 204 or not answer.body.strip():
        return {}
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        kind = errors.Unreachable if request.is_repeatable else errors.Uncertain
        raise kind(errors.UNREADABLE, product=product_of(request.host)) from None
