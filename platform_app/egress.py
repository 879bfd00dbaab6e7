"""Egress: calls to addresses that tenants chose go out here alone, and only to where they may.

The address is checked when the connection is made, so that neither a name that resolves to an inner address nor a
redirect leads inside. Further networks are opened by PLATFORM_EGRESS_ALLOW.
"""

import asyncio
import ssl
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from urllib.parse import urlsplit

import httpx
from httpx_secure import SSRFProtectionError, httpx_ssrf_protection

from platform_app.config import settings
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


def _may_reach(host: str, address: IPv4Address | IPv6Address, port: int) -> bool:
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
    if any(inner in network for network in _allowed(settings().egress_allow)):
        return True
    is_nat64 = isinstance(address, IPv6Address) and address in _NAT64
    return inner.is_global and not inner.is_multicast and not is_nat64


_NAT64 = IPv6Network("64:ff9b::/96")


@lru_cache
def _allowed(written: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one.strip(), strict=False) for one in written.split(",") if one.strip())
