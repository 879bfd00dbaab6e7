"""Language detection: the language of a text, if its words show it with certainty."""

import re
from collections.abc import Iterable
from functools import lru_cache
from threading import Lock
from typing import Any

from babel import Locale

from platform_app.text.courtesy_phrases import COURTESY, LIGHT, asks
from platform_app.text.stemming import stems, words

__all__ = ["asks", "detect", "name_of", "of_conversation", "script_of"]
SURE = 0.75  # below this probability a language is not named
LONGEST = 1_000  # characters that are looked at
_PRIOR, _PRIOR_BY_WORDS = 3.0, 8.0  # of Russian and English before others; with words that are theirs alone
_KNOWN = words(
    "ar az be bg cs da de el en es et fa fi fr he hi hr hu hy id it ja ka kk ko ky lt lv mk mn nl no pl pt ro ru sk "
    "sl sr sv tg th tr tt uk uz vi zh"
)  # of the many that the model knows: rare ones would be found in short texts of frequent ones
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_NOT_WORDS = re.compile(r"\S*(?:://|@|www\.)\S*")
_LATIN = re.compile(r"[a-zà-öø-ÿāēīōūčšžłđßœ]", re.IGNORECASE)
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_NEUTRAL = frozenset(words("ok okay ок окей да нет no"))  # said in many languages
_lock = Lock()


@lru_cache
def _identifier() -> Any:
    """Return the identifier; its model (80 MB of memory) is loaded at the first call."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    made = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    made.set_languages(_KNOWN)
    return made


@lru_cache(maxsize=2_000)
def detect(text: str) -> str:
    """Return the ISO 639-1 code of the language of a text, or "" if it is uncertain."""
    own = _own_words(_NOT_WORDS.sub(" ", text[:LONGEST]))
    if not own:
        return ""
    said = [word.lower().replace("ё", "е") for word in own]
    home = script_of(" ".join(own))
    if all(word in COURTESY for word in said):
        return "" if all(word in _NEUTRAL for word in said) else home
    with _lock:
        ranked = dict(_identifier().rank(" ".join(own).lower()))
    if home in ranked:
        ranked[home] *= _PRIOR_BY_WORDS if any(_is_ours(word) for word in said) else _PRIOR
    best = max(ranked, key=lambda code: ranked[code])
    return str(best) if ranked[best] >= SURE * sum(ranked.values()) else ""


def _is_ours(word: str) -> bool:
    """Return whether a word is a frequent one of Russian or English."""
    return len(word) > 2 and word not in _NEUTRAL and stems(word)[0] in LIGHT


def script_of(text: str) -> str:
    """Return "ru" for a text that is mostly Cyrillic, else "en"."""
    letters = len(re.findall(r"[^\W\d_]", text))
    return "ru" if letters and len(_CYRILLIC.findall(text)) * 2 > letters else "en"


def of_conversation(question: str, history: list[tuple[str, str]]) -> str:
    """Return the code of the language to reply in, "" if neither question nor history show it.

    `history` is (role, text), oldest first. A text that shows nothing ("ok", a number) keeps the language so far.
    """
    texts = [question, *_said_by("user", history), *_said_by("assistant", history)]
    return next((code for code in map(detect, texts) if code), "")


def _said_by(role: str, history: list[tuple[str, str]]) -> Iterable[str]:
    return (text for who, text in reversed(history) if who == role)


def name_of(code: str) -> str:
    """Return the English name of a language."""
    return str(Locale.parse(code).english_name)


def _own_words(text: str) -> list[str]:
    """Return the words of a text without product names in another script or in capitals."""
    found = [word for word in _WORD.findall(text) if not any(letter.isdigit() for letter in word)]
    latin = [word for word in found if _LATIN.search(word)]
    other = [word for word in found if not _LATIN.search(word)]
    if latin and other:  # brands are written in Latin letters everywhere; words that link sentences are not
        is_latin = _linking(latin) > _linking(other)
        found = latin if is_latin else other
    plain = [word for place, word in enumerate(found) if place == 0 or word[0].islower() or not word[0].isupper()]
    return plain if len(plain) > 1 else found


def _linking(found: list[str]) -> int:
    return sum(_is_ours(word.lower().replace("ё", "е")) for word in found)
