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
    base: float  # the baseline, from the bottom of the page
    height: float
    hyphen: bool = False  # the word continues in the next line

    @property
    def middle(self) -> float:
        """The horizontal middle of the span."""
        return (self.left + self.right) / 2


@dataclass
class CharacterCounts:
    """Statistics of a page's characters."""

    count: int = 0  # without spaces
    unmapped: int = 0  # whose font has no character map for them
    strange: int = 0  # controls, private ones and the like


def spans(page: Any, counts: CharacterCounts) -> list[Span]:
    """Return the spans of a page in the order of the file, and count its characters in `letters`."""
    text = page.get_textpage()
    raw, spans_found = text.raw, list[Span]()
    rotation = _rotation(raw, text.count_chars())
    current: Span | None = None
    for index, code in _codes(raw, text.count_chars()):
        character = BULLETS.get(chr(code), chr(code))
        if character in "\r\n":
            current = None
        elif current is not None and (hyphen := _hyphen(raw, index, code)):
            current.hyphen = hyphen == "end"
            current = None if current.hyphen else current
        elif character.isspace():
            if current is not None and not current.text.endswith(" "):
                current.text += " "
        elif code != 0xAD:
            counts.count += 1
            counts.unmapped += pdfium.FPDFText_HasUnicodeMapError(raw, index) == 1
            counts.strange += not character.isprintable()
            left, base, right, height = _character_box(raw, index, rotation)
            if current is None or not _follows(current, left, base):
                current = Span("", left, right, base, height)
                spans_found.append(current)
            current.text += character if character.isprintable() else "\ufffd"
            current.left, current.right = min(current.left, left), max(current.right, right)
            current.height = max(current.height, height)
    text.close()
    for span in spans_found:
        span.text = span.text.strip()
    if rotation:  # PDFium orders lines as if the page were not rotated
        spans_found.sort(key=lambda span: (-round(span.base), span.left))
    return spans_found


def _codes(raw: Any, count: int) -> Iterator[tuple[int, int]]:
    """Yield the index and code point of each character; a surrogate pair is one."""
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


def _character_box(raw: Any, index: int, rotation: int) -> tuple[float, float, float, float]:
    """Return a character's left side, baseline, right side and height, rotated upright."""
    box, x, y = pdfium.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetLooseCharBox(raw, index, box)
    pdfium.FPDFText_GetCharOrigin(raw, index, x, y)
    left, bottom, right, top = _rotated((box.left, box.bottom, box.right, box.top), rotation)
    base = _rotated((x.value, y.value, x.value, y.value), rotation)[1]
    return left, base, right, max(1.0, top - bottom)


def _follows(span: Span, left: float, base: float) -> bool:
    """Return whether a character continues a span: on its line, without a wide gap or a step back."""
    same_line = abs(base - span.base) < 0.5 * span.height
    return same_line and -span.height < left - span.right < GAP * span.height


def _rotation(raw: Any, count: int) -> int:
    """Return the rotation of most characters of a page in quarter turns, 0 to 3."""
    counts = [0, 0, 0, 0]
    for index in range(0, count, max(1, count // 200)):
        angle = pdfium.FPDFText_GetCharAngle(raw, index)
        if angle >= 0:
            counts[-round(angle / 1.5708) % 4] += 1  # the angle is clockwise
    return counts.index(max(counts))


def _rotated(box: tuple[float, float, float, float], rotation: int) -> tuple[float, float, float, float]:
    """Return a box (left, bottom, right, top) in the coordinates of the page rotated upright."""
    left, bottom, right, top = box
    if rotation == 1:
        return bottom, -right, top, -left
    if rotation == 2:
        return -right, -top, -left, -bottom
    if rotation == 3:
        return -top, left, -bottom, right
    return box
