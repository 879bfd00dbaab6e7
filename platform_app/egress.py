"""Egress: calls to addresses that tenants chose go out here alone, and only to where they may.

The address is checked when the connection is made, so that neither a name that resolves to an inner address nor a
redirect leads inside. Further networks are opened by PLATFORM_EGRESS_ALLOW.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from queue import Empty, SimpleQueue
from threading import Thread, Timer
from typing import Any
from urllib.parse import urlsplit

import httpx
from httpx_secure import SSRFProtectionError, httpx_ssrf_protection

from platform_app.config import listed, settings
from platform_app.errors import Invalid

SECONDS = 10.0
MOST_KEPT = 2_000  # characters of an answer


@dataclass(frozen=True)
class Answer:
    """What the other side answered."""

    status: int
    text: str  # its beginning


def check(address: str) -> str:
    """Return an address that can be called; raises Invalid for one that cannot."""
    try:
        parts = urlsplit(address.strip())
        _ = parts.port
    except ValueError as error:
        raise Invalid("This is not an address.", field="url") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise Invalid("Enter an address that begins with https://.", field="url")
    return address.strip()


def post(address: str, body: str, headers: dict[str, str]) -> Answer:
    """Send a body; redirects are not followed.

    Raises Invalid when the address may not be reached, httpx.HTTPError when nothing was heard from it.
    """
    return asyncio.run(_post(check(address), body, headers))


async def _post(address: str, body: str, headers: dict[str, str]) -> Answer:
    client = httpx.AsyncClient(verify=_trust(), timeout=SECONDS, follow_redirects=False, trust_env=False)
    httpx_ssrf_protection(client, check_globally_reachable=False, custom_validator=_may_reach)
    async with client, asyncio.timeout(SECONDS * 2):
        try:
            async with client.stream("POST", address, content=body.encode(), headers=headers) as answer:
                return Answer(answer.status_code, await _beginning(answer))
        except SSRFProtectionError as error:
            raise Invalid("This address may not be reached from here.", field="url") from error
        except httpx.InvalidURL as error:
            raise Invalid("This is not an address.", field="url") from error


@lru_cache
def _trust() -> ssl.SSLContext:
    """Return whom we trust; reading all of the authorities takes longer than most calls."""
    return httpx.create_ssl_context(trust_env=False)


async def _beginning(answer: httpx.Response) -> str:
    kept = ""
    async for piece in answer.aiter_text():
        kept += piece
        if len(kept) >= MOST_KEPT:
            break
    return kept[:MOST_KEPT]


@contextmanager
def connection(host: str, port: int, *, seconds: float) -> Iterator[socket.socket]:
    """Connect to a server, at the very address that was checked; it is cut off after so many seconds.

    Raises Invalid when the server may not be reached, OSError when it does not answer.
    """
    end = time.monotonic() + seconds
    with _connected(host, port) as opened, opened.dup() as same:  # opened may be wrapped for TLS, and is gone then
        guard = Timer(max(end - time.monotonic(), 0), _cut, (same,))
        guard.daemon = True
        guard.start()
        try:
            yield opened
        finally:
            guard.cancel()
            _cut(same)


def _cut(opened: socket.socket) -> None:
    with suppress(OSError):  # the other side was first
        opened.shutdown(socket.SHUT_RDWR)


def _connected(host: str, port: int) -> socket.socket:
    end, failure = time.monotonic() + SECONDS, OSError("nothing to connect to")
    found = _resolved(host, port)
    allowed = [one for one in found if _may_reach(host, ip_address(one[4][0]), port)]
    if not allowed:
        raise Invalid("This address may not be reached from here.", field="host")
    for family, kind, protocol, _, address in allowed:
        opened = socket.socket(family, kind, protocol)
        try:
            opened.settimeout(max(end - time.monotonic(), 0.1))
            opened.connect(address)
            opened.settimeout(SECONDS)
            return opened
        except OSError as error:
            opened.close()
            failure = error
    raise failure


def _resolved(host: str, port: int) -> list[Any]:
    """Return what a name stands for; asked in a thread, for the system's resolver has no limit of its own."""
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


def _may_reach(host: str, address: IPv4Address | IPv6Address, port: int) -> bool:
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
    if any(inner in network for network in _allowed(settings().egress_allow)):
        return True
    is_nat64 = isinstance(address, IPv6Address) and address in _NAT64
    return inner.is_global and not inner.is_multicast and not is_nat64


_NAT64 = IPv6Network("64:ff9b::/96")


@lru_cache
def _allowed(written: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one, strict=False) for one in listed(written))
