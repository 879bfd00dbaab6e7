"""Public addresses: where servers on the internet reach this platform, and the addresses of webhooks that are shown."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from platform_app.config import settings
from platform_app.integrations.special_addresses import is_public


def console_home() -> str:
    """Return the address of the console if servers on the internet can reach it, else ""."""
    return _if_public(settings().public_url.strip().rstrip("/"))


def hooks_home() -> str:
    """Return the address to which webhooks are posted if servers on the internet can reach it, else ""."""
    return _if_public(settings().hooks_home)


def shown_hook_address(path: str, origin: str) -> str:
    """Return the address of a webhook to show to a member whose browser is at `origin`."""
    parts = urlsplit(settings().hooks_home or origin)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _if_public(home: str) -> str:
    parts = urlsplit(home)
    host = parts.hostname or ""
    if parts.scheme != "https" or "." not in host or host.endswith((".local", ".internal", ".localhost")):
        return ""
    try:
        return home if is_public(ip_address(host)) else ""
    except ValueError:
        return home
