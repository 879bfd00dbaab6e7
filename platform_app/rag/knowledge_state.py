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


def word_share(session: Transaction, tenant_id: str) -> float | None:
    """Return the share of the words in a mixed score that was chosen for a tenant; None: that of its embedder."""
    row = session.exec(owned(KnowledgeState, tenant_id)).first()
    return row.word_share if row else None


def lock(session: Transaction, tenant_id: str) -> KnowledgeState:
    """Return the tenant's state, locked until the end of the transaction; it is created if it is missing."""
    row: KnowledgeState | None = session.exec(owned(KnowledgeState, tenant_id).with_for_update()).first()
    if row is None:
        row = KnowledgeState(tenant_id=tenant_id)
        session.add(row)
    return row


def web_requests(session: Transaction, tenant_id: str, day: str) -> int:
    """Return how many requests for web pages were made for a tenant on a day, such as 2026-12-01."""
    row = session.exec(owned(KnowledgeState, tenant_id)).first()
    return row.web_requests if row and row.web_day == day else 0


def add_web_requests(session: Transaction, tenant_id: str, day: str, count: int) -> None:
    """Count requests for web pages on a day; those of former days are forgotten."""
    row = lock(session, tenant_id)
    if row.web_day != day:
        row.web_day, row.web_requests = day, 0
    row.web_requests += count


def increment_revision(session: Transaction, tenant_id: str, *changed: Source) -> KnowledgeState:
    """Increment the revision of the tenant's knowledge in this transaction; return the state.

    `changed` are the sources of which a search finds something else from now on.
    """
    row = lock(session, tenant_id)
    row.revision += 1
    for source in changed:
        source.index_revision = row.revision
    return row
