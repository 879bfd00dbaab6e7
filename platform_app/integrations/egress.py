"""Egress: outbound calls to addresses that tenants choose, to public addresses only.

A name is resolved once, its addresses are checked, and only a checked address is connected to. Further networks are
allowed by PLATFORM_EGRESS_ALLOW.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from queue import Empty, SimpleQueue
from threading import Thread, Timer
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from platform_app.config import settings, split_list
from platform_app.errors import Invalid
from platform_app.integrations.request_spans import call_span, set_status
from platform_app.integrations.special_addresses import is_public

SECONDS = 10.0
NOT_ALLOWED = "This URL is blocked."
MOST_KEPT = 2_000  # characters of an answer
_BODY_SHARE = 0.9  # of the time that is left once the status is known
_PLAIN = {"accept-encoding": "identity"}


@dataclass(frozen=True)
class Answer:
    """The response to a call."""

    status: int
    text: str  # its beginning
    retry_after: str = ""  # the header, if the other side asks to wait


@dataclass(frozen=True)
class Download:
    """The response to a request, with the whole of its body."""

    status: int
    body: bytes
    headers: httpx.Headers = field(default_factory=httpx.Headers)


class ResponseTooLarge(Exception):
    """A response is longer than the caller accepts."""


def check(address: str) -> str:
    """Return an address that can be called. Raises Invalid if it cannot."""
    try:
        parts = urlsplit(address.strip())
        _ = parts.port
    except ValueError as error:
        raise Invalid("This isn’t an address.", field="url") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise Invalid("Enter an address that begins with https://.", field="url")
    return address.strip()


def post(
    address: str, body: str, headers: dict[str, str], *, seconds: float = SECONDS, kept: int = MOST_KEPT
) -> Answer:
    """Post a body and return the response; redirects are not followed.

    `seconds` is the time for all of it, `kept` the number of characters that are returned. Once the status is known, a
    body that comes slowly or breaks off is kept as far as it came. Raises Invalid if the address may not be reached,
    httpx.HTTPError or TimeoutError if there is no response.
    """
    with call_span("POST", check(address)) as span:
        answer = asyncio.run(_post(check(address), body, headers, seconds=seconds, kept=kept))
        set_status(span, answer.status)
        return answer


async def _post(address: str, body: str, headers: dict[str, str], *, seconds: float, kept: int) -> Answer:
    end = time.monotonic() + seconds
    client = httpx.AsyncClient(transport=_Transport(), timeout=seconds, follow_redirects=False, trust_env=False)
    async with client, asyncio.timeout(seconds):
        try:
            async with client.stream("POST", address, content=body.encode(), headers=headers | _PLAIN) as answer:
                text = await _beginning(answer, kept, (end - time.monotonic()) * _BODY_SHARE)
                return Answer(answer.status_code, text, answer.headers.get("retry-after", "")[:100])
        except httpx.InvalidURL as error:
            raise Invalid("This isn’t an address.", field="url") from error


def fetch(
    address: str,
    body: bytes,
    headers: dict[str, str],
    *,
    method: str = "",
    seconds: float = SECONDS,
    max_bytes: int,
    is_trusted: bool,
) -> Download:
    """Send a request and return the whole response; redirects are not followed.

    Without a `method` a body is posted, and the address is got without one.

    `is_trusted` says that the operator named the address: any may be reached. Raises Invalid if it may not be reached,
    ResponseTooLarge if the response has more than `max_bytes`, httpx.HTTPError or TimeoutError if there is none.
    """
    transport = httpx.AsyncHTTPTransport(verify=_trust(), trust_env=False) if is_trusted else _Transport()
    client = httpx.AsyncClient(transport=transport, timeout=seconds, follow_redirects=False, trust_env=False)
    method = method or ("POST" if body else "GET")
    request = client.build_request(method, check(address), content=body or None, headers=headers | _PLAIN)
    with call_span(method, address) as span:
        answer = asyncio.run(_fetch(client, request, seconds, max_bytes))
        set_status(span, answer.status)
        return answer


async def _fetch(client: httpx.AsyncClient, request: httpx.Request, seconds: float, max_bytes: int) -> Download:
    async with client, asyncio.timeout(seconds * 2):
        answer = await client.send(request, stream=True)
        kept = bytearray()
        async for piece in answer.aiter_raw():
            kept += piece
            if len(kept) > max_bytes:
                raise ResponseTooLarge
        await answer.aclose()
        return Download(answer.status_code, bytes(kept), answer.headers)


@lru_cache
def _trust() -> ssl.SSLContext:
    """Return whom we trust; reading all of the authorities takes longer than most calls."""
    return httpx.create_ssl_context(trust_env=False)


class _Transport(httpx.AsyncHTTPTransport):
    """Connects only to where calls may go; TLS and Host keep the name."""

    def __init__(self) -> None:
        super().__init__(verify=_trust(), trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(ssl_context=_trust(), network_backend=_Checked())


class _Checked(httpcore.AnyIOBackend):
    """Opens connections to addresses that passed the check, and to nothing else."""

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *more: Any, **named: Any
    ) -> httpcore.AsyncNetworkStream:
        end = time.monotonic() + (timeout or SECONDS)
        failure: Exception = httpcore.ConnectTimeout(host)
        try:
            found = await asyncio.to_thread(_resolved, host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(host) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for one, seconds in _turns(_checked(found, "url"), end):
            try:
                return await super().connect_tcp(one[4][0], port, seconds, *more, **named)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _CheckedSync(httpcore.SyncBackend):
    """Opens connections as `_Checked` does, for a client without an event loop."""

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *more: Any, **named: Any
    ) -> httpcore.NetworkStream:
        end = time.monotonic() + (timeout or SECONDS)
        failure: Exception = httpcore.ConnectTimeout(host)
        try:
            resolved = _resolved(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(host) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for one, seconds in _turns(_checked(resolved, "url"), end):
            try:
                return super().connect_tcp(one[4][0], port, seconds, *more, **named)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


@lru_cache
def kept_client() -> httpx.Client:
    """Return a client that keeps connections open between requests, follows no redirects and may be used by threads.

    A request raises Invalid if its address may not be reached.
    """
    transport = httpx.HTTPTransport(verify=_trust(), trust_env=False)
    transport._pool = httpcore.ConnectionPool(
        ssl_context=_trust(), network_backend=_CheckedSync(), max_connections=100, keepalive_expiry=30
    )
    return httpx.Client(transport=transport, timeout=SECONDS, follow_redirects=False, trust_env=False)


async def _beginning(answer: httpx.Response, most: int, seconds: float) -> str:
    """Return how an answer begins, as it came: a packed one was not asked for, and could unpack to any size."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        return ""
    kept = b""
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(seconds):
            async for piece in answer.aiter_raw():
                kept += piece
                if len(kept) >= most * 4:
                    break
    try:
        return kept.decode(answer.charset_encoding or "utf-8", "replace")[:most]
    except LookupError:
        return kept.decode("utf-8", "replace")[:most]


@contextmanager
def connection(host: str, port: int, *, seconds: float, is_trusted: bool = False) -> Iterator[socket.socket]:
    """Connect to a server at the checked address; yields a socket that is closed after `seconds`.

    `is_trusted` says that the operator named it: any address is allowed. Raises Invalid if the server may not be
    reached, OSError if it does not answer.
    """
    end = time.monotonic() + seconds
    with (
        _connected(host, port, is_trusted=is_trusted) as opened,
        opened.dup() as same,  # opened may be wrapped for TLS, and is gone then
    ):
        guard = Timer(max(end - time.monotonic(), 0), _cut, (same,))
        guard.daemon = True
        guard.start()
        try:
            yield opened
        finally:
            guard.cancel()
            _cut(same)


def connect(host: str, port: int) -> socket.socket:
    """Return a socket that is connected to a server at the checked address; the caller closes it.

    Raises Invalid if the server may not be reached, OSError if it does not answer.
    """
    return _connected(host, port, is_trusted=False)


def _cut(opened: socket.socket) -> None:
    with suppress(OSError):  # the other side was first
        opened.shutdown(socket.SHUT_RDWR)


def _connected(host: str, port: int, *, is_trusted: bool) -> socket.socket:
    end, failure = time.monotonic() + SECONDS, OSError("nothing to connect to")
    found = _resolved(host, port)
    if not is_trusted:
        found = _checked(found, "host")
    for (family, kind, protocol, _, address), seconds in _turns(found, end):
        opened = socket.socket(family, kind, protocol)
        try:
            opened.settimeout(seconds)
            opened.connect(address)
            opened.settimeout(SECONDS)
            return opened
        except OSError as error:
            opened.close()
            failure = error
    raise failure


def _turns(found: list[Any], end: float) -> Iterator[tuple[Any, float]]:
    """Yield each address with its share of the remaining seconds, so that none takes all."""
    for left, one in zip(range(len(found), 0, -1), found, strict=True):
        if (seconds := end - time.monotonic()) <= 0:
            return
        yield one, max(seconds / left, 0.1)


def _checked(found: list[Any], field: str) -> list[Any]:
    """Return the addresses that may be reached. Raises Invalid if there are none."""
    allowed = [one for one in found if may_reach(ip_address(one[4][0]))]
    if not allowed:
        raise Invalid(NOT_ALLOWED, field=field)
    return allowed


def open_socket(address: Any) -> socket.socket:
    """Return a socket for an address of the resolver. Raises OSError if the address may not be reached.

    For a client that resolves names itself: it connects to no other address than it asks for here.
    """
    family, kind, protocol, _, place = address
    if not may_reach(ip_address(place[0])):
        raise OSError(NOT_ALLOWED)
    return socket.socket(family, kind, protocol)


def _resolved(host: str, port: int) -> list[Any]:
    """Return the addresses of a name; resolved in a thread, since the system's resolver has no timeout."""
    answers: SimpleQueue[list[Any] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host.encode("idna"), port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else socket.gaierror(str(error)))

    Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=SECONDS)
    except Empty as error:
        raise TimeoutError(host) from error
    if isinstance(found, OSError):
        raise found
    return found


def is_blocked(address: str) -> bool:
    """Return whether an address that `check` takes names an IP address, or this machine, that may not be reached."""
    host = urlsplit(address).hostname or ""
    try:
        return not may_reach(ip_address("127.0.0.1" if host == "localhost" else host))
    except ValueError:  # another name, which only its resolution tells of
        return False


def may_reach(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is public, or one that the operator allows."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    inner = mapped or address
    if any(inner in network for network in _allowed(settings().egress_allow)):
        return True
    return is_public(inner)


@lru_cache
def _allowed(written: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one, strict=False) for one in split_list(written))
