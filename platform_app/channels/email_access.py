"""E-mail access: what connects a mailbox: IMAP to read it, SMTP to send from its address."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from platform_app.channels.push_channel import AccessField, AccountRefused, MessageRefused
from platform_app.errors import Invalid
from platform_app.integrations import smtp
from platform_app.models.mail import MailSecurity

CHANNEL = "Email"
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

    def __repr__(self) -> str:
        return f"MailAccess(address={self.address!r}, imap_host={self.imap_host!r})"

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

    def smtp_server(self, sender_name: str = "") -> smtp.Server:
        """Return the server that sends from the address. Raises MessageRefused if there is none."""
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
        )


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
