"""Bin entries: what stands in the bin, written when a row is deleted and removed when it is restored."""

from datetime import timedelta
from typing import Any

from sqlmodel import col

from platform_app import notifier
from platform_app.automation.values import fold
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, NotFound
from platform_app.models.bin import BinEntry, BinKind
from platform_app.models.person import Identity
from platform_app.services.bin.bin_kinds import KINDS
from platform_app.services.feed import activity

RETENTION = timedelta(days=30)


def kind_of(row: Any) -> BinKind:
    """Return the kind under which a row stands in the bin."""
    return BinKind(row.__tablename__)


def put(session: Transaction, row: Any, *, by: str, with_id: str = "") -> BinEntry:
    """Add an entry for a row that was just deleted; `with_id` is the agent that it was deleted with, if any."""
    names = (getattr(row, column, "") for column in ("title", "name", "text"))
    name = str(next(filter(None, names), ""))[:300]
    entry = BinEntry(
        tenant_id=row.tenant_id,
        kind=kind_of(row),
        row_id=row.id,
        name=name,
        name_key=fold(name)[:600],
        deleted_at=row.deleted_at,
        deleted_by=by[:200],
        with_id=with_id,
        was_enabled=bool(getattr(row, "enabled", False)),
        expires_at=row.deleted_at + RETENTION,
    )
    session.add(entry)
    session.flush()
    publish_change(session, entry)
    return entry


def find(session: Transaction, row: Any) -> BinEntry | None:
    """Return the entry of a deleted row, or None if there is none."""
    query = owned(BinEntry, row.tenant_id).where(BinEntry.kind == kind_of(row), BinEntry.row_id == row.id)
    entry: BinEntry | None = session.exec(query.with_for_update()).first()
    return entry


def remove_restored(session: Transaction, who: Identity, row: Any) -> bool:
    """Remove the entry of a row that was just restored, record it, and return whether the row was enabled before.

    Raises NotFound if the row is being deleted for good.
    """
    entry = find(session, row)
    if entry is None:
        return bool(getattr(row, "enabled", False))
    if entry.expires_at <= now():
        raise NotFound("This item has already been permanently deleted.")
    session.delete(entry)
    session.flush()
    if not entry.with_id:
        record(session, who, entry, is_restored=True)
    publish_change(session, entry)
    return entry.was_enabled


def entries_with(session: Transaction, tenant_id: str, agent_id: str) -> list[BinEntry]:
    """Return the entries of what was deleted together with an agent, in the order of their names."""
    query = owned(BinEntry, tenant_id).where(BinEntry.with_id == agent_id)
    return list(session.exec(query.order_by(BinEntry.name_key, col(BinEntry.id))).all())


def record(session: Transaction, who: Identity, entry: BinEntry, *, is_restored: bool) -> None:
    """Record the activity that an entry was restored, or is deleted for good."""
    kind = KINDS[entry.kind]
    link, agent_id = kind.path.format(id=entry.row_id) if is_restored else "", None
    if entry.kind == BinKind.AGENT and is_restored:
        agent_id = entry.row_id
    sentence = kind.restored if is_restored else kind.removed
    activity.record_by(session, who, kind.activity, sentence, agent_id=agent_id, link=link, name=entry.name)


def check_name(given: str, name: str) -> None:
    """Raise Invalid at the field `name` unless a member typed the name of what is to be deleted, spaces aside."""
    if "".join(fold(given).split()) != "".join(fold(name).split()):
        raise Invalid("The name doesn’t match. Type it as shown above.", field="name")


def publish_change(session: Transaction, entry: BinEntry) -> None:
    """Notify open pages of the bin after the commit."""
    tenant_id, entry_id = entry.tenant_id, entry.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "bin", entry_id))
