"""Indexing: what the worker does with a source: read, cut, index; or take it away."""

from datetime import timedelta

from platform_app import bell
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import owned, owned_delete, session_scope
from platform_app.errors import Invalid
from platform_app.jobs import RunningJob
from platform_app.models.event import ActivityKind
from platform_app.models.knowledge import Chunk, Source, SourceState
from platform_app.rag import lexical, vectors
from platform_app.rag.chunk import Piece, chunk_id, cut, indexed_text
from platform_app.rag.parse import parse
from platform_app.services import activity, rebuilding

UNDO_SECONDS = 60  # for so long a deleted source can be brought back
VECTOR_STEP = 200  # chunks between two notes of progress


def _source(job: RunningJob) -> Source | None:
    with session_scope(job.tenant_id, reading=True) as session:
        found: Source | None = session.exec(
            owned(Source, job.tenant_id).where(Source.id == job.payload.source_id)
        ).first()
        return found


def _note(job: RunningJob, state: SourceState, progress: int) -> None:
    with session_scope(job.tenant_id) as session:
        source = session.exec(owned(Source, job.tenant_id).where(Source.id == job.payload.source_id)).one()
        source.state, source.progress = state, progress
        session.after_commit.append(lambda: bell.announce(job.tenant_id, "source", source.id))


def index_source(job: RunningJob) -> None:
    """Read an uploaded source, cut it and index it in both legs. Doing it again after a crash changes nothing.

    Raises Unavailable while the vector index is away: the ledger tries again.
    """
    source = _source(job)
    if source is None or source.deleted_at is not None:
        return
    _note(job, SourceState.READING, 5)
    try:
        pieces = cut(parse(settings().uploads / source.stored_as, source.file_name))
        if not pieces:
            raise Invalid("There is no text in the file.")
    except Invalid as error:
        _fail(job, source, error.sentence)
        return
    generation = source.generation + 1
    _note(job, SourceState.INDEXING, 30)
    ids = _write_chunks(job, source, pieces, generation)
    rows = [(i, indexed_text(source.title, p.heading, p.text)) for i, p in zip(ids, pieces, strict=True)]
    is_first = not _has_chunks(job.tenant_id)
    for start in range(0, len(rows), VECTOR_STEP):
        try:
            vectors.put(job.tenant_id, source.id, rows[start : start + VECTOR_STEP], make=is_first)
        except vectors.IndexLost:
            rebuilding.request(job.tenant_id)
            raise
        _note(job, SourceState.INDEXING, 40 + round(55 * min(start + VECTOR_STEP, len(rows)) / len(rows)))
    _switch(job, source, generation, len(pieces))


def _has_chunks(tenant_id: str) -> bool:
    """Tell whether a source answers already: then there has to be a collection."""
    with session_scope(tenant_id, reading=True) as session:
        ready = owned(Source, tenant_id).where(Source.chunk_count > 0, Source.generation > 0)
        return session.exec(ready.limit(1)).first() is not None


def _write_chunks(job: RunningJob, source: Source, pieces: list[Piece], generation: int) -> list[str]:
    """Write the chunks of a generation that nobody finds yet; return their ids, the same at every attempt."""
    ids = [chunk_id(source.id, generation, number) for number in range(len(pieces))]
    with session_scope(job.tenant_id) as session:
        session.execute(
            owned_delete(Chunk, job.tenant_id).where(
                Chunk.source_id == source.id,  # type: ignore[arg-type]
                Chunk.generation == generation,  # type: ignore[arg-type]
            )
        )
        session.add_all(
            Chunk(
                id=key,
                tenant_id=job.tenant_id,
                source_id=source.id,
                generation=generation,
                number=number,
                heading=piece.heading,
                text=piece.text,
            )
            for number, (key, piece) in enumerate(zip(ids, pieces, strict=True))
        )
    return ids


def _switch(job: RunningJob, source: Source, generation: int, count: int) -> None:
    """Let the new generation answer, together with the job's end."""
    with job.finish() as session:
        row = session.exec(owned(Source, job.tenant_id).where(Source.id == source.id).with_for_update()).one()
        old = session.exec(
            owned(Chunk, job.tenant_id).where(Chunk.source_id == source.id, Chunk.generation != generation)
        ).all()
        old_ids = [chunk.id for chunk in old]
        for chunk in old:
            session.delete(chunk)
        row.state, row.progress, row.error = SourceState.READY, 100, ""
        row.generation, row.chunk_count = generation, count
        lexical.bump(session, job.tenant_id)
        activity.record(
            session,
            job.tenant_id,
            ActivityKind.KNOWLEDGE,
            "Source “{title}” indexed",
            link=f"/knowledge/{source.id}",
            title=source.title,
        )
        session.after_commit.append(lambda: bell.announce(job.tenant_id, "source", source.id))
    if old_ids:
        vectors.drop(job.tenant_id, old_ids)


def _fail(job: RunningJob, source: Source, sentence: str) -> None:
    with job.finish() as session:
        row = session.exec(owned(Source, job.tenant_id).where(Source.id == source.id)).one()
        row.state, row.error, row.progress = SourceState.FAILED, sentence, 0
        activity.record(
            session,
            job.tenant_id,
            ActivityKind.FAILURE,
            "Source “{title}” could not be read",
            link=f"/knowledge/{source.id}",
            title=source.title,
        )
        session.after_commit.append(lambda: bell.announce(job.tenant_id, "source", source.id))


def _undo(source: Source) -> timedelta:
    """Return for how long a deleted source can be brought back; what the demo brought goes at once."""
    return timedelta(seconds=0 if source.is_demo else UNDO_SECONDS)


def remove_source(job: RunningJob) -> None:
    """Take a deleted source's vectors, chunks and file away; a source brought back meanwhile stays."""
    source = _source(job)
    if source is None or source.deleted_at is None or source.deleted_at > now() - _undo(source):
        return  # brought back, or deleted again: that has a job of its own
    with session_scope(job.tenant_id, reading=True) as session:
        ids = list(
            session.exec(
                owned(Chunk, job.tenant_id).where(Chunk.source_id == source.id).with_only_columns(Chunk.id)
            ).all()
        )
    if ids:
        vectors.drop(job.tenant_id, ids)
    with job.finish() as session:
        row = session.exec(owned(Source, job.tenant_id).where(Source.id == source.id)).one()
        if row.deleted_at is not None:
            session.execute(owned_delete(Chunk, job.tenant_id).where(Chunk.source_id == source.id))  # type: ignore[arg-type]
            session.delete(row)
            path = settings().uploads / source.stored_as
            session.after_commit.append(lambda: path.unlink(missing_ok=True))
