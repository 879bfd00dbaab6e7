"""Attachments: files that contacts attached to messages; members fetch them from the channel when they open them."""

from collections.abc import Sequence
from dataclasses import dataclass

from platform_app.channels.push_channel import AttachedFile, ChannelError
from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.config import settings
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import NotFound, Unavailable
from platform_app.models.channel import Attachment, ChannelAccount
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access

GONE = "This attachment is no longer available."
_SIGNATURES = (  # the first bytes of kinds of files, with the ending of their names
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"%PDF-", "pdf"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"PK\x03\x04", "zip"),
)


@dataclass(frozen=True)
class AttachmentContent:
    """The content of an attachment, and a name to store it under."""

    name: str
    content: bytes


def add(session: Transaction, account: ChannelAccount, message_id: str, files: Sequence[AttachedFile]) -> None:
    """Store what was attached to a message; what is no file is left out."""
    for file in files:
        if file.outside_id:
            row = Attachment(
                tenant_id=account.tenant_id,
                message_id=message_id,
                account_id=account.id,
                label=file.label,
                name=file.name,
                outside_id=file.outside_id,
            )
            session.add(row)


def download(who: Identity, attachment_id: str) -> AttachmentContent:
    """Fetch an attachment from its channel, or from disk; to be called outside a transaction.

    Raises NotFound if there is none or the channel has deleted it, Unavailable if the channel does not answer.
    """
    with session_scope(who.tenant_id, read_only=True) as session:
        row = session.exec(owned(Attachment, who.tenant_id).where(Attachment.id == attachment_id)).first()
        if row is not None and row.stored_as:
            return AttachmentContent(row.name, _read(row.stored_as))
        account = session.get(ChannelAccount, row.account_id) if row is not None else None
        push = CHANNEL_KINDS[account.kind].push if account is not None else None
        if row is None or account is None or push is None:
            raise NotFound(GONE)
        token, outside_id, name, label = channel_access.get_token(session, account), row.outside_id, row.name, row.label
    try:
        content = push.download(token, outside_id)
    except ChannelError as error:
        raise Unavailable(error.sentence, field="", **error.values) from None
    return AttachmentContent(name or f"{label.lower().replace(' ', '-')}.{_ending(content)}", content)


def _read(stored_as: str) -> bytes:
    """Return a file on disk. Raises NotFound if it is no longer there."""
    try:
        return (settings().uploads / stored_as).read_bytes()
    except OSError as error:
        raise NotFound(GONE) from error


def _ending(content: bytes) -> str:
    """Return the ending of a file's name by its first bytes; what a sender says of it does not count."""
    if content[4:8] == b"ftyp":
        return "mp4"
    return next((ending for signature, ending in _SIGNATURES if content.startswith(signature)), "bin")
