"""Unused uploads: deletes uploaded files that no import, source, attachment or export uses."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial

from sqlmodel import col

from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.models.channel import Attachment
from platform_app.models.crm import ContactImport, ImportState
from platform_app.models.knowledge import Source
from platform_app.models.person import Tenant
from platform_app.models.tenant_export import TenantExport

MAX_WAITING = 5  # uploaded imports of a tenant that have not started
RETENTION = timedelta(days=1)
_BATCH_SIZE = 500  # file names per query


def trim_waiting(session: Transaction, tenant_id: str) -> None:
    """Delete the oldest imports that have not started, so that another one fits MAX_WAITING."""
    waiting = owned(ContactImport, tenant_id).where(ContactImport.state == ImportState.READY)
    newest_first = waiting.order_by(col(ContactImport.created_at).desc(), col(ContactImport.id).desc())
    _remove(session, session.exec(newest_first.offset(MAX_WAITING - 1)).all())


def delete_unused() -> bool:
    """Delete imports not started for RETENTION, and files without a row. Returns False: nothing is left."""
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
        session.after_commit.append(partial(path.unlink, missing_ok=True))


def _remove_unknown_files() -> None:
    """Delete old files that a process left when it was killed between writing the file and its row."""
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
    """Return those of these file names that a row refers to."""
    with session_scope(reason="files of rows", read_only=True) as session:
        used: set[str] = set()
        for model in (Source, ContactImport, Attachment, TenantExport):
            column = col(model.stored_as)
            used |= set(session.exec(unscoped(model).where(column.in_(names)).with_only_columns(column)).all())
    return used
