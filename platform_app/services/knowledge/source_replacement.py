"""Source replacement: uploads with the name of an existing source, and the removal of the source replaced."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.jobs import RemoveSource, enqueue
from platform_app.models.knowledge import Source
from platform_app.rag import lexical_index

UNDO_SECONDS = 60  # a deleted source can be restored for this long
SameName = Literal["replace", "keep"]


def find_same_name(session: Transaction, tenant_id: str, file_name: str, category_id: str | None) -> Source | None:
    """Return the newest source with this file name, or None; within the category if one is given."""
    query = owned(Source, tenant_id).where(col(Source.deleted_at).is_(None))
    if category_id:
        query = query.where(Source.category_id == category_id)
    rows = session.execute(query.with_only_columns(Source.id, Source.file_name).order_by(col(Source.created_at).desc()))
    wanted = file_name.casefold()
    found = next((key for key, name in rows.all() if name.casefold() == wanted), None)
    return session.exec(owned(Source, tenant_id).where(Source.id == found)).one() if found else None


def unique_name(session: Transaction, tenant_id: str, file_name: str) -> str:
    """Return the file name with the first number that no source has, such as `Prices (2).md`."""
    query = owned(Source, tenant_id).where(col(Source.deleted_at).is_(None))
    taken = {name.casefold() for name in session.exec(query.with_only_columns(Source.file_name)).all()}
    path, count = Path(file_name), 2
    while (name := f"{path.stem[:180]} ({count}){path.suffix}").casefold() in taken:
        count += 1
    return name


def retire(session: Transaction, tenant_id: str, source_id: str) -> None:
    """Delete a source from searches at once; a job deletes its file and chunks after UNDO_SECONDS."""
    old: Source | None = session.exec(owned(Source, tenant_id).where(Source.id == source_id)).first()
    if old is None or old.deleted_at is not None:
        return
    old.deleted_at = now()
    lexical_index.increment_revision(session, tenant_id)
    enqueue(
        session,
        tenant_id,
        RemoveSource(source_id=old.id),
        run_at=now() + timedelta(seconds=UNDO_SECONDS),
        lock_key=f"source:{old.id}",
    )
    session.after_commit.append(lambda: notifier.publish(tenant_id, "source", source_id))
