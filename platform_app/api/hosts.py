"""Hosts: checks that a request's Host is that of PLATFORM_PUBLIC_URL, or for webhooks that of PLATFORM_HOOKS_URL.

This stops DNS rebinding and links made of a forged Host header. Nothing is compared if PLATFORM_PUBLIC_URL is empty
or in development. Probes of load balancers and containers use addresses, which is allowed for the health pages.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.types import Scope

from platform_app.integrations.special_addresses import is_public

_PROBES = ("/healthz", "/health", "/readyz", "/ping")
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
REFUSAL = (
    b"This is not the address of the platform. Open the one that its operator gave you. "
    b"Operators: PLATFORM_PUBLIC_URL names it, PLATFORM_HOOKS_URL that of webhooks. "
    b"A proxy in front has to pass the Host header on.\n"
)


def is_allowed(scope: Scope, host: str, public_url: str, hooks_url: str = "") -> bool:
    """Return whether the Host header `host` of a request names this platform, whose address is `public_url`.

    Webhooks may be posted to `hooks_url` too.
    """
    if not public_url or scope["path"] in _PROBES:
        return True
    is_hook = scope["path"].startswith("/hooks/")
    return any(_names(address, host, scope) for address in (public_url, hooks_url if is_hook else "") if address)


def _names(address: str, host: str, scope: Scope) -> bool:
    public = urlsplit(address)
    asked = _host_and_port(host, public.scheme)
    if asked is None:
        return False
    return asked == _host_and_port(public.netloc, public.scheme) or _is_internal(asked[0], scope)


def _host_and_port(netloc: str, scheme: str) -> tuple[str, int] | None:
    """Return the host and port of a Host header, or None if it is malformed."""
    try:
        parts = urlsplit(f"//{netloc}")
        port = parts.port or _PORTS.get(scheme, 80)
    except ValueError:
        return None
    if not parts.hostname or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname.rstrip("."), port


def _is_internal(name: str, scope: Scope) -> bool:
    """Return whether an internal machine uses an internal name: the launcher, or a proxy with its own Host.

    No page of the internet has a name without dots or a loopback address.
    """
    asker = _address(scope["client"][0]) if scope.get("client") else None
    if asker is None or is_public(asker):
        return False
    address = _address(name)
    return "." not in name and ":" not in name if address is None else address.is_loopback and asker.is_loopback


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
