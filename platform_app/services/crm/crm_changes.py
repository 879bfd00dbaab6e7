"""CRM changes: marks rows that changed here and are to be sent to the connected CRM."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.jobs import ExchangeCrm, enqueue
from platform_app.models.crm import Contact, Lead, Note, Task
from platform_app.models.integration import ConnectionState, CrmConnection, CrmLink, LinkState, RecordKind
from platform_app.models.job import Job, JobState

KINDS: dict[type[Contact | Lead | Task | Note], RecordKind] = {
    Contact: RecordKind.CONTACT,
    Lead: RecordKind.LEAD,
    Task: RecordKind.TASK,
    Note: RecordKind.NOTE,
}
_INCOMING = "changes come from a CRM"
_MARKED = "rows marked as changed"
_CONNECTIONS = "connected CRMs"


@contextmanager
def incoming(session: Transaction) -> Iterator[None]:
    """Mark nothing inside the block: what it changes comes from the CRM."""
    session.info[_INCOMING] = True
    try:
        yield
    finally:
        session.info[_INCOMING] = False


def mark(session: Transaction, row: Contact | Lead | Task | Note) -> None:
    """Have a row that was created or changed sent to the CRMs that have it, or that are to have it."""
    if session.info.get(_INCOMING) or getattr(row, "is_demo", False) or not _connections(session, row.tenant_id):
        return
    marked: dict[str, Contact | Lead | Task | Note] = session.info.get(_MARKED, {})
    if not marked:
        session.before_commit.append(lambda: _store(session))
    session.info[_MARKED] = marked | {row.id: row}  # a new one: a savepoint restores the one before


def lock_key(connection_id: str) -> str:
    """Return the lock key under which the exchanges of a connection run one after another."""
    return f"crm:{connection_id}"


def request_exchange(session: Transaction, tenant_id: str, connection_id: str) -> None:
    """Queue an exchange with a CRM, unless one is queued already."""
    key = lock_key(connection_id)
    queued = owned(Job, tenant_id).where(Job.lock_key == key, Job.state == JobState.QUEUED)
    if session.exec(queued.with_only_columns(Job.id).limit(1)).first() is None:
        enqueue(session, tenant_id, ExchangeCrm(connection_id=connection_id), lock_key=key)


def _connections(session: Transaction, tenant_id: str) -> list[CrmConnection]:
    """Return the tenant's CRMs that are connected; read once in a transaction."""
    if _CONNECTIONS not in session.info:
        query = owned(CrmConnection, tenant_id).where(CrmConnection.state != ConnectionState.DISCONNECTED)
        session.info[_CONNECTIONS] = list(session.exec(query).all())
    held: list[CrmConnection] = session.info[_CONNECTIONS]
    return held


def _store(session: Transaction) -> None:
    rows: dict[str, Contact | Lead | Task | Note] = session.info.pop(_MARKED, {})
    for row in rows.values():
        for connection in _connections(session, row.tenant_id):
            if _mark_link(session, connection, row):
                request_exchange(session, row.tenant_id, connection.id)


def _mark_link(session: Transaction, connection: CrmConnection, row: Contact | Lead | Task | Note) -> bool:
    """Mark the link of a row as waiting, or make one for a row that the CRM is to have; return whether it waits."""
    kind = KINDS[type(row)]
    link = find_link(session, connection, kind, row.id, lock=True)
    if link is None:
        if not _belongs_there(session, connection, row):
            return False
        link = CrmLink(tenant_id=row.tenant_id, connection_id=connection.id, kind=kind, row_id=row.id)
        session.add(link)
    link.state, link.error, link.error_values = LinkState.WAITING, "", {}
    return True


def find_link(
    session: Transaction, connection: CrmConnection, kind: RecordKind, row_id: str | None, *, lock: bool = False
) -> CrmLink | None:
    """Return the link of a row, or None."""
    query = owned(CrmLink, connection.tenant_id).where(
        CrmLink.connection_id == connection.id, CrmLink.kind == kind, CrmLink.row_id == row_id
    )
    link: CrmLink | None = session.exec(query.with_for_update() if lock else query).first()
    return link


def _belongs_there(session: Transaction, connection: CrmConnection, row: Contact | Lead | Task | Note) -> bool:
    """Return whether a new row is to be created in the CRM: in a stage or about a lead or contact that it has."""
    if connection.synced_at is None or row.created_at < connection.connected_at - timedelta(seconds=1):
        return False
    if isinstance(row, Lead):
        return _is_linked(session, connection, RecordKind.STAGE, row.stage_id)
    if isinstance(row, Contact) or getattr(row, "deleted_at", None) is not None:
        return False  # a contact goes there with its lead
    if row.lead_id:
        return _is_linked(session, connection, RecordKind.LEAD, row.lead_id)
    return _is_linked(session, connection, RecordKind.CONTACT, row.contact_id)


def _is_linked(session: Transaction, connection: CrmConnection, kind: RecordKind, row_id: str | None) -> bool:
    link = find_link(session, connection, kind, row_id) if row_id else None
    return link is not None and link.is_chosen


def waits(session: Transaction, connection: CrmConnection) -> bool:
    """Return whether something waits to be sent to a CRM."""
    query = owned(CrmLink, connection.tenant_id).where(
        CrmLink.connection_id == connection.id, col(CrmLink.state).in_((LinkState.WAITING, LinkState.SENDING))
    )
    return session.exec(query.with_only_columns(CrmLink.id).limit(1)).first() is not None
