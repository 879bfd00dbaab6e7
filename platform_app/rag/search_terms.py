"""Search terms: the terms of the lexical index: stems of words, and four-letter grams within them."""

from platform_app.text.courtesy_phrases import LIGHT
from platform_app.text.stemming import grams, stems, words

__all__ = ["grams", "stems", "terms", "weighted_terms", "words"]
STEM_WEIGHT = 3.0  # of a stem against one gram: a word has several grams
LIGHT_SHARE = 0.2  # what words that only ask ("how much", "tell me") keep of their weight


def terms(text: str) -> list[str]:
    """Return the stems and grams of a text."""
    return [*stems(text), *(gram for word in words(text) for gram in grams(word))]


def weighted_terms(text: str) -> list[tuple[str, float]]:
    """Return the terms of a question with their weights."""
    weighted: list[tuple[str, float]] = []
    for word, stem in zip(words(text), stems(text), strict=True):
        share = LIGHT_SHARE if stem in LIGHT else 1.0
        weighted.append((stem, STEM_WEIGHT * share))
        weighted += [(gram, share) for gram in grams(word)]
    return weighted
