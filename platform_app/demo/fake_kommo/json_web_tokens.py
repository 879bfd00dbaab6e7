"""JSON web tokens: as the vendor signs access tokens (HS256) and what its bots send (HS512)."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any


def sign(claims: dict[str, Any], secret: str, *, algorithm: str = "HS256") -> str:
    """Return a token with claims (RFC 7519), signed by HS256 or HS512."""
    head = _encode(json.dumps({"typ": "JWT", "alg": algorithm}).encode())
    body = f"{head}.{_encode(json.dumps(claims).encode())}"
    digest = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}[algorithm]
    return f"{body}.{_encode(hmac.digest(secret.encode(), body.encode(), digest))}"


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")
