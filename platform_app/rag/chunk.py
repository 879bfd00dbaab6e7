"""Chunk: cuts a text into pieces that each say something by themselves."""

import re
from dataclasses import dataclass
from functools import lru_cache

from semantic_text_splitter import MarkdownSplitter

SIZE = (500, 1000)  # characters
OVERLAP = 150
_HEADING = re.compile(r"^(#{1,6})[ \t]+(\S.*)$", re.MULTILINE)  # no part can match what another does: it stays linear


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
    marks = [(m.start(), len(m[1]), m[2].rstrip("# \t")[:120]) for m in _HEADING.finditer(text)]
    pieces: list[Piece] = []
    above, passed = list[tuple[int, str]](), 0
    for offset, part in _splitter().chunk_indices(text):
        body = part.strip()
        if body and not _HEADING.sub("", body).strip():
            continue
        while passed < len(marks) and marks[passed][0] <= offset + len(part) // 3:
            _, level, words = marks[passed]
            above, passed = [*(one for one in above if one[0] < level), (level, words)], passed + 1
        if body:
            pieces.append(Piece(" › ".join(words for _, words in above)[:300], body))
    return pieces
