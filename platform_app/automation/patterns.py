"""Patterns: regular expressions of tenants, in RE2 (linear time), with Unicode words and word boundaries.

RE2 supports only ASCII in `\\w` and `\\b`. `\\w` is rewritten to Unicode classes. For `\\b` the text is marked at every
word boundary, and every other piece of the pattern may step over marks.
"""

import re
from functools import lru_cache
from typing import Any

import re2

from platform_app.errors import Invalid

MAX_PATTERN_LENGTH = 1_000  # characters of a pattern
_MAX_TEXT_LENGTH = 20_000  # characters of a text that are searched
_MARK = "\ue000"
_SKIP_MARKS = f"{_MARK}*"
_IN_CLASS = {"w": r"\pL\pM\pN_", "s": r"\s\pZ", "d": r"\d", "D": r"\D"}
_OUTSIDE_CLASS = {
    "w": rf"[{_IN_CLASS['w']}]",
    "W": rf"[^{_IN_CLASS['w']}{_MARK}]",
    "s": rf"[{_IN_CLASS['s']}]",
    "S": rf"[^{_IN_CLASS['s']}{_MARK}]",
    "D": rf"[^\d{_MARK}]",
}
_PIECE = re.compile(
    r"(?P<literal>\\Q.*?(?:\\E|\Z))"
    r"|(?P<border>\\[bBAz])"
    r"|(?P<escape>\\(?:[pP](?:\{\^?\w+\}|\w)|x\{[0-9A-Fa-f]+\}|x[0-9A-Fa-f]{2}|[0-7]{1,3}|.))"
    r"|(?P<class>\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])"
    r"|(?P<group>\((?:\?(?:P?<\w+>|[imsU-]*:?\)?))?)"
    r"|(?P<sign>[)|*+?^]|\{\d+(?:,\d*)?\})"
    r"|(?P<end>\$)"
    r"|(?P<any>\.)"
    r"|(?P<letter>.)",
    re.DOTALL,
)


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern is found in a text, ignoring case. False if it cannot be parsed."""
    try:
        compiled, marked = _compile(pattern)
    except Invalid:
        return False
    text = (
        text[:_MAX_TEXT_LENGTH].replace(_MARK, "").encode("utf-8", "replace").decode()
    )  # RE2 does not accept lone surrogates
    return compiled.search(re.sub(r"\b", _MARK * 3, text) if marked else text) is not None


def check(pattern: str) -> None:
    """Check a pattern. Raises Invalid if it cannot be parsed, is too long or too complex."""
    _compile(pattern)


@lru_cache(maxsize=1_000)
def _compile(pattern: str) -> tuple[Any, bool]:
    """Return a compiled pattern, and whether it needs marked word boundaries. Raises Invalid if it cannot be parsed."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise Invalid("The pattern is longer than {count} characters.", count=MAX_PATTERN_LENGTH)
    if _MARK in pattern or "\x00" in pattern or any(0xD800 <= ord(letter) <= 0xDFFF for letter in pattern):
        raise Invalid("The pattern contains an invalid character.")
    marked = any(piece[0] in (r"\b", r"\B") for piece in _PIECE.finditer(pattern) if piece["border"])
    options = re2.Options()
    options.case_sensitive, options.log_errors = False, False
    try:
        return re2.compile(_rewrite(pattern, marked), options=options), marked
    except re2.error as error:
        said = error.args[0] if error.args else ""
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise Invalid("The pattern can’t be read: {what}", what=words.replace(_MARK, "")[:200]) from error


def _rewrite(pattern: str, marked: bool) -> str:
    return "".join(_rewrite_piece(piece, _SKIP_MARKS if marked else "") for piece in _PIECE.finditer(pattern))


def _rewrite_piece(piece: re.Match[str], step: str) -> str:
    kind, text = str(piece.lastgroup), piece[0]
    if kind == "border":
        return _rewrite_boundary(text, step)
    if kind in ("group", "sign"):
        return text
    if kind == "end":
        return f"{step}$"
    if kind == "literal":
        return "".join(_with_skip(re2.escape(letter), step) for letter in text[2:].removesuffix(r"\E"))
    if kind == "any":
        text = f"[^\n{_MARK}]" if step else "."
    elif kind == "escape":
        text = _OUTSIDE_CLASS.get(text[1:], text)
    elif kind == "class":
        text = _rewrite_class(text, step)
    return _with_skip(text, step)


def _with_skip(text: str, step: str) -> str:
    return f"(?:{step}{text})" if step else text


def _rewrite_boundary(text: str, step: str) -> str:
    if text == r"\B":
        raise Invalid("The pattern can’t be read: {what}", what=r"\B")
    return {r"\b": _MARK, r"\z": rf"{step}\z"}.get(text, text)


def _rewrite_class(text: str, step: str) -> str:
    """Widen the escapes within [ ] to every alphabet, and keep marks out of what is not to match."""
    for escape in (r"\W", r"\S"):
        if escape in text.replace("\\\\", ""):
            raise Invalid("The pattern can’t be read: {what}", what=f"{escape} in [ ]")
    wide = re.sub(r"\\(\\|.)", lambda match: _IN_CLASS.get(match[1], match[0]), text)
    return f"{wide[:-1]}{_MARK}]" if step and wide.startswith("[^") else wide
