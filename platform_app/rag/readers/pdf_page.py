"""PDF page: the parts of a page's lines, with their positions."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

GAP = 0.9  # of a line's height: a wider gap within a line parts columns or cells
BULLETS = {"\uf0b7": "•", "\uf0a7": "▪", "\uf0d8": "➢", "\uf0fc": "✓", "\uf0a8": "☐", "\uf0fe": "☒", "\uf02d": "–"}


@dataclass
class Span:
    """A part of a line without wide gaps, in the order of the file."""

    text: str
    left: float
    right: float
    base: float  # of its letters, from the bottom of the page
    height: float
    hyphen: bool = False  # the word goes on in the next line

    @property
    def middle(self) -> float:
        """The horizontal middle of the span."""
        return (self.left + self.right) / 2


@dataclass
class Letters:
    """Statistics of a page's characters."""

    count: int = 0  # that are no spaces
    unmapped: int = 0  # whose font does not say what they are
    strange: int = 0  # controls, private ones and the like


def spans(page: Any, letters: Letters) -> list[Span]:
    """Return the spans of a page in the order of the file, and count its characters in `letters`."""
    text = page.get_textpage()
    raw, found = text.raw, list[Span]()
    turn = _turn(raw, text.count_chars())
    current: Span | None = None
    for index, code in _codes(raw, text.count_chars()):
        letter = BULLETS.get(chr(code), chr(code))
        if letter in "\r\n":
            current = None
        elif current is not None and (hyphen := _hyphen(raw, index, code)):
            current.hyphen = hyphen == "end"
            current = None if current.hyphen else current
        elif letter.isspace():
            if current is not None and not current.text.endswith(" "):
                current.text += " "
        elif code != 0xAD:
            letters.count += 1
            letters.unmapped += pdfium.FPDFText_HasUnicodeMapError(raw, index) == 1
            letters.strange += not letter.isprintable()
            left, base, right, height = _place(raw, index, turn)
            if current is None or not _follows(current, left, base):
                current = Span("", left, right, base, height)
                found.append(current)
            current.text += letter if letter.isprintable() else "\ufffd"
            current.left, current.right = min(current.left, left), max(current.right, right)
            current.height = max(current.height, height)
    text.close()
    for span in found:
        span.text = span.text.strip()
    if turn:  # PDFium orders lines as if the page stood upright
        found.sort(key=lambda span: (-round(span.base), span.left))
    return found


def _codes(raw: Any, count: int) -> Iterator[tuple[int, int]]:
    """Yield the place and code of each letter; two that make one come as one."""
    high = 0
    for index in range(count):
        code = pdfium.FPDFText_GetUnicode(raw, index)
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        if high and 0xDC00 <= code < 0xE000:
            code = 0x10000 + ((high - 0xD800) << 10) + code - 0xDC00
        high = 0
        yield index, code


def _hyphen(raw: Any, index: int, code: int) -> str:
    """Return "end" for a hyphen that splits a word at the end of a line, "soft" within a line, else ""."""
    if code == 0xAD:
        return "end" if pdfium.FPDFText_GetUnicode(raw, index + 1) in (0, 10, 13) else "soft"
    return "end" if code in (2, 0xFFFE) and pdfium.FPDFText_IsHyphen(raw, index) == 1 else ""


def _place(raw: Any, index: int, turn: int) -> tuple[float, float, float, float]:
    """Return a letter's left side, base line, right side and height, as if it stood upright."""
    box, x, y = pdfium.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetLooseCharBox(raw, index, box)
    pdfium.FPDFText_GetCharOrigin(raw, index, x, y)
    left, bottom, right, top = _turned((box.left, box.bottom, box.right, box.top), turn)
    base = _turned((x.value, y.value, x.value, y.value), turn)[1]
    return left, base, right, max(1.0, top - bottom)


def _follows(span: Span, left: float, base: float) -> bool:
    """Return whether a character continues a span: on its line, without a wide gap or a step back."""
    same_line = abs(base - span.base) < 0.5 * span.height
    return same_line and -span.height < left - span.right < GAP * span.height


def _turn(raw: Any, count: int) -> int:
    """Return by how many quarters most letters of a page are turned."""
    seen = [0, 0, 0, 0]
    for index in range(0, count, max(1, count // 200)):
        angle = pdfium.FPDFText_GetCharAngle(raw, index)
        if angle >= 0:
            seen[-round(angle / 1.5708) % 4] += 1  # told clockwise
    return seen.index(max(seen))


def _turned(box: tuple[float, float, float, float], turn: int) -> tuple[float, float, float, float]:
    """Return a box as if its letters stood upright."""
    left, bottom, right, top = box
    if turn == 1:
        return bottom, -right, top, -left
    if turn == 2:
        return -right, -top, -left, -bottom
    if turn == 3:
        return -top, left, -bottom, right
    return box
