"""Unused uploads: deletes uploaded files that no import, source, attachment or export uses."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.files import scratch, tenant_files
from platform_app.models.channel import Attachment
from platform_app.models.crm import ContactImport, ImportState
from platform_app.models.knowledge import Source
from platform_app.models.person import Tenant
from platform_app.models.tenant_export import TenantExport

MAX_WAITING = 5  # uploaded imports of a tenant that have not started
RETENTION = timedelta(days=1)
_BATCH_SIZE = 500  # keys per query


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
    _remove_unknown_files(tenants)
    return False


def _remove(session: Transaction, rows: Iterable[ContactImport]) -> None:
    for row in rows:
        session.delete(row)
        session.after_commit.append(partial(tenant_files.discard, row.tenant_id, row.stored_as))


def _remove_unknown_files(tenants: Sequence[str]) -> None:
    """Delete old files that a process left when it was killed between writing the file and its row.

    Other installations may use a shared store too: there only files of these tenants, all that exist here, are deleted.
    """
    store, oldest = tenant_files.open_store(), now() - RETENTION
    scratch.delete_old(oldest)
    for tenant_id in tenants if store.is_shared else [""]:
        old = (info.key for info in store.list(tenant_id) if info.modified_at < oldest)
        while keys := list(islice(old, _BATCH_SIZE)):
            store.delete(sorted(set(keys) - _referenced_keys(keys)))


def _referenced_keys(keys: list[str]) -> set[str]:
    """Return those of these keys that a row refers to."""
    with session_scope(reason="files of rows", read_only=True) as session:
        used: set[str] = set()
        for model in (Source, ContactImport, Attachment, TenantExport):
            column = col(model.stored_as)
            used |= set(session.exec(unscoped(model).where(column.in_(keys)).with_only_columns(column)).all())
    return used
