"""Embedders: what turns texts into vectors, and how much the similarity of its vectors says beside the words.

`configured` chooses the embedder of the installation; a tenant may have its own, see `rag/tenant_embedders.py`. Each
embedder has a version; a collection of vectors holds one version.
"""

import base64
import binascii
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import Any

import httpx
import numpy as np

from platform_app.config import settings
from platform_app.errors import Unavailable
from platform_app.rag import hashed_vectors

Vector = list[float]
HASHED = "lexhash1"
ENCODER = "use3"  # the sentence encoder that the offline model's process serves
ENCODER_MODEL = "offline-encoder"
QUESTION_SECONDS, PASSAGE_SECONDS = 2.0, 30.0
BATCH = 64  # most texts in one request
ATTEMPTS = 3  # for passages; a question is asked once
FEW_WORDS, ENOUGH_WORDS = 0.1, 0.25  # shares of a question's worth; between them the words gain weight in the mix
KEPT = 4_000  # vectors of questions and examples in memory
_RETRIED = (408, 409, 429, 500, 502, 503, 504, 529)
_SILENT = "The embedding model isn’t responding. Retrying."


class EmbedderRefused(Unavailable):
    """An embedder refuses what it is asked, and would refuse it again; the sentence says why."""


class EmbedderSilent(Unavailable):
    """An embedder does not answer now; `delay` is how long it asks to wait, in seconds, or None."""

    def __init__(self, sentence: str, delay: float | None = None) -> None:
        super().__init__(sentence)
        self.delay = delay


@dataclass(frozen=True)
class Calibration:
    """What similarities of an embedder mean, measured by tests/bench/bench_retrieval.py.

    The words have the share `most_words` in a mixed score if the best passage holds enough of the question's words, and
    `least_words` if it holds hardly any, as when it is in another language.
    """

    least_words: float
    most_words: float
    related: float  # a passage with at least this similarity may answer, whatever its words

    def share_of_words(self, held: float) -> float:
        """Return the share of the words in a mixed score; `held` is what the best passage has of the question's worth.

        A question in another language than the texts has hardly a word in common with them: its meaning decides.
        """
        level = min(1.0, max(0.0, (held - FEW_WORDS) / (ENOUGH_WORDS - FEW_WORDS)))
        return self.least_words + (self.most_words - self.least_words) * level

    def with_share(self, share: float | None) -> "Calibration":
        """Return it with the share of the words that was chosen, None for that of the embedder."""
        if share is None:
            return self
        return replace(self, least_words=1.0 if share == 1.0 else min(self.least_words, share), most_words=share)


@dataclass(frozen=True)
class Embedder:
    """An embedder: its version and functions that return the vectors of passages and of questions.

    Both raise Unavailable if a server that they need does not answer.
    """

    version: str
    calibration: Calibration
    passages: Callable[[Sequence[str]], list[Vector]]
    questions: Callable[[Sequence[str]], Sequence["Vector | np.ndarray[Any, Any]"]]
    knows_meaning: bool = False

    def question(self, text: str, before: Sequence[tuple[str, float]] = ()) -> Vector:
        """Return the vector of a question; `before` are texts that it follows, with weights.

        Raises Unavailable if the embedder does not answer.
        """
        vectors = np.asarray(self.questions([text, *(earlier for earlier, _ in before)]))
        if not before:
            return list(vectors[0].tolist())
        mixed = np.average(vectors, axis=0, weights=[1.0, *(weight for _, weight in before)])
        return list((mixed / (np.linalg.norm(mixed) or 1.0)).tolist())


def _hashed() -> Embedder:
    return Embedder(
        HASHED,
        Calibration(least_words=0.8, most_words=0.8, related=2.0),  # they see the same letters again
        lambda texts: [hashed_vectors.embed_passage(text) for text in texts],
        lambda texts: [hashed_vectors.embed_question(text) for text in texts],
    )


def _encoder(address: str) -> Embedder:
    return Embedder(
        ENCODER,
        Calibration(least_words=0.2, most_words=0.7, related=0.08),
        lambda texts: _request_passages(address, ENCODER_MODEL, texts),
        lambda texts: _request_questions(address, ENCODER_MODEL, texts),
        knows_meaning=True,
    )


_kept: "OrderedDict[tuple[str, str, str], np.ndarray[Any, Any]]" = OrderedDict()
_kept_lock = Lock()


def configured() -> Embedder:
    """Return the embedder of this installation: the sentence encoder if a process serves it, else hashed vectors."""
    address = settings().offline_url
    return _encoder(address) if address else _hashed()


def of_version(version: str) -> Embedder | None:
    """Return the embedder of a version, or None if this installation has it no more."""
    candidates = (configured(), _hashed())
    return next((embedder for embedder in candidates if embedder.version == version), None)


@lru_cache
def _client(address: str) -> httpx.Client:
    return httpx.Client(base_url=address.rstrip("/") + "/", trust_env=False)


def _request_questions(address: str, model: str, texts: Sequence[str]) -> list["np.ndarray[Any, Any]"]:
    return remembered((address, model), texts, lambda part: _request(address, model, part, QUESTION_SECONDS))


def remembered(
    origin: tuple[str, str], texts: Sequence[str], compute: Callable[[Sequence[str]], list[Vector]]
) -> list["np.ndarray[Any, Any]"]:
    """Return the vectors of questions; what was asked lately is remembered, with 2 KB for a text.

    `origin` names the embedder: vectors of different ones are kept apart. `compute` is given at most BATCH texts.
    """
    address, model = origin
    with _kept_lock:
        held = {text: _kept[address, model, text] for text in texts if (address, model, text) in _kept}
    missing = list(dict.fromkeys(text for text in texts if text not in held))
    for start in range(0, len(missing), BATCH):
        part = missing[start : start + BATCH]
        for text, vector in zip(part, compute(part), strict=True):
            held[text] = np.asarray(vector, dtype=np.float32)
    with _kept_lock:
        for text in missing:
            _kept[address, model, text] = held[text]
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return [held[text] for text in texts]


def _request_passages(address: str, model: str, texts: Sequence[str]) -> list[Vector]:
    vectors: list[Vector] = []
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                vectors += _request(address, model, part, PASSAGE_SECONDS)
                break
            except EmbedderSilent as error:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(0.3 * 2.0**attempt if error.delay is None else min(error.delay, PASSAGE_SECONDS))
    return vectors


def _request(address: str, model: str, texts: Sequence[str], seconds: float) -> list[Vector]:
    body = {"model": model, "input": list(texts), "encoding_format": "base64"}
    try:
        answer = _client(address).post("embeddings", json=body, timeout=seconds)
        if answer.status_code in _RETRIED:
            raise EmbedderSilent(_SILENT, _seconds(answer.headers.get("retry-after", "")))
        rows = answer.raise_for_status().json()["data"]
        vectors = [decode_vector(row["embedding"]) for row in rows]
    except httpx.TransportError as error:
        raise EmbedderSilent(_SILENT) from error
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(_SILENT) from error
    if len(vectors) != len(texts):
        raise Unavailable(_SILENT)
    return vectors


def _seconds(header: str) -> float | None:
    return float(header) if header.isdecimal() else None


def decode_vector(given: Any) -> Vector:
    """Return a vector from a list of numbers, or from base64. Raises ValueError or TypeError if it is neither."""
    if isinstance(given, str):
        try:
            return list(np.frombuffer(base64.b64decode(given, validate=True), dtype="<f4").tolist())
        except binascii.Error as error:
            raise ValueError("no vector") from error
    return [float(value) for value in given]
