"""E-mail message: reads the bytes of an e-mail as an update of its channel, whatever form they have."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from email.utils import parseaddr
from typing import Any

from platform_app.channels import email_reports, email_text
from platform_app.channels.email_quotes import strip_quotes
from platform_app.channels.email_text import header, raw_header, raw_headers
from platform_app.channels.mail_headers import AutomaticMail, ReceivedMail, SenderCheck
from platform_app.channels.push_channel import AttachedFile, Update, UpdateKind
from platform_app.errors import Invalid
from platform_app.integrations import smtp

MAX_TEXT = 18_000  # characters of a message; the rest is left out
MAX_PARTS = 200
MAX_ATTACHMENTS = 20
MAX_REFERENCES = 30
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_BULK = frozenset(("bulk", "junk", "list"))
_SYSTEM = frozenset(("mailer-daemon", "postmaster"))
_RESULT = re.compile(r"\s*(spf|dkim|dmarc)\s*=\s*([a-z]{1,20})", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")
_NO_FILES = frozenset(("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"))
_LABELS = {"image": "Photo", "audio": "Audio", "video": "Video"}
_REPLY_PREFIX = re.compile(r"(?:\s*(?:re|fwd?|aw|отв|ответ|на)(?:\[\d+\])?\s*:)+\s*", re.IGNORECASE)


@dataclass(frozen=True)
class FetchedMail:
    """An e-mail as it was fetched from its mailbox."""

    raw: bytes
    own_address: str  # of the account
    outside_id: str  # by which it is found again: UIDVALIDITY and UID
    received_at: datetime  # by the receiving server, as the sender's own date can be any
    is_truncated: bool = False


def read_mail(mail: FetchedMail) -> Update | None:
    """Return what an e-mail says; None for one that the account has sent itself, or a report of no message of it.

    Raises ValueError if it has no sender.
    """
    message = parse(mail.raw)
    if message.get_content_type() == "multipart/report":
        return email_reports.read_report(message)
    address = sender_address(message)
    if address == mail.own_address.lower():
        return None
    if not address:
        raise ValueError("This e-mail has no sender.")
    received = read_headers(message, is_truncated=mail.is_truncated)
    if address.partition("@")[0] in _SYSTEM and (lost := email_reports.find_bounce(mail.raw)) is not None:
        return lost
    name, _ = parseaddr(raw_header(message, "From"))
    return Update(
        UpdateKind.MESSAGE,
        address,
        mail.received_at,
        message_id=mail_key(received.message_id, mail.raw),
        text=_text(message, received),
        attachments=_attachments(message, mail.outside_id),
        name=email_text.decoded(name)[:200] or address[:200],
        mail=received,
    )


def parse(raw: bytes) -> Message:
    """Return a message; of one that cannot be parsed its headers alone, with no text."""
    try:
        return message_from_bytes(raw, policy=compat32)
    except Exception:  # nested too deep, for example
        head = re.split(rb"\r?\n\r?\n", raw[:100_000], maxsplit=1)[0]
        head = re.sub(rb"(?im)^content-type:.*(?:\r?\n[ \t].*)*", b"X-Content-Type: unreadable", head)
        return message_from_bytes(head + b"\r\n\r\n", policy=compat32)


def mail_key(message_id: str, raw: bytes) -> str:
    """Return by what a message is recognized: the hash of its Message-ID, without one of the whole of it."""
    return hashlib.sha256(message_id.encode("utf-8", "replace") if message_id else raw).hexdigest()[:40]


def sender_address(message: Message) -> str:
    """Return the address in From in lower case, "" if there is none that can be answered."""
    _, address = parseaddr(raw_header(message, "From"))
    try:
        return smtp.checked(address, field="from").lower()[:200]
    except Invalid:
        return ""


def read_headers(message: Message, *, is_truncated: bool = False) -> ReceivedMail:
    """Return the headers that count."""
    answered = _MESSAGE_ID.findall(raw_header(message, "In-Reply-To"))
    references = [*_MESSAGE_ID.findall(raw_header(message, "References")), *answered[:1]]
    own_id = _MESSAGE_ID.search(raw_header(message, "Message-ID"))
    return ReceivedMail(
        subject=header(message, "Subject")[:300],
        message_id=own_id[0] if own_id else "",
        references=tuple(dict.fromkeys(one for one in references if one.isascii()))[-MAX_REFERENCES:],
        automatic=_automatic(message),
        checks=tuple(_sender_check(line) for line in raw_headers(message, "Authentication-Results")),
        is_truncated=is_truncated,
    )


def plain_subject(subject: str) -> str:
    """Return a subject without "Re:" and the like before it."""
    return subject[_REPLY_PREFIX.match(subject).end() :] if _REPLY_PREFIX.match(subject) else subject  # type: ignore[union-attr]  # matched just now


def _automatic(message: Message) -> AutomaticMail | None:
    """Return why an e-mail is not to be answered by a machine (RFC 3834, and what mail programs add to it)."""
    local = sender_address(message).partition("@")[0]
    if raw_header(message, "Return-Path").replace(" ", "") == "<>" or local in _SYSTEM:
        return AutomaticMail.NO_SENDER
    submitted = raw_header(message, "Auto-Submitted").lower()
    if submitted and submitted.partition(";")[0].strip() != "no":
        return AutomaticMail.AUTO_SUBMITTED
    if any(raw_header(message, name) for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress")):
        return AutomaticMail.AUTO_SUBMITTED
    precedence = raw_header(message, "Precedence").lower()
    if precedence == "auto_reply":
        return AutomaticMail.AUTO_SUBMITTED
    is_list = any(raw_header(message, name) for name in ("List-Id", "List-Unsubscribe", "Feedback-ID"))
    return AutomaticMail.BULK if is_list or precedence in _BULK else None


def _sender_check(line: str) -> SenderCheck:
    """Return what a header Authentication-Results says; of several DKIM signatures one that passed counts."""
    said, before = line.lower(), ""
    while before != said and len(before) != len(said):
        before, said = said, _COMMENT.sub(" ", said)
    server, *rest = said.split(";")
    results: dict[str, str] = {}
    for one in rest[:30]:
        if (match := _RESULT.match(one)) and results.get(match[1]) != "pass":
            results[match[1]] = match[2]
    name = (server.split() or [""])[0][:200]
    return SenderCheck(name, results.get("spf", ""), results.get("dkim", ""), results.get("dmarc", ""))


def _parts(message: Message) -> Iterator[Message]:
    """Yield the parts that are no containers; an e-mail that is attached is one part."""
    waiting, count = [message], 0
    while waiting and count < MAX_PARTS:
        part, count = waiting.pop(0), count + 1
        content: Any = part.get_payload()
        if isinstance(content, list) and part.get_content_maintype() == "multipart":
            waiting[:0] = [one for one in content if isinstance(one, Message)]
        else:
            yield part


def _is_text(part: Message, kind: str) -> bool:
    return part.get_content_type() == kind and _disposition(part) != "attachment" and not _file_name(part)


def _text(message: Message, received: ReceivedMail) -> str:
    """Return what the sender has written: the plain text, else the HTML as text; without either the subject."""
    plain = [email_text.body_text(part) for part in _parts(message) if _is_text(part, "text/plain")]
    said = "\n\n".join(text.strip() for text in plain if text.strip())
    if not said:
        pages = [part for part in _parts(message) if _is_text(part, "text/html")]
        said = "\n\n".join(filter(None, (email_text.html_text(part) for part in pages[:3])))
    said = strip_quotes(said[: 5 * MAX_TEXT])[:MAX_TEXT]
    return said or received.subject


def _disposition(part: Message) -> str:
    return raw_header(part, "Content-Disposition").partition(";")[0].strip().lower()


def _file_name(part: Message) -> str:
    try:
        return email_text.decoded(str(part.get_filename() or ""))[:200]
    except Exception:  # a malformed parameter
        return ""


def attached_parts(message: Message) -> list[Message]:
    """Return the parts that are files, not texts, signatures or pictures within the text, in their order."""
    return [part for part in _parts(message) if _is_file(part)][:MAX_ATTACHMENTS]


def _is_file(part: Message) -> bool:
    kind = part.get_content_type()
    if kind in _NO_FILES:
        return False
    if _disposition(part) == "attachment" or kind == "message/rfc822":
        return True
    is_embedded = bool(raw_header(part, "Content-ID")) and kind.startswith("image/")
    is_text = kind in ("text/plain", "text/html", "text/calendar", "text/x-amp-html") and not _file_name(part)
    return not is_embedded and not is_text and not kind.startswith("multipart/")


def _attachments(message: Message, outside_id: str) -> tuple[AttachedFile, ...]:
    return tuple(
        AttachedFile(
            _LABELS.get(part.get_content_maintype(), "File"),
            outside_id=f"{outside_id}.{place}",
            name=re.sub(r"[\\/\x00-\x1f]", "_", _file_name(part)),
        )
        for place, part in enumerate(attached_parts(message))
    )
