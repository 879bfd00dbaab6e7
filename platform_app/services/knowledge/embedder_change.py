"""Embedder change: how a tenant's change to another embedding model ends, while the vectors of before answer."""

from functools import partial

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.jobs import RebuildIndex
from platform_app.models.embedding_model import EmbeddingModel, EmbeddingState
from platform_app.models.event import ActivityKind
from platform_app.services.feed import activity

PAGE = "/knowledge/search"
TOPIC = "embedding"  # of the notifications to open pages
LOCK_KEY = RebuildIndex().kind  # under which indexes of a tenant are built one after another


def in_state(session: Transaction, tenant_id: str, state: EmbeddingState) -> EmbeddingModel | None:
    """Return the tenant's model in a state, locked until the end of the transaction; None if there is none."""
    query = owned(EmbeddingModel, tenant_id).where(EmbeddingModel.state == state)
    row: EmbeddingModel | None = session.exec(query.with_for_update()).first()
    return row


def make_live(session: Transaction, row: EmbeddingModel) -> None:
    """Let the vectors of a model answer in place of those of before; to be called with the knowledge state locked."""
    live = in_state(session, row.tenant_id, EmbeddingState.LIVE)
    if live is not None:
        session.delete(live)
        session.flush()
    told = "Agents search with vectors of “{model}”" if row.provider_id else "Agents search as the installation does"
    activity.record(session, row.tenant_id, ActivityKind.KNOWLEDGE, told, link=PAGE, model=row.model)
    if row.provider_id:
        row.state, row.done, row.problem, row.ended_at = EmbeddingState.LIVE, row.total, "", now()
    else:
        session.delete(row)
    publish_change(session, row.tenant_id)


def fail(session: Transaction, tenant_id: str, problem: str) -> bool:
    """End the change that runs, and return whether there is one; the vectors of before go on to answer.

    `problem` is a message id.
    """
    row = in_state(session, tenant_id, EmbeddingState.BUILDING)
    if row is None:
        return False
    row.state, row.problem, row.ended_at = EmbeddingState.FAILED, problem[:500], now()
    told = "The change of the embedding model failed: {reason} The vectors of before answer."
    activity.record(session, tenant_id, ActivityKind.FAILURE, told, link=PAGE, reason=problem)
    publish_change(session, tenant_id)
    return True


def publish_change(session: Transaction, tenant_id: str) -> None:
    """Notify open pages after the commit."""
    session.after_commit.append(partial(notifier.publish, tenant_id, TOPIC, ""))
