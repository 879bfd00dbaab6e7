"""Hashed vectors: vectors of a text's four-letter grams, which need no model and know letters, not meaning."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

from platform_app.rag.search_terms import grams, words

DIMS = 2048


@lru_cache(maxsize=200_000)
def _place(gram: str) -> tuple[int, float]:
    digest = int.from_bytes(hashlib.blake2b(gram.encode(), digest_size=8).digest(), "big")
    return digest % DIMS, 1.0 if digest >> 63 else -1.0


def _hashed_vector(text: str, weight: Callable[[int], float]) -> list[float]:
    vector = [0.0] * DIMS
    for gram, count in Counter(gram for word in words(text) for gram in grams(word)).items():
        place, sign = _place(gram)
        vector[place] += sign * weight(count)
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


def embed_passage(text: str) -> list[float]:
    """Return the vector of a passage, in which repeated grams are damped as in BM25."""
    return _hashed_vector(text, lambda count: count * 2.2 / (count + 1.2))


def embed_question(text: str) -> list[float]:
    """Return the vector of a question, each gram once."""
    return _hashed_vector(text, lambda count: 1.0)
