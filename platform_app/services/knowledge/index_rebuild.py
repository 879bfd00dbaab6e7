"""Index rebuild: builds the vector index from the stored chunks if it is lost, or for another embedder."""

from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.jobs import RebuildIndex, RunningJob, enqueue
from platform_app.models.event import ActivityKind
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import KnowledgeState, Source, SourceState
from platform_app.models.person import Tenant
from platform_app.rag import embedders, knowledge_state, vector_index
from platform_app.services.feed import activity
from platform_app.services.knowledge import chunk_rows

_KIND = RebuildIndex().kind


def request_rebuild(tenant_id: str) -> None:
    """Enqueue the rebuild of a tenant's index, unless it is queued or running."""
    with session_scope(tenant_id) as session:
        open_states = (JobState.QUEUED, JobState.RUNNING)
        waiting = owned(Job, tenant_id).where(Job.kind == _KIND, col(Job.state).in_(open_states))
        if session.exec(waiting.limit(1)).first() is None:
            enqueue(session, tenant_id, RebuildIndex(), lock_key=_KIND)


def request_all_rebuilds() -> int:
    """Enqueue the rebuild of every tenant's index; return the number of tenants."""
    with session_scope(reason="rebuilding every index", read_only=True) as session:
        ids = list(session.exec(unscoped(Tenant).with_only_columns(Tenant.id)).all())
    for tenant_id in ids:
        request_rebuild(tenant_id)
    return len(ids)


def request_outdated() -> bool:
    """Enqueue the rebuild for tenants whose vectors are of another embedder than the configured one.

    Returns False: there is never more to do at once.
    """
    version = embedders.configured().version
    with session_scope(reason="vectors of another embedder", read_only=True) as session:
        other = unscoped(KnowledgeState).where(col(KnowledgeState.embedder).not_in(("", version)))
        ids = list(session.exec(other.with_only_columns(KnowledgeState.tenant_id)).all())
    for tenant_id in ids:
        request_rebuild(tenant_id)
    return False


def rebuild_index(job: RunningJob) -> None:
    """Write the vectors of all ready sources into a new collection; repeat if sources change meanwhile.

    If it is of another embedder, the live collection answers until the new one is whole; a lost one is answered for by
    the words alone. A second attempt continues with what is written already.
    """
    target = embedders.configured()
    if job.attempt == 1:
        vector_index.clear(job.tenant_id, target.version)
    is_known, seen = job.attempt > 1, -1
    while True:
        seen = _revision(job.tenant_id)
        for source in _ready_sources(job.tenant_id):
            for rows in chunk_rows.distinct_chunks(source, source.generation):
                vector_index.put(job.tenant_id, source.id, rows, embedder=target, skip_known=is_known)
        is_known = True
        before = _switch_embedder(job.tenant_id, target.version, seen)
        if before is not None:
            break
    if before not in ("", target.version):
        vector_index.clear(job.tenant_id, before)


def _switch_embedder(tenant_id: str, version: str, seen: int) -> str | None:
    """Make an embedder's vectors those that answer, unless the knowledge has changed since revision `seen`.

    Returns the version before, or None if it has changed.
    """
    with session_scope(tenant_id) as session:
        state = knowledge_state.lock(session, tenant_id)
        if state.revision != seen:
            return None
        before, state.embedder = state.embedder, version
        return before


def _revision(tenant_id: str) -> int:
    with session_scope(tenant_id, read_only=True) as session:
        return knowledge_state.revision(session, tenant_id)


def _ready_sources(tenant_id: str) -> list[Source]:
    """Return the ready sources, with recently deleted ones that may still be restored."""
    with session_scope(tenant_id, read_only=True) as session:
        query = owned(Source, tenant_id).where(Source.state == SourceState.READY)
        return list(session.exec(query.order_by(Source.id)).all())


def on_failure(
    session: Transaction, tenant_id: str, payload: RebuildIndex, *, state: JobState, sentence: str, values: Any
) -> None:
    """Record an activity that the index was not rebuilt; the job can be retried, and searches request it again."""
    link, reason = f"/jobs?kind={_KIND}", sentence.format_map(values)
    told = "The vector index wasn’t rebuilt: {reason} Until then, only keyword search works."
    activity.record(session, tenant_id, ActivityKind.FAILURE, told, link=link, reason=reason)


def on_retry(session: Transaction, tenant_id: str, payload: RebuildIndex) -> None:
    """Do nothing: the job rebuilds the index whatever its state."""
