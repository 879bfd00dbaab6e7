"""PDF layout: the reading order of the parts of a page."""

import re
from dataclasses import dataclass, replace

from platform_app.rag.readers import markdown
from platform_app.rag.readers.pdf_page import Span

Row = list[Span]


@dataclass
class Line:
    """A line in reading order, in its column."""

    text: str
    left: float
    right: float
    base: float
    height: float
    hyphen: bool
    flow: int  # lines of one flow are below each other
    parts: int = 1  # with wide gaps between them, as in the row of a table
    is_table: bool = False


def lines(spans: list[Span]) -> list[Line]:
    """Return the lines of a page in reading order, column by column."""
    rows = _rows_from_top(spans)
    blocks = _blocks(rows)
    file_order = {id(span): number for number, span in enumerate(spans)}
    if not any(kind and _is_mixed(block, gutters, file_order) for kind, block, gutters in blocks):
        return [_line(row, 0) for row in _lines_in_file_order(spans)]
    result: list[Line] = []
    for flow, (kind, block, gutters) in enumerate(blocks):
        if kind == "columns":
            for number, column in enumerate(_columns(block, gutters)):
                result += [_line([span], flow * 100 + number) for span in column]
        elif kind == "table":
            cells = [[" ".join(span.text for span in cell) for cell in _columns([row], gutters)] for row in block]
            first, last = block[0][0], block[-1][-1]
            line = _line([first], flow * 100)
            result.append(replace(line, text=markdown.table(cells), base=last.base, is_table=True, hyphen=False))
        else:
            result += [_line(row, flow * 100) for row in block]
    return result


def _is_mixed(block: list[Row], gutters: list[float], file_order: dict[int, int]) -> bool:
    """Return whether the file stores the columns of a block line by line."""
    positions = [[file_order[id(span)] for span in column] for column in _columns(block, gutters)]
    return any(min(two) < max(one) for one, two in zip(positions, positions[1:], strict=False) if one and two)


def _line(row: Row, flow: int) -> Line:
    text = " ".join(span.text for span in row)
    right, height = max(span.right for span in row), max(span.height for span in row)
    return Line(text, row[0].left, right, row[-1].base, height, row[-1].hyphen, flow, len(row))


def _lines_in_file_order(spans: list[Span]) -> list[Row]:
    """Return the lines in the order of the file."""
    rows: list[Row] = []
    for span in spans:
        last = rows[-1][-1] if rows else None
        is_same = last and not last.hyphen and abs(last.base - span.base) < 0.4 * span.height and span.left > last.left
        if is_same:
            rows[-1].append(span)
        else:
            rows.append([span])
    return rows


def _rows_from_top(spans: list[Span]) -> list[Row]:
    """Return the spans grouped by line, from the top of the page."""
    rows: list[Row] = []
    for span in sorted(spans, key=lambda span: -span.base):
        if rows and abs(rows[-1][0].base - span.base) < 0.4 * min(span.height, rows[-1][0].height):
            rows[-1].append(span)
        else:
            rows.append([span])
    return [sorted(row, key=lambda span: span.left) for row in rows]


def _blocks(rows: list[Row]) -> list[tuple[str, list[Row], list[float]]]:
    """Return the rows in blocks: ("columns", "table" or "", rows, horizontal positions between columns)."""
    blocks: list[tuple[str, list[Row], list[float]]] = []
    index = 0
    while index < len(rows):
        end, gutters = _find_gutters(rows, index)
        block = rows[index:end]
        kind = _block_kind(block, gutters)
        if kind:
            if kind == "columns" and blocks and not blocks[-1][0]:
                block = [*_headings(blocks[-1][1], gutters, block[0]), *block]
            blocks.append((kind, block, gutters))
            index = end
            continue
        if not blocks or blocks[-1][0]:
            blocks.append(("", [], []))
        blocks[-1][1].append(rows[index])
        index += 1
    return blocks


def _headings(above: list[Row], gutters: list[float], first: Row) -> list[Row]:
    """Remove and return the last rows above columns that lie within one column each, such as its heading."""
    taken: list[Row] = []
    while above:
        row, below = above[-1], taken[0] if taken else first
        crosses = any(span.left < gutter < span.right for span in row for gutter in gutters)
        if crosses or row[0].base - below[0].base > 2.2 * max(row[0].height, below[0].height):
            break
        taken.insert(0, above.pop())
    return taken


def _find_gutters(rows: list[Row], start: int) -> tuple[int, list[float]]:
    """Return the index of the first row below in which the gaps of a row end, and the middles of the gaps."""
    first = rows[start]
    beside = start + 1 < len(rows) and len(first) == 1 and len(rows[start + 1]) == 1
    if beside:  # columns whose baselines differ
        one, two = sorted((first[0], rows[start + 1][0]), key=lambda span: span.left)
        gaps = [(one.right, two.left)] if abs(one.base - two.base) < 0.9 * one.height else []
    else:
        gaps = [(one.right, two.left) for one, two in zip(first, first[1:], strict=False)]
    gaps = [gap for gap in gaps if gap[1] - gap[0] > 4]
    end = start + 1
    while gaps and end < len(rows):
        above, row = rows[end - 1][0], rows[end]
        if above.base - row[0].base > 2.2 * max(above.height, row[0].height):
            break
        left = [part for gap in gaps for part in _widest_free(gap, row)]
        if not left:
            break
        gaps, end = left, end + 1
    return end, sorted((low + high) / 2 for low, high in gaps)


def _widest_free(gap: tuple[float, float], row: Row) -> list[tuple[float, float]]:
    """Return the widest part of a gap that a row leaves free, if it is wide enough."""
    parts = [gap]
    for span in row:
        parts = [
            part
            for low, high in parts
            for part in ((low, min(high, span.left)), (max(low, span.right), high))
            if part[1] - part[0] > 4
        ]
    return [max(parts, key=lambda part: part[1] - part[0])] if parts else []


def _columns(block: list[Row], gutters: list[float]) -> list[list[Span]]:
    columns: list[list[Span]] = [[] for _ in range(len(gutters) + 1)]
    for row in block:
        for span in row:
            columns[sum(span.middle > gutter for gutter in gutters)].append(span)
    return columns


def _block_kind(block: list[Row], gutters: list[float]) -> str:
    if len(block) < 3 or not gutters:
        return ""
    columns = _columns(block, gutters)
    if all(len(column) >= 2 for column in columns) and all(_is_prose(column) for column in columns):
        return "columns"
    is_grid = all(all(len(cell) == 1 for cell in _columns([row], gutters)) for row in block)
    return "table" if is_grid else ""


def _is_prose(column: list[Span]) -> bool:
    """Return whether the lines of a column continue each other, unlike the cells of a table."""
    continues = [
        bool(re.match(r"[^\w]*[a-zа-яёіїє]", two.text)) or one.hyphen
        for one, two in zip(column, column[1:], strict=False)
    ]
    words = sum(len(span.text.split()) for span in column) / len(column)
    return words >= 2 and sum(continues) >= 0.35 * len(continues) or words >= 6
