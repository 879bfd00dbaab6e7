"""Index rebuild: builds both indexes from the stored chunks if one is lost, or the vectors for another embedder."""

from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.jobs import RebuildIndex, RunningJob, enqueue
from platform_app.models.embedding_model import OWN_VERSION, EmbeddingModel, EmbeddingState
from platform_app.models.event import ActivityKind
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Chunk, KnowledgeState, Source
from platform_app.models.person import Tenant
from platform_app.rag import knowledge_state, lexical_files, lexical_updates, tenant_embedders, vector_index
from platform_app.rag.embedders import Embedder, EmbedderRefused, EmbedderSilent
from platform_app.services.feed import activity
from platform_app.services.knowledge import chunk_rows, embedder_change

_KIND = embedder_change.LOCK_KEY
MAX_ATTEMPTS = 6  # without progress, of a change to a tenant's own embedder


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
    """Enqueue the rebuild for tenants whose vectors are not those that they are to have.

    Returns False: there is never more to do at once.
    """
    with session_scope(reason="vectors of another embedder", read_only=True) as session:
        states = unscoped(KnowledgeState).with_only_columns(KnowledgeState.tenant_id, KnowledgeState.embedder)
        versions = session.execute(states.where(KnowledgeState.embedder != "")).all()
        building = unscoped(EmbeddingModel).where(EmbeddingModel.state == EmbeddingState.BUILDING)
        ids = set(session.exec(building.with_only_columns(EmbeddingModel.tenant_id)).all())
    ids |= {tenant_id for tenant_id, version in versions if tenant_embedders.is_outdated(version)}
    for tenant_id in sorted(ids):
        request_rebuild(tenant_id)
    return False


def rebuild_index(job: RunningJob) -> None:
    """Add what is missing in both indexes; repeat if sources change meanwhile.

    If the vectors are of another embedder than the tenant's, the live collection answers until the new one is whole; a
    lost one is answered for by the words alone. A second attempt continues with what is written already. A model that
    the tenant chose and that cannot compute them is given up, and the live collection stays.
    """
    lexical_files.forget_revision(job.tenant_id)
    try:
        while not _build(job, *tenant_embedders.wanted(job.tenant_id)):
            pass
    except (EmbedderRefused, EmbedderSilent) as error:
        if isinstance(error, EmbedderSilent) and job.attempt < MAX_ATTEMPTS:
            raise
        with job.transaction() as session:
            if not embedder_change.fail(session, job.tenant_id, error.sentence):
                raise
    vector_index.clear_others(job.tenant_id, _kept_versions(job.tenant_id))


def _build(job: RunningJob, target: Embedder, building_id: str) -> bool:
    """Write all vectors of an embedder and let them answer; return False if the tenant's choice changed meanwhile."""
    is_own = target.version.startswith(OWN_VERSION)  # never of another size, and not to be paid for twice
    is_known = is_own or job.attempt > 1 or _has_vectors(job.tenant_id, target)
    if not is_known:
        vector_index.clear(job.tenant_id, target.version)
    while True:
        seen = _catch_up(job.tenant_id)
        if not _write_all(job, target, building_id, skip_known=is_known):
            return False
        is_known = True
        _drop_stale(job.tenant_id, target.version)
        outcome = _switch_embedder(job, target.version, building_id, seen=seen)
        if outcome is not None:
            return outcome


def _write_all(job: RunningJob, target: Embedder, building_id: str, *, skip_known: bool) -> bool:
    """Write the vectors of all sources; return False if the model that is building is given up meanwhile."""
    sources, done = _indexed_sources(job.tenant_id), 0
    total = sum(source.chunk_count for source in sources)
    for source in sources:
        for rows in chunk_rows.distinct_chunks(source, source.generation):
            vector_index.put(job.tenant_id, source.id, rows, embedder=target, skip_known=skip_known)
            done += len(rows)
            if building_id and not _record_progress(job, building_id, done, total):
                return False
    return not building_id or _record_progress(job, building_id, done, total)


def _record_progress(job: RunningJob, building_id: str, done: int, total: int) -> bool:
    with job.transaction() as session:
        query = owned(EmbeddingModel, job.tenant_id).where(
            EmbeddingModel.id == building_id, EmbeddingModel.state == EmbeddingState.BUILDING
        )
        row: EmbeddingModel | None = session.exec(query).first()
        if row is None:
            return False
        if (done, total) != (row.done, row.total):
            row.done, row.total = done, total
            job.record_progress(session)
            embedder_change.publish_change(session, job.tenant_id)
    return True


def _switch_embedder(job: RunningJob, version: str, building_id: str, *, seen: int) -> bool | None:
    """Make an embedder's vectors those that answer, unless the knowledge has changed since revision `seen`.

    Returns None if it has changed, and False if the tenant's choice has.
    """
    with job.transaction() as session:
        state = knowledge_state.lock(session, job.tenant_id)
        if state.revision != seen:
            return None
        row = tenant_embedders.chosen(session, job.tenant_id)
        if (row.id if row is not None and row.state == EmbeddingState.BUILDING else "") != building_id:
            return False
        if state.embedder not in ("", version):
            state.word_share = None  # it was measured with other vectors
        state.embedder = version
        if row is not None and building_id:
            embedder_change.make_live(session, row)
        return True


def _drop_stale(tenant_id: str, version: str) -> None:
    """Delete the vectors of chunks that are not stored any more: of sources deleted or indexed again meanwhile."""
    for ids in vector_index.stored_ids(tenant_id, version):
        with session_scope(tenant_id, read_only=True) as session:
            query = owned(Chunk, tenant_id).where(col(Chunk.id).in_(ids)).with_only_columns(Chunk.id)
            stale = set(ids) - set(session.exec(query).all())
        if stale:
            vector_index.drop(tenant_id, sorted(stale), version=version)


def _kept_versions(tenant_id: str) -> set[str]:
    """Return the versions of vectors that answer, or that a change may go on with."""
    with session_scope(tenant_id, read_only=True) as session:
        rows = session.exec(owned(EmbeddingModel, tenant_id)).all()
        return {knowledge_state.live_version(session, tenant_id), *(row.own_version for row in rows)} - {""}


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
    embedder_change.fail(session, tenant_id, sentence)
    link, reason = f"/jobs?kind={_KIND}", sentence.format_map(values)
    told = "The vector index wasn’t rebuilt: {reason} Until then, only keyword search works."
    activity.record(session, tenant_id, ActivityKind.FAILURE, told, link=link, reason=reason)


def on_retry(session: Transaction, tenant_id: str, payload: RebuildIndex) -> None:
    """Do nothing: the job rebuilds the index whatever its state."""
