"""Chunking: cuts a text into pieces that are understandable by themselves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from semantic_text_splitter import MarkdownSplitter

SIZE = (500, 1000)  # characters
OVERLAP = 150
SECTION = 20_000
_DASHES = re.compile(r"[ \t|:-]*-[ \t|:-]*")  # below the head of a table
_HEADING = re.compile(r"^(#{1,6})[ \t]+(\S.*)$", re.MULTILINE)  # no two parts match the same text, so it stays linear


@dataclass(frozen=True)
class Piece:
    """A piece of a text with the headings above it."""

    heading: str
    text: str


def chunk_id(source_id: str, generation: int, number: int) -> str:
    """Return the id of a chunk, which is the same each time a generation of a source is cut."""
    return f"{source_id[:20]}{generation:04x}{number:06x}"


def indexed_text(title: str, heading: str, text: str) -> str:
    """Return the text by which a chunk is found: its own with the source's title and the headings above it."""
    return f"{title}\n{heading}\n{text}"


@lru_cache
def _splitter() -> MarkdownSplitter:
    return MarkdownSplitter(SIZE, OVERLAP)


def cut(text: str) -> list[Piece]:
    """Return the pieces of a Markdown text in order; headings never stand alone, tables repeat their header."""
    marks = [(m.start(), len(m[1]), m[2].rstrip("# \t")[:120]) for m in _HEADING.finditer(text)]
    tables = _tables(text)
    pieces: list[Piece] = []
    above, passed, table = list[tuple[int, str]](), 0, 0
    for offset, part in _parts(text):
        body = part.strip()
        if body and not _HEADING.sub("", body).strip():
            continue
        while passed < len(marks) and marks[passed][0] <= offset + len(part) // 3:
            _, level, words = marks[passed]
            above, passed = [*(head for head in above if head[0] < level), (level, words)], passed + 1
        heading = " › ".join(words for _, words in above)[:300]
        while table < len(tables) and tables[table][2] <= offset:
            table += 1
        if table < len(tables) and tables[table][0] < offset:
            start, begins, _ = tables[table]
            rows = text[max(offset, begins) : offset + len(part)].strip("\n")
            pieces += [Piece(heading, piece_text) for piece_text in _under_head(text[start:begins].strip(), rows)]
        elif body:
            pieces.append(Piece(heading, body))
    return pieces


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield the parts of a text with their positions; a long text is split in sections.

    The splitter's time grows quadratically: 70 s for 8 MB, 0.2 s in sections.
    """
    start = 0
    while start < len(text):
        end = len(text)
        if end - start > SECTION:
            middle = start + SECTION // 2
            breaks = (text.rfind(mark, middle, start + SECTION) for mark in ("\n#", "\n\n", "\n", " "))
            end = next((place + 1 for place in breaks if place > 0), start + SECTION)
        yield from ((start + offset, part) for offset, part in _splitter().chunk_indices(text[start:end]))
        start = end


def _tables(text: str) -> list[tuple[int, int, int]]:
    """Return (start, start of the rows, end) of each table."""
    headings: list[tuple[int, int, int]] = []
    lines = [*text.split("\n"), ""]
    place, start, begins = 0, 0, 0
    for number, line in enumerate(lines):
        if begins and "|" not in line:
            headings.append((start, begins, place))
            begins = 0
        elif not begins and number and "|" in lines[number - 1] and _DASHES.fullmatch(line):
            start, begins = place - len(lines[number - 1]) - 1, place + len(line) + 1
        place += len(line) + 1
    return headings


def _under_head(head: str, rows: str) -> Iterator[str]:
    """Yield rows of a table under its header, up to the size of a piece; a header that is too long is omitted."""
    room = SIZE[1] - len(head) - 1
    if room < SIZE[1] // 3:
        head, room = "", SIZE[1]
    group = ""
    for row in rows.split("\n"):
        if group and len(group) + 1 + len(row) > room:
            yield f"{head}\n{group}".strip()
            group = ""
        for start in range(0, max(1, len(row)), room):
            if start:
                yield f"{head}\n{group}".strip()
                group = ""
            group = f"{group}\n{row[start : start + room]}" if group else row[start : start + room]
    if group.strip():
        yield f"{head}\n{group}".strip()
