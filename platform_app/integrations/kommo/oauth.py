"""OAuth: the addresses and tokens of OAuth 2.0 at Kommo; `integrations/stored_access.py` stores tokens and asks once.

Every refresh gives a new refresh token and ends the old one: it has to be stored before the new access is used.
"""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from platform_app.errors import Invalid
from platform_app.integrations.kommo import errors
from platform_app.integrations.kommo.hosts import is_vendor_host, parse_account_host, product_of, zone_of
from platform_app.integrations.kommo.requests import Request, read_json, send
from platform_app.integrations.oauth_tokens import Tokens

_PAGES = {"kommo.com": "https://www.kommo.com/oauth", "amocrm.ru": "https://www.amocrm.ru/oauth"}
_TOKEN_PATH = "/oauth2/access_token"  # noqa: S105  # a path
_MAX_TOKEN_CHARS = 5_000
_MIN_SECONDS, _MAX_SECONDS = 60, 30 * 86_400


@dataclass(frozen=True)
class Integration:
    """An integration as it is registered at the vendor; `repr` does not show its secret."""

    client_id: str
    client_secret: str
    redirect_uri: str

    def __repr__(self) -> str:
        return f"Integration(client_id={self.client_id!r})"

    @property
    def refusal(self) -> type[Exception]:
        """The error that says that an account has to be connected again."""
        return errors.Unauthorized

    def refresh(self, tokens: Tokens) -> Tokens:
        """Return new tokens; see `refresh`."""
        return refresh(self, tokens.host, tokens.refresh_token, access_token=tokens.access_token)

    def refused(self, host: str) -> Exception:
        """Return the error that says that an account has to be connected again."""
        return errors.Unauthorized(errors.REVOKED, product=product_of(host))

    def unanswered(self, host: str) -> Exception:
        """Return the error that says that new tokens have been waited for in vain."""
        return errors.Unreachable(errors.UNREACHABLE, product=product_of(host))


def authorization_url(client_id: str, state: str, *, zone: str = "kommo.com") -> str:
    """Return the address at which a member of Kommo lets the platform in; `state` comes back once."""
    page = _PAGES.get(zone, _PAGES["kommo.com"])
    return f"{page}?{urlencode({'client_id': client_id, 'state': state, 'mode': 'popup'})}"


def exchange_code(integration: Integration, referer: str, code: str) -> Tokens:
    """Return the tokens for a code that the browser brought, from the account that `referer` names.

    Raises Invalid if that is no account of the vendor, a KommoError if the code does not count any more or there is no
    answer.
    """
    host = parse_account_host(referer)
    return _ask(integration, host, {"grant_type": "authorization_code", "code": code})


def refresh(integration: Integration, host: str, refresh_token: str, *, access_token: str = "") -> Tokens:
    """Return new tokens; the refresh token does not count any more then. An account that was renamed is found.

    Raises Unauthorized if the refresh token does not count, Uncertain if there is no answer: it may count no more.
    """
    grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    try:
        return _ask(integration, host, grant)
    except errors.Unauthorized:
        moved = current_host(host, access_token, refresh_token)
        if moved in ("", host):
            raise
    return _ask(integration, moved, grant)


def current_host(host: str, access_token: str, refresh_token: str) -> str:
    """Return the host of an account that may have been renamed, "" if that cannot be learned.

    The vendor's domain for it stands in the access token, which is not trusted beyond the vendor's own hosts.
    """
    domain = read_claims(access_token).get("api_domain")
    if not isinstance(domain, str) or not is_vendor_host(domain):
        return ""
    request = Request("GET", domain, "/oauth2/account/current/subdomain", headers={"x-refresh-token": refresh_token})
    try:
        answer = send(request)
        data = read_json(request, answer)
        written = data.get("subdomain") if answer.status == 200 and isinstance(data, dict) else None
        return parse_account_host(str(written), zone=zone_of(host)) if written else ""
    except (errors.KommoError, Invalid):
        return ""


def read_claims(token: str) -> dict[str, Any]:
    """Return what a JWT says, unverified; {} if it cannot be read."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _MAX_TOKEN_CHARS:
        return {}
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _ask(integration: Integration, host: str, grant: dict[str, str]) -> Tokens:
    fields = {
        "client_id": integration.client_id,
        "client_secret": integration.client_secret,
        "redirect_uri": integration.redirect_uri,
    }
    body = json.dumps(fields | grant).encode()
    request = Request("POST", host, _TOKEN_PATH, body, {"content-type": "application/json"})
    answer = send(request)
    if answer.status in (400, 401, 403, 404):
        raise errors.Unauthorized(errors.REVOKED, product=product_of(host))
    if answer.status == 429:
        raise errors.RateLimited(errors.BUSY, seconds=5, product=product_of(host))
    if answer.status == 402:
        raise errors.PaymentRequired(errors.NOT_PAID, product=product_of(host))
    data = read_json(request, answer)
    data = data if isinstance(data, dict) else {}
    access, again, seconds = (data.get(name) for name in ("access_token", "refresh_token", "expires_in"))
    are_texts = all(isinstance(token, str) and 0 < len(token) <= _MAX_TOKEN_CHARS for token in (access, again))
    if answer.status != 200 or not are_texts:
        raise errors.Uncertain(errors.UNREADABLE, product=product_of(host))
    lasts = min(max(seconds, _MIN_SECONDS), _MAX_SECONDS) if isinstance(seconds, int) else _MIN_SECONDS
    return Tokens(host, str(access), str(again), lasts)
