"""Lexical index: BM25 over a tenant's chunks, in memory, rebuilt when the tenant's knowledge has changed."""

import math
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import bm25s
import numpy as np
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.knowledge import Chunk, Source, SourceState
from platform_app.rag import knowledge_state
from platform_app.rag.chunking import indexed_text
from platform_app.rag.search_terms import terms, weighted_terms

TENANTS = 64  # indexes in memory


@dataclass
class Index:
    """The lexical index of a tenant at one revision of its knowledge."""

    revision: int
    chunk_ids: list[str] = field(default_factory=list)
    source_ids: list[str] = field(default_factory=list)
    categories: list[str | None] = field(default_factory=list)
    tokens: dict[str, list[str]] = field(default_factory=dict)  # by chunk id: a rebuild reads only new chunks
    engine: bm25s.BM25 | None = None
    seen_in: Counter[str] = field(default_factory=Counter)  # number of chunks that contain a term

    def weight(self, question: str) -> float:
        """Return the best possible score for a question: the weight of all its terms."""
        count = max(1, len(self.chunk_ids))
        return sum(
            weight * math.log(1 + (count - n + 0.5) / (n + 0.5))
            for n, weight in ((self.seen_in[term], weight) for term, weight in weighted_terms(question))
        )

    def search(
        self,
        question: str,
        categories: list[str] | None,
        limit: int,
        *,
        before: Sequence[tuple[str, float]] = (),
    ) -> list[tuple[str, float]]:
        """Return chunk ids with their BM25 scores, best first.

        `before` are texts that the question follows, with weights: the best chunk of one scores its weight times the
        score of the question's best chunk.
        """
        if self.engine is None:
            return []
        scores = self._scores(question)
        scale = float(scores.max()) or 1.0
        for text, weight in before:
            earlier = self._scores(text)
            if highest := float(earlier.max()):
                scores = scores + earlier * (weight * scale / highest)
        if categories is not None:
            wanted = set(categories)
            scores = scores * np.array([category in wanted for category in self.categories])
        best = np.argsort(-scores, kind="stable")[:limit]
        return [(self.chunk_ids[i], float(scores[i])) for i in best if scores[i] > 0]

    def _scores(self, text: str) -> "np.ndarray[Any, Any]":
        """Return the BM25 score of every chunk for a text."""
        scores = np.zeros(len(self.chunk_ids))
        by_weight: dict[float, list[str]] = {}
        for term, weight in weighted_terms(text):
            if self.engine is not None and term in self.engine.vocab_dict:
                by_weight.setdefault(weight, []).append(term)
        for weight, weighted in by_weight.items():
            assert self.engine is not None
            scores += weight * np.asarray(self.engine.get_scores(weighted))
        return scores


_indexes: OrderedDict[str, Index] = OrderedDict()
_lock = Lock()
_building: dict[str, Lock] = {}


def index_of(session: Transaction, tenant_id: str) -> Index:
    """Return the tenant's index as of this transaction."""
    current = knowledge_state.revision(session, tenant_id)
    with _lock:
        held = _indexes.get(tenant_id)
        gate = _building.setdefault(tenant_id, Lock())
        if held is not None and held.revision == current:
            _indexes.move_to_end(tenant_id)
            return held
    with gate:
        held = _indexes.get(tenant_id)
        if held is None or held.revision != current:
            held = _build(session, tenant_id, current, held)
            with _lock:
                _indexes[tenant_id] = held
                while len(_indexes) > TENANTS:
                    _indexes.popitem(last=False)
        return held


def _build(session: Transaction, tenant_id: str, current: int, before: Index | None) -> Index:
    query = (
        owned(Chunk, tenant_id)
        .with_only_columns(Chunk.id, Chunk.source_id, Source.category_id, Chunk.heading, Chunk.text, Source.title)
        .join(Source, Source.id == Chunk.source_id)
        .where(
            Source.tenant_id == tenant_id,
            Source.state == SourceState.READY,
            col(Source.deleted_at).is_(None),
            Source.generation == Chunk.generation,
        )
        .order_by(Chunk.id)
    )
    made = Index(current)
    old = before.tokens if before else {}
    places: set[tuple[str, str, str]] = set()  # a repeated text of a source is found once
    for chunk_id, source_id, category, heading, text, title in session.execute(query).all():
        if (source_id, heading, text) in places:
            continue
        places.add((source_id, heading, text))
        made.chunk_ids.append(chunk_id)
        made.source_ids.append(source_id)
        made.categories.append(category)
        key = f"{chunk_id}:{title}"
        made.tokens[key] = old.get(key) or terms(indexed_text(title, heading, text))
    made.seen_in = Counter(term for words in made.tokens.values() for term in set(words))
    if made.chunk_ids:
        made.engine = bm25s.BM25(k1=1.2, b=0.75)
        made.engine.index(list(made.tokens.values()), show_progress=False)
    return made
