"""Retrieval: the passages of a tenant's knowledge for a question, by lexical and vector search."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Unavailable
from platform_app.models.knowledge import Chunk, Source
from platform_app.rag import lexical_index, vector_index

POOL = 50  # candidates of each search
LEXICAL_SHARE = 0.8  # the hashed vectors see the same letters again, so they count less
LIMIT = 8  # passages that a model is given
FLOOR = 0.02  # share of a question's worth below which a passage has hardly a letter in common: it is not given
SHARE_OF_BEST = 0.2  # ... and of what the best passage holds; right ones hold .3 at least (tests/shop_questions.py)


@dataclass
class Passage:
    """A chunk found for a question."""

    chunk_id: str
    source_id: str
    source_title: str
    heading: str
    text: str
    score: float  # combined, 0 to 1
    lexical_score: float  # share of the question's worth that the words hold
    vector_score: float  # cosine similarity
    rank: int
    used: bool  # in the prompt
    number: int = 0  # by which a reply cites it; 0 if not in the prompt
    cited: bool = False  # cited by the reply

    def as_json(self) -> dict[str, Any]:
        """Return the passage as JSON values."""
        return asdict(self)


@dataclass
class Retrieval:
    """The passages found and considered, and how the search went."""

    passages: list[Passage] = field(default_factory=list)
    considered: list[Passage] = field(default_factory=list)
    degraded: bool = False  # the vector index was down
    lost: bool = False  # the vector index has to be rebuilt
    milliseconds: int = 0


def retrieve(
    tenant_id: str,
    question: str,
    *,
    before: Sequence[tuple[str, float]] = (),
    categories: list[str] | None = None,
    limit: int = LIMIT,
) -> Retrieval:
    """Return the best passages for a question; whether they hold the answer is for the model to decide.

    `before` are earlier texts that the question follows, with weights; `categories` None means all.
    """
    started = time.monotonic()
    result = Retrieval()
    by_vector = _by_vector(tenant_id, question, before, result)
    with session_scope(tenant_id, read_only=True) as session:
        index = lexical_index.index_of(session, tenant_id)
        result.lost &= bool(index.chunk_ids)  # a tenant without knowledge has no collection yet
        result.degraded |= result.lost
        by_word = dict(index.search(question, categories, POOL, before=before))
        allowed = {
            c for c, k in zip(index.chunk_ids, index.categories, strict=True) if categories is None or k in categories
        }
        by_vector = {chunk: score for chunk, score in by_vector.items() if chunk in allowed}
        worth = index.weight(question)
        mixed = _mix(by_word, by_vector)
        best = sorted(mixed, key=lambda chunk: (-mixed[chunk], chunk))[: limit * 2]
        result.considered = _passages(session, tenant_id, best)
    for rank, passage in enumerate(result.considered, 1):
        passage.rank = rank
        passage.score = round(mixed[passage.chunk_id], 4)
        passage.lexical_score = round(min(1.0, by_word.get(passage.chunk_id, 0.0) / worth), 4) if worth else 0.0
        passage.vector_score = round(by_vector.get(passage.chunk_id, 0.0), 4)
    result.passages = _given(result.considered, limit)
    result.milliseconds = round((time.monotonic() - started) * 1000)
    return result


def _given(considered: list[Passage], limit: int) -> list[Passage]:
    """Choose and number the passages for the prompt."""
    floor = max(FLOOR, SHARE_OF_BEST * max((passage.lexical_score for passage in considered), default=0.0))
    relevant = [passage for passage in considered[:limit] if passage.lexical_score >= floor]
    for number, passage in enumerate(relevant, 1):
        passage.used, passage.number = True, number
    return relevant


def _by_vector(
    tenant_id: str, question: str, before: Sequence[tuple[str, float]], result: Retrieval
) -> dict[str, float]:
    """Return the results of the vector index; if it is down or lost, `result` says so."""
    try:
        return dict(vector_index.search(tenant_id, question, POOL, before=before))
    except vector_index.IndexLost:
        result.lost = True
    except Unavailable:
        result.degraded = True
    return {}


def _mix(by_word: dict[str, float], by_vector: dict[str, float]) -> dict[str, float]:
    """Scale the scores of both searches to 0..1 and add them by their shares; one alone is used as is."""
    share = LEXICAL_SHARE if by_vector else 1.0
    mixed: dict[str, float] = {}
    for scores, part in ((by_word, share), (by_vector, 1 - share)):
        low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
        for chunk, score in scores.items():
            level = (score - low) / (high - low) if high > low else 1.0
            mixed[chunk] = mixed.get(chunk, 0.0) + part * level
    return mixed


def _passages(session: Transaction, tenant_id: str, chunk_ids: list[str]) -> list[Passage]:
    query = (
        owned(Chunk, tenant_id)
        .with_only_columns(Chunk, Source.title)
        .join(Source, Source.id == Chunk.source_id)
        .where(Source.tenant_id == tenant_id, col(Chunk.id).in_(chunk_ids))
    )
    rows = {chunk.id: (chunk, title) for chunk, title in session.execute(query).all()}
    return [
        Passage(
            chunk_id=chunk.id,
            source_id=chunk.source_id,
            source_title=title,
            heading=chunk.heading,
            text=chunk.text,
            score=0.0,
            lexical_score=0.0,
            vector_score=0.0,
            rank=0,
            used=False,
        )
        for chunk, title in (rows[i] for i in chunk_ids if i in rows)
    ]
