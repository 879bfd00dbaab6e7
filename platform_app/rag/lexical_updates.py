"""Lexical updates: writes the chunks of sources into a tenant's lexical index, and brings it up to date.

A change costs what its own sources cost. The database says what is live; the index may hold more for a while.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
import tantivy
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.errors import Unavailable
from platform_app.models.knowledge import Chunk, Source
from platform_app.rag import knowledge_state, lexical_files
from platform_app.rag.chunking import indexed_text
from platform_app.rag.search_terms import terms

log = structlog.get_logger()
AT_ONCE = 2_000  # most chunks that a search adds by itself; more are left to a job
BATCH = 500  # chunks in memory at once


class LexicalIndexIncomplete(Unavailable):
    """The index lacks more chunks than a search adds: a job has to build it."""

    def __init__(self) -> None:
        super().__init__("The lexical index is being rebuilt.")


@dataclass(frozen=True)
class _Change:
    """A source that has changed: whether it is searched, and what the index holds of it."""

    source: Source
    is_live: bool
    is_present: bool  # this generation, whole
    has_others: bool  # chunks of other generations


def write_source(session: Transaction, source: Source, generation: int) -> None:
    """Write the chunks of a generation of a source into the index, before any search is to find them.

    Raises Unavailable if it cannot be written.
    """
    with _writing(), lexical_files.locked(source.tenant_id):
        _rewrite(session, source, generation)


def _rewrite(session: Transaction, source: Source, generation: int) -> None:
    with _writer(lexical_files.open_to_write(source.tenant_id)) as writer:
        writer.delete_documents_by_term("part", _part(source.id, generation))
        _add(session, writer, source, generation)


def catch_up(session: Transaction, tenant_id: str, *, is_job: bool = False) -> None:
    """Bring the index to the revision of this transaction.

    A job adds whatever is missing. A search does not wait for another process that is at it, and raises
    LexicalIndexIncomplete if more than AT_ONCE chunks are missing. Raises Unavailable if it cannot be written.
    """
    current = knowledge_state.revision(session, tenant_id)
    if lexical_files.indexed_revision(tenant_id) >= current:
        return
    with _writing(), lexical_files.locked(tenant_id, wait=is_job) as is_held:
        if is_held:
            _apply_changes(session, tenant_id, current, is_job=is_job)


def _apply_changes(session: Transaction, tenant_id: str, current: int, *, is_job: bool) -> None:
    index = lexical_files.open_to_write(tenant_id)
    done = lexical_files.indexed_revision(tenant_id)
    if done >= current:
        return
    index.reload()
    searcher = index.searcher()
    query = owned(Source, tenant_id).where(Source.index_revision > done).order_by(Source.id)
    changes = [_change(searcher, source) for source in session.exec(query).all()]
    missing = sum(change.source.chunk_count for change in changes if change.is_live and not change.is_present)
    if missing > AT_ONCE and not is_job:
        raise LexicalIndexIncomplete
    if wrong := [change for change in changes if change.has_others or change.is_present != change.is_live]:
        with _writer(index) as writer:
            for change in wrong:
                _apply(session, writer, change)
    lexical_files.store_revision(tenant_id, current)


def _apply(session: Transaction, writer: tantivy.IndexWriter, change: _Change) -> None:
    source = change.source
    if change.is_live and change.is_present:
        writer.delete_documents_by_query(_of_others(source))
        return
    writer.delete_documents_by_term("source", source.id)
    if change.is_live:
        _add(session, writer, source, source.generation)


def _change(searcher: tantivy.Searcher, source: Source) -> _Change:
    of_all = _count(searcher, "source", source.id)
    of_part = _count(searcher, "part", _part(source.id, source.generation)) if of_all else 0
    return _Change(source, source.is_searched, is_present=of_part > 0, has_others=of_all > of_part)


def _count(searcher: tantivy.Searcher, field: str, value: str) -> int:
    """Return the number of chunks with a value; unlike the frequency of a term it does not count deleted ones."""
    query = tantivy.Query.term_query(lexical_files.SCHEMA, field, value, index_option="basic")
    result: Any = searcher.search(query, limit=1, count=True)  # the stubs of the package do not know the count
    return int(result.count)


def _of_others(source: Source) -> tantivy.Query:
    schema = lexical_files.SCHEMA
    own = tantivy.Query.term_query(schema, "source", source.id, index_option="basic")
    live = tantivy.Query.term_query(schema, "part", _part(source.id, source.generation), index_option="basic")
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, own), (tantivy.Occur.MustNot, live)])


def _part(source_id: str, generation: int) -> str:
    return f"{source_id}:{generation}"


def _writer(index: tantivy.Index) -> tantivy.IndexWriter:
    """Return a writer; as a context it stores all of what was written, or nothing after an error."""
    return index.writer(lexical_files.WRITER_BYTES, 1)


@contextmanager
def _writing() -> Iterator[None]:
    """Raise Unavailable for what the engine and the disk raise: a full disk, files without permission."""
    try:
        yield
    except (OSError, ValueError) as error:
        log.warning("the lexical index cannot be written", error=type(error).__name__, detail=str(error)[:300])
        raise Unavailable("The keyword index couldn’t be written. Retrying.") from error


def _add(session: Transaction, writer: tantivy.IndexWriter, source: Source, generation: int) -> None:
    """Add the chunks of a generation; a text that is repeated within the source is found once."""
    part = _part(source.id, generation)
    for chunk_id, text in _distinct_chunks(session, source, generation):
        joined = " ".join(terms(text))
        writer.add_document(tantivy.Document(chunk=[chunk_id], source=[source.id], part=[part], terms=[joined]))


def _distinct_chunks(session: Transaction, source: Source, generation: int) -> Iterator[tuple[str, str]]:
    seen: set[bytes] = set()
    after = -1
    while True:
        query = owned(Chunk, source.tenant_id).where(
            Chunk.source_id == source.id, Chunk.generation == generation, Chunk.number > after
        )
        columns = query.with_only_columns(Chunk.id, Chunk.number, Chunk.heading, Chunk.text)
        rows = session.execute(columns.order_by(col(Chunk.number)).limit(BATCH)).all()
        if not rows:
            return
        after = rows[-1][1]
        for chunk_id, _, heading, body in rows:
            text = indexed_text(source.title, heading, body)
            key = hashlib.blake2b(text.encode(), digest_size=16).digest()
            if key not in seen:
                seen.add(key)
                yield chunk_id, text
