"""Fake mail provider: the authorization server of Google or Microsoft 365, as their documents describe it.

- The address at which a person signs in: client_id, a redirect_uri that is registered exactly, response_type code,
  scope, state, PKCE with S256; Google gives a refresh token for access_type=offline alone.
- The token endpoint takes a form: a code counts once, for its redirect_uri and the verifier of its challenge. A refresh
  gives no refresh token at Google, another one at Microsoft. Errors (RFC 6749 5.2): invalid_grant, invalid_client.
- SASL XOAUTH2: "user=…^Aauth=Bearer …^A^A"; a token that does not count is answered with a challenge that holds JSON,
  and with the refusal once the client has sent an empty response.
"""

import base64
import hashlib
import json
import secrets
from http.server import BaseHTTPRequestHandler
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.smtp import AuthResult

from tests.fakes.local_server import LocalServer

CLIENT_ID, CLIENT_SECRET = "client-1", "canary-client-secret"
CHALLENGE = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}').decode()


class FakeMailProvider:
    """An authorization server whose tokens count for one mailbox; `code` is that of `PROVIDERS`."""

    def __init__(self, code: str, redirect_uri: str, user: str) -> None:
        self.code, self.redirect_uri, self.user = code, redirect_uri, user
        self.rotates = code == "microsoft"
        self.codes: dict[str, str] = {}  # code to its challenge
        self.access: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.refreshes = self.refused_refreshes = 0
        self.fails = False  # the token endpoint answers 500
        self.lock = Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                written = self.rfile.read(int(self.headers["Content-Length"])).decode()
                with provider.lock:
                    status, data = provider.answer({name: values[0] for name, values in parse_qs(written).items()})
                body = json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: Any) -> None:
                """Say nothing."""

        self.server = LocalServer(Handler)
        self.address = f"{self.server.address}/token"

    def grant(self, address: str) -> tuple[str, str]:
        """Sign in and agree at the address to which the platform leads; return the code and the state."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (asked["client_id"], asked["redirect_uri"]) == (CLIENT_ID, self.redirect_uri)
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert "offline" in asked.get("access_type", "") + asked["scope"]
        code = secrets.token_urlsafe(40)
        self.codes[code] = asked["code_challenge"]
        return code, asked["state"]

    def answer(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return status and content of the answer to a request for tokens."""
        if self.fails:
            return 500, {}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") == "authorization_code":
            return self.exchange(form)
        if form.get("refresh_token") not in self.refresh_tokens:
            self.refused_refreshes += 1
            return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        self.refreshes += 1
        return 200, self.tokens(is_first=False)

    def exchange(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return the answer to a request with a code."""
        challenge = self.codes.pop(form["code"], None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        is_proven = challenge == base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if not is_proven or form.get("redirect_uri") != self.redirect_uri:
            return 400, {"error": "invalid_grant"}
        return 200, self.tokens(is_first=True)

    def tokens(self, *, is_first: bool) -> dict[str, Any]:
        """Return new tokens."""
        access, again = f"ya29.{secrets.token_urlsafe(60)}", f"1//{secrets.token_urlsafe(40)}"
        self.access.add(access)
        given: dict[str, Any] = {"access_token": access, "expires_in": 3_599, "token_type": "Bearer"}
        if is_first or self.rotates:
            self.refresh_tokens.add(again)
            given["refresh_token"] = again
        return given

    def expire(self) -> None:
        """End the access tokens early, as after a change of the password."""
        self.access.clear()

    def revoke(self) -> None:
        """Withdraw the access, as a person does at the provider."""
        self.access.clear()
        self.refresh_tokens.clear()

    def accepts(self, response: str) -> bool:
        """Return whether the response of a client to XOAUTH2, in base64, has a token that counts for the mailbox."""
        try:
            said = base64.b64decode(response, validate=True).decode()
        except ValueError:
            return False
        user, _, rest = said.partition("\x01")
        token = rest.removeprefix("auth=Bearer ").removesuffix("\x01\x01")
        return user == f"user={self.user}" and rest.endswith("\x01\x01") and token in self.access

    def close(self) -> None:
        """Stop the server."""
        self.server.close()


class TokenSignIn:
    """What a handler of aiosmtpd needs beside to offer XOAUTH2."""

    provider: FakeMailProvider | None = None

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:
        """Check the initial response; refuse by a challenge that waits for an empty answer."""
        if self.provider is not None and len(args) == 2 and self.provider.accepts(args[1]):
            return AuthResult(success=True)
        await server.push(f"334 {CHALLENGE}")
        assert (await server._reader.readline()).strip() == b"", "the answer to the challenge is empty"
        return AuthResult(success=False, handled=False, message="535 5.7.8 Username and Password not accepted.")
