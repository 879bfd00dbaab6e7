"""Changed source: a source that a search is to leave out, with the draft that is to be found in its place."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.errors import Unavailable
from platform_app.models.knowledge import Chunk, Source
from platform_app.rag.chunking import chunk_id, cut, indexed_text
from platform_app.rag.embedders import Embedder
from platform_app.rag.search_terms import terms

SAMPLE = 200  # chunks of which the usual length is measured
USUAL_TERMS = 500  # of a chunk, for a tenant that has none


@dataclass(frozen=True)
class Draft:
    """The chunks of a text that is not stored, with what the searches compare them by."""

    title: str
    category_id: str | None
    chunks: dict[str, Chunk]  # by id; of no session
    terms: dict[str, Counter[str]]
    usual_terms: float  # of the chunks that are stored
    version: str = ""  # of the embedder; empty if it did not answer
    vectors: "np.ndarray[Any, Any] | None" = None  # a row for each chunk

    def similarities(self, question: Sequence[float]) -> dict[str, float]:
        """Return the cosine of each chunk with the vector of a question that the same embedder made."""
        if self.vectors is None:
            return {}
        scores = self.vectors @ np.asarray(question)
        return dict(zip(self.chunks, map(float, scores), strict=True))


@dataclass(frozen=True)
class ChangedSource:
    """A source whose stored chunks a search leaves out; with a draft, that is searched instead."""

    source_id: str
    draft: Draft | None = None

    def draft_within(self, categories: list[str] | None) -> Draft | None:
        """Return the draft if a search in these categories, None means all, reads it."""
        is_read = self.draft is not None and (categories is None or self.draft.category_id in categories)
        return self.draft if is_read else None


def with_text(
    source: Source, embedder: Embedder, *, title: str, text: str, usual_terms: float = USUAL_TERMS
) -> ChangedSource:
    """Return a source with a text that is not stored; it has no vectors if the embedder does not answer.

    Does not need a transaction: the embedder may be another process.
    """
    chunks, counted = dict[str, Chunk](), dict[str, Counter[str]]()
    for number, piece in enumerate(cut(text)):
        key = chunk_id(source.id, 0, number)  # no stored chunk is of generation 0
        chunks[key] = Chunk(
            id=key,
            tenant_id=source.tenant_id,
            source_id=source.id,
            generation=0,
            number=number,
            heading=piece.heading,
            text=piece.text,
        )
        counted[key] = Counter(terms(indexed_text(title, piece.heading, piece.text)))
    draft = Draft(title, source.category_id, chunks, counted, usual_terms)
    return ChangedSource(source.id, _with_vectors(draft, embedder))


def _with_vectors(draft: Draft, embedder: Embedder) -> Draft:
    texts = [indexed_text(draft.title, chunk.heading, chunk.text) for chunk in draft.chunks.values()]
    try:
        vectors = np.asarray(embedder.passages(texts)) if texts else None
    except Unavailable:
        return draft
    return replace(draft, version=embedder.version, vectors=vectors)


def usual_terms(session: Transaction, tenant_id: str) -> float:
    """Return the number of terms that a chunk of a tenant has on average, by which the lexical search weighs length."""
    query = owned(Chunk, tenant_id).with_only_columns(Source.title, Chunk.heading, Chunk.text)
    query = query.join(Source, Source.id == Chunk.source_id).where(Source.tenant_id == tenant_id)
    rows = session.execute(query.order_by(col(Chunk.id)).limit(SAMPLE)).all()
    return sum(len(terms(indexed_text(*row))) for row in rows) / len(rows) if rows else USUAL_TERMS
