"""Similarity: how similar a message is to examples, by words, tolerant of grammar and typing errors, and by meaning."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from platform_app.automation.meaning_match import CONTRADICTED, Meaning, MeaningMatcher
from platform_app.automation.negation import contradicts
from platform_app.text.stemming import STOP, grams, stems, words

THRESHOLD = 0.45  # measured on tests/objections: false positives are rare above it
WEAK_WORDS = frozenset(
    stems(
        "not no never cannot too very quite really now just still yet need want have has had much more first going "
        "would could should "
        "не нет слишком очень сейчас пока совсем уже просто мой надо нужно быть всё такой"
    )
)  # they tell objections apart only beside a word that says more
FILLER_WORDS = (STOP - WEAK_WORDS) | frozenset(
    stems(
        "am me so us our them their him his her she been being get got something also only s m d ll re ve t "
        "тут там вот ещё бы тоже то их его её нас нам вам меня себя тебе так как какой сам"
    )
)
_SAME, _SHORTEST = 0.3, 4  # of two words that are not one: share of grams from which, and letters to have, to compare
_CLOSER, _OTHER = 2 / 3, 1 / 3  # a short example in a long message, or a short message for a long example, are enough

WORDS_SHARE = 0.2  # of the similarity by words, added to that by meaning when the most similar example is chosen
_Word = tuple[str, str]  # as written, and its stem
_matcher: ContextVar[MeaningMatcher | None] = ContextVar("matcher", default=None)


@dataclass(frozen=True)
class Match:
    """The example that a message is most similar to, how similar, and whether that is enough."""

    example: str
    score: float
    is_like: bool


@contextmanager
def understanding(meaning: Meaning) -> Iterator[None]:
    """Compare by meaning as well; `meaning` returns unit vectors of texts as rows, or None if it cannot."""
    before = _matcher.set(MeaningMatcher(meaning))
    try:
        yield
    finally:
        _matcher.reset(before)


def best_match(said: str, examples: Iterable[object]) -> Match:
    """Return the example that a message is most similar to; one that it contradicts counts little."""
    texts = [text for text in (str(example).strip() for example in examples) if text]
    message = said.strip()[:2_000]
    if not texts or not message:
        return Match(texts[0] if texts else "", 0.0, False)
    heard = _words(message)
    kept = np.array([CONTRADICTED if contradicts(message, text) else 1.0 for text in texts])
    by_words = np.array([_similarity(heard, _words(text)) for text in texts]) * kept
    matcher = _matcher.get()
    match = matcher.match(message, texts, _is_similar) if matcher else None
    scores = by_words if match is None else match.scores + WORDS_SHARE * by_words
    best = int(scores.argmax())
    is_like = by_words[best] >= THRESHOLD if match is None else match.is_like
    return Match(texts[best], float(scores[best]), bool(is_like))


def _is_similar(part: str, text: str) -> bool:
    return _similarity(_words(part), _words(text)) >= THRESHOLD


def word_coverage(wanted: Mapping[str, float], text: str) -> float:
    """Return the weighted share, from 0 to 1, of words that a text contains, whatever the grammar."""
    heard = _words(text)
    if not heard or not wanted:
        return 0.0
    matches = (
        (weight, max(_word_similarity((word, stems(word)[0]), other) for other in heard))
        for word, weight in wanted.items()
    )
    return sum(weight * share for weight, share in matches) / sum(wanted.values())


@lru_cache(maxsize=10_000)
def _words(text: str) -> tuple[_Word, ...]:
    return tuple(dict.fromkeys(zip(words(text), stems(text), strict=True)))


def _similarity(heard: tuple[_Word, ...], wanted: tuple[_Word, ...]) -> float:
    if not heard or not wanted:
        return 0.0
    shares = sorted((_coverage(wanted, heard), _coverage(heard, wanted)))
    return _OTHER * shares[0] + _CLOSER * shares[1]


def _coverage(some: tuple[_Word, ...], others: tuple[_Word, ...]) -> float:
    """Return the share of some words that the others contain."""
    weights = [_weight(stem) for _, stem in some]
    matches = (
        weight * max(_word_similarity(word, other) for other in others)
        for word, weight in zip(some, weights, strict=True)
    )
    return sum(matches) / sum(weights)


def _weight(stem: str) -> float:
    return 0.1 if stem in FILLER_WORDS else 0.25 if stem in WEAK_WORDS else 1.0


@lru_cache(maxsize=100_000)
def _word_similarity(word: _Word, other: _Word) -> float:
    """Return 1 for two forms of a word, less for words that share a part or are mistyped, else 0."""
    if word[1] == other[1]:
        return 1.0
    if min(len(word[0]), len(other[0])) < _SHORTEST:
        return 0.0
    mine, theirs = set(grams(word[0])), set(grams(other[0]))
    share = 2 * len(mine & theirs) / (len(mine) + len(theirs))
    return share if share >= _SAME else 0.0
