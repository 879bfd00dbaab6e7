"""Terms: what a text is looked up by: stems of its words, and the four-letter grams within them."""

from functools import lru_cache

from platform_app.stems import stems, words

__all__ = ["grams", "stems", "terms", "words"]


@lru_cache(maxsize=100_000)
def grams(word: str) -> tuple[str, ...]:
    """Return the four-letter grams of a word, its ends marked."""
    marked = f"_{word}_"
    return tuple("#" + marked[i : i + 4] for i in range(max(1, len(marked) - 3)))


def terms(text: str) -> list[str]:
    """Return stems and grams, the terms of the lexical index."""
    return [*stems(text), *(gram for word in words(text) for gram in grams(word))]
