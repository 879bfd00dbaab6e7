"""Passwords: their rules, and argon2id hashing with a limit on concurrent hashes."""

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
TOO_EASY = "This password is too easy to guess. Use several unrelated words or a longer password."
_COMMON_FILES = [Path(__file__).parent / name for name in ("common_passwords.txt", "common_words_ru.txt")]
_MAX_ESTIMATED_LEN = 40  # characters; the estimate takes time that grows faster than a text, and longer ones are safe
_MIN_GUESSES_LOG10 = 7.0  # decimal logarithm of how many tries a guesser may need, by the estimate
_WAIT_SECONDS = 10.0  # for a free slot
_MAX_CONCURRENT = 2  # each hash takes 64 MiB of memory
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
    """Return the error for callers that waited too long for a hash."""
    return Unavailable("Too many sign-ins right now. Try again in a moment.")


@contextmanager
def _hash_slot() -> Iterator[None]:
    """Hold one of the slots for hashing. Raises Unavailable if none is free within _WAIT_SECONDS."""
    if not _slots.acquire(timeout=_WAIT_SECONDS):
        raise _busy()
    try:
        yield
    finally:
        _slots.release()


async def run_in_hash_threads(work: Callable[[], R]) -> R:
    """Run `work`, which hashes passwords, in threads of its own and return its result.

    Callers that wait for a slot do not block the threads that pages need. Raises Unavailable if `work` could not be
    started within _WAIT_SECONDS.
    """
    asked = time.monotonic()

    def run() -> R:
        if time.monotonic() - asked > _WAIT_SECONDS:
            raise _busy()
        return work()

    return await asyncio.get_running_loop().run_in_executor(_threads, copy_context().run, run)


@lru_cache
def _common_passwords() -> frozenset[str]:
    """Return common passwords and words, in every spelling of `_spellings`."""
    lines = [line for path in _COMMON_FILES for line in path.read_text(encoding="utf-8").splitlines()]
    return frozenset(_spellings(normalize(line) for line in lines if not line.startswith("#")))


def _spellings(words: Iterable[str]) -> set[str]:
    """Return words as they are, as typed on a Latin keyboard layout, and transliterated."""
    return {
        spelled
        for word in words
        for spelled in (word, word.translate(_KEYBOARD_LAYOUT), word.translate(_TRANSLITERATION))
    }


def normalize(password: str) -> str:
    """Return a password in the form that is hashed: NFC, never truncated."""
    return unicodedata.normalize("NFC", password)


def validate_password(password: str, *personal: str) -> str:
    """Return the normalized password. Raises Invalid if it is too short, too long or easy to guess.

    `personal` are texts that must not occur in it: the user's name and e-mail address, the company's name.
    """
    password = normalize(password)
    if len(password) < MIN_LENGTH:
        raise Invalid("The password needs at least 8 characters.", field="password")
    if len(password) > MAX_LENGTH:
        raise Invalid("The password can have up to 256 characters.", field="password")
    if any(unicodedata.category(letter) == "Cs" for letter in password):  # a lone surrogate cannot be encoded
        raise Invalid("This value isn’t allowed.", field="password")
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
    """Return whether zxcvbn estimates that few guesses suffice.

    The estimate knows English words, dates, rows of keys and repeats.
    """
    if len(password) > _MAX_ESTIMATED_LEN:
        return False
    from zxcvbn import zxcvbn  # reads its word lists, which the worker never needs

    typed = {
        password,
        password.lower().translate(_KEYBOARD_LAYOUT),
    }  # Russian words, typed on a Latin layout, are in its lists
    return min(float(zxcvbn(one, user_inputs=own)["guesses_log10"]) for one in typed) < _MIN_GUESSES_LOG10


def _variants(lowered: str) -> set[str]:
    """Return what a guesser derives from a password.

    It is the password itself, without characters around its letters, with letters in place of look-alike characters,
    and the unit that it repeats.
    """
    bare = re.sub(r"^[\d\W_]+|[\d\W_]+$", "", lowered)
    found = {lowered, bare, re.sub(r"[\d\W_]+$", "", lowered)}
    found |= {repeated[1] for said in found if (repeated := re.fullmatch(r"(.+?)\1+", said))}
    return found | {said.translate(_LOOKALIKES) for said in found}


def _personal_words(personal: tuple[str, ...]) -> set[str]:
    """Return the words of names and addresses longer than three characters, and each text without separators."""
    texts = [normalize(text).lower() for text in personal]
    texts += [text.split("@")[0] for text in texts]
    words = {re.sub(r"[\W_]+", "", text) for text in texts}
    words.update(word for text in texts for word in re.split(r"[\W_]+", text))
    return {word for word in words if len(word) > 3}


def _is_listed(said: str, guessed: frozenset[str] | set[str]) -> bool:
    """Return whether a variant of a password is in a list, also without trailing digits or separators."""
    stem = re.sub(r"[\d\W_]+$", "", said)
    whole = re.sub(r"[\W_]+", "", said)
    return said in guessed or stem in guessed or whole in guessed


def _is_character_run(text: str) -> bool:
    """Return whether a text is a run of neighbouring characters: 12345678, abcdefgh, 87654321."""
    steps = {ord(b) - ord(a) for a, b in zip(text, text[1:], strict=False)}
    return steps <= {1} or steps <= {-1} or text in "01234567890123456789"


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password.

    It takes about half a second, so call it outside a transaction that writes. Raises Unavailable if no slot for
    hashing is free in time.
    """
    with _hash_slot():
        return _hasher.hash(password)


@lru_cache
def _dummy_hash() -> str:
    """Return the hash that unknown users are compared with, so that they take the same time."""
    return hash_password("nobody has this password")


def verify_password(password: str, stored: str) -> bool:
    """Return whether a password matches a stored hash; "" never matches and takes the same time.

    Raises Unavailable if no slot for hashing is free in time.
    """
    nobody = _dummy_hash()  # also for known users, so that the time of the first call tells nothing
    with _hash_slot():
        try:
            fits = _hasher.verify(normalize(password), stored or nobody)
        except (PwdlibError, ValueError):  # not a hash, or a lone surrogate
            return False
    return fits and bool(stored)
