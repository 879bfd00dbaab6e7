"""E-mail access: what connects a mailbox: IMAP to read it, SMTP to send from its address."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

from platform_app.channels import mail_oauth
from platform_app.channels.mail_oauth import MailProvider
from platform_app.channels.push_channel import (
    AccessField,
    AccountRefused,
    InstallationRefused,
    MessageRefused,
    TokenRefused,
)
from platform_app.errors import Invalid
from platform_app.integrations import smtp
from platform_app.integrations.stored_access import StoredAccess
from platform_app.models.mail import MailSecurity

CHANNEL = "Email"
ResultT = TypeVar("ResultT")
UNREADABLE = "The access to this mailbox couldn’t be read. Enter it again."
NO_SMTP = "Enter the SMTP server of the mailbox, or set a mail server in Settings, Email."
NO_HOST = "Enter the server name, for example imap.example.com."
NO_PORT = "Enter a number from 1 to 65535."
NOT_ENTERED = "Enter the password of the mailbox, or an app password."
NOT_PRINTABLE = "This has characters that can’t be used here."
_SECURITY = {"tls": "TLS", "starttls": "STARTTLS", "none": "None (not encrypted)"}
FIELDS = (
    AccessField("address", "Email address", "Customers write to it and get answers from it.", False, 190),
    AccessField("password", "Password", "Some providers need an app password. Stored encrypted.", max_length=500),
    AccessField("user_name", "User name", "Leave empty if it is the email address.", False, 254, is_required=False),
    AccessField("imap_host", "IMAP server", "", False, 253),
    AccessField("imap_port", "IMAP port", "", False, 5, default="993"),
    AccessField("imap_security", "IMAP security", "", False, 10, default="tls", options=_SECURITY),
    AccessField("folder", "Folder", "Messages that arrive in this folder are read.", False, 200, default="INBOX"),
    AccessField(
        "smtp_host",
        "SMTP server",
        "Leave empty to send through the mail server in Settings, Email.",
        False,
        253,
        is_required=False,
    ),
    AccessField("smtp_port", "SMTP port", "", False, 5, default="465"),
    AccessField("smtp_security", "SMTP security", "", False, 10, default="tls", options=_SECURITY),
)


@dataclass(frozen=True)
class MailAccess:
    """The access to a mailbox; `repr` does not show its password."""

    address: str
    password: str
    user_name: str  # of both servers
    imap_host: str
    imap_port: int
    imap_security: MailSecurity
    folder: str
    smtp_host: str  # "": the tenant's mail server
    smtp_port: int
    smtp_security: MailSecurity
    smtp_user: str = ""  # of the tenant's mail server
    smtp_password: str = ""
    provider: str = ""  # by whose OAuth 2.0 it is signed in, see `mail_oauth.PROVIDERS`; "": by the password
    tenant_id: str = ""  # with a provider: whose tokens these are; not stored
    grant_id: str = ""  # and by which id they are kept

    def __repr__(self) -> str:
        return f"MailAccess(address={self.address!r}, imap_host={self.imap_host!r})"

    @property
    def provider_label(self) -> str:
        """What the provider is called by which the mailbox is signed in, "" if that is by its password."""
        return mail_oauth.PROVIDERS[self.provider].label if self.provider in mail_oauth.PROVIDERS else ""

    @classmethod
    def from_secret(cls, secret: str) -> "MailAccess":
        """Return the access that a secret holds. Raises AccountRefused if it cannot be read."""
        try:
            values = json.loads(secret)
            access = cls(**values)
            imap, sending = MailSecurity(access.imap_security), MailSecurity(access.smtp_security)
            return replace(access, imap_security=imap, smtp_security=sending)
        except (ValueError, TypeError):
            raise AccountRefused(UNREADABLE) from None

    def as_secret(self) -> str:
        """Return it as it is stored."""
        return json.dumps(asdict(self))

    def with_server(self, server: smtp.Server | None) -> "MailAccess":
        """Return it with the tenant's mail server, unless it names one of its own."""
        if self.smtp_host or server is None:
            return self
        return replace(
            self,
            smtp_host=server.host,
            smtp_port=server.port,
            smtp_security=server.security,
            smtp_user=server.user_name,
            smtp_password=server.password,
        )

    def with_grant(self, tenant_id: str, grant_id: str) -> "MailAccess":
        """Return it with where its tokens are kept, if it is signed in by a provider."""
        return replace(self, tenant_id=tenant_id, grant_id=grant_id) if self.provider else self

    def tokens(self) -> StoredAccess | None:
        """Return the tokens by which the mailbox is signed in, None if that is by its password.

        Raises InstallationRefused if the settings no longer have the client that was registered at the provider.
        """
        if not self.provider:
            return None
        try:
            return StoredAccess(self.tenant_id, self.grant_id, mail_oauth.mail_client(self.provider))
        except Invalid:
            raise InstallationRefused(mail_oauth.NO_CLIENT) from None

    def smtp_server(self, sender_name: str = "", *, token: str = "") -> smtp.Server:
        """Return the server that sends from the address. Raises MessageRefused if there is none.

        `token` is the access token of a mailbox that is signed in by a provider.
        """
        if not self.smtp_host:
            raise MessageRefused(NO_SMTP)
        return smtp.Server(
            host=self.smtp_host,
            port=self.smtp_port,
            security=self.smtp_security,
            sender_address=self.address,
            sender_name=sender_name,
            user_name=self.smtp_user,
            password=self.smtp_password,
            token=token,
        )


def with_token(access: MailAccess, act: Callable[[str], ResultT]) -> ResultT:
    """Do something with the access token of a mailbox, once more with a new one if the first is refused.

    A mailbox with a password has the token "". Raises AccountRefused if the person has to sign in again, TokenRefused
    of channels or of SMTP if a new token is refused as well.
    """
    tokens = access.tokens()
    if tokens is None:
        return act("")
    present = tokens.current()
    try:
        return act(present.token)
    except (TokenRefused, smtp.TokenRefused):
        renewed = tokens.renew(present)
    return act(renewed.token)


def provider_secret(provider: MailProvider, address: str) -> str:
    """Return the secret of a mailbox that is signed in by a provider. Raises Invalid if `address` is none."""
    user = smtp.checked(address, field="address")
    access = MailAccess(
        address=user,
        password="",
        user_name=user,
        imap_host=provider.imap_host,
        imap_port=provider.imap_port,
        imap_security=provider.imap_security,
        folder="INBOX",
        smtp_host=provider.smtp_host,
        smtp_port=provider.smtp_port,
        smtp_security=provider.smtp_security,
        smtp_user=user,
        provider=provider.code,
    )
    return access.as_secret()


def join(values: Mapping[str, str]) -> str:
    """Return the secret of an account from the fields of its form. Raises Invalid at the field that is wrong."""
    given = {shown.name: str(values.get(shown.name, "")).strip() or shown.default for shown in FIELDS}
    given["password"] = str(values.get("password", ""))
    for shown in FIELDS:
        text = given[shown.name]
        if len(text) > shown.max_length:
            raise Invalid("This is longer than {count} characters.", field=shown.name, count=shown.max_length)
        if not text.isprintable():
            raise Invalid(NOT_PRINTABLE, field=shown.name)
    if not given["password"]:
        raise Invalid(NOT_ENTERED, field="password")
    user, own = given["user_name"] or given["address"], bool(given["smtp_host"])
    access = MailAccess(
        address=smtp.checked(given["address"], field="address"),
        password=given["password"],
        user_name=user,
        imap_host=_host(given["imap_host"], "imap_host"),
        imap_port=_port(given["imap_port"], "imap_port"),
        imap_security=_security(given["imap_security"], "imap_security"),
        folder=given["folder"],
        smtp_host=_host(given["smtp_host"], "smtp_host") if own else "",
        smtp_port=_port(given["smtp_port"], "smtp_port"),
        smtp_security=_security(given["smtp_security"], "smtp_security"),
        smtp_user=user if own else "",
        smtp_password=given["password"] if own else "",
    )
    return access.as_secret()


def _host(given: str, field: str) -> str:
    try:
        host = given.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        host = ""
    if not host or any(not (sign.isalnum() or sign in ".-:_") for sign in host):
        raise Invalid(NO_HOST, field=field)
    return host


def _port(given: str, field: str) -> int:
    if not (given.isascii() and given.isdecimal() and len(given) < 6 and 1 <= int(given) <= 65_535):
        raise Invalid(NO_PORT, field=field)
    return int(given)


def _security(given: str, field: str) -> MailSecurity:
    if given not in _SECURITY:
        raise Invalid("This value isn’t allowed.", field=field)
    return MailSecurity(given)
