"""Mail catcher: a real SMTP server on loopback that keeps what it is given, or fails as it is told; and odder ones."""

import asyncio
import datetime
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conftest import free_port

USER, PASSWORD = "sender@shop.test", "canary-smtp-password"


class Catcher:
    """Takes e-mail of anybody, or of `user` alone when `signs_in`; `letters` holds it, `faults` says what goes wrong.

    A fault is an answer for MAIL, RCPT or DATA; for DATA also "drop" (it has the message and hangs up) and "hang".
    """

    def __init__(
        self, *, signs_in: bool = False, user: str = USER, tls: ssl.SSLContext | None = None, starttls: bool = False
    ) -> None:
        self.letters: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.faults: dict[str, str] = {}
        self.tries = 0  # messages that arrived whole, also those that were not kept
        given: dict[str, Any] = {"auth_require_tls": False, "timeout": 60}
        self.signs_in, self.user = signs_in, user
        if signs_in:
            given["authenticator"] = self._authenticate
        if tls:
            given["tls_context" if starttls else "ssl_context"] = tls
        self.port = free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, **given)

    def __enter__(self) -> "Catcher":
        self.controller.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.controller.stop()

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        known = (given.login, given.password) == (self.user.encode(), PASSWORD.encode())
        return AuthResult(success=known, handled=False)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.signs_in and not session.authenticated:
            return "530 sign in first"
        envelope.mail_from = address
        return self.faults.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        envelope.rcpt_tos.append(address)
        return self.faults.get("RCPT", "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.tries += 1
        fault = self.faults.get("DATA", "")
        if fault == "drop":
            server.transport.abort()
        if fault in ("drop", "hang"):
            await asyncio.sleep(3_600)
        if fault:
            return fault
        letter = message_from_bytes(envelope.content, policy=default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        return "250 OK: kept"


def text_of(letter: EmailMessage) -> str:
    """Return what a letter says."""
    return str(letter.get_content()).replace("\r\n", "\n")


@contextmanager
def odd_server(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen on loopback and behave with each connection as a function says; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    opened, _ = listening.accept()
                except OSError:
                    return
                with opened:
                    try:
                        behave(opened)
                    except OSError:
                        continue

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def says(*answers: bytes) -> Callable[[socket.socket], None]:
    """Return a behaviour: greet with the first answer, then give the next for each line, then listen in silence."""

    def behave(opened: socket.socket) -> None:
        opened.settimeout(20)
        opened.sendall(answers[0] + b"\r\n")
        for answer in answers[1:]:
            opened.recv(4_096)
            opened.sendall(answer + b"\r\n")
        while opened.recv(4_096):
            continue

    return behave


def certificate(folder: Path, name: str, *, is_expired: bool = False) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate for a name; return what a server needs, and the file by which clients trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=3))
        .not_valid_after(today + datetime.timedelta(days=-1 if is_expired else 2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / f"{name}.pem", folder / f"{name}.key"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(*form))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted
