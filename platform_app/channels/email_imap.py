"""E-mail IMAP: a connection to a mailbox over which new messages are read (RFC 3501) and waited for (RFC 2177)."""

import imaplib
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from threading import Event, Timer
from typing import Any

import structlog
from imap_tools import BaseMailBox
from imap_tools.errors import ImapToolsError, MailboxLoginError

from platform_app.channels.email_access import MailAccess
from platform_app.channels.email_message import FetchedMail
from platform_app.channels.push_channel import CredentialRefused, MessageRefused, TemporaryFailure, TokenRefused
from platform_app.clock import now
from platform_app.errors import Invalid
from platform_app.integrations import certificates, egress
from platform_app.models.mail import MailSecurity

log = structlog.get_logger()
MAX_READ_BYTES = 5_000_000  # of a message
MAX_FILE_BYTES = 30_000_000  # of a message whose attachment is opened
MAX_BATCH = 20  # messages
MAX_LINE = 1_000_000  # bytes
CALL_SECONDS = 15.0  # for one visit, beside the time of waiting
CLOCK_SKEW_SECONDS = 3_600  # between the mail server and the platform
UNUSED_SECONDS = 60.0  # after which a kept connection is closed
LONGEST_USE = timedelta(minutes=20)  # of a connection: servers end an IDLE after 30
NO_ANSWER = "{host} doesn’t answer on port {port}."
NOT_FOUND = "Server {host} not found."
NO_TLS = "{host} doesn’t speak TLS on port {port}."
NO_STARTTLS = "{host} doesn’t support STARTTLS on port {port}."
NO_SIGN_IN = "{host} refused the user name or the password: {answer}"
SIGN_IN_REFUSED = "{host} refused the sign-in: {answer}"
NO_FOLDER = "This mailbox has no folder with that name."
BROKEN = "{host} closed the connection."
_PASSING = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]")  # codes of RFC 5530 that say nothing of the password
FAILURES = (imaplib.IMAP4.error, ImapToolsError, OSError, ValueError)


@dataclass(frozen=True)
class Cursor:
    """Up to where a folder has been read; times are in seconds since 1970."""

    validity: str = ""  # UIDVALIDITY: with another one all UIDs are others
    uid: int = 0  # the last one that was read
    since: int = 0  # messages that arrived before are not read
    newest: int = 0  # when the newest one that was read arrived

    @classmethod
    def parse(cls, written: str) -> "Cursor":
        """Return the cursor that was stored, an empty one for anything else."""
        match = re.fullmatch(r"(\d{1,20}):(\d{1,20}):(\d{1,12}):(\d{1,12})", written)
        return cls(match[1], int(match[2]), int(match[3]), int(match[4])) if match else cls()

    def __str__(self) -> str:
        return f"{self.validity}:{self.uid}:{self.since}:{self.newest}"


class _Client(imaplib.IMAP4):
    """A client over a connection that stands already. Whatever the server says has an end."""

    def __init__(self, access: MailAccess, opened: socket.socket) -> None:
        self._opened = opened
        super().__init__(access.imap_host, access.imap_port)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._opened

    def read(self, size: int) -> bytes:
        """Return so many bytes. Raises abort if that is more than any message may have."""
        if size > MAX_FILE_BYTES + MAX_LINE:
            raise self.abort("a literal that is too long")
        return super().read(size)

    def readline(self) -> bytes:
        """Return a line. Raises abort if it is too long."""
        line: Any = self.file.readline(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise self.abort("a line that is too long")
        return bytes(line)


class _MailBox(BaseMailBox):
    """A mailbox of a client that is connected already."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._connected = client
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return self._connected


class MailboxConnection:
    """A connection to the folder of a mailbox, signed in. Raises a ChannelError if it cannot be opened.

    `token` is the access token of a mailbox that is signed in by OAuth 2.0.
    """

    def __init__(self, access: MailAccess, token: str = "") -> None:
        self.access, self._token = access, token
        self.opened_at = self.used_at = time.monotonic()
        self._values: dict[str, Any] = {"host": access.imap_host, "port": access.imap_port}
        self._plain, self._sockets = self._connect()
        self._opened_client: imaplib.IMAP4 | None = None
        self._stored: list[str] = []  # UIDs that were returned and are not marked as seen yet
        try:
            with self.limited(CALL_SECONDS):
                self._box = _MailBox(self._client())
                self._sign_in()
                self._can_idle = "IDLE" in _words(self._box.client.capability()[1])  # some offer it once signed in
                self._select()
        except FAILURES as error:
            self.close()
            raise TemporaryFailure(BROKEN, **self._values) from error
        except BaseException:
            self.close()
            raise

    def _connect(self) -> tuple[socket.socket, list[socket.socket]]:
        try:
            opened = egress.connect(self.access.imap_host, self.access.imap_port)
        except Invalid as error:
            raise CredentialRefused(error.sentence, "imap_host") from None
        except socket.gaierror:
            raise CredentialRefused(NOT_FOUND, "imap_host", **self._values) from None
        except OSError:
            raise TemporaryFailure(NO_ANSWER, **self._values) from None
        return opened, [opened.dup()]  # the first may be wrapped for TLS, and is gone then

    def _client(self) -> imaplib.IMAP4:
        """Return a client that has read the greeting, encrypted where that is asked for."""
        context, opened = ssl.create_default_context(), self._plain
        try:
            if self.access.imap_security == MailSecurity.TLS:
                opened = context.wrap_socket(opened, server_hostname=self.access.imap_host)
            self._sockets.append(opened)
            client = self._opened_client = _Client(self.access, opened)
            if self.access.imap_security == MailSecurity.STARTTLS:
                self._start_tls(client, context)
        except ssl.SSLCertVerificationError as error:
            raise CredentialRefused(certificates.refusal(error), "imap_host", **self._values) from None
        except ssl.SSLError:
            raise CredentialRefused(NO_TLS, "imap_security", **self._values) from None
        return client

    def _start_tls(self, client: imaplib.IMAP4, context: ssl.SSLContext) -> None:
        if "STARTTLS" not in client.capabilities:
            raise CredentialRefused(NO_STARTTLS, "imap_security", **self._values)
        client.starttls(context)
        self._sockets.append(client.sock)

    def _sign_in(self) -> None:
        if self._token:
            self._sign_in_with_token()
            return
        user, password = self.access.user_name, self.access.password
        try:
            if (user + password).isascii():
                self._box.login(user, password, initial_folder=None)
            else:
                self._box.login_utf8(user, password, initial_folder=None)
        except (MailboxLoginError, imaplib.IMAP4.error) as error:
            if isinstance(error, imaplib.IMAP4.abort):
                raise
            said = _answer(error).replace(password, "***")
            if any(code in said.upper() for code in _PASSING):
                raise TemporaryFailure(BROKEN, **self._values) from None
            raise CredentialRefused(NO_SIGN_IN, "password", answer=said, **self._values) from None

    def _sign_in_with_token(self) -> None:
        """Sign in by SASL XOAUTH2; a server that refuses says why in a challenge and waits for an empty answer."""
        answers = iter([f"user={self.access.user_name}\x01auth=Bearer {self._token}\x01\x01".encode()])
        try:
            self._box.client.authenticate("XOAUTH2", lambda challenge: next(answers, b""))
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, ValueError) as error:
            said = _answer(error).replace(self._token, "***")
            if any(code in said.upper() for code in _PASSING):
                raise TemporaryFailure(BROKEN, **self._values) from None
            raise TokenRefused(SIGN_IN_REFUSED, answer=said, **self._values) from None

    def _select(self) -> None:
        try:
            self._box.folder.set(self.access.folder)
        except ImapToolsError:
            raise CredentialRefused(NO_FOLDER, "folder") from None

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Cut the connection if the block takes longer."""
        guard = Timer(seconds, self._cut)
        guard.daemon = True
        guard.start()
        try:
            yield
        finally:
            guard.cancel()
            self.used_at = time.monotonic()

    def _cut(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection without a goodbye."""
        self._cut()
        with suppress(*FAILURES):
            if self._opened_client is not None:
                self._opened_client.shutdown()
        for one in self._sockets:
            with suppress(OSError):
                one.close()

    def is_usable(self) -> bool:
        """Return whether the connection may be used for another visit."""
        moment = time.monotonic()
        return moment - self.opened_at < LONGEST_USE.total_seconds() and moment - self.used_at < UNUSED_SECONDS

    def read_new(self, written: str, *, seconds: float) -> tuple[list[FetchedMail], str]:
        """Return the messages after a cursor, the oldest first, and the next cursor; wait for the first one."""
        with self.limited(seconds + CALL_SECONDS):
            self._select()
            cursor = self._located(Cursor.parse(written))
            self._mark_seen(cursor)
            uids = self._uids_after(cursor)
            if not uids and written:
                self._wait(seconds)
                uids = self._uids_after(cursor)
            return self._fetch_all(cursor, uids[:MAX_BATCH])

    def _number(self, name: str) -> str:
        """Return what the server said of the folder when it was selected, "" if nothing."""
        _, values = self._box.client.response(name)
        found = values[-1] if values else None
        return found.decode("ascii", "replace") if isinstance(found, bytes) and found.isdigit() else ""

    def _located(self, cursor: Cursor) -> Cursor:
        """Return the cursor in terms of the folder as it is: at the end of one that was never read."""
        validity, following = self._number("UIDVALIDITY") or "0", self._number("UIDNEXT")
        if cursor.validity == validity:
            return cursor
        if not cursor.validity:
            last = int(following) - 1 if following else max(map(int, self._box.uids("ALL", charset=None)), default=0)
            at = int(now().timestamp())
            return Cursor(validity, last, at, at)
        day = datetime.fromtimestamp(cursor.newest, UTC).date() - timedelta(days=1)
        uids = [int(uid) for uid in self._box.uids(f"SINCE {_imap_date(day)}", charset=None)]
        last = min(uids) - 1 if uids else int(following or 1) - 1
        return replace(cursor, validity=validity, uid=last)

    def _uids_after(self, cursor: Cursor) -> list[int]:
        uids = {int(uid) for uid in self._box.uids(f"UID {cursor.uid + 1}:*", charset=None)}
        return sorted(uid for uid in uids if uid > cursor.uid)  # "n:*" always names the last message

    def _wait(self, seconds: float) -> None:
        """Wait until something happens in the folder, or for so long."""
        if self._can_idle:
            self._box.idle.wait(timeout=seconds)
        else:
            Event().wait(seconds)

    def _fetch_all(self, cursor: Cursor, uids: list[int]) -> tuple[list[FetchedMail], str]:
        found: list[FetchedMail] = []
        for uid in uids:
            mail = self._fetch(cursor.validity, uid)
            cursor = replace(cursor, uid=uid)
            if mail is None or mail.received_at.timestamp() < cursor.since - CLOCK_SKEW_SECONDS:
                continue
            cursor = replace(cursor, newest=max(cursor.newest, int(mail.received_at.timestamp())))
            self._stored.append(str(uid))
            found.append(mail)
        return found, str(cursor)

    def _fetch(self, validity: str, uid: int) -> FetchedMail | None:
        """Return a message, None if it is gone or the server does not hand it out."""
        line, raw = self._fetch_raw(str(uid), MAX_READ_BYTES)
        if raw is None:
            log.warning("a message of a mailbox cannot be fetched", uid=uid)
            return None
        size = re.search(rb"RFC822\.SIZE (\d{1,15})", line)
        is_truncated = size is not None and int(size[1]) > len(raw)
        outside_id = f"{validity}.{uid}"
        return FetchedMail(raw, self.access.address, outside_id, _received_at(line), is_truncated=is_truncated)

    def _fetch_raw(self, uid: str, limit: int) -> tuple[bytes, bytes | None]:
        """Return the attributes of a message and its first bytes, None if there is no such message."""
        parts = f"(INTERNALDATE RFC822.SIZE BODY.PEEK[]<0.{limit}>)"
        _, data = self._box.client.uid("FETCH", uid, parts)
        lines: list[Any] = list(data or [])
        body = next((one for one in lines if isinstance(one, tuple) and b"BODY[]" in one[0]), None)
        if body is None:
            return b"", None
        rest = b" ".join(one for one in lines if isinstance(one, bytes))
        return body[0] + b" " + rest, body[1]

    def _mark_seen(self, cursor: Cursor) -> None:
        """Mark the messages of the visit before, which the caller has stored, since its cursor is behind them."""
        stored, self._stored = [uid for uid in self._stored if int(uid) <= cursor.uid], []
        if stored:
            with suppress(imaplib.IMAP4.error):  # the folder may be one that cannot be changed
                self._box.client.uid("STORE", ",".join(stored), "+FLAGS.SILENT", r"(\Seen)")

    def read_whole(self, validity: str, uid: str) -> bytes | None:
        """Return a message of at most MAX_FILE_BYTES, None if it is not in the folder any more."""
        with self.limited(4 * CALL_SECONDS):
            if self._number("UIDVALIDITY") != validity:
                return None
            return self._fetch_raw(uid, MAX_FILE_BYTES)[1]


def download(access: MailAccess, outside_id: str, token: str = "") -> bytes:
    """Return the whole message with the id of a `FetchedMail`. Raises MessageRefused if it is not there any more."""
    validity, _, uid = outside_id.partition(".")
    connection = MailboxConnection(access, token)
    try:
        raw = connection.read_whole(validity, uid) if uid.isdecimal() else None
    except FAILURES as error:
        raise TemporaryFailure(BROKEN, host=access.imap_host) from error
    finally:
        connection.close()
    if raw is None:
        raise MessageRefused("This message is no longer in the mailbox’s folder.")
    return raw


def _words(data: Any) -> list[str]:
    """Return the words of what the server said to a command, in upper case."""
    return b" ".join(one for one in data or [] if isinstance(one, bytes)).decode("ascii", "replace").upper().split()


def _imap_date(day: date) -> str:
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{day.day}-{months[day.month - 1]}-{day.year}"


def _received_at(line: bytes) -> datetime:
    """Return the date in the attributes of a message, now if there is none."""
    try:
        at = imaplib.Internaldate2tuple(line)
        return min(datetime.fromtimestamp(time.mktime(at), UTC), now()) if at is not None else now()
    except (ValueError, OverflowError, KeyError):
        return now()


def _answer(error: Exception) -> str:
    """Return what a server said to a command that it refused."""
    said = getattr(error, "command_result", None)
    words = said[1][0] if isinstance(said, tuple) and said[1] else error.args[0] if error.args else ""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:200]
