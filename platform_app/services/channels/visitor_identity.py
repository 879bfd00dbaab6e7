"""Visitor identity: who the visitor of a web chat is, as the server of the tenant's site has signed it.

The site signs a JSON Web Token with HS256 and the secret of the chat. Its claims: `sub`, the user's id at the site;
`exp`, at most a day ahead; and, if known, `name` and `email`.
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from platform_app.db import Transaction
from platform_app.email_addresses import is_email, normalize_email
from platform_app.errors import NotFound, PlatformError
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.services.accounts import tenant_secrets
from platform_app.services.channels import channel_accounts
from platform_app.services.feed import activity

MAX_CHARS = 4_000  # of a token
MAX_LIFETIME = 86_400  # seconds until it expires
LEEWAY = 60  # seconds by which clocks may differ
MAX_ID_CHARS = 200
REFUSED = "The site’s sign-in isn’t valid here, or it has expired. Reload the page."


class UnverifiedVisitor(PlatformError):
    """A token of a site that is not signed with the chat's secret, has expired or cannot be read."""

    status = 401


@dataclass(frozen=True)
class VerifiedVisitor:
    """A visitor whom the site has signed in."""

    user_id: str  # at the site
    name: str = ""
    email: str = ""


def verify(token: str, secret: str, at: datetime) -> VerifiedVisitor:
    """Return whom a token names. Raises UnverifiedVisitor if it is not valid at this time."""
    parts = token.split(".")
    if not secret or len(token) > MAX_CHARS or len(parts) != 3:
        raise UnverifiedVisitor(REFUSED)
    signed = hmac.new(secret.encode(), f"{parts[0]}.{parts[1]}".encode(), hashlib.sha256).digest()
    try:
        header, claims, signature = _object(parts[0]), _object(parts[1]), _decoded(parts[2])
    except (ValueError, RecursionError) as error:
        raise UnverifiedVisitor(REFUSED) from error
    # the algorithm is ours: what the token says of it chooses nothing
    if header.get("alg") != "HS256" or "crit" in header or not hmac.compare_digest(signature, signed):
        raise UnverifiedVisitor(REFUSED)
    seconds, user_id = at.timestamp(), claims.get("sub")
    expires, begins = _number(claims.get("exp")), _number(claims.get("nbf", 0))
    if expires is None or begins is None or not isinstance(user_id, (str, int)):
        raise UnverifiedVisitor(REFUSED)
    is_current = begins - LEEWAY <= seconds < expires + LEEWAY and expires <= seconds + MAX_LIFETIME + LEEWAY
    shown = "" if isinstance(user_id, bool) else str(user_id).strip()
    if not is_current or not 0 < len(shown) <= MAX_ID_CHARS:
        raise UnverifiedVisitor(REFUSED)
    return VerifiedVisitor(shown, _text(claims.get("name"), 120), _email(claims.get("email")))


def _object(part: str) -> dict[str, Any]:
    """Return the JSON object of a part. Raises ValueError if it is none."""
    found = json.loads(_decoded(part))
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _decoded(part: str) -> bytes:
    """Return the bytes of base64url without padding. Raises ValueError for anything else."""
    if "=" in part:
        raise ValueError("padded")
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _number(value: object) -> float | None:
    """Return a number of seconds, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e12 else None


def _text(value: object, most: int) -> str:
    text = value.encode("utf-8", "replace").decode().replace("\x00", "") if isinstance(value, str) else ""
    return " ".join(text.split())[:most]


def _email(value: object) -> str:
    text = normalize_email(_text(value, 255))
    return text if is_email(text) else ""


def outside_id_of(visitor: VerifiedVisitor) -> str:
    """Return the outside id of a verified visitor, which no token of an unverified one can have."""
    return hashlib.sha256(f"user:{visitor.user_id}".encode()).hexdigest()


def read_secret(session: Transaction, account: ChannelAccount) -> str:
    """Return the secret that a site signs with, "" if none was created. Raises Conflict if it is unreadable."""
    return tenant_secrets.read(session, account.tenant_id, _purpose(account)) or ""


def has_secret(session: Transaction, account: ChannelAccount) -> bool:
    """Return whether a site can sign its visitors in."""
    return tenant_secrets.exists(session, account.tenant_id, _purpose(account))


def create_secret(session: Transaction, who: Identity, account_id: str) -> str:
    """Create a secret for a site to sign with, in place of the one before, which ends at once; return it.

    Raises NotFound if there is no such web chat.
    """
    account = channel_accounts.get(session, who, account_id, lock=True)
    if account.kind != Channel.WEB_CHAT:
        raise NotFound("Channel account not found. It may have been deleted.")
    secret = secrets.token_urlsafe(32)
    tenant_secrets.store(session, account.tenant_id, _purpose(account), secret)
    told, link = "Secret for signed-in visitors of “{name}” created", f"/settings/channels/{account.id}"
    activity.record_by(session, who, ActivityKind.INTEGRATION, told, link=link, name=account.name)
    channel_accounts.publish_change(session, account)
    return secret


def _purpose(account: ChannelAccount) -> str:
    return f"channel account {account.id} visitors"
