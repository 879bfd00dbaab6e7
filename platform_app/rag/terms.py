"""Terms: what a text is looked up by: stems of its words, and the four-letter grams within them."""

from platform_app.stems import grams, stems, words

__all__ = ["grams", "stems", "terms", "words"]


def terms(text: str) -> list[str]:
    """Return stems and grams, the terms of the lexical index."""
    return [*stems(text), *(gram for word in words(text) for gram in grams(word))]
