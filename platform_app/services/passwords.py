"""Passwords: their rules, and argon2id with a cap on how many are hashed at once."""

import re
import unicodedata
from threading import BoundedSemaphore

from pwdlib import PasswordHash

from platform_app.errors import Invalid

_hasher = PasswordHash.recommended()
_room = BoundedSemaphore(2)  # each hash takes 64 MiB: a flood of sign-ins must not take all memory
_COMMON_STEMS = [
    "password",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "qwerty",
    "qwertyuiop",
    "qwerty123",
    "qazwsx",
    "1q2w3e4r",
    "1qaz2wsx",
    "zaq12wsx",
    "asdfghjkl",
    "zxcvbnm",
    "letmein",
    "welcome",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "batman",
    "trustno1",
    "dragon",
    "monkey",
    "shadow",
    "master",
    "michael",
    "jennifer",
    "jordan",
    "hunter",
    "killer",
    "charlie",
    "donald",
    "login",
    "admin",
    "administrator",
    "root",
    "guest",
    "changeme",
    "default",
    "secret",
    "abc123",
    "abcd1234",
    "test",
    "testtest",
    "computer",
    "internet",
    "samsung",
    "google",
    "facebook",
    "whatever",
    "starwars",
    "pokemon",
    "liverpool",
    "arsenal",
    "chelsea",
    "barcelona",
    "пароль",
    "йцукен",
    "йцукенг",
    "привет",
    "любовь",
    "наташа",
    "марина",
    "солнышко",
    "qwe123",
    "zxc123",
    "asd123",
    "1q2w3e",
    "q1w2e3r4",
    "a1b2c3d4",
    "hello",
    "freedom",
    "ninja",
    "mustang",
    "access",
    "flower",
    "lovely",
    "cheese",
    "summer",
    "winter",
    "spring",
    "autumn",
    "january",
    "february",
    "october",
    "november",
    "december",
    "moscow",
    "russia",
    "москва",
    "россия",
]
_dummy = ""


def normal(password: str) -> str:
    """Return a password in the one form that is hashed; nothing is cut off."""
    return unicodedata.normalize("NFC", password)


def check_rules(password: str, *personal: str) -> str:
    """Return the normalised password, or say what is wrong with it. `personal` are words nobody should use."""
    password = normal(password)
    if len(password) < 8:
        raise Invalid("The password needs at least 8 characters.", field="password")
    if len(password) > 256:
        raise Invalid("The password may have at most 256 characters.", field="password")
    lowered = password.lower()
    stem = re.sub(r"[\d\W_]+$", "", lowered)
    parts = [part for text in personal for part in re.split(r"[@.\s]", text.lower()) if len(part) > 3]
    if len(set(lowered)) < 4 or lowered in _COMMON_STEMS or stem in _COMMON_STEMS or _is_run(lowered) or stem in parts:
        raise Invalid("This password is too easy to guess. Take another.", field="password")
    return password


def _is_run(text: str) -> bool:
    """Tell whether a text is a run of neighbours: 12345678, abcdefgh, 87654321."""
    steps = {ord(b) - ord(a) for a, b in zip(text, text[1:], strict=False)}
    return steps <= {1} or steps <= {-1} or (text.isdigit() and len(set(text)) <= 10 and text in "01234567890123456789")


def hash_password(password: str) -> str:
    """Return the argon2id hash."""
    with _room:
        return _hasher.hash(password)


def matches(password: str, stored: str) -> bool:
    """Tell whether a password fits a hash; without a hash it takes the same time and says no."""
    global _dummy
    if not stored:
        _dummy = _dummy or hash_password("nobody has this password")
    with _room:
        try:
            fits = _hasher.verify(normal(password), stored or _dummy)
        except Exception:  # a stored value that is no hash at all fits nothing
            return False
    return fits and bool(stored)
