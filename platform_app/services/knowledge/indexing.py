"""Indexing: the jobs that parse, chunk and index a source, or remove it."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, session_scope
from platform_app.errors import Invalid, NotFound
from platform_app.files import tenant_files
from platform_app.jobs import RunningJob
from platform_app.models.event import ActivityKind
from platform_app.models.knowledge import Chunk, Source, SourceKind, SourceState, Visibility
from platform_app.rag import knowledge_state, lexical_updates, tenant_embedders, vector_index
from platform_app.rag.chunking import Piece, chunk_id
from platform_app.rag.embedders import Embedder, EmbedderRefused
from platform_app.rag.parsing import reading
from platform_app.services.bin import bin_entries
from platform_app.services.feed import activity
from platform_app.services.knowledge import chunk_rows, index_rebuild, source_replacement
from platform_app.services.knowledge.source_replacement import UNDO_SECONDS


def _source(job: RunningJob) -> Source | None:
    with session_scope(job.tenant_id, read_only=True) as session:
        source: Source | None = session.exec(
            owned(Source, job.tenant_id).where(Source.id == job.payload.source_id)
        ).first()
        return source


def _set_progress(job: RunningJob, state: SourceState, progress: int) -> None:
    with job.transaction() as session:
        source = session.exec(owned(Source, job.tenant_id).where(Source.id == job.payload.source_id)).one()
        if progress > source.progress:
            job.record_progress(session)
        source.state, source.progress = state, progress
        session.after_commit.append(lambda: notifier.publish(job.tenant_id, "source", source.id))


def index_source(job: RunningJob) -> None:
    """Parse a source, store its chunks and index them; after a crash it continues where it stopped.

    A source whose file cannot be parsed, is missing or damaged, or whose vectors are refused, is marked as failed.
    Raises Unavailable if the vector index or the file storage is down, and IndexLost after requesting a rebuild if the
    collection is missing; the ledger retries the job.
    """
    source = _source(job)
    if source is None or source.deleted_at is not None:
        return
    generation, count = source.generation + 1, source.next_chunks
    is_resumed = count > 0
    if not is_resumed:
        _set_progress(job, SourceState.READING, 5)
        try:
            with (
                tenant_files.local_copy(job.tenant_id, source.stored_as, source.sha256) as path,
                reading(path, source.file_name) as document,
            ):
                count = _write_chunks(job, source, document.pieces, generation)
                _record_chunks(job, source, count, document.remarks)
        except (Invalid, NotFound) as error:
            _fail(job, source, error.sentence)
            return
    _set_progress(job, SourceState.INDEXING, 30)
    while True:
        embedder, _ = tenant_embedders.live(job.tenant_id)
        try:
            _write_vectors(job, source, (generation, count), embedder=embedder, skip_known=is_resumed)
        except EmbedderRefused as error:
            _fail(job, source, error.sentence)
            return
        with session_scope(job.tenant_id, read_only=True) as session:
            lexical_updates.write_source(session, source, generation)
        if _activate(job, source, (generation, count), version=embedder.version):
            return


def _write_vectors(
    job: RunningJob, source: Source, written: tuple[int, int], *, embedder: Embedder, skip_known: bool
) -> None:
    """Write the vectors of a generation, given as its number and its count of chunks."""
    generation, count = written
    is_first, done = not _has_chunks(job.tenant_id), 0
    for rows in chunk_rows.distinct_chunks(source, generation):
        try:
            vector_index.put(job.tenant_id, source.id, rows, embedder=embedder, make=is_first, skip_known=skip_known)
        except vector_index.IndexLost:
            index_rebuild.request_rebuild(job.tenant_id)
            raise
        done += chunk_rows.BATCH_SIZE
        _set_progress(job, SourceState.INDEXING, 40 + round(55 * min(done, count) / count))


def _has_chunks(tenant_id: str) -> bool:
    """Return whether the tenant has an indexed source, so that a collection must exist."""
    with session_scope(tenant_id, read_only=True) as session:
        ready = owned(Source, tenant_id).where(Source.chunk_count > 0, Source.generation > 0)
        return session.exec(ready.limit(1)).first() is not None


def _write_chunks(job: RunningJob, source: Source, pieces: Iterator[Piece], generation: int) -> int:
    """Store the chunks of a new generation in batches; return their number.

    Raises Invalid if there is no text.
    """
    with job.transaction() as session:
        session.execute(
            owned_delete(Chunk, job.tenant_id).where(
                col(Chunk.source_id) == source.id,
                col(Chunk.generation) == generation,
            )
        )
    number = 0
    while part := list(islice(pieces, chunk_rows.BATCH_SIZE)):
        with job.transaction() as session:
            session.add_all(
                Chunk(
                    id=chunk_id(source.id, generation, number + place),
                    tenant_id=job.tenant_id,
                    source_id=source.id,
                    generation=generation,
                    number=number + place,
                    heading=piece.heading,
                    text=piece.text,
                )
                for place, piece in enumerate(part)
            )
        number += len(part)
    if number == 0:
        raise Invalid("The file has no text.")
    return number


def _record_chunks(job: RunningJob, source: Source, count: int, remarks: list[dict[str, Any]]) -> None:
    """Store that all chunks are written, so that another attempt continues from here."""
    with job.transaction() as session:
        row = session.exec(owned(Source, job.tenant_id).where(Source.id == source.id)).one()
        if row.stored_as == source.stored_as:
            row.next_chunks, row.remarks = count, remarks


class _EmbedderChangedError(Exception):
    """Meanwhile the vectors of another embedder became those that answer."""


def _activate(job: RunningJob, source: Source, written: tuple[int, int], *, version: str) -> bool:
    """Make the new generation the one that is searched, in the transaction that finishes the job.

    Returns False, and changes nothing, if its vectors are not of the embedder that answers by now.
    """
    try:
        old_ids = _switch_generation(job, source, written, version=version)
    except _EmbedderChangedError:
        return False
    _catch_up(job.tenant_id)
    if old_ids:
        vector_index.drop(job.tenant_id, old_ids, version=version)
    return True


def _catch_up(tenant_id: str) -> None:
    """Bring the lexical index up to date, so that no search has to."""
    with session_scope(tenant_id, read_only=True) as session:
        lexical_updates.catch_up(session, tenant_id, is_job=True)


def _switch_generation(job: RunningJob, source: Source, written: tuple[int, int], *, version: str) -> list[str]:
    """Return the ids of the chunks that are searched no more."""
    generation, count = written
    with job.finish() as session:
        row = session.exec(owned(Source, job.tenant_id).where(Source.id == source.id).with_for_update()).one()
        if row.stored_as != source.stored_as:  # replaced meanwhile: another job indexes the new file
            return []
        state = knowledge_state.increment_revision(session, job.tenant_id, row)
        if state.embedder not in ("", version):
            raise _EmbedderChangedError
        state.embedder = version
        stale = (Chunk.source_id == source.id, Chunk.generation != generation)
        query = owned(Chunk, job.tenant_id).where(*stale).with_only_columns(Chunk.id)
        old_ids = list(session.exec(query).all())
        # comparisons of model fields are annotated as bool
        session.execute(owned_delete(Chunk, job.tenant_id).where(*stale))  # type: ignore[arg-type]
        row.state, row.progress, row.error = SourceState.READY, 100, ""
        row.generation, row.chunk_count, row.next_chunks = generation, count, 0
        if row.visibility == Visibility.PENDING:
            row.visibility = Visibility.VISIBLE
        if row.replaces and row.deleted_at is None:
            source_replacement.retire(session, job.tenant_id, row.replaces, by=row.created_by)
            row.replaces = None
        if row.kind != SourceKind.WEB:  # the pages of a site are told of together
            _record(session, row, ActivityKind.KNOWLEDGE, "Source “{title}” indexed")
        session.after_commit.append(lambda: notifier.publish(job.tenant_id, "source", source.id))
    return old_ids


def _record(session: Transaction, source: Source, kind: ActivityKind, sentence: str) -> None:
    link = f"/knowledge/{source.id}"
    activity.record(session, source.tenant_id, kind, sentence, link=link, title=source.title)


def _fail(job: RunningJob, source: Source, sentence: str) -> None:
    with job.finish() as session:
        row = session.exec(owned(Source, job.tenant_id).where(Source.id == source.id)).one()
        if row.stored_as != source.stored_as:
            return
        row.state, row.error, row.progress, row.remarks = SourceState.FAILED, sentence, 0, []
        _record(session, row, ActivityKind.FAILURE, "Source “{title}” couldn’t be read")
        session.after_commit.append(lambda: notifier.publish(job.tenant_id, "source", source.id))


def remove_source(job: RunningJob) -> None:
    """Delete the vectors and chunks of a deleted source, and its file and row if it is not in the bin."""
    source = _source(job)
    if source is None or source.deleted_at is None:
        return
    with session_scope(job.tenant_id, read_only=True) as session:
        is_in_bin = bin_entries.find(session, source) is not None
        chunks = owned(Chunk, job.tenant_id).where(Chunk.source_id == source.id)
        ids = list(session.exec(chunks.with_only_columns(Chunk.id)).all())
    if is_in_bin and source.deleted_at > now() - timedelta(seconds=UNDO_SECONDS):
        return  # restored and deleted again, which has another job
    _catch_up(job.tenant_id)
    if ids:
        vector_index.drop(job.tenant_id, ids, version=tenant_embedders.live(job.tenant_id)[0].version)
    with job.finish() as session:
        row = session.exec(owned(Source, job.tenant_id).where(Source.id == source.id).with_for_update()).one()
        if row.deleted_at is None:  # restored while its vectors were deleted
            source_replacement.index_again(session, row)
            return
        session.execute(owned_delete(Chunk, job.tenant_id).where(col(Chunk.source_id) == source.id))
        row.chunk_count = row.next_chunks = 0
        if bin_entries.find(session, row) is None:
            session.delete(row)
            if source.stored_as:
                session.after_commit.append(partial(tenant_files.discard, job.tenant_id, source.stored_as))
