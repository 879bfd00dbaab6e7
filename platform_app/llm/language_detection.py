"""Language detection: the language of messages, if it is certain."""

import re
from collections.abc import Iterable
from functools import lru_cache
from threading import Lock
from typing import Any

from babel import Locale

from platform_app.text.courtesy_phrases import COURTESY, LIGHT, asks
from platform_app.text.stemming import stems, words

__all__ = ["asks", "detect", "language_name", "detect_in_conversation", "language_by_script"]
MIN_PROBABILITY = 0.75  # below it the language counts as unknown
MAX_CHARS = 1_000  # of a text that are used
_PRIOR, _PRIOR_WITH_COMMON_WORD = 3.0, 8.0  # factors for Russian and English
_LANGUAGES = words(
    "ar az be bg cs da de el en es et fa fi fr he hi hr hu hy id it ja ka kk ko ky lt lv mk mn nl no pl pt ro ru sk "
    "sl sr sv tg th tr tt uk uz vi zh"
)  # not all that the model knows: it would detect rare languages in short texts of frequent ones
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_ADDRESSES = re.compile(r"\S*(?:://|@|www\.)\S*")
_LATIN = re.compile(r"[a-zà-öø-ÿāēīōūčšžłđßœ]", re.IGNORECASE)
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_SHARED_WORDS = frozenset(words("ok okay ок окей да нет no"))  # of many languages
_lock = Lock()


@lru_cache
def _identifier() -> Any:
    """Return the language identifier; its model takes 80 MB of memory and is loaded on first use."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_LANGUAGES)
    return identifier


@lru_cache(maxsize=2_000)
def detect(text: str) -> str:
    """Return the ISO 639-1 code of the language of a text; empty if it is uncertain."""
    text_words = _words_without_names(_ADDRESSES.sub(" ", text[:MAX_CHARS]))
    if not text_words:
        return ""
    lowered = [word.lower().replace("ё", "е") for word in text_words]
    script_language = language_by_script(" ".join(text_words))
    if all(word in COURTESY for word in lowered):
        return "" if all(word in _SHARED_WORDS for word in lowered) else script_language
    with _lock:
        ranked = dict(_identifier().rank(" ".join(text_words).lower()))
    if script_language in ranked:
        ranked[script_language] *= _PRIOR_WITH_COMMON_WORD if any(_is_common_word(word) for word in lowered) else _PRIOR
    best = max(ranked, key=lambda code: ranked[code])
    return str(best) if ranked[best] >= MIN_PROBABILITY * sum(ranked.values()) else ""


def _is_common_word(word: str) -> bool:
    """Return whether a word is a frequent word of Russian or English."""
    return len(word) > 2 and word not in _SHARED_WORDS and stems(word)[0] in LIGHT


def language_by_script(text: str) -> str:
    """Return "ru" if most letters of a text are Cyrillic, else "en"."""
    letters = len(re.findall(r"[^\W\d_]", text))
    return "ru" if letters and len(_CYRILLIC.findall(text)) * 2 > letters else "en"


def detect_in_conversation(question: str, history: list[tuple[str, str]]) -> str:
    """Return the ISO 639-1 code of the language to reply in; empty if it is uncertain.

    `history` is (role, text), oldest first. The newest text with a certain language decides, of the contact before the
    assistant: "ok" or a number keeps the language so far.
    """
    texts = [question, *_texts_of("user", history), *_texts_of("assistant", history)]
    return next((code for code in map(detect, texts) if code), "")


def _texts_of(role: str, history: list[tuple[str, str]]) -> Iterable[str]:
    return (text for who, text in reversed(history) if who == role)


def language_name(code: str) -> str:
    """Return the English name of a language by its code."""
    return str(Locale.parse(code).english_name)


def _words_without_names(text: str) -> list[str]:
    """Return the words of a text, without product names in another script or with capitals."""
    kept = [word for word in _WORD.findall(text) if not any(letter.isdigit() for letter in word)]
    latin = [word for word in kept if _LATIN.search(word)]
    other = [word for word in kept if not _LATIN.search(word)]
    if latin and other:  # brands are in Latin letters in every language, function words are not
        is_latin = _count_common_words(latin) > _count_common_words(other)
        kept = latin if is_latin else other
    lower_case = [word for index, word in enumerate(kept) if index == 0 or word[0].islower() or not word[0].isupper()]
    return lower_case if len(lower_case) > 1 else kept


def _count_common_words(candidates: list[str]) -> int:
    return sum(_is_common_word(word.lower().replace("ё", "е")) for word in candidates)
