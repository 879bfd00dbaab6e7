"""Fake IMAP: a mailbox over a real socket, as RFC 3501 and RFC 2177 describe the server.

- 6.2.3 LOGIN: OK, or NO if user name or password are rejected. 6.3.1 SELECT: FLAGS, EXISTS, RECENT, [UIDVALIDITY],
  [UIDNEXT]; NO if there is no such mailbox.
- 6.4.8 UID SEARCH and FETCH: "n:*" always names the last message; a UID that does not exist is ignored.
- 6.4.5 FETCH: BODY.PEEK[]<0.n> is answered as BODY[]<0> with a literal and leaves \\Seen; INTERNALDATE, RFC822.SIZE.
- 2.3.1.1: with another UIDVALIDITY all UIDs are others.
- 6.2.1 STARTTLS, where the server has a certificate; 6.2.2 AUTHENTICATE XOAUTH2, see `fakes/mail_provider.py`.
- RFC 2177 IDLE: "+ idling", then "* n EXISTS" when a message arrives, until the client sends DONE; the server may end
  the connection instead.
"""

import re
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Lock, Thread
from typing import Any

from tests.fakes.mail_provider import CHALLENGE, FakeMailProvider
from tests.mail_catcher import PASSWORD, USER


@dataclass
class StoredMail:
    """A message in the mailbox."""

    uid: int
    raw: bytes
    at: float
    flags: set[str] = field(default_factory=set)


class FakeMailbox:
    """One mailbox and its server; `drops_idle` counts the IDLE commands that are still to be cut."""

    def __init__(
        self,
        user: str = USER,
        password: str = PASSWORD,
        *,
        idles: bool = True,
        tls: ssl.SSLContext | None = None,
        starttls: bool = False,
    ) -> None:
        self.user, self.password, self.idles = user, password, idles
        self.tls, self.starttls = tls, starttls
        self.encrypted_logins = 0
        self.messages: list[StoredMail] = []
        self.validity, self.next_uid = 1_700_000_000, 1
        self.provider: FakeMailProvider | None = None  # by whose tokens people sign in with XOAUTH2
        self.drops_idle = self.logins = self.idle_count = 0
        self.changed = Lock()
        self.open: set[socket.socket] = set()
        mailbox = self

        class Session(_Session):
            fake = mailbox

        self.server = _Server(("127.0.0.1", 0), Session)
        self.port = int(self.server.server_address[1])
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def deliver(self, raw: bytes | EmailMessage, *, at: float | None = None) -> StoredMail:
        """Put a message into the mailbox, which those who wait are told."""
        content = raw if isinstance(raw, bytes) else raw.as_bytes()
        with self.changed:
            mail = StoredMail(self.next_uid, re.sub(rb"\r?\n", b"\r\n", content), at or time.time())
            self.next_uid += 1
            self.messages.append(mail)
        return mail

    def reset_validity(self, gap: int = 1_000) -> None:
        """Give all messages other UIDs, as a mailbox that was restored from a backup has."""
        with self.changed:
            self.validity += 1
            for mail in self.messages:
                mail.uid += gap
            self.next_uid += gap

    def close(self) -> None:
        """Stop the server and end its connections."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)
        for opened in list(self.open):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    block_on_close = False


class _Session(StreamRequestHandler):
    """One connection."""

    fake: FakeMailbox

    def handle(self) -> None:
        """Answer commands until the client says goodbye."""
        self.fake.open.add(self.request)
        try:
            if self.fake.tls is not None and not self.fake.starttls:
                self.encrypt()
            self.say("* OK ready")
            while line := self.rfile.readline(65_536):
                tag, _, rest = line.decode("utf-8", "replace").rstrip("\r\n").partition(" ")
                name, _, arguments = rest.partition(" ")
                if not self.answer(tag, name.upper(), arguments):
                    return
        except OSError:
            pass
        finally:
            self.fake.open.discard(self.request)
            if self.is_encrypted():
                for opened in (self.rfile, self.wfile, self.request):
                    opened.close()

    def encrypt(self) -> None:
        """Go on under TLS."""
        assert self.fake.tls is not None
        self.fake.open.discard(self.request)
        for opened in (self.rfile, self.wfile):
            opened.close()
        self.request = self.fake.tls.wrap_socket(self.request, server_side=True)
        self.fake.open.add(self.request)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)

    def is_encrypted(self) -> bool:
        """Return whether TLS has begun."""
        return isinstance(self.request, ssl.SSLSocket)

    def say(self, line: str) -> None:
        """Send a line."""
        self.wfile.write(line.encode() + b"\r\n")

    def answer(self, tag: str, name: str, arguments: str) -> bool:
        """Answer a command; return whether the connection goes on."""
        method: Any = getattr(self, f"do_{name.lower()}", None)
        if method is None:
            self.say(f"{tag} BAD unknown command")
            return True
        return bool(method(tag, arguments))

    def do_capability(self, tag: str, _: str) -> bool:
        can_encrypt = self.fake.starttls and not self.is_encrypted()
        self.say("* CAPABILITY IMAP4rev1" + (" IDLE" if self.fake.idles else "") + (" STARTTLS" if can_encrypt else ""))
        self.say(f"{tag} OK done")
        return True

    def do_starttls(self, tag: str, _: str) -> bool:
        self.say(f"{tag} OK begin TLS")
        self.encrypt()
        return True

    def do_login(self, tag: str, arguments: str) -> bool:
        self.fake.logins += 1
        self.fake.encrypted_logins += self.is_encrypted()
        given = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', arguments)
        words = [re.sub(r"\\(.)", r"\1", quoted) or plain for quoted, plain in given]
        is_known = words == [self.fake.user, self.fake.password]
        self.say(f"{tag} OK signed in" if is_known else f"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials")
        return True

    def do_authenticate(self, tag: str, arguments: str) -> bool:
        self.fake.logins += 1
        provider = self.fake.provider
        if arguments.upper() != "XOAUTH2" or provider is None:
            self.say(f"{tag} NO unsupported mechanism")
            return True
        self.say("+ ")
        if provider.accepts(self.rfile.readline(65_536).decode().strip()):
            self.say(f"{tag} OK signed in")
            return True
        self.say(f"+ {CHALLENGE}")
        assert self.rfile.readline(65_536).strip() == b"", "the answer to the challenge is empty"
        self.say(f"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)")
        return True

    def do_select(self, tag: str, arguments: str) -> bool:
        if arguments.strip('"').upper() != "INBOX":
            self.say(f"{tag} NO no such mailbox")
            return True
        self.say(r"* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)")
        self.say(f"* {len(self.fake.messages)} EXISTS")
        self.say("* 0 RECENT")
        self.say(f"* OK [UIDVALIDITY {self.fake.validity}] valid")
        self.say(f"* OK [UIDNEXT {self.fake.next_uid}] predicted")
        self.say(f"{tag} OK [READ-WRITE] selected")
        return True

    def do_noop(self, tag: str, _: str) -> bool:
        self.say(f"{tag} OK done")
        return True

    def do_logout(self, tag: str, _: str) -> bool:
        self.say("* BYE goodbye")
        self.say(f"{tag} OK done")
        return False

    def do_uid(self, tag: str, arguments: str) -> bool:
        name, _, rest = arguments.partition(" ")
        {"SEARCH": self.search, "FETCH": self.fetch, "STORE": self.store}[name.upper()](rest)
        self.say(f"{tag} OK done")
        return True

    def search(self, criteria: str) -> None:
        """Answer UID SEARCH with ALL, UID n:* or SINCE date."""
        found = [mail.uid for mail in self.fake.messages]
        if match := re.fullmatch(r"UID (\d+):\*", criteria):
            last = max(found, default=0)
            found = [uid for uid in found if uid >= int(match[1]) or uid == last]
        elif match := re.fullmatch(r"SINCE (\d+-\w+-\d+)", criteria):
            since = time.mktime(time.strptime(match[1], "%d-%b-%Y"))
            found = [mail.uid for mail in self.fake.messages if mail.at >= since]
        self.say(" ".join(["* SEARCH", *map(str, found)]))

    def fetch(self, arguments: str) -> None:
        """Answer UID FETCH of one message."""
        uid, _, items = arguments.partition(" ")
        limit = int(re.search(r"BODY\.PEEK\[\]<0\.(\d+)>", items)[1])  # type: ignore[index]
        for number, mail in enumerate(self.fake.messages, 1):
            if mail.uid == int(uid):
                raw = mail.raw[:limit]
                at = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(mail.at))
                head = f'* {number} FETCH (UID {uid} INTERNALDATE "{at}" RFC822.SIZE {len(mail.raw)} BODY[]<0> '
                self.wfile.write(f"{head}{{{len(raw)}}}\r\n".encode() + raw + b")\r\n")

    def store(self, arguments: str) -> None:
        r"""Set \Seen."""
        uids, _, flags = arguments.partition(" ")
        for mail in self.fake.messages:
            if str(mail.uid) in uids.split(",") and r"\Seen" in flags:
                mail.flags.add(r"\Seen")

    def do_idle(self, tag: str, _: str) -> bool:
        fake = self.fake
        fake.idle_count += 1
        self.say("+ idling")
        if fake.drops_idle:
            fake.drops_idle -= 1
            return False
        known = len(fake.messages)
        self.request.settimeout(0.02)
        while True:
            if len(fake.messages) != known:
                known = len(fake.messages)
                self.say(f"* {known} EXISTS")
            try:
                line = self.request.recv(100)
                break
            except TimeoutError:
                continue
        if not line.upper().startswith(b"DONE"):
            return False
        self.request.settimeout(None)
        self.say(f"{tag} OK idle ended")
        return True
