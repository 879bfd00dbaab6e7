"""Call log: the last calls between the platform and a CRM, without bodies and secrets."""

from datetime import timedelta

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped_delete
from platform_app.integrations.base import CallEntry, Crm
from platform_app.models.integration import CrmCall, CrmConnection
from platform_app.models.person import Identity
from platform_app.services.integrations import connections

SHOWN = 100
KEPT = timedelta(days=7)


def store(session: Transaction, connection: CrmConnection, crm: Crm) -> None:
    """Store the calls that were made since the last time."""
    made, crm.calls = list(crm.calls), []
    session.add_all(_row(connection, entry, is_incoming=False) for entry in made)


def store_incoming(session: Transaction, connection: CrmConnection, status: int, error: str = "") -> None:
    """Store that the CRM posted something, and how it was answered."""
    entry = CallEntry("POST", "/hooks/crm/…", status, 0, error)
    session.add(_row(connection, entry, is_incoming=True))


def _row(connection: CrmConnection, entry: CallEntry, *, is_incoming: bool) -> CrmCall:
    return CrmCall(
        tenant_id=connection.tenant_id,
        connection_id=connection.id,
        is_incoming=is_incoming,
        method=entry.method[:10],
        path=entry.path[:300],
        status=entry.status,
        milliseconds=entry.milliseconds,
        error=entry.error[:500],
    )


def list_calls(session: Transaction, who: Identity, connection_id: str, *, limit: int = SHOWN) -> list[CrmCall]:
    """Return the newest calls of a connection. Raises NotFound if there is none."""
    row = connections.get(session, who, connection_id)
    query = owned(CrmCall, who.tenant_id).where(CrmCall.connection_id == row.id)
    newest = query.order_by(col(CrmCall.created_at).desc(), col(CrmCall.id).desc())
    return list(session.exec(newest.limit(limit)).all())


def delete_old() -> bool:
    """Delete calls older than KEPT; return False: nothing is left to do."""
    with session_scope(reason="old calls of CRMs") as session:
        session.execute(unscoped_delete(CrmCall).where(col(CrmCall.created_at) < now() - KEPT))
    return False
