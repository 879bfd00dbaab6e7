"""Hosts: the hosts of accounts, to which alone secrets and tokens are sent."""

import re
from urllib.parse import urlsplit

from platform_app.errors import Invalid

ZONES = ("kommo.com", "amocrm.ru", "amocrm.com")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"({_LABEL})\.({'|'.join(re.escape(zone) for zone in ZONES)})", re.ASCII)
_NOT_ACCOUNTS = frozenset(["www", "amojo", "developers", "support"])
NOT_AN_ACCOUNT = "Enter the address of your account, such as shop.kommo.com or shop.amocrm.ru."


def is_vendor_host(host: str) -> bool:
    """Return whether a host is one label below kommo.com, amocrm.ru or amocrm.com, such as that of an account."""
    return _HOST.fullmatch(host) is not None


def parse_account_host(written: str, *, zone: str = "kommo.com") -> str:
    """Return the host of an account from what a person, a browser or a token says: a name, a host or an address.

    A name alone is taken as one of `zone`. Raises Invalid at the field `account` if it is not an account of the vendor.
    """
    text = written.strip().lower()[:300]
    try:
        host = urlsplit(text if "://" in text else f"https://{text}").hostname or ""
    except ValueError:
        host = ""
    host = f"{host}.{zone}" if host and "." not in host else host
    match = _HOST.fullmatch(host)
    if match is None or match[1] in _NOT_ACCOUNTS or "@" in text:
        raise Invalid(NOT_AN_ACCOUNT, field="account")
    return host


def product_of(host: str) -> str:
    """Return what the vendor calls itself at a host: "amoCRM" or "Kommo"."""
    return "amoCRM" if "amocrm" in host else "Kommo"


def zone_of(host: str) -> str:
    """Return the zone of a host: its last two labels."""
    return ".".join(host.split(".")[-2:])


def chats_host(host: str) -> str:
    """Return the host of the Chats API for an account's host."""
    return f"amojo.{zone_of(host)}"
