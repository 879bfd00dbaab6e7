"""JSON web tokens: signed by HS256, as the vendor signs access tokens and what its widgets and bots send."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any


def sign(claims: dict[str, Any], secret: str) -> str:
    """Return a token with claims (RFC 7519)."""
    head = _encode(json.dumps({"typ": "JWT", "alg": "HS256"}).encode())
    body = f"{head}.{_encode(json.dumps(claims).encode())}"
    return f"{body}.{_encode(hmac.digest(secret.encode(), body.encode(), hashlib.sha256))}"


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")
