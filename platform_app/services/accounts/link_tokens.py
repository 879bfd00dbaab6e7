"""Link tokens: random values in links that are sent to people, of which only a hash is stored."""

import hashlib
import hmac
import secrets

from platform_app.config import settings


def new_token() -> str:
    """Return 256 random bits as 43 characters that need no escaping in an address."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token, as it is stored."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def is_same(stored_hash: str, token: str) -> bool:
    """Compare a token with a stored hash in constant time."""
    return hmac.compare_digest(stored_hash.encode(), hash_token(token).encode())


def link(path: str, token: str, *, origin: str = "") -> str:
    """Return the whole address of a page with a token.

    The token stands behind the number sign: browsers send that part to no server, so no log has it. `origin` is where
    the person's own browser is, for a link that is shown there; it counts when PLATFORM_PUBLIC_URL is empty.
    """
    own = settings()
    base = own.public_url or origin or f"http://{own.host}:{own.port}"
    return f"{base.rstrip('/')}{path}#{token}"
