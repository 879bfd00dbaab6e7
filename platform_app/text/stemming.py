"""Stemming: words, stems and grams of texts."""

import re
import threading
from functools import lru_cache

import Stemmer

_WORD = re.compile(r"[^\W_]+")
_CYRILLIC = re.compile("[а-яёіїєґ]", re.IGNORECASE)
_local = threading.local()


def _stemmers() -> tuple[Stemmer.Stemmer, Stemmer.Stemmer]:
    """Return this thread's stemmers for Russian and English, which are not thread-safe."""
    if not hasattr(_local, "pair"):
        _local.pair = (Stemmer.Stemmer("russian"), Stemmer.Stemmer("english"))
    pair: tuple[Stemmer.Stemmer, Stemmer.Stemmer] = _local.pair
    return pair


def words(text: str) -> list[str]:
    """Return the lower-case words of a text, with ё as е."""
    return [word.replace("ё", "е") for word in _WORD.findall(text.lower())]


def stems(text: str) -> list[str]:
    """Return the stems of a text's words: Russian rules for Cyrillic, English ones otherwise."""
    russian, english = _stemmers()
    return [(russian if _CYRILLIC.search(word) else english).stemWord(word) for word in words(text)]


@lru_cache(maxsize=100_000)
def grams(word: str) -> tuple[str, ...]:
    """Return the four-letter grams of a word, with its ends marked."""
    marked = f"_{word}_"
    return tuple("#" + marked[i : i + 4] for i in range(max(1, len(marked) - 3)))


STOP = frozenset(
    stems(
        "a an the is are was do does did i you we it of to in on at for with and or what which how when where who can "
        "my your this that as be will would there here if from by about not no "
        "и в во на с со к по о об от до за из у не ни а но или что чтобы как когда где кто какой какие какая какое "
        "сколько ли же бы есть это этот эта мне вы вас мы я ты он она они можно нужно ваш ваши меня для"
    )
)  # stems of words that say nothing by themselves
