"""Bot tokens: the JWT of each request of a Salesbot's widget, signed with the secret of the integration."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

MAX_CHARS = 4_000
LEEWAY_SECONDS = 60  # by which clocks may differ
MAX_LIFE_SECONDS = 86_400
_DIGESTS = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}
_ENTITIES = {2: "lead", 12: "customer"}


class UntrustedToken(ValueError):
    """A token is not signed by the vendor, is over, or says nothing that can be used."""


@dataclass(frozen=True)
class BotToken:
    """For which account and entity a bot asks."""

    account_id: str
    entity_type: str  # lead or customer
    entity_id: int


def read_bot_token(token: str, secret: str, *, at: float) -> BotToken:
    """Return what a token says at a moment in Unix seconds. Raises UntrustedToken if it is not to be believed."""
    if len(token) > MAX_CHARS or token.count(".") != 2 or not token.isascii() or not secret:
        raise UntrustedToken("no token")
    head, body, signature = token.split(".")
    digest = _DIGESTS.get(str(_decode(head).get("alg")))
    if digest is None:
        raise UntrustedToken("another algorithm")
    made = urlsafe_b64encode(hmac.digest(secret.encode(), f"{head}.{body}".encode(), digest)).decode().rstrip("=")
    if not hmac.compare_digest(signature, made):
        raise UntrustedToken("another signature")
    return _read(_decode(body), at)


def read_claims(token: str) -> BotToken:
    """Return what a token says that is known to be signed. Raises UntrustedToken if it says nothing of use."""
    return _entity(_decode([*token.split("."), ""][1]))


def _read(claims: dict[str, Any], at: float) -> BotToken:
    end, begin = _integer(claims.get("exp")), _integer(claims.get("nbf") or claims.get("iat") or 0)
    if not at - LEEWAY_SECONDS < end < at + MAX_LIFE_SECONDS or begin > at + LEEWAY_SECONDS:
        raise UntrustedToken("not now")
    return _entity(claims)


def _entity(claims: dict[str, Any]) -> BotToken:
    entity = claims.get("entity_type")
    kind = _ENTITIES.get(_integer(entity), "") if str(entity).isdecimal() else str(entity).rstrip("s")
    entity_id, account_id = _integer(claims.get("entity_id")), _integer(claims.get("account_id"))
    if kind not in _ENTITIES.values() or not 0 < entity_id < 10**15 or account_id <= 0:
        raise UntrustedToken("no entity")
    return BotToken(str(account_id), kind, entity_id)


def _integer(value: Any) -> int:
    written = str(value).removesuffix(".0") if not isinstance(value, bool) else ""
    if not written.isascii() or not written.isdecimal() or len(written) > 15:
        raise UntrustedToken("not a number")
    return int(written)


def _decode(part: str) -> dict[str, Any]:
    try:
        content = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError) as error:
        raise UntrustedToken("not JSON") from error
    if not isinstance(content, dict):
        raise UntrustedToken("not an object")
    return content
