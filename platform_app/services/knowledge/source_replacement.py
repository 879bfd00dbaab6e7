"""Source replacement: uploads with the name of an existing source, deletion from searches, and indexing again."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.jobs import IndexSource, RemoveSource, enqueue
from platform_app.models.knowledge import Source, SourceKind, SourceState
from platform_app.rag import knowledge_state
from platform_app.services.bin import bin_entries

UNDO_SECONDS = 60  # a source that is restored within this time needs no indexing
SameName = Literal["replace", "keep"]


def find_same_name(session: Transaction, tenant_id: str, file_name: str, category_id: str | None) -> Source | None:
    """Return the newest source that is a file of this name, or None; within the category if one is given."""
    query = owned(Source, tenant_id).where(col(Source.deleted_at).is_(None), Source.kind == SourceKind.FILE)
    if category_id:
        query = query.where(Source.category_id == category_id)
    rows = session.execute(query.with_only_columns(Source.id, Source.file_name).order_by(col(Source.created_at).desc()))
    wanted = file_name.casefold()
    source_id = next((key for key, name in rows.all() if name.casefold() == wanted), None)
    return session.exec(owned(Source, tenant_id).where(Source.id == source_id)).one() if source_id else None


def unique_name(session: Transaction, tenant_id: str, file_name: str) -> str:
    """Return the file name with the first number that no source has, such as `Prices (2).md`."""
    query = owned(Source, tenant_id).where(col(Source.deleted_at).is_(None))
    taken = {name.casefold() for name in session.exec(query.with_only_columns(Source.file_name)).all()}
    path, count = Path(file_name), 2
    while (name := f"{path.stem[:180]} ({count}){path.suffix}").casefold() in taken:
        count += 1
    return name


def retire(session: Transaction, tenant_id: str, source_id: str, *, by: str, with_id: str = "") -> None:
    """Move a source to the bin, so that no search finds it; a job deletes its vectors and chunks after UNDO_SECONDS.

    `by` is the name of the member who deleted or replaced it, `with_id` the web address that it is deleted with.
    """
    old: Source | None = session.exec(owned(Source, tenant_id).where(Source.id == source_id)).first()
    if old is None or old.deleted_at is not None:
        return
    old.deleted_at = now()
    bin_entries.put(session, old, by=by, with_id=with_id)
    knowledge_state.increment_revision(session, tenant_id, old)
    enqueue(
        session,
        tenant_id,
        RemoveSource(source_id=old.id),
        run_at=now() + timedelta(seconds=UNDO_SECONDS),
        lock_key=f"source:{old.id}",
    )
    session.after_commit.append(lambda: notifier.publish(tenant_id, "source", source_id))


def withdraw(session: Transaction, tenant_id: str, source_id: str) -> None:
    """Delete the source of a web page that is no more, without the bin: no search finds it from now on."""
    old: Source | None = session.exec(owned(Source, tenant_id).where(Source.id == source_id)).first()
    if old is None or old.deleted_at is not None:
        return
    old.deleted_at = now()
    knowledge_state.increment_revision(session, tenant_id, old)
    enqueue(session, tenant_id, RemoveSource(source_id=old.id), lock_key=f"source:{old.id}")
    session.after_commit.append(lambda: notifier.publish(tenant_id, "source", source_id))


def index_again(session: Transaction, row: Source) -> None:
    """Enqueue the indexing of a source from its file; what was indexed before is found until then."""
    row.next_chunks = 0
    row.state, row.error, row.progress = SourceState.QUEUED, "", 0
    enqueue(session, row.tenant_id, IndexSource(source_id=row.id), lock_key=f"source:{row.id}")
