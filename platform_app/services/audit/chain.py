"""Chain: entries of the audit log are linked by hashes, and their end is signed.

An entry holds the hash of the one before. The head holds number and hash of the newest, signed with the key of the
installation, so that whoever has only the database cannot compute a chain anew after altering it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import IntegrityError

from platform_app import encryption
from platform_app.actor import Actor
from platform_app.clock import now
from platform_app.db import Transaction, owned, unscoped
from platform_app.models.audit import (
    PLATFORM_HEAD,
    AuditAction,
    AuditEntry,
    AuditFields,
    AuditHead,
    AuditObject,
    HeadFields,
    PlatformAuditEntry,
    PlatformAuditHead,
)

_FORMAT = 1  # of what is hashed
_PURPOSE = "audit head"


@dataclass(frozen=True)
class Draft:
    """An entry that has no place in a chain yet."""

    actor: Actor
    action: AuditAction
    object_kind: AuditObject
    object_id: str = ""
    object_name: str = ""
    changes: dict[str, Any] = field(default_factory=dict)


def entries_of(tenant_id: str | None) -> Any:
    """Return the query of the entries of a tenant, or of the installation for None."""
    return unscoped(PlatformAuditEntry) if tenant_id is None else owned(AuditEntry, tenant_id)


def head_of(session: Transaction, tenant_id: str | None, *, lock: bool = False) -> HeadFields | None:
    """Return the head of a tenant's chain, or of the installation's for None; None if nothing was ever recorded."""
    query = unscoped(PlatformAuditHead) if tenant_id is None else owned(AuditHead, tenant_id)
    head: HeadFields | None = session.exec(query.with_for_update() if lock else query).first()
    return head


def append(session: Transaction, tenant_id: str | None, drafts: Sequence[Draft]) -> None:
    """Add entries to the chain of a tenant, or of the installation for None, in this transaction.

    The head is locked until the transaction ends, so that entries of others come after these.
    """
    head = _locked_head(session, tenant_id)
    for draft in drafts:
        entry = _entry(tenant_id, draft, number=head.number + 1, previous=head.hash)
        entry.hash = entry_hash(entry, tenant_id)
        session.add(entry)
        head.number, head.hash = entry.number, entry.hash
    head.signature = encryption.sign(_signed_text(tenant_id, head), _PURPOSE)
    session.add(head)


def _entry(tenant_id: str | None, draft: Draft, *, number: int, previous: str) -> AuditEntry | PlatformAuditEntry:
    values: dict[str, Any] = {
        "number": number,
        "at": now(),
        "actor_kind": draft.actor.kind.value,
        "actor_id": draft.actor.id[:32],
        "actor_name": _line(draft.actor.name, 200),
        "action": draft.action.value,
        "object_kind": draft.object_kind.value,
        "object_id": draft.object_id[:32],
        "object_name": _line(draft.object_name, 200),
        "changes": json.loads(json.dumps(draft.changes)),
        "address": _line(draft.actor.address, 64),
        "previous_hash": previous,
        "hash": "",
    }
    return PlatformAuditEntry(**values) if tenant_id is None else AuditEntry(tenant_id=tenant_id, **values)


def _line(text: str, length: int) -> str:
    """Return a text on one line without control characters, at most `length` characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:length]


def entry_hash(entry: AuditFields, tenant_id: str | None) -> str:
    """Return the SHA-256 of what an entry says, of its place in the chain and of the hash before it, in hexadecimal."""
    content = [
        _FORMAT,
        tenant_id or "",
        entry.number,
        entry.at.isoformat(),
        entry.actor_kind,
        entry.actor_id,
        entry.actor_name,
        entry.action,
        entry.object_kind,
        entry.object_id,
        entry.object_name,
        entry.changes,
        entry.address,
        entry.previous_hash,
    ]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_head_signed(tenant_id: str | None, head: HeadFields) -> bool:
    """Return whether a head was signed by this installation, with any of its keys."""
    return encryption.is_signed(_signed_text(tenant_id, head), _PURPOSE, head.signature)


def sign_again(session: Transaction) -> int:
    """Sign every head that is signed by one of the keys with the newest one; return how many.

    Heads are locked by tenant, the installation's last: in the order in which transactions write their entries.
    """
    count = 0
    heads: list[tuple[str | None, HeadFields]] = [
        (head.tenant_id, head)
        for head in session.exec(unscoped(AuditHead).order_by(AuditHead.tenant_id).with_for_update()).all()
    ]
    heads += [(None, head) for head in session.exec(unscoped(PlatformAuditHead).with_for_update()).all()]
    for tenant_id, head in heads:
        if is_head_signed(tenant_id, head):
            head.signature = encryption.sign(_signed_text(tenant_id, head), _PURPOSE)
            session.add(head)
            count += 1
    return count


def _signed_text(tenant_id: str | None, head: HeadFields) -> str:
    return f"{tenant_id or ''}\n{head.number}\n{head.hash}"


def _locked_head(session: Transaction, tenant_id: str | None) -> HeadFields:
    head = head_of(session, tenant_id, lock=True)
    if head is not None:
        return head
    made = PlatformAuditHead(id=PLATFORM_HEAD) if tenant_id is None else AuditHead(tenant_id=tenant_id)
    try:
        with session.savepoint():
            session.add(made)
    except IntegrityError:  # another transaction has made it meanwhile
        head = head_of(session, tenant_id, lock=True)
        if head is None:
            raise
        return head
    return made
