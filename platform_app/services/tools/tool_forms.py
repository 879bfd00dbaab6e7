"""Tool forms: what the forms of HTTP tools and MCP servers have in common."""

import re
from urllib.parse import urlsplit

from platform_app.db import Transaction
from platform_app.errors import Forbidden, Invalid
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import tenant_secrets

MAX_SECRET_CHARS = 2_000
_HEADER = re.compile(r"[A-Za-z0-9-]{1,60}")
_OWN_HEADERS = (
    "host", "content-length", "content-type", "accept", "transfer-encoding", "connection", "idempotency-key",
)  # fmt: skip  # which the platform sets


def require_admin(who: Identity) -> None:
    """Raise Forbidden unless `who` is an owner or admin."""
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")


def parse_header(form: dict[str, str]) -> str:
    """Return the name of the header that carries the secret. Raises Invalid if it cannot be set."""
    header = form.get("header", "").strip()
    if header and (not _HEADER.fullmatch(header) or header.lower() in _OWN_HEADERS):
        raise Invalid("This is not the name of a header that can be set.", field="header")
    return header


def store_secret(session: Transaction, tenant_id: str, purpose: str, given: str, *, is_moved: bool) -> None:
    """Store the secret of a form; an empty one keeps the stored one. Raises Invalid if it cannot be kept.

    `is_moved` says that the address has changed: the stored secret is not sent to another one.
    """
    secret = given.strip()
    if len(secret) > MAX_SECRET_CHARS or not (secret.isascii() and secret.isprintable()):
        raise Invalid("Only Latin letters, digits and signs can be used here.", field="secret")
    if secret:
        tenant_secrets.store(session, tenant_id, purpose, secret)
    elif is_moved and tenant_secrets.exists(session, tenant_id, purpose):
        raise Invalid("Enter the secret for this address.", field="secret")


def origin_of(address: str) -> tuple[str, str]:
    """Return the scheme and the host with its port, to which a secret is bound."""
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()
