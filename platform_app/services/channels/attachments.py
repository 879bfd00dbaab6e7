"""Attachments: files that contacts attached to messages, fetched from the channel when they are needed.

Pictures and recordings are kept on disk from then on, because pages show them again and again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import col

from platform_app.channels.media_kinds import kind_of, media_type
from platform_app.channels.push_channel import AttachedFile, ChannelError
from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.config import settings
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import NotFound, Unavailable
from platform_app.models.channel import Attachment, AttachmentKind, ChannelAccount
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access
from platform_app.services.knowledge import uploads

GONE = "This attachment is no longer available."
MAX_KEPT_BYTES = 1_000_000_000  # of all pictures and recordings that a tenant keeps; others are fetched each time
_SIGNATURES = ((b"%PDF-", "pdf"), (b"PK\x03\x04", "zip"))  # the first bytes of other files, with their names' endings


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
                kind=kind_of(file.label, file.name),
            )
            session.add(row)


def are_read(files: Sequence[AttachedFile]) -> bool:
    """Return whether the agent reads all these files before it answers, because they are pictures and recordings."""
    return all(file.outside_id and kind_of(file.label, file.name) != AttachmentKind.FILE for file in files)


def download(who: Identity, attachment_id: str) -> AttachmentContent:
    """Return an attachment for a member; raises what `fetch` raises."""
    return fetch(who.tenant_id, attachment_id)


def fetch(tenant_id: str, attachment_id: str) -> AttachmentContent:
    """Fetch an attachment from its channel, or from disk; to be called outside a transaction.

    Raises NotFound if there is none or the channel has deleted it, Unavailable if the channel does not answer.
    """
    with session_scope(tenant_id, read_only=True) as session:
        row = session.exec(owned(Attachment, tenant_id).where(Attachment.id == attachment_id)).first()
        if row is not None and row.stored_as:
            content = _read(row.stored_as)
            return AttachmentContent(_file_name(row.name, row.label, content), content)
        account = session.get(ChannelAccount, row.account_id) if row is not None else None
        push = CHANNEL_KINDS[account.kind].push if account is not None else None
        if row is None or account is None or push is None:
            raise NotFound(GONE)
        token, outside_id, name, label = channel_access.get_token(session, account), row.outside_id, row.name, row.label
    try:
        content = push.download(token, outside_id)
    except ChannelError as error:
        raise Unavailable(error.sentence, field="", **error.values) from None
    if media_type(content) is not None:
        _keep(tenant_id, attachment_id, content)
    return AttachmentContent(_file_name(name, label, content), content)


def _keep(tenant_id: str, attachment_id: str, content: bytes) -> None:
    """Store a picture or recording of a channel on disk, unless the tenant keeps MAX_KEPT_BYTES already."""
    kept = owned(Attachment, tenant_id).where(Attachment.outside_id != "")
    sizes = kept.with_only_columns(func.coalesce(func.sum(col(Attachment.size)), 0))
    stored = None
    try:
        with session_scope(tenant_id) as session:
            if int(session.execute(sizes).scalar_one()) + len(content) > MAX_KEPT_BYTES:
                return
            query = owned(Attachment, tenant_id).where(Attachment.id == attachment_id).with_for_update()
            row = session.exec(query).first()
            if row is None or row.stored_as:
                return
            stored = uploads.store_bytes(content)
            row.stored_as, row.size = stored.stored_as, stored.size
    except BaseException:
        if stored is not None:
            uploads.remove(stored)
        raise


def _read(stored_as: str) -> bytes:
    """Return a file on disk. Raises NotFound if it is no longer there."""
    try:
        return (settings().uploads / stored_as).read_bytes()
    except OSError as error:
        raise NotFound(GONE) from error


def _file_name(name: str, label: str, content: bytes) -> str:
    return name or f"{label.lower().replace(' ', '-')}.{_ending(content)}"


def _ending(content: bytes) -> str:
    """Return the ending of a file's name by its first bytes; what a sender says of it does not count."""
    if (kind := media_type(content)) is not None:
        return kind.ending
    if content[4:8] == b"ftyp":
        return "mp4"
    return next((ending for signature, ending in _SIGNATURES if content.startswith(signature)), "bin")
