"""Chunk: cuts a text into pieces that each say something by themselves."""

import re
from dataclasses import dataclass
from functools import lru_cache

from semantic_text_splitter import MarkdownSplitter

SIZE = (500, 1000)  # characters
OVERLAP = 150
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Piece:
    """A piece of a text with the headings it stands under."""

    heading: str
    text: str


def chunk_id(source_id: str, generation: int, number: int) -> str:
    """Return the id of a chunk: the same whenever the same generation of a source is cut."""
    return f"{source_id[:20]}{generation:04x}{number:06x}"


def indexed_text(title: str, heading: str, text: str) -> str:
    """Return what a chunk is found by: its text with the source's title and the headings above it."""
    return f"{title}\n{heading}\n{text}"


@lru_cache
def _splitter() -> MarkdownSplitter:
    return MarkdownSplitter(SIZE, OVERLAP)


def cut(text: str) -> list[Piece]:
    """Return the pieces of a Markdown text, in order; a heading never stands alone."""
    marks = [(m.start(), len(m[1]), m[2][:120]) for m in _HEADING.finditer(text)]
    pieces: list[Piece] = []
    for offset, part in _splitter().chunk_indices(text):
        body = part.strip()
        if body and not _HEADING.sub("", body).strip():
            continue
        if body:
            pieces.append(Piece(_path(marks, offset + len(part) // 3), body))
    return pieces


def _path(marks: list[tuple[int, int, str]], place: int) -> str:
    """Return the headings above a place, outermost first."""
    open_marks: list[tuple[int, str]] = []
    for start, level, words in marks:
        if start > place:
            break
        open_marks = [*(m for m in open_marks if m[0] < level), (level, words)]
    return " › ".join(words for _, words in open_marks)[:300]
