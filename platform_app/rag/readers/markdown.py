"""Markdown: writes tables so that each row is understandable."""

import re

LONGEST_ROW = 600  # characters; a longer row is written as a list of its values, each after its column's name
_SPACE = re.compile(r"\s+")


def one_line(text: str) -> str:
    """Return a text on one line, with single spaces."""
    return _SPACE.sub(" ", text).strip()


def table(rows: list[list[str]]) -> str:
    """Return rows as a Markdown table whose first row with several cells is the header.

    Earlier rows with one cell are captions. A table with long rows becomes records of "Column: value" lines.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    captions: list[str] = []
    while cells and len({cell for cell in cells[0] if cell}) == 1:
        captions.append(next(cell for cell in cells.pop(0) if cell))
    if not cells:
        return "\n\n".join(captions)
    width = max(len(row) for row in cells)
    cells = [[*row, *[""] * (width - len(row))] for row in cells]
    used = [column for column in range(width) if any(row[column] for row in cells)]
    cells = [[row[column] for column in used] for row in cells]
    body = _records(cells) if _is_long(cells) else _grid(cells)
    return "\n\n".join([*captions, body])


def _is_long(cells: list[list[str]]) -> bool:
    return len(cells) > 1 and any(sum(len(cell) + 3 for cell in row) > LONGEST_ROW for row in cells)


def _grid(cells: list[list[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * len(cells[0]), *lines[1:]])


def _records(cells: list[list[str]]) -> str:
    head = cells[0]
    records = []
    for row in cells[1:]:
        named = [f"{name}: {cell}" if name else cell for name, cell in zip(head, row, strict=True) if cell]
        records.append("\n".join(named))
    return "\n\n".join(records)
