"""SMTP: sends one e-mail to one address through a tenant's server.

The final dot hands the message over: a failure before it means not sent, one after it is uncertain.
"""

import base64
import hashlib
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Any

from platform_app.clock import now
from platform_app.errors import Invalid, Unavailable
from platform_app.integrations import certificates, egress
from platform_app.models.mail import MailSecurity

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?=.{1,189}$)[\w-]{1,63}(\.[\w-]{1,63})+", re.ASCII)
TOTAL_SECONDS = 60.0  # for one message
VERDICT_SECONDS = 40.0  # for what the server says to it: some look long at what they are given
REFUSED_RECIPIENT = "{host} refused {to}: {answer}"
SIGN_IN_REFUSED = "{host} refused the sign-in: {answer}"
_MOST_LINES, _LONGEST_LINE, _LONGEST_SHOWN = 100, 2_000, 200  # of what a server says


_IDS = frozenset(("message-id", "in-reply-to", "references", "list-unsubscribe"))


class _MailPolicy(EmailPolicy):
    """Keeps ids and addresses in headers as they are: the library would write long ones as encoded words."""

    def fold(self, name: str, value: Any) -> str:
        """Return a header with its lines; an id is never broken."""
        if name.lower() in _IDS:
            return f"{name}: {f'{self.linesep} '.join(str(value).split())}{self.linesep}"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the same as bytes."""
        if name.lower() in _IDS:
            return self.fold(name, value).encode("ascii")
        folded: bytes = super().fold_binary(name, value)
        return folded


POLICY = _MailPolicy(linesep="\r\n")


class UnconfirmedError(Exception):
    """The server received the whole message, but did not confirm it."""


class TokenRefused(Invalid):
    """The server does not accept the access token."""


@dataclass(frozen=True)
class Server:
    """A mail server with its sign-in and sender."""

    host: str
    port: int
    security: MailSecurity
    sender_address: str
    sender_name: str = ""
    user_name: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)  # of OAuth 2.0, in place of the password
    is_trusted: bool = False  # named in the settings: it may stand in an inner network


def checked(address: str, *, field: str) -> str:
    """Return an e-mail address with its domain in ASCII. Raises Invalid if it is not an address."""
    given = address.strip()
    try:
        local, _, domain = given.rpartition("@")
        known = f"{local}@{_latin(domain).lower()}"
    except UnicodeError as error:
        raise Invalid("This isn’t an email address.", field=field) from error
    if not _ADDRESS.fullmatch(known) or ".." in known or local.startswith(".") or local.endswith("."):
        raise Invalid("This isn’t an email address.", field=field)
    return known


def written(server: Server, *, to: str, subject: str, text: str, key: str, unsubscribe_url: str = "") -> EmailMessage:
    """Return a message whose Message-ID is derived from `key`, so that duplicates can be recognized.

    `unsubscribe_url` is where one request opts the receiver out.
    """
    sender, name = checked(server.sender_address, field="sender_address"), one_line(server.sender_name)
    message = EmailMessage(policy=POLICY)
    message["From"] = Address(name, addr_spec=sender)
    message["To"] = Address(addr_spec=checked(to, field="to"))
    message["Subject"] = one_line(subject)
    message["Date"] = format_datetime(now())
    domain = sender.rpartition("@")[2]
    message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # no machine answers it
    if unsubscribe_url:
        add_unsubscribe(message, unsubscribe_url)
    body = _sound(text)
    message.set_content(body, cte="quoted-printable" if body.isascii() else "base64")
    return message


def add_unsubscribe(message: EmailMessage, address: str) -> None:
    """Name the address to which one request opts the receiver out (RFC 8058)."""
    message["List-Unsubscribe"] = f"<{address}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def one_line(text: str) -> str:
    """Return a text for a header: on one line, without invisible characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in _sound(text)).split())


def _sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # halves of surrogate pairs have no bytes


def send(server: Server, message: EmailMessage) -> dict[str, str]:
    """Send a message and return the server's response.

    Raises Invalid if it was rejected for good, Unavailable if it was not sent and may be retried, UnconfirmedError if
    that is not known.
    """
    answer = ""
    try:
        with _session(server) as session:
            _sign_in(server, session)
            answer = _hand_over(server, session, message)
            session.putcmd("quit")
    except OSError as error:  # smtplib's own are of this kind
        if not answer:  # nobody waits for a goodbye
            raise _not_sent(server, error) from error
    return {"answer": answer}


def check_server(server: Server) -> None:
    """Connect and sign in without sending. Raises Invalid or Unavailable as `send` does."""
    try:
        with _session(server) as session:
            _sign_in(server, session)
            session.putcmd("quit")
    except OSError as error:
        raise _not_sent(server, error) from error


def _not_sent(server: Server, error: OSError) -> Unavailable:
    if isinstance(error, smtplib.SMTPException):
        return Unavailable("{host} closed the connection before accepting the message.", host=server.host)
    if isinstance(error, socket.gaierror):
        return Unavailable("Server {host} not found.", host=server.host)
    return Unavailable("{host} doesn’t answer on port {port}.", host=server.host, port=server.port)


class _Session(smtplib.SMTP):
    """A session over a connection that stands already. Whatever the server says has an end."""

    def __init__(self, server: Server, opened: socket.socket) -> None:
        self._opened = opened
        super().__init__(local_hostname=checked(server.sender_address, field="sender_address").rpartition("@")[2])
        self._host = _latin(server.host)  # the name that the certificate has to be for

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._opened

    def getreply(self) -> tuple[int, bytes]:
        """Return code and text of the next answer."""
        if self.file is None:
            assert self.sock is not None
            self.file = self.sock.makefile("rb")
        said: list[bytes] = []
        for _ in range(_MOST_LINES):
            line = self.file.readline(_LONGEST_LINE)
            said.append(line[4:].strip())
            if not line.endswith(b"\n") or not line[:3].isdigit():
                break
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(said)
        self.close()
        raise smtplib.SMTPServerDisconnected("no answer that can be read")


def _latin(host: str) -> str:
    return host.encode("idna").decode()


@contextmanager
def _session(server: Server) -> Iterator[_Session]:
    """Connect, greet, and take to TLS where it is asked for."""
    context = ssl.create_default_context()
    with egress.connection(server.host, server.port, seconds=TOTAL_SECONDS, is_trusted=server.is_trusted) as opened:
        if server.security == MailSecurity.TLS:
            with _in_words(server):
                opened = context.wrap_socket(opened, server_hostname=_latin(server.host))
        with closing(_Session(server, opened)) as session:
            greeting = session.connect(_latin(server.host), server.port)
            _accepted(server, greeting, "{host} refused the connection: {answer}")
            _accepted(server, session.ehlo(), "{host} refused the connection: {answer}")
            if server.security == MailSecurity.STARTTLS:
                with _in_words(server):
                    session.starttls(context=context)
                if not isinstance(session.sock, ssl.SSLSocket):
                    raise Invalid("{host} doesn’t support STARTTLS on port {port}.", host=server.host, port=server.port)
                _accepted(server, session.ehlo(), "{host} refused the connection: {answer}")
            yield session


@contextmanager
def _in_words(server: Server) -> Iterator[None]:
    """Say why there is no TLS."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise Invalid(certificates.refusal(error), host=server.host) from error
    except ssl.SSLError as error:
        raise Invalid("{host} doesn’t speak TLS on port {port}.", host=server.host, port=server.port) from error
    except (smtplib.SMTPNotSupportedError, smtplib.SMTPResponseException) as error:
        raise Invalid("{host} doesn’t support STARTTLS on port {port}.", host=server.host, port=server.port) from error


def _sign_in(server: Server, session: _Session) -> None:
    if not server.user_name:
        return
    if server.token:
        _sign_in_with_token(server, session)
        return
    try:
        session.login(server.user_name, server.password)
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error.encode() if isinstance(error.smtp_error, str) else error.smtp_error
        _accepted(server, (error.smtp_code, said), "{host} refused the user name or the password: {answer}")
    except smtplib.SMTPServerDisconnected:
        raise
    except smtplib.SMTPException as error:
        raise Invalid("{host} takes no user name on port {port}.", host=server.host, port=server.port) from error


def _sign_in_with_token(server: Server, session: _Session) -> None:
    """Sign in by SASL XOAUTH2; a server that refuses says why in a challenge and waits for an empty answer."""
    if "XOAUTH2" not in session.esmtp_features.get("auth", "").upper().split():
        raise Invalid("{host} takes no user name on port {port}.", host=server.host, port=server.port)
    first = base64.b64encode(f"user={server.user_name}\x01auth=Bearer {server.token}\x01\x01".encode()).decode()
    answer = session.docmd("AUTH", f"XOAUTH2 {first}")
    if answer[0] == 334:
        answer = session.docmd("")
    if answer[0] // 100 == 5:
        raise TokenRefused(SIGN_IN_REFUSED, host=server.host, answer=_shown(server, *answer))
    _accepted(server, answer, SIGN_IN_REFUSED)


def _hand_over(server: Server, session: _Session, message: EmailMessage) -> str:
    sender, to = (str(message[name].addresses[0].addr_spec) for name in ("From", "To"))
    _accepted(server, session.mail(sender), "{host} refused the sender: {answer}")
    _accepted(server, session.rcpt(to), REFUSED_RECIPIENT, to=to)
    _accepted(server, session.docmd("DATA"), "{host} refused the message: {answer}", wanted=3)
    session.send(re.sub(rb"(?m)^\.", b"..", message.as_bytes()))
    assert session.sock is not None
    session.sock.settimeout(VERDICT_SECONDS)
    try:
        session.send(b".\r\n")
        answer = session.getreply()
    except OSError as error:
        raise UnconfirmedError(server.host) from error
    if answer[0] // 100 not in (2, 4, 5):
        raise UnconfirmedError(server.host)
    _accepted(server, answer, "{host} refused the message: {answer}")
    return _shown(server, *answer)


def _accepted(server: Server, answer: tuple[int, bytes], refused: str, *, wanted: int = 2, **values: str) -> None:
    """Raise Unavailable for an answer that may be another one later, Invalid with a sentence for a refusal."""
    kind, shown = answer[0] // 100, _shown(server, *answer)
    if kind == 5:
        raise Invalid(refused, host=server.host, answer=shown, **values)
    if kind != wanted:
        raise Unavailable("{host} asked us to retry later: {answer}", host=server.host, answer=shown)


def _shown(server: Server, code: int, text: bytes) -> str:
    """Return what a server said, as people may see it: a server may say back what it was told."""
    said = one_line(text.decode("utf-8", "replace"))
    for told in _told(server):
        said = said.replace(told, "***")
    return f"{code} {said[:_LONGEST_SHOWN]}".strip()


def _told(server: Server) -> list[str]:
    if server.token:
        return [server.token]
    if not server.password:
        return []
    plain = server.password.encode()
    both = f"\0{server.user_name}\0{server.password}".encode()
    return [*(base64.b64encode(one).decode().rstrip("=") for one in (both, plain)), server.password]
