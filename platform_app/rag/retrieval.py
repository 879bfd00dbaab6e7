"""Retrieval: the passages of a tenant's knowledge for a question, by lexical and vector search."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec

from sqlmodel import col

from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Unavailable
from platform_app.models.knowledge import Chunk, Source, Visibility
from platform_app.rag import lexical_index, lexical_updates, passages, reranking, tenant_embedders, vector_index
from platform_app.rag.changed_source import ChangedSource, Draft
from platform_app.rag.embedders import Calibration, Embedder
from platform_app.rag.lexical_index import Matches
from platform_app.rag.passages import Passage
from platform_app.rag.reranking import Rerank
from platform_app.rag.search_query import Query
from platform_app.tracing import spans

P = ParamSpec("P")
POOL = 50  # candidates of each search
POOL_OF_ALL = 200  # ... by vector, when passages of other categories are among them
_IS_LIVE = (  # as Source.is_searched
    col(Source.generation) > 0,
    Source.visibility == Visibility.VISIBLE,
    col(Source.deleted_at).is_(None),
)
LIMIT = 8  # chunks that a model is given, neighbours as one passage
FLOOR = 0.02  # share of a question's worth below which a passage has hardly a letter in common: it is not given
SHARE_OF_BEST = 0.2  # ... and of what the best passage holds; right ones hold .3 at least (tests/shop_questions.py)
SHARE_OF_NEAREST = 0.6  # of the nearest passage's similarity, below which a passage is not given for its meaning


@dataclass
class Retrieval:
    """The passages for the prompt, the chunks considered for them, best first, and how the search went."""

    passages: list[Passage] = field(default_factory=list)
    considered: list[Passage] = field(default_factory=list)
    degraded: bool = False  # the vector index was down
    lost: bool = False  # the vector index has to be rebuilt
    outdated: bool = False  # ... for another embedder; meanwhile the old vectors answer
    word_threshold: float = 0.0  # a passage is given if its lexical score reaches this
    vector_threshold: float = 0.0  # ... or its similarity this; over 1: similarity alone is never enough
    word_share: float = 1.0  # of the words in a mixed score
    rerank_problem: str = ""  # why a reranking model did not order the passages, a message id
    milliseconds: int = 0


def _traced(search: Callable[P, Retrieval]) -> Callable[P, Retrieval]:
    """Return a search that has a span of its own."""

    @wraps(search)
    def run(*args: P.args, **kwargs: P.kwargs) -> Retrieval:
        with spans.span("retrieval", attributes={"gen_ai.operation.name": "retrieval"}) as span:
            result = search(*args, **kwargs)
            span.set("platform.retrieval.considered", len(result.considered))
            span.set("platform.retrieval.passages", len(result.passages))
            span.set("platform.retrieval.degraded", result.degraded)
            return result

    return run


@_traced
def retrieve(
    tenant_id: str,
    question: str,
    *,
    before: Sequence[tuple[str, float]] = (),
    categories: list[str] | None = None,
    limit: int = LIMIT,
    changed: ChangedSource | None = None,
    word_share: float | None = None,
    rerank: Rerank | None = None,
) -> Retrieval:
    """Return the best passages for a question; whether they hold the answer is for the model to decide.

    `before` are earlier texts that the question follows, with weights; `categories` None means all; `changed` is a
    source that is searched as if it were deleted or had another text; `word_share` is tried in place of the usual.
    `rerank` orders the passages that both searches found; if it does not answer, they keep their order.
    """
    started, result = time.monotonic(), Retrieval()
    embedder, result.outdated = tenant_embedders.live(tenant_id)
    asked, pool = Query(question, tuple(before)), POOL if categories is None and changed is None else POOL_OF_ALL
    by_vector = _by_vector(tenant_id, asked, result, limit=pool, embedder=embedder)
    draft, without = (changed.draft_within(categories), changed.source_id) if changed else (None, "")
    with session_scope(tenant_id, read_only=True) as session:
        matches = _by_word(session, tenant_id, asked, categories=categories, without=without, result=result)
        live = _live_chunks(session, tenant_id, {*matches.scores, *by_vector}, categories, without=without)
        result.lost = result.lost and has_knowledge(session, tenant_id)  # without knowledge there is no index yet
        result.degraded |= result.lost
        by_word, by_vector = (_only(scores, live) for scores in (matches.scores, by_vector))
        if draft is not None:
            scores = (by_word, {} if result.degraded else by_vector)  # its own vectors would be the only ones
            matches = _add_draft(tenant_id, asked, draft, embedder=embedder, scores=scores)
        held = {chunk: min(1.0, score / matches.worth) for chunk, score in by_word.items()}
        result.word_share = _word_share(embedder.calibration, held, word_share) if by_vector else 1.0
        mixed = _mix(by_word, by_vector, result.word_share)
        result.considered = _passages(session, tenant_id, _best(mixed, limit * 2), draft)
    _fill_scores(result.considered, mixed, held, by_vector)
    result.considered, result.rerank_problem = reranking.reorder(question, result.considered, rerank)
    result.passages = _given(result, limit, embedder.calibration)
    result.milliseconds = round((time.monotonic() - started) * 1000)
    return result


def _best(scores: dict[str, float], count: int) -> list[str]:
    return sorted(scores, key=lambda chunk: (-scores[chunk], chunk))[:count]


def _only(scores: dict[str, float], chunk_ids: set[str]) -> dict[str, float]:
    return {chunk: score for chunk, score in scores.items() if chunk in chunk_ids}


def _word_share(calibration: Calibration, held: dict[str, float], tried: float | None) -> float:
    return calibration.share_of_words(max(held.values(), default=0.0)) if tried is None else tried


def _fill_scores(
    considered: list[Passage], mixed: dict[str, float], held: dict[str, float], by_vector: dict[str, float]
) -> None:
    for rank, passage in enumerate(considered, 1):
        passage.rank = rank
        passage.score = round(mixed[passage.chunk_id], 4)
        passage.lexical_score = round(held.get(passage.chunk_id, 0.0), 4)
        passage.vector_score = round(by_vector.get(passage.chunk_id, 0.0), 4)


def _add_draft(
    tenant_id: str,
    asked: Query,
    draft: Draft,
    *,
    embedder: Embedder,
    scores: tuple[dict[str, float], dict[str, float]],
) -> Matches:
    """Add the chunks of a draft to the scores of both searches; return its own, with the question's best possible."""
    by_word, by_vector = scores
    matches = lexical_index.score_texts(
        tenant_id, asked.text, draft.terms, before=asked.before, usual_terms=draft.usual_terms
    )
    by_word |= matches.scores
    if draft.version == embedder.version:
        with suppress(Unavailable):
            by_vector |= draft.similarities(embedder.question(asked.text, asked.before))
    return matches


def thresholds(considered: list[Passage], calibration: Calibration) -> tuple[float, float]:
    """Return the least lexical score and the least similarity of which one is enough to be given to the model."""
    floor = max(FLOOR, SHARE_OF_BEST * max((passage.lexical_score for passage in considered), default=0.0))
    nearest = max((passage.vector_score for passage in considered), default=0.0)
    return floor, max(calibration.related, SHARE_OF_NEAREST * nearest)


def _given(result: Retrieval, limit: int, calibration: Calibration) -> list[Passage]:
    """Choose the passages for the prompt: chunks with words of the question, and those near in meaning.

    Chunks whose text a better one has are passed over; neighbours of one source are joined.
    """
    result.word_threshold, result.vector_threshold = thresholds(result.considered, calibration)
    relevant = [
        p
        for p in passages.mark_doubles(result.considered)[:limit]
        if p.lexical_score >= result.word_threshold or p.vector_score >= result.vector_threshold
    ]
    return passages.join_neighbours(relevant)


def _by_vector(tenant_id: str, asked: Query, result: Retrieval, *, limit: int, embedder: Embedder) -> dict[str, float]:
    """Return the results of the vector index; if it is down or lost, `result` says so."""
    try:
        return dict(vector_index.search(tenant_id, asked.text, limit, before=asked.before, embedder=embedder))
    except vector_index.IndexLost:
        result.lost = True
    except Unavailable:
        result.degraded = True
    return {}


def _by_word(
    session: Transaction,
    tenant_id: str,
    asked: Query,
    *,
    categories: list[str] | None,
    without: str,
    result: Retrieval,
) -> Matches:
    """Return the results of the lexical index; if it is away or incomplete, `result` says so."""
    try:
        lexical_updates.catch_up(session, tenant_id)
    except lexical_updates.LexicalIndexIncomplete:
        result.lost = True
    except Unavailable:
        result.degraded = True
    sources = None if categories is None else _sources_in(session, tenant_id, categories)
    matches = lexical_index.search(tenant_id, asked.text, POOL, before=asked.before, sources=sources, without=without)
    result.lost |= matches is None
    return matches or Matches()


def _sources_in(session: Transaction, tenant_id: str, categories: list[str]) -> list[str]:
    query = owned(Source, tenant_id).where(col(Source.category_id).in_(categories), *_IS_LIVE)
    return list(session.exec(query.with_only_columns(Source.id)).all())


def _live_chunks(
    session: Transaction, tenant_id: str, chunk_ids: set[str], categories: list[str] | None, *, without: str
) -> set[str]:
    """Return those of some chunks that are searched: of the generation of a source that is neither deleted nor hidden.

    The indexes may know chunks that are not searched any more, or not yet; `without` is a source that is left out.
    """
    query = (
        owned(Chunk, tenant_id)
        .with_only_columns(Chunk.id)
        .join(Source, Source.id == Chunk.source_id)
        .where(Source.tenant_id == tenant_id, col(Chunk.id).in_(chunk_ids), *_IS_LIVE)
        .where(Source.generation == Chunk.generation, Source.id != without)
    )
    if categories is not None:
        query = query.where(col(Source.category_id).in_(categories))
    return set(session.exec(query).all())


def has_knowledge(session: Transaction, tenant_id: str) -> bool:
    """Return whether a tenant has anything that can be searched."""
    query = owned(Source, tenant_id).where(*_IS_LIVE, col(Source.chunk_count) > 0)
    return session.exec(query.limit(1)).first() is not None


def _mix(by_word: dict[str, float], by_vector: dict[str, float], share: float) -> dict[str, float]:
    """Scale the scores of both searches to 0..1 and add them, those of the words with `share`."""
    mixed: dict[str, float] = {}
    for scores, part in ((by_word, share), (by_vector, 1 - share)):
        low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
        for chunk, score in scores.items():
            level = (score - low) / (high - low) if high > low else 1.0
            mixed[chunk] = mixed.get(chunk, 0.0) + part * level
    return mixed


def _passages(session: Transaction, tenant_id: str, chunk_ids: list[str], draft: Draft | None) -> list[Passage]:
    query = (
        owned(Chunk, tenant_id)
        .with_only_columns(Chunk, Source.title, Source.address)
        .join(Source, Source.id == Chunk.source_id)
        .where(Source.tenant_id == tenant_id, col(Chunk.id).in_(chunk_ids))
    )
    rows = {chunk.id: (chunk, title, address) for chunk, title, address in session.execute(query).all()}
    if draft is not None:
        rows |= {chunk.id: (chunk, draft.title, "") for chunk in draft.chunks.values()}
    return [
        Passage(
            chunk_id=chunk.id,
            source_id=chunk.source_id,
            source_title=title,
            source_address=address,
            heading=chunk.heading,
            text=chunk.text,
            score=0.0,
            lexical_score=0.0,
            vector_score=0.0,
            rank=0,
            used=False,
            place=chunk.number,
        )
        for chunk, title, address in (rows[i] for i in chunk_ids if i in rows)
    ]
