"""Knowledge state: the revision of a tenant's knowledge, and the embedder whose vectors answer."""

from platform_app.db import Transaction, owned
from platform_app.models.knowledge import KnowledgeState, Source


def revision(session: Transaction, tenant_id: str) -> int:
    """Return the revision of a tenant's knowledge, which grows with every change of what can be found."""
    row = session.exec(owned(KnowledgeState, tenant_id)).first()
    return row.revision if row else 0


def live_version(session: Transaction, tenant_id: str) -> str:
    """Return the version of the embedder whose vectors answer; empty if nothing has been indexed yet."""
    row = session.exec(owned(KnowledgeState, tenant_id)).first()
    return row.embedder if row else ""


def lock(session: Transaction, tenant_id: str) -> KnowledgeState:
    """Return the tenant's state, locked until the end of the transaction; it is created if it is missing."""
    row: KnowledgeState | None = session.exec(owned(KnowledgeState, tenant_id).with_for_update()).first()
    if row is None:
        row = KnowledgeState(tenant_id=tenant_id)
        session.add(row)
    return row


def increment_revision(session: Transaction, tenant_id: str, *changed: Source) -> KnowledgeState:
    """Increment the revision of the tenant's knowledge in this transaction; return the state.

    `changed` are the sources of which a search finds something else from now on.
    """
    row = lock(session, tenant_id)
    row.revision += 1
    for source in changed:
        source.index_revision = row.revision
    return row
