"""Unused: uploads of which nothing came: few of a tenant wait at a time, and none for longer than a day."""

from collections.abc import Iterable
from datetime import timedelta

from sqlmodel import col

from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.models.crm import ContactImport, ImportState
from platform_app.models.knowledge import Source
from platform_app.models.person import Tenant

MAX_WAITING = 5  # tables of one tenant that are uploaded and not begun
RETENTION = timedelta(days=1)
_BATCH_SIZE = 500  # file names that are looked up together


def trim_waiting(session: Transaction, tenant_id: str) -> None:
    """Make room for another table: the oldest of those that were not begun go."""
    waiting = owned(ContactImport, tenant_id).where(ContactImport.state == ImportState.READY)
    newest_first = waiting.order_by(col(ContactImport.created_at).desc(), col(ContactImport.id).desc())
    _remove(session, session.exec(newest_first.offset(MAX_WAITING - 1)).all())


def delete_unused() -> bool:
    """Remove the tables that were not begun for a day, and the files that no row knows; nothing is left for later."""
    with session_scope(reason="tenants with uploads", read_only=True) as session:
        tenants = session.exec(unscoped(Tenant).with_only_columns(Tenant.id)).all()
    for tenant_id in tenants:
        old = owned(ContactImport, tenant_id).where(
            ContactImport.state == ImportState.READY, ContactImport.created_at < now() - RETENTION
        )
        with session_scope(tenant_id, read_only=True) as session:
            if session.exec(old.limit(1)).first() is None:
                continue
        with session_scope(tenant_id) as session:
            _remove(session, session.exec(old.with_for_update(skip_locked=True)).all())
    _remove_unknown_files()
    return False


def _remove(session: Transaction, rows: Iterable[ContactImport]) -> None:
    for row in rows:
        path = settings().uploads / row.stored_as
        session.delete(row)
        session.after_commit.append(lambda path=path: path.unlink(missing_ok=True))  # type: ignore[misc]


def _remove_unknown_files() -> None:
    """Remove files that a process left when it was killed between the file and its row."""
    if not settings().uploads.is_dir():
        return
    oldest = (now() - RETENTION).timestamp()
    old = [path for path in settings().uploads.iterdir() if path.is_file() and path.stat().st_mtime < oldest]
    for start in range(0, len(old), _BATCH_SIZE):
        some = old[start : start + _BATCH_SIZE]
        known = _referenced_names([path.name for path in some])
        for path in some:
            if path.name not in known:
                path.unlink(missing_ok=True)


def _referenced_names(names: list[str]) -> set[str]:
    """Return those of these file names that a row knows."""
    with session_scope(reason="files of rows", read_only=True) as session:
        found: set[str] = set()
        for model in (Source, ContactImport):
            column = col(model.stored_as)
            found |= set(session.exec(unscoped(model).where(column.in_(names)).with_only_columns(column)).all())
    return found
