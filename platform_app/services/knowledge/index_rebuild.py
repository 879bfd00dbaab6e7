"""Index rebuild: builds both indexes from the stored chunks if one is lost, or the vectors for another embedder."""

from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.jobs import RebuildIndex, RunningJob, enqueue
from platform_app.models.event import ActivityKind
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import KnowledgeState, Source
from platform_app.models.person import Tenant
from platform_app.rag import embedders, knowledge_state, lexical_files, lexical_updates, vector_index
from platform_app.rag.embedders import Embedder
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
    """Add what is missing in both indexes; repeat if sources change meanwhile.

    If the vectors are of another embedder, the live collection answers until the new one is whole; a lost one is
    answered for by the words alone. A second attempt continues with what is written already.
    """
    target = embedders.configured()
    is_known = job.attempt > 1 or _has_vectors(job.tenant_id, target)
    if not is_known:
        vector_index.clear(job.tenant_id, target.version)
    lexical_files.forget_revision(job.tenant_id)
    while True:
        seen = _catch_up(job.tenant_id)
        for source in _indexed_sources(job.tenant_id):
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


def _has_vectors(tenant_id: str, embedder: Embedder) -> bool:
    """Return whether the vectors of an embedder answer, and are there. Raises Unavailable if the server is down."""
    with session_scope(tenant_id, read_only=True) as session:
        if knowledge_state.live_version(session, tenant_id) != embedder.version:
            return False
    try:
        vector_index.search(tenant_id, "?", 1, embedder=embedder)
    except vector_index.IndexLost:
        return False
    return True


def _catch_up(tenant_id: str) -> int:
    """Bring the lexical index up to date; return its revision."""
    with session_scope(tenant_id, read_only=True) as session:
        lexical_updates.catch_up(session, tenant_id, is_job=True)
        return knowledge_state.revision(session, tenant_id)


def _indexed_sources(tenant_id: str) -> list[Source]:
    """Return the sources with chunks, with those that are hidden or recently deleted: they may be restored."""
    with session_scope(tenant_id, read_only=True) as session:
        query = owned(Source, tenant_id).where(col(Source.generation) > 0)
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
