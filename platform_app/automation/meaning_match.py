"""Meaning match: how near a message is in meaning to examples, by vectors of sentences, and whether that is enough."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from platform_app.automation.negation import contradicts, is_favorable
from platform_app.text.common_objections import COMMON_OBJECTIONS
from platform_app.text.ordinary_talk import ORDINARY_TALK

Array = np.ndarray[Any, Any]
Meaning = Callable[[Sequence[str]], Array | None]
WordsMatch = Callable[[str, str], bool]

MEANING = 0.25  # least similarity by meaning
FARTHER = (
    -0.03
)  # a message may be farther from an example than from ordinary talk by this, measured on tests/objections
CONTRADICTED = 0.3  # what is left of the similarity to an example that a message contradicts
SAME_KIND = 0.5  # similarity of examples to a kind of common objections from which its sentences are examples too
_NEAREST = 3  # sentences of a kind that are compared with the examples
MAX_CLAUSES = 6
_ALL_COMMON = [text for kind in COMMON_OBJECTIONS for text in kind]
_PAUSE = re.compile(r"[.!?;,…]+")
_ADVERSATIVE = re.compile(r"\b(?:but|though|however|но|однако|зато)\b", re.IGNORECASE)


@dataclass(frozen=True)
class MeaningMatch:
    """How near a message is to each example, and whether that to one, or to a common objection like it, is enough."""

    scores: Array
    is_like: bool


class _Examples:
    """Examples and the common objections of their kind, with their vectors as rows."""

    def __init__(self, texts: list[str], vectors: Array, common: Array) -> None:
        kind = _common_kind(vectors, common)
        added = [] if kind is None else range(*_range(kind))
        self.own = len(texts)
        self.texts = [*texts, *(_ALL_COMMON[place] for place in added)]
        self.vectors = np.vstack([vectors, common[list(added)]]) if added else vectors
        self._favorable = np.array([is_favorable(text) for text in self.texts])

    def are_contradicted_by(self, part: str) -> bool:
        return any(contradicts(part, text) for text in self.texts)

    def near(self, part: str, vector: Array) -> Array:
        """Return the similarity of a part of a message to each text; little is left where it says the opposite."""
        near: Array = self.vectors @ vector
        if self.are_contradicted_by(part):
            return near * CONTRADICTED
        if is_favorable(part):
            return near * np.where(self._favorable, 1.0, CONTRADICTED)
        return near


class MeaningMatcher:
    """Compares messages with examples; what every comparison needs is computed at the first.

    `meaning` returns unit vectors of texts as rows, or None if it cannot.
    """

    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning

    @cached_property
    def _known(self) -> tuple[Array, Array] | None:
        """The vectors of ordinary talk and of common objections."""
        vectors = self._meaning([*ORDINARY_TALK, *_ALL_COMMON])
        return None if vectors is None else (vectors[: len(ORDINARY_TALK)], vectors[len(ORDINARY_TALK) :])

    def match(self, said: str, texts: list[str], by_words: WordsMatch) -> MeaningMatch | None:
        """Compare a message, and its clauses one by one, with examples; None if there are no vectors.

        `by_words` tells whether a clause is similar to a text by its words: beside something favorable, a clause counts
        only then ("Good quality, too expensive").
        """
        parts = [said, *_clauses(said)]
        vectors = self._meaning([*parts, *texts]) if self._known else None
        if vectors is None or self._known is None:
            return None
        ordinary, common = self._known
        examples = _Examples(texts, vectors[len(parts) :], common)
        scores, is_like = np.zeros(len(texts)), False
        for part, vector in _counted(list(zip(parts, vectors, strict=False)), examples):
            near = examples.near(part, vector)
            if part is not said and is_favorable(said) and not _ADVERSATIVE.search(said):
                near = near * np.array([by_words(part, text) for text in examples.texts])
            is_near = near.max() >= MEANING and near.max() - (ordinary @ vector).max() >= FARTHER
            scores, is_like = np.maximum(scores, _own_scores(near, examples)), is_like or bool(is_near)
        return MeaningMatch(scores, is_like)


def _counted(parts: list[tuple[str, Array]], examples: _Examples) -> Iterator[tuple[str, Array]]:
    """Yield the message, and its clauses unless the whole contradicts the examples without an adversative."""
    whole = parts[0][0]
    yield parts[0]
    if _ADVERSATIVE.search(whole) or not examples.are_contradicted_by(whole):
        yield from parts[1:]


def _own_scores(near: Array, examples: _Examples) -> Array:
    """Return the similarity to each own example; the nearest of them stands for a common objection that is nearer."""
    own = near[: examples.own].copy()
    own[own.argmax()] = near.max()
    return own


def _clauses(said: str) -> list[str]:
    """Return the parts of a message with two words or more: around an adversative, else between marks."""
    parts = _ADVERSATIVE.split(said)
    if len(parts) == 1:
        parts = [part for part in _PAUSE.split(said) if part.strip()]
    clauses = [part.strip() for part in parts if len(part.split()) > 1]
    return clauses[:MAX_CLAUSES] if len(parts) > 1 else []


def _common_kind(vectors: Array, common: Array) -> int | None:
    """Return the place of the kind of common objections that examples are of, or None if they are of none."""
    near = vectors @ common.T
    kinds = range(len(COMMON_OBJECTIONS))
    scores = [float(np.sort(near[:, slice(*_range(kind))].ravel())[-_NEAREST:].mean()) for kind in kinds]
    best = int(np.argmax(scores))
    return best if scores[best] >= SAME_KIND else None


def _range(kind: int) -> tuple[int, int]:
    """Return where the sentences of a kind begin and end among all."""
    start = sum(len(COMMON_OBJECTIONS[place]) for place in range(kind))
    return start, start + len(COMMON_OBJECTIONS[kind])
