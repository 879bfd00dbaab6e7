"""Task retention: removes tasks for good a month after they were deleted."""

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import session_scope, unscoped, unscoped_delete
from platform_app.models.crm import Task
from platform_app.services.bin.bin_entries import RETENTION

BATCH = 1_000  # removed by each run


def delete_old() -> bool:
    """Remove tasks that were deleted longer ago than RETENTION, at most BATCH; return whether more may be left."""
    with session_scope(reason="tasks that were deleted long ago") as session:
        due = unscoped(Task).where(col(Task.deleted_at) < now() - RETENTION)
        ids = list(session.exec(due.with_only_columns(Task.id).limit(BATCH)).all())
        gone = unscoped_delete(Task).where(col(Task.id).in_(ids), col(Task.deleted_at).is_not(None))
        session.execute(gone.execution_options(synchronize_session=False))
    return len(ids) == BATCH
