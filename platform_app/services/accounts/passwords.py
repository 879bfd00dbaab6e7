"""Passwords: their rules, and argon2id with a cap on how many are hashed at once."""

import asyncio
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import lru_cache
from pathlib import Path
from threading import BoundedSemaphore
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError

from platform_app.errors import Invalid, Unavailable

R = TypeVar("R")
MIN_LENGTH, MAX_LENGTH = 8, 256
TOO_EASY = (
    "This password is easy to guess. Take several words that have nothing to do with each other, or a longer one."
)
_COMMON_FILES = [Path(__file__).parent / name for name in ("common_passwords.txt", "common_words_ru.txt")]
_MAX_ESTIMATED_LEN = 40  # characters; the estimate takes time that grows faster than a text, and longer ones are safe
_MIN_GUESSES_LOG10 = 7.0  # decimal logarithm of how many tries a guesser may need, by the estimate
_WAIT_SECONDS = 10.0  # seconds that a person waits for room
_MAX_CONCURRENT = 2  # each hash takes 64 MiB: a flood of sign-ins must not take all memory
_hasher = PasswordHash.recommended()
_slots = BoundedSemaphore(_MAX_CONCURRENT)
_threads = ThreadPoolExecutor(_MAX_CONCURRENT, thread_name_prefix="passwords")
_LOOKALIKES = str.maketrans("@4301!$57", "aaeoiisst")
_KEYBOARD_LAYOUT = str.maketrans("йцукенгшщзхъфывапролджэячсмитьбюё", "qwertyuiop[]asdfghjkl;'zxcvbnm,.`")
_TRANSLITERATION = str.maketrans(
    dict(zip("абвгдезийклмнопрстуфыэё", "abvgdeziyklmnoprstufyee", strict=True))
    | {"ж": "zh", "х": "h", "ц": "c", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "", "ю": "yu", "я": "ya"}
)


def _busy() -> Unavailable:
    return Unavailable("Many people are signing in right now. Try again.")


@contextmanager
def _hash_slot() -> Iterator[None]:
    if not _slots.acquire(timeout=_WAIT_SECONDS):
        raise _busy()
    try:
        yield
    finally:
        _slots.release()


async def run_in_hash_threads(work: Callable[[], R]) -> R:
    """Run what hashes passwords in threads of its own: whoever waits for room holds none that pages need."""
    asked = time.monotonic()

    def run() -> R:
        if time.monotonic() - asked > _WAIT_SECONDS:
            raise _busy()
        return work()

    return await asyncio.get_running_loop().run_in_executor(_threads, copy_context().run, run)


@lru_cache
def _common_passwords() -> frozenset[str]:
    """Return passwords that many people have, and words that many are made of, in each way they are typed."""
    lines = [line for path in _COMMON_FILES for line in path.read_text(encoding="utf-8").splitlines()]
    return frozenset(_spellings(normalize(line) for line in lines if not line.startswith("#")))


def _spellings(words: Iterable[str]) -> set[str]:
    """Return words as they are, as the same keys type them on a Latin layout, and in Latin letters."""
    return {
        spelled
        for word in words
        for spelled in (word, word.translate(_KEYBOARD_LAYOUT), word.translate(_TRANSLITERATION))
    }


def normalize(password: str) -> str:
    """Return a password in the one form that is hashed; nothing is cut off."""
    return unicodedata.normalize("NFC", password)


def validate_password(password: str, *personal: str) -> str:
    """Return the normalised password, or say what is wrong with it. `personal` are words nobody should use.

    Raises Invalid if it is too short, too long, malformed or easy to guess.
    """
    password = normalize(password)
    if len(password) < MIN_LENGTH:
        raise Invalid("The password needs at least 8 characters.", field="password")
    if len(password) > MAX_LENGTH:
        raise Invalid("The password may have at most 256 characters.", field="password")
    if any(unicodedata.category(letter) == "Cs" for letter in password):  # half a character: cannot be encoded
        raise Invalid("This value cannot be taken.", field="password")
    lowered, own = password.lower(), _spellings(_personal_words(personal))
    guessed = _common_passwords() | own
    if (
        len(set(lowered)) < 4
        or _is_character_run(lowered)
        or any(_is_listed(said, guessed) for said in _variants(lowered))
        or _is_guessable(password, sorted(own))
    ):
        raise Invalid(TOO_EASY, field="password")
    return password


def _is_guessable(password: str, own: list[str]) -> bool:
    """Tell whether few tries are enough, by an estimate that knows English words, dates, rows of keys and repeats."""
    if len(password) > _MAX_ESTIMATED_LEN:
        return False
    from zxcvbn import zxcvbn  # reads its word lists, which the worker never needs

    typed = {
        password,
        password.lower().translate(_KEYBOARD_LAYOUT),
    }  # Russian words, typed on a Latin layout, are in its lists
    return min(float(zxcvbn(one, user_inputs=own)["guesses_log10"]) for one in typed) < _MIN_GUESSES_LOG10


def _variants(lowered: str) -> set[str]:
    """Return what a guesser makes of a password.

    As it is, without what stands around its letters, with letters for the signs that look like them, and what it
    repeats.
    """
    bare = re.sub(r"^[\d\W_]+|[\d\W_]+$", "", lowered)
    found = {lowered, bare, re.sub(r"[\d\W_]+$", "", lowered)}
    found |= {repeated[1] for said in found if (repeated := re.fullmatch(r"(.+?)\1+", said))}
    return found | {said.translate(_LOOKALIKES) for said in found}


def _personal_words(personal: tuple[str, ...]) -> set[str]:
    """Return the words of names and addresses, and the words run together."""
    texts = [normalize(text).lower() for text in personal]
    texts += [text.split("@")[0] for text in texts]
    words = {re.sub(r"[\W_]+", "", text) for text in texts}
    words.update(word for text in texts for word in re.split(r"[\W_]+", text))
    return {word for word in words if len(word) > 3}


def _is_listed(said: str, guessed: frozenset[str] | set[str]) -> bool:
    stem = re.sub(r"[\d\W_]+$", "", said)
    whole = re.sub(r"[\W_]+", "", said)
    return said in guessed or stem in guessed or whole in guessed


def _is_character_run(text: str) -> bool:
    """Tell whether a text is a run of neighbours: 12345678, abcdefgh, 87654321."""
    steps = {ord(b) - ord(a) for a, b in zip(text, text[1:], strict=False)}
    return steps <= {1} or steps <= {-1} or text in "01234567890123456789"


def hash_password(password: str) -> str:
    """Return the argon2id hash; takes about half a second, so never within a transaction that writes."""
    with _hash_slot():
        return _hasher.hash(password)


@lru_cache
def _dummy_hash() -> str:
    return hash_password("nobody has this password")


def verify_password(password: str, stored: str) -> bool:
    """Tell whether a password fits a hash; without a hash it takes the same time and says no."""
    nobody = _dummy_hash()  # made for everybody's first sign-in alike: its time tells nothing
    with _hash_slot():
        try:
            fits = _hasher.verify(normalize(password), stored or nobody)
        except (PwdlibError, ValueError):  # no hash at all, or half a character
            return False
    return fits and bool(stored)
