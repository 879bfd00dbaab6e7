"""Phone digits: finds phone numbers in a text, in any spelling, and compares them by their last ten digits."""

import re
from collections.abc import Iterator

SIGNIFICANT = 10  # digits from the end, which do not depend on how the country is written
LEAST = 6
_RUSSIAN = re.compile(
    r"(?:\+?[78])[ -]?(?:\(\d{3,5}\)|\d{3,5})[ -]?\d{1,3}[ -]?\d{2}[ -]?\d{2}(?!\d)"  # eleven digits
)
_OTHER = re.compile(
    r"\+\d(?:[ ().-]{0,2}\d){7,13}(?![:\d])"
    r"|\(\d{2,5}\)[ -]?\d{2,4}(?:[ -]?\d{2,4}){1,2}(?!\d)"
    r"|0\d{2}[ -]?\d{3}[ -]?\d{2}[ -]?\d{2}(?!\d)"
    r"|\d{3}[-.]\d{3}[-.]\d{4}(?!\d)"
    r"|\d{3}[ -]\d{3}[ -]\d{2}[ -]\d{2}(?!\d)"
    r"|\d{3}-\d{2}-\d{2}(?![\d-])"
    r"|\d{10,15}(?!\d)"
)
_RUN = re.compile(r"\d(?:[ ().+\-–]{0,3}\d)*")


def match_phone(text: str, start: int) -> tuple[int, int] | None:
    """Return start and end of the phone number whose first digit is at a position, None if there is none."""
    for begin in (start - 1, start) if start and text[start - 1] in "+(" else (start,):
        match = _RUSSIAN.match(text, begin)
        if match is not None and sum(char.isdigit() for char in match[0]) == 11:
            return match.span()
        match = _OTHER.match(text, begin)
        if match is not None:
            return match.span()
    return None


def significant_digits(phone: str) -> str:
    """Return the digits of a phone number by which it is compared."""
    return "".join(char for char in phone if char.isdigit())[-SIGNIFICANT:]


def digit_windows(text: str) -> Iterator[str]:
    """Yield each series of LEAST to SIGNIFICANT digits of a text, whatever spaces and brackets stand between them."""
    for run in _RUN.finditer(text):
        digits = "".join(char for char in run[0] if char.isdigit())
        for length in range(LEAST, min(SIGNIFICANT, len(digits)) + 1):
            yield from (digits[place : place + length] for place in range(len(digits) - length + 1))
