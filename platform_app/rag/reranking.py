"""Reranking: puts the passages that a search found into the order of a reranking model."""

from collections.abc import Callable, Sequence

from platform_app.errors import Unavailable
from platform_app.rag.chunking import indexed_text
from platform_app.rag.passages import Passage

Rerank = Callable[[str, Sequence[str]], Sequence[float]]  # scores of texts for a question; raises Unavailable


def reorder(question: str, passages: list[Passage], rerank: Rerank | None) -> tuple[list[Passage], str]:
    """Return the passages in the order of a model, with their new ranks, and "".

    Without a model, or if it does not answer, they keep their order; in the latter case a message id says why.
    """
    if rerank is None or len(passages) < 2:
        return passages, ""
    try:
        scores = rerank(question, [indexed_text(p.source_title, p.heading, p.text) for p in passages])
    except Unavailable as error:
        return passages, error.sentence
    order = sorted(range(len(passages)), key=lambda place: -scores[place])
    reordered = [passages[place] for place in order]
    for rank, passage in enumerate(reordered, 1):
        passage.rank = rank
    return reordered, ""
