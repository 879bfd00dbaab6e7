"""Terms: what a text is looked up by: stems of its words, and the four-letter grams within them."""

import re
import threading
from functools import lru_cache

import Stemmer

_WORD = re.compile(r"[^\W_]+")
_CYRILLIC = re.compile("[а-яёіїєґ]", re.IGNORECASE)
_local = threading.local()


def _stemmers() -> tuple[Stemmer.Stemmer, Stemmer.Stemmer]:
    """Return this thread's stemmers for Russian and English; they are not safe to share."""
    if not hasattr(_local, "pair"):
        _local.pair = (Stemmer.Stemmer("russian"), Stemmer.Stemmer("english"))
    pair: tuple[Stemmer.Stemmer, Stemmer.Stemmer] = _local.pair
    return pair


def words(text: str) -> list[str]:
    """Return the lower-case words of a text, ё as е."""
    return [word.replace("ё", "е") for word in _WORD.findall(text.lower())]


@lru_cache(maxsize=100_000)
def grams(word: str) -> tuple[str, ...]:
    """Return the four-letter grams of a word, its ends marked."""
    marked = f"_{word}_"
    return tuple("#" + marked[i : i + 4] for i in range(max(1, len(marked) - 3)))


def stems(text: str) -> list[str]:
    """Return the stems of a text's words: Russian rules for Cyrillic, English ones for the rest."""
    russian, english = _stemmers()
    return [(russian if _CYRILLIC.search(word) else english).stemWord(word) for word in words(text)]


def terms(text: str) -> list[str]:
    """Return stems and grams, the terms of the lexical index."""
    return [*stems(text), *(gram for word in words(text) for gram in grams(word))]
