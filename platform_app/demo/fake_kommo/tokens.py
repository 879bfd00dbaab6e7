"""Tokens: OAuth 2.0 of the fake: codes once within 20 minutes, refresh tokens that change with each use.

References: developers.kommo.com and amocrm.ru/developers, OAuth 2.0; amocrm/amocrm-api-php for `api_domain` and
`/oauth2/account/current/subdomain`.
"""

import json
import secrets
from threading import Lock
from typing import Any

from platform_app.demo.fake_kommo.fake_clock import FakeClock
from platform_app.demo.fake_kommo.json_web_tokens import sign
from platform_app.demo.fake_kommo.replies import Call, Refusal, Reply

ACCESS_SECONDS, CODE_SECONDS, REFRESH_SECONDS = 86_400, 20 * 60, 90 * 86_400
LONG_LIVED = "long lived"  # the integration of tokens that are never refreshed


class TokenServer:
    """The integration that is registered, and the tokens that count."""

    def __init__(self, clock: FakeClock, host: str) -> None:
        self.clock, self.host = clock, host
        self.client_id, self.client_secret = "f1e2d3c4-0000-4000-8000-000000000001", "s" * 40
        self.redirect_uri = ""  # "": any
        self.refreshes = self.refused_refreshes = 0
        self.api_domain = "api-c.kommo.com"
        self._codes: dict[str, float] = {}
        self._access: dict[str, tuple[str, float]] = {}  # integration and end
        self._refresh: dict[str, float] = {}
        self._lock = Lock()

    def long_lived(self) -> str:
        """Return a new long-lived token."""
        token = sign(self._claims(), self.client_secret)
        self._access[token] = (LONG_LIVED, float("inf"))
        return token

    def issue_code(self) -> str:
        """Return a code as the browser brings it after an administrator agreed."""
        code = "def502" + secrets.token_hex(40)
        self._codes[code] = self.clock.exactly() + CODE_SECONDS
        return code

    def issue_pair(self) -> dict[str, Any]:
        """Return an access token and a refresh token."""
        access, again = sign(self._claims(), self.client_secret), "def502" + secrets.token_hex(40)
        self._access[access] = (self.client_id, self.clock.exactly() + ACCESS_SECONDS)
        self._refresh[again] = self.clock.exactly() + REFRESH_SECONDS
        return {"token_type": "Bearer", "expires_in": ACCESS_SECONDS, "access_token": access, "refresh_token": again}

    def _claims(self) -> dict[str, Any]:
        return {"jti": secrets.token_hex(8), "aud": self.client_id, "api_domain": self.api_domain}

    def revoke(self) -> None:
        """Let no token count any more, as when the integration is taken out of the account."""
        with self._lock:
            self._access.clear()
            self._refresh.clear()

    def integration_of(self, call: Call) -> str:
        """Return whose token a request carries. Raises Refusal if it does not count."""
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        integration, end = self._access.get(token, ("", 0.0))
        if not integration or end <= self.clock.exactly():
            raise Refusal(401, "Unauthorized", "Token has expired or was revoked")
        return integration

    def answer(self, call: Call) -> Reply:
        """Answer a request below /oauth2/. Raises Refusal if it is refused."""
        if call.path == "/oauth2/account/current/subdomain":
            if call.headers.get("x-refresh-token", "") not in self._refresh:
                raise Refusal(401, "Unauthorized")
            return Reply(200, {"id": 1, "subdomain": self.host.split(".")[0], "domain": self.host})
        if call.path != "/oauth2/access_token" or call.method != "POST":
            raise Refusal(404, "Not Found")
        if call.host != self.host:
            raise Refusal(401, "Unauthorized", "Account not found")
        try:
            asked = json.loads(call.body)
        except ValueError:
            raise Refusal(400, "Bad Request", "The body is not JSON") from None
        return self._exchange(asked)

    def _exchange(self, asked: dict[str, Any]) -> Reply:
        if (asked.get("client_id"), asked.get("client_secret")) != (self.client_id, self.client_secret):
            raise Refusal(401, "Unauthorized", "Client authentication failed", hint="Check client_secret")
        if self.redirect_uri and asked.get("redirect_uri") != self.redirect_uri:
            raise Refusal(400, "Bad Request", "Redirect URI does not match")
        if asked.get("grant_type") not in ("authorization_code", "refresh_token"):
            raise Refusal(400, "Bad Request", "Unsupported grant type")
        is_refresh = asked["grant_type"] == "refresh_token"
        held, given = (self._refresh, "refresh_token") if is_refresh else (self._codes, "code")
        with self._lock:
            end = held.pop(str(asked.get(given)), 0.0)
            if end <= self.clock.exactly():
                self.refused_refreshes += is_refresh
                raise Refusal(400, "Bad Request", "Cannot decrypt the code or token", hint="It was revoked or expired")
            self.refreshes += is_refresh
            return Reply(200, self.issue_pair())
