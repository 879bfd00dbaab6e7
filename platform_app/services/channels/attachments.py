"""Attachments: files that contacts attached to messages, fetched from the channel when they are needed.

Pictures and recordings are stored from then on, because pages show them again and again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import func
from sqlmodel import col

from platform_app.channels.media_kinds import kind_of, media_type
from platform_app.channels.push_channel import AttachedFile, ChannelError, PushChannel
from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import NotFound, Unavailable
from platform_app.files import tenant_files
from platform_app.models.channel import Attachment, AttachmentKind, ChannelAccount
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access

log = structlog.get_logger()
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


def has_any(session: Transaction, tenant_id: str, message_id: str) -> bool:
    """Return whether files are attached to a message."""
    (has_files,) = session.exists_each(owned(Attachment, tenant_id).where(Attachment.message_id == message_id))
    return has_files


def are_read(files: Sequence[AttachedFile]) -> bool:
    """Return whether the agent reads all these files before it answers, because they are pictures and recordings."""
    return all(file.outside_id and kind_of(file.label, file.name) != AttachmentKind.FILE for file in files)


def download(who: Identity, attachment_id: str) -> AttachmentContent:
    """Return an attachment for a member; raises what `fetch` raises."""
    return fetch(who.tenant_id, attachment_id)


def fetch(tenant_id: str, attachment_id: str) -> AttachmentContent:
    """Fetch an attachment from its channel, or as it is stored; to be called outside a transaction.

    Raises NotFound if there is none, the channel has deleted it or it is damaged, Unavailable if the channel does not
    answer, or the file storage in which it is.
    """
    with session_scope(tenant_id, read_only=True) as session:
        row = session.exec(owned(Attachment, tenant_id).where(Attachment.id == attachment_id)).first()
        if row is None:
            raise NotFound(GONE)
        access = None if row.stored_as else _channel_access(session, row)
    if access is None:
        return _read(row)
    push, token = access
    try:
        content = push.download(token, row.outside_id)
    except ChannelError as error:
        raise Unavailable(error.sentence, field="", **error.values) from None
    if media_type(content) is not None:
        try:
            _keep(tenant_id, attachment_id, content)
        except (OSError, Unavailable) as error:  # it is shown all the same, and stored when it is fetched again
            log.warning("an attachment was not kept", attachment_id=attachment_id, error=type(error).__name__)
    return AttachmentContent(_file_name(row.name, row.label, content), content)


def _channel_access(session: Transaction, row: Attachment) -> tuple[PushChannel, str]:
    """Return the channel that has an attachment, and the account's token. Raises NotFound if it cannot be asked."""
    account = session.get(ChannelAccount, row.account_id)
    push = CHANNEL_KINDS[account.kind].push if account is not None else None
    if account is None or push is None:
        raise NotFound(GONE)
    return push, channel_access.get_token(session, account)


def _keep(tenant_id: str, attachment_id: str, content: bytes) -> None:
    """Store a picture or recording of a channel, unless the tenant keeps MAX_KEPT_BYTES already."""
    with session_scope(tenant_id, read_only=True) as session:
        if not _has_room(session, tenant_id, len(content)):
            return
    stored = tenant_files.save_bytes(tenant_id, content)  # outside a transaction: it may take a while
    is_kept = False
    try:
        with session_scope(tenant_id) as session:
            query = owned(Attachment, tenant_id).where(Attachment.id == attachment_id).with_for_update()
            row = session.exec(query).first()
            if row is not None and not row.stored_as and _has_room(session, tenant_id, len(content)):
                row.stored_as, row.size, row.sha256 = stored.stored_as, stored.size, stored.sha256
                is_kept = True
    except BaseException:
        is_kept = False
        raise
    finally:
        if not is_kept:
            tenant_files.discard(tenant_id, stored.stored_as)


def _has_room(session: Transaction, tenant_id: str, size: int) -> bool:
    kept = owned(Attachment, tenant_id).where(Attachment.outside_id != "")
    sizes = kept.with_only_columns(func.coalesce(func.sum(col(Attachment.size)), 0))
    return int(session.execute(sizes).scalar_one()) + size <= MAX_KEPT_BYTES


def _read(row: Attachment) -> AttachmentContent:
    """Return a stored attachment. Raises NotFound if it is no longer there, or damaged."""
    try:
        content = tenant_files.read_bytes(row.tenant_id, row.stored_as, row.sha256)
    except NotFound as error:
        raise NotFound(GONE) from error
    return AttachmentContent(_file_name(row.name, row.label, content), content)


def _file_name(name: str, label: str, content: bytes) -> str:
    return name or f"{label.lower().replace(' ', '-')}.{_ending(content)}"


def _ending(content: bytes) -> str:
    """Return the ending of a file's name by its first bytes; what a sender says of it does not count."""
    if (kind := media_type(content)) is not None:
        return kind.ending
    if content[4:8] == b"ftyp":
        return "mp4"
    return next((ending for signature, ending in _SIGNATURES if content.startswith(signature)), "bin")
