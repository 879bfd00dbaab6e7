"""Answer units: cuts a passage into what is said whole: sentences, a list with its introduction, rows of a table."""

import re
from collections.abc import Callable, Iterator

_ITEM = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_DASHES = re.compile(r"[ \t|:-]*-[ \t|:-]*")  # below the head of a table
_END = re.compile(r"(?<=[.!?…])[\"»”)]*\s+(?=[\"«“(]?[A-ZА-ЯЁІЇЄҐ\d])")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(«\"])(?:[^\W\d_]|e\.g|i\.e|etc|vs|no|nr|mr|mrs|ms|dr|st|approx|incl|inc|ltd|max|min|tel|fig|"
    r"т\.\s?[дпек]|т|др|пр|ул|г|гг|тел|руб|коп|см|им|д|кв|корп|стр|напр|мин|макс|тыс|млн|обл|просп|пер)\.$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"^\s*\d{1,2}\.$")  # of an item


def answer_units(body: str) -> Iterator[str]:
    """Yield the units of a passage's text in order; a row of a table is said with the head of its columns."""
    lines = [line.rstrip() for line in body.split("\n")]
    place = 0
    while place < len(lines):
        line = lines[place]
        if "|" in line:
            end = _run(lines, place, lambda other: "|" in other)
            yield from _rows(lines[place:end])
        elif _is_introduction(lines, place) or _ITEM.match(line):
            start = place if _ITEM.match(line) else place + 1
            end = _run(lines, start, lambda other: bool(_ITEM.match(other)))
            yield "\n".join(text.strip() for text in lines[place:end] if text.strip())
        else:
            end = place + 1
            yield from _sentences(line)
        place = max(end, place + 1)


def _run(lines: list[str], start: int, belongs: Callable[[str], bool]) -> int:
    """Return the end of the lines from `start` that belong together; empty lines between them do."""
    end = start
    for place in range(start, len(lines)):
        if belongs(lines[place]):
            end = place + 1
        elif lines[place].strip():
            break
    return end


def _is_introduction(lines: list[str], place: int) -> bool:
    """Return whether a line ends with a colon and a list follows."""
    after = next((line for line in lines[place + 1 :] if line.strip()), "")
    return lines[place].endswith(":") and bool(_ITEM.match(after))


def _rows(lines: list[str]) -> Iterator[str]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if "|" in line]
    dashes = [bool(_DASHES.fullmatch(line)) for line in lines if "|" in line]
    has_head = len(dashes) > 1 and dashes[1]
    head = rows[0] if has_head else []
    for row in rows[2:] if has_head else rows:
        named = [f"{name}: {cell}" if name else cell for name, cell in zip(head, row, strict=False) if cell]
        yield "; ".join(named or [cell for cell in row if cell])


def _sentences(line: str) -> Iterator[str]:
    """Yield the sentences of a line, not cut behind an abbreviation or the number of an item."""
    start = 0
    for end in _END.finditer(line):
        before = line[start : end.start()]
        if _ABBREVIATION.search(before) or _NUMBER.search(before):
            continue
        yield line[start : end.end()].strip()
        start = end.end()
    if line[start:].strip():
        yield line[start:].strip()
