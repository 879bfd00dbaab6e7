"""Lexical index: BM25 over stems and four-letter grams of a tenant's chunks, on disk, one for all processes."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import tantivy

from platform_app.rag import lexical_files
from platform_app.rag.search_terms import weighted_terms

_MOST_OF_A_TERM = 2.2  # what the engine's formula gives a term at most, in units of its weight
_DAMPING, _LENGTH_SHARE = 1.2, 0.75  # k1 and b of the engine's formula
Weights = dict[str, float]


@dataclass(frozen=True)
class Matches:
    """Chunks with their BM25 scores, best first, and the best possible score of the question."""

    scores: dict[str, float] = field(default_factory=dict)
    worth: float = 0.0


def search(
    tenant_id: str,
    question: str,
    limit: int,
    *,
    before: Sequence[tuple[str, float]] = (),
    sources: Iterable[str] | None = None,
    without: str = "",
) -> Matches | None:
    """Return the best chunks for a question, or None if there is no index; some may be deleted from the database.

    `before` are texts that the question follows, with weights: the best chunk of one scores its weight times the score
    of the question's best chunk. `sources` None means all; `without` is the id of a source that is left out.
    """
    index = lexical_files.open_to_read(tenant_id)
    if index is None:
        return None
    searcher = index.searcher()
    wanted = _weights(question)
    worth = sum(weight * _rarity(searcher, term) for term, weight in wanted.items())
    query = _query(searcher, _combined(searcher, wanted, before))
    if query is None:
        return Matches(worth=worth)
    if sources is not None:
        inside = tantivy.Query.term_set_query(lexical_files.SCHEMA, "source", list(sources))
        must = tantivy.Query.const_score_query(inside, 0.0)
        query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, must)])
    if without:
        outside = tantivy.Query.term_query(lexical_files.SCHEMA, "source", without, index_option="basic")
        query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.MustNot, outside)])
    hits = searcher.search(query, limit).hits
    return Matches({searcher.doc(place)["chunk"][0]: score / _MOST_OF_A_TERM for score, place in hits}, worth)


def score_texts(
    tenant_id: str,
    question: str,
    texts: Mapping[str, Counter[str]],
    *,
    before: Sequence[tuple[str, float]] = (),
    usual_terms: float,
) -> Matches:
    """Return the scores that texts outside of the index, given as counts of their terms, would have in it.

    A word is as rare as it is in the index; without an index all are equally rare. `usual_terms` is the number of terms
    of an indexed chunk.
    """
    index = lexical_files.open_to_read(tenant_id)
    searcher = index.searcher() if index is not None else None
    wanted = _weights(question)
    weights = _combined(searcher, wanted, before) if searcher is not None else wanted
    rarities = {term: _rarity(searcher, term) for term in weights}
    scores: dict[str, float] = {}
    for key, counts in texts.items():
        length = _DAMPING * (1 - _LENGTH_SHARE + _LENGTH_SHARE * counts.total() / (usual_terms or 1.0))
        parts = ((weights[term] * rarities[term], counts[term]) for term in weights if term in counts)
        if score := sum(worth * count / (count + length) for worth, count in parts):
            scores[key] = score
    return Matches(scores, sum(weight * rarities[term] for term, weight in wanted.items()))


def _combined(searcher: tantivy.Searcher, wanted: Weights, before: Sequence[tuple[str, float]]) -> Weights:
    """Return the weights of a question's terms with those of the texts that it follows."""
    combined = defaultdict(float, wanted)
    if before:
        scale = _best(searcher, wanted) or 1.0
        for text, weight in before:
            earlier = _weights(text)
            if highest := _best(searcher, earlier):
                for term, own in earlier.items():
                    combined[term] += own * weight * scale / highest
    return combined


def _weights(text: str) -> Weights:
    """Return the weight of each term of a text."""
    weights: Weights = defaultdict(float)
    for term, weight in weighted_terms(text):
        weights[term] += weight
    return weights


def _rarity(searcher: tantivy.Searcher | None, term: str) -> float:
    """Return the weight of a term by how few chunks contain it."""
    if searcher is None:
        return math.log(2)
    seen_in = searcher.doc_freq("terms", term)
    return math.log(1 + (max(0, searcher.num_docs - seen_in) + 0.5) / (seen_in + 0.5))


def _query(searcher: tantivy.Searcher, weights: Weights) -> tantivy.Query | None:
    """Return the query for weighted terms, or None if no chunk contains any."""
    schema = lexical_files.SCHEMA
    parts = [
        tantivy.Query.boost_query(tantivy.Query.term_query(schema, "terms", term, index_option="freq"), weight)
        for term, weight in weights.items()
        if searcher.doc_freq("terms", term)
    ]
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, part) for part in parts]) if parts else None


def _best(searcher: tantivy.Searcher, weights: Weights) -> float:
    """Return the score of the best chunk for weighted terms; 0 if there is none."""
    query = _query(searcher, weights)
    hits = searcher.search(query, 1).hits if query is not None else []
    return float(hits[0][0]) if hits else 0.0
