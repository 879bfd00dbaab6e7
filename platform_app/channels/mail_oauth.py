"""Mail OAuth: signing in to mailboxes of Google and Microsoft 365 by OAuth 2.0 with PKCE (RFC 6749, RFC 7636).

The client of each is registered once for the installation; its id and secret are settings. Its tokens go to the
provider's own servers alone, which are named here.
"""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import httpx

from platform_app.channels.push_channel import AccountRefused, InstallationRefused, TemporaryFailure
from platform_app.config import settings
from platform_app.errors import Invalid
from platform_app.integrations import egress
from platform_app.integrations.oauth_tokens import Tokens
from platform_app.models.mail import MailSecurity

UNREACHABLE = "{provider} isn’t responding. Try again later."
REVOKED = "The mail provider no longer grants access to this mailbox. Choose “Connect again”."
NOT_GRANTED = "The mail provider didn’t grant access. Start again and allow reading and sending email."
WRONG_CLIENT = "The mail provider doesn’t accept the client ID or the client secret of this installation."
NO_CLIENT = "The settings of this installation lack the client ID or the client secret of the mail provider."
MISSING_CLIENT = "Signing in with {provider} isn’t set up here. Set {client_id} and {client_secret}."
_SECONDS = 20.0
_MAX_RESPONSE_BYTES = 100_000
_MAX_TOKEN_CHARS = 8_000
_MIN_SECONDS, _MAX_SECONDS = 60, 86_400
_OVER = frozenset(("invalid_grant", "interaction_required", "consent_required"))  # the person has to sign in again


@dataclass(frozen=True)
class MailProvider:
    """A provider of mailboxes: where a person signs in, where tokens are given, and the servers that accept them."""

    code: str
    label: str
    authorization_url: str
    token_url: str
    scope: str
    imap_host: str
    smtp_host: str
    smtp_port: int
    smtp_security: MailSecurity
    imap_port: int = 993
    imap_security: MailSecurity = MailSecurity.TLS
    more: dict[str, str] = field(default_factory=dict)  # further parameters of the address at which a person signs in

    @property
    def client_id_setting(self) -> str:
        """The name of the setting with the client ID."""
        return f"PLATFORM_{self.code.upper()}_CLIENT_ID"

    @property
    def client_secret_setting(self) -> str:
        """The name of the setting with the client secret."""
        return f"PLATFORM_{self.code.upper()}_CLIENT_SECRET"


PROVIDERS = {
    "google": MailProvider(
        code="google",
        label="Google",
        authorization_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url="https://oauth2.googleapis.com/token",  # noqa: S106  # an address
        scope="https://mail.google.com/",
        imap_host="imap.gmail.com",
        smtp_host="smtp.gmail.com",
        smtp_port=465,
        smtp_security=MailSecurity.TLS,
        more={"access_type": "offline", "prompt": "consent"},  # else there is no refresh token the second time
    ),
    "microsoft": MailProvider(
        code="microsoft",
        label="Microsoft 365",
        authorization_url="https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        token_url="https://login.microsoftonline.com/common/oauth2/v2.0/token",  # noqa: S106  # an address
        scope="offline_access https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send",
        imap_host="outlook.office365.com",
        smtp_host="smtp.office365.com",
        smtp_port=587,
        smtp_security=MailSecurity.STARTTLS,
        more={"response_mode": "query", "prompt": "select_account"},
    ),
}


@dataclass(frozen=True)
class MailClient:
    """The installation's client at a provider, a `TokenService`; `repr` does not show its secret."""

    provider: MailProvider
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"MailClient({self.provider.code!r}, client_id={self.client_id!r})"

    @property
    def refusal(self) -> type[Exception]:
        """The error that says that a mailbox has to be connected again."""
        return AccountRefused

    def refused(self, host: str) -> Exception:
        """Return the error that says that a mailbox has to be connected again."""
        return AccountRefused(REVOKED)

    def unanswered(self, host: str) -> Exception:
        """Return the error that says that new tokens have been waited for in vain."""
        return TemporaryFailure(UNREACHABLE, provider=self.provider.label)

    def authorization_url(self, *, redirect_uri: str, state: str, verifier: str, address: str) -> str:
        """Return where a person grants access to the mailbox `address`; `state` comes back once."""
        parameters = {
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": self.provider.scope,
            "state": state,
            "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("="),
            "code_challenge_method": "S256",
            "login_hint": address,
        }
        return f"{self.provider.authorization_url}?{urlencode(parameters | self.provider.more)}"

    def exchange_code(self, code: str, *, redirect_uri: str, verifier: str) -> Tokens:
        """Return the tokens for a code that the browser brought.

        Raises AccountRefused if it does not count or gives no lasting access, TemporaryFailure if there is no answer.
        """
        grant = {"grant_type": "authorization_code", "code": code}
        return self._ask(grant | {"redirect_uri": redirect_uri, "code_verifier": verifier}, refused=NOT_GRANTED)

    def refresh(self, tokens: Tokens) -> Tokens:
        """Return new tokens. Raises AccountRefused if the grant was revoked, TemporaryFailure without an answer."""
        grant = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
        return self._ask(grant, refused=REVOKED, known=tokens.refresh_token)

    def _ask(self, grant: dict[str, str], *, refused: str, known: str = "") -> Tokens:
        """Ask for tokens; `known` is the refresh token that goes on counting if there is no other one."""
        status, data = self._post(grant)
        if status in (400, 401, 403):
            if data.get("error") in _OVER:
                raise AccountRefused(refused)
            raise InstallationRefused(WRONG_CLIENT)
        access, again = _token(data.get("access_token")), _token(data.get("refresh_token", known))
        seconds = data.get("expires_in")
        if status != 200 or not access:
            raise self.unanswered("")
        if not again:
            raise AccountRefused(NOT_GRANTED)
        lasts = min(max(seconds, _MIN_SECONDS), _MAX_SECONDS) if isinstance(seconds, int) else _MIN_SECONDS
        return Tokens(self.provider.code, access, again, lasts)

    def _post(self, grant: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return status and content of the answer; a repeat does no harm, as refresh tokens go on counting."""
        body = urlencode(grant | {"client_id": self.client_id, "client_secret": self.client_secret}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        try:
            answer = egress.fetch(
                self.provider.token_url,
                body,
                headers,
                seconds=_SECONDS,
                max_bytes=_MAX_RESPONSE_BYTES,
                is_trusted=False,
            )
            data = json.loads(answer.body)
        except (httpx.HTTPError, OSError, Invalid, ValueError, RecursionError, egress.ResponseTooLarge):
            raise self.unanswered("") from None  # the request holds a secret
        return answer.status, data if isinstance(data, dict) else {}


def mail_client(code: str) -> MailClient:
    """Return the installation's client at a provider. Raises Invalid, which names the settings that are missing."""
    if code not in PROVIDERS:
        raise Invalid("This value isn’t allowed.", field="provider")
    provider, own = PROVIDERS[code], settings()
    keys = {
        "google": (own.google_client_id, own.google_client_secret),
        "microsoft": (own.microsoft_client_id, own.microsoft_client_secret),
    }
    client_id, secret = keys[code][0].strip(), keys[code][1].get_secret_value().strip()
    if not client_id or not secret:
        names = {"client_id": provider.client_id_setting, "client_secret": provider.client_secret_setting}
        raise Invalid(MISSING_CLIENT, field="provider", provider=provider.label, **names)
    return MailClient(provider, client_id, secret)


def _token(given: Any) -> str:
    """Return a token as it came, "" for anything else."""
    is_token = isinstance(given, str) and len(given) <= _MAX_TOKEN_CHARS and given.isascii() and given.isprintable()
    return given if is_token else ""
