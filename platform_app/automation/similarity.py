"""Similarity: how similar a message is to examples, by words, tolerant of grammar and typing errors."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

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

_Word = tuple[str, str]  # as written, and its stem


def most_similar(said: str, examples: Iterable[object]) -> tuple[str, float]:
    """Return the example that is most similar to a message, and the similarity from 0 to 1."""
    heard = _words(said[:2_000])
    best, most = "", 0.0
    for example in (str(line).strip() for line in examples):
        likeness = _similarity(heard, _words(example))
        if not best or likeness > most:
            best, most = example, likeness
    return best, most


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
