"""Likeness: whether what is said is like an example, by the beginnings of its words."""

from collections.abc import Iterable

from platform_app.stems import STOP, stems, words

PREFIX = 5  # letters of a word that count: дорого, дорогой and дороже are one
LIKE = 0.6  # share of an example's words that have to be in what is said


def closest(said: str, examples: Iterable[object]) -> tuple[str, float]:
    """Return the example that is most like what was said, and the share of its words that are in it, 0 to 1."""
    heard = _beginnings(said)
    best, share = "", 0.0
    for example in (str(one).strip() for one in examples):
        wanted = _beginnings(example)
        found = len(wanted & heard) / len(wanted) if wanted else 0.0
        if not best or found > share:
            best, share = example, found
    return best, share


def _beginnings(text: str) -> set[str]:
    """Return the beginnings of the words that say something, or of all when none does."""
    said = [(word[:PREFIX], stem) for word, stem in zip(words(text), stems(text), strict=True)]
    return {word for word, stem in said if stem not in STOP} or {word for word, _ in said}
