"""Visitor files: files that visitors of a web chat attach, checked by their first bytes and stored."""

import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func
from sqlmodel import col

from platform_app.channels.media_kinds import kind_of
from platform_app.channels.web_chat import WebChatSettings
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, Invalid, LimitReached
from platform_app.files.tenant_files import StoredFile
from platform_app.i18n import translate
from platform_app.models.channel import Attachment, AttachmentKind, ChannelAccount
from platform_app.models.person import Tenant
from platform_app.services.channels import channel_accounts, inbound
from platform_app.services.channels.inbound import InboundText, Receipt
from platform_app.services.knowledge.uploads import plain_name

MAX_MB = 10  # of a file
MAX_TENANT_BYTES = 1_000_000_000  # of all files of a tenant's visitors
HEAD_BYTES = 4_096  # by which the kind of a file is told
NOT_ACCEPTED = "Files of this kind are not accepted. Send a picture, PDF, Office document, recording or plain text."
_IMAGE, _FILE, _AUDIO, _VIDEO = "Photo", "File", "Audio", "Video"
_SIGNATURES = (  # the first bytes, the label and the endings of names that go with them
    (re.compile(rb"\xff\xd8\xff"), _IMAGE, ("jpg", "jpeg")),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _IMAGE, ("png",)),
    (re.compile(rb"GIF8[79]a"), _IMAGE, ("gif",)),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), _IMAGE, ("webp",)),
    (re.compile(rb".{4}ftyp(heic|heix|mif1|avif)", re.DOTALL), _IMAGE, ("heic", "heif", "avif")),
    (re.compile(rb".{4}ftyp", re.DOTALL), _VIDEO, ("mp4", "mov", "m4a", "m4v")),
    (re.compile(rb"%PDF-"), _FILE, ("pdf",)),
    (re.compile(rb"PK\x03\x04"), _FILE, ("docx", "xlsx", "pptx", "odt", "ods", "odp")),
    (re.compile(rb"OggS"), _AUDIO, ("ogg", "oga", "opus")),
    (re.compile(rb"ID3|\xff[\xfb\xf3\xf2]"), _AUDIO, ("mp3",)),
)
_TEXTS = ("txt", "csv", "log", "md")


@dataclass(frozen=True)
class SentFile:
    """A file that a visitor sends: its id at the frame, its name, what is stored, and its first bytes."""

    outside_id: str
    name: str
    stored: StoredFile
    head: bytes


def check_accepts(session: Transaction, account: ChannelAccount, outside_id: str) -> None:
    """Raise Conflict unless the chat takes files and the visitor has written there already."""
    own = channel_accounts.settings_of(account)
    if not isinstance(own, WebChatSettings) or not own.accepts_files:
        raise Conflict("This chat takes no files.")
    identity = inbound.find_identity(session, account, outside_id)
    if identity is None or identity.conversation_id is None:
        raise Conflict("Write a message first.")


def receive(session: Transaction, account: ChannelAccount, outside_id: str, sent: SentFile) -> Receipt:
    """Store a file as a message of a visitor, once for each id.

    The agent answers to a picture or recording, whose reply the caller streams; a person looks at any other file.

    Raises Conflict if no file is taken, Invalid for a kind of file that is not accepted, and LimitReached if the tenant
    stores too much.
    """
    check_accepts(session, account, outside_id)
    name = plain_name(sent.name)
    label = label_of(sent.head, name)
    theirs = owned(Attachment, account.tenant_id).where(Attachment.outside_id == "")  # else it came by a channel
    sizes = theirs.with_only_columns(func.coalesce(func.sum(col(Attachment.size)), 0))
    if int(session.execute(sizes).scalar_one()) + sent.stored.size > MAX_TENANT_BYTES:
        raise LimitReached("No more files can be stored here. Describe it in words.")
    tenant = session.get(Tenant, account.tenant_id)
    shown = f"[{translate(tenant.language if tenant else 'en', label)}] {name}"
    kind = kind_of(label, name)
    message = InboundText(sent.outside_id, shown, wants_person=kind == AttachmentKind.FILE)
    receipt = inbound.receive(session, account, outside_id, message)
    if not receipt.is_repeat:
        row = Attachment(
            tenant_id=account.tenant_id,
            message_id=receipt.message.id,
            account_id=account.id,
            label=label,
            name=name,
            outside_id="",
            stored_as=sent.stored.stored_as,
            size=sent.stored.size,
            sha256=sent.stored.sha256,
            kind=kind,
        )
        session.add(row)
    return receipt


def label_of(head: bytes, name: str) -> str:
    """Return the label of a file by its first bytes, which have to go with its name.

    Raises Invalid for any other kind of file, and for one that calls itself another.
    """
    ending = Path(name).suffix.lower().removeprefix(".")
    for signature, label, endings in _SIGNATURES:
        if signature.match(head):
            if ending in endings:
                return label
            raise Invalid(NOT_ACCEPTED, field="file")
    if ending in _TEXTS and b"\x00" not in head and _is_text(head):
        return _FILE
    raise Invalid(NOT_ACCEPTED, field="file")


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) == HEAD_BYTES and error.start >= HEAD_BYTES - 3  # a letter is cut at the end
    return True
