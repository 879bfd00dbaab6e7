"""CSV files: a tolerant reader, and a writer whose cells no spreadsheet takes for formulas."""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Literal

from platform_app.errors import Invalid
from platform_app.rag.readers.text import detect_encoding

MAX_ROWS = 200_000
MAX_COLUMNS = 100
MAX_ROW_CHARS = 1_000_000  # characters
_SAMPLE_BYTES = 64_000  # from which an encoding other than UTF-8 is guessed
_MAX_REREAD_CHARS = 8_000_000  # of rows with unbalanced quotation marks
_FORMULA = re.compile(r'((?:^|(?<=[;,|\t\r\n]))(?:[^\S\t\r\n]|")*)(?=[=+\-@])|^(?=[\t\r\n])')
_APOSTROPHE = re.compile(r"^'(?=[=+\-@])")  # before a cell that `write_rows` has protected


def read_rows(file: BinaryIO) -> Iterator[list[str]]:
    """Yield the rows of a CSV file as stripped cells, without empty rows.

    Any usual encoding is read, with commas, semicolons, tabs or bars as separators. Only one row is in memory at a
    time. Raises Invalid at the first row that is too many, too wide or too long, or whose quotation marks leave open
    where its cells end.
    """
    text = io.TextIOWrapper(file, _encoding(file), "replace", newline="")
    try:
        csv.field_size_limit(MAX_ROW_CHARS)
        rows, count = _RowReader(text), 0
        for row in rows:
            if len(row) > MAX_COLUMNS:
                raise Invalid("The file has more than {count} columns.", count=MAX_COLUMNS)
            cells = [_APOSTROPHE.sub("", cell.strip()) for cell in row]
            if not any(cells):
                continue
            rows.width = rows.width or len(row)
            count += 1
            if count > MAX_ROWS:
                raise Invalid("The file has more than {count} rows.", count=MAX_ROWS)
            yield cells
    finally:
        if not file.closed:
            text.detach()  # the caller closes the file


class _RowReader:
    """Iterator over the rows of a file. A quotation mark that is never closed belongs to its cell."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self._delimiter = text, _delimiter(text)
        self._pending_lines: deque[str] = deque()  # to be read again
        self._lines: list[str] = []  # of the row
        self._number, self._reread = 0, 0
        self.width = 0  # cells of the header

    def __iter__(self) -> "_RowReader":
        return self

    def __next__(self) -> list[str]:
        self._lines = []
        try:
            return next(csv.reader(self._row_lines(), delimiter=self._delimiter, strict=True))
        except csv.Error:
            return self._repair_row()

    def _row_lines(self) -> Iterator[str]:
        """Yield the lines of one row. Raises Invalid if the row is longer than MAX_ROW_CHARS."""
        length = 0
        while line := self._pending_lines.popleft() if self._pending_lines else self._text.readline(MAX_ROW_CHARS + 1):
            length += len(line)
            if length > MAX_ROW_CHARS:
                raise Invalid("The file isn’t a valid table.")
            self._lines.append(line)
            self._number += 1
            yield line.replace("\x00", "")

    def _repair_row(self) -> list[str]:
        """Return the first line of a row with unbalanced quotation marks as a row; its other lines are read again.

        Raises Invalid if that yields another number of cells than the header has, or too much had to be read again.
        """
        line, *others = self._lines
        self._pending_lines.extendleft(reversed(others))
        self._number -= len(others)
        self._reread += sum(map(len, others))
        is_open = line.count('"') % 2 == 1
        quoting: Literal[0, 3] = csv.QUOTE_NONE if is_open else csv.QUOTE_MINIMAL
        cells = next(csv.reader([line.replace("\x00", "")], delimiter=self._delimiter, quoting=quoting), [])
        if self._reread > _MAX_REREAD_CHARS or (self.width and len(cells) != self.width):
            raise Invalid("Line {line} of the file has a quotation mark that isn’t closed.", line=self._number)
        return [cell.strip().strip('"') for cell in cells] if is_open else cells


def _delimiter(text: io.TextIOWrapper) -> str:
    """Return the separator of cells, and leave the text at its first row.

    A first line `sep=;`, as Excel writes it, decides. Else it is the separator that splits most rows into as many cells
    as the first row.
    """
    beginning = text.read(20_000).replace("\x00", "")
    text.seek(0)
    if told := re.match(r"sep=([,;\t|])\r?\n", beginning, re.IGNORECASE):
        text.readline()
        return told[1]
    lines = beginning.splitlines(keepends=True)[:50]

    def fitting(delimiter: str) -> tuple[int, int]:
        sizes = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        width = sizes[0] if sizes else 0
        return (sizes.count(width) if width > 1 else 0, width)

    return max(";\t|,", key=fitting)  # on a tie, the one that is rarer in texts


def _encoding(file: BinaryIO) -> str:
    """Return "utf-8-sig" if all of the file is UTF-8, else a guess from its beginning; rewinds the file."""
    beginning, decoder = file.read(200_000), codecs.getincrementaldecoder("utf-8")()
    part = beginning
    if b"\x00" in beginning[:_SAMPLE_BYTES]:
        file.seek(0)
        return detect_encoding(beginning[:_SAMPLE_BYTES])
    try:
        while part:
            decoder.decode(part)
            part = file.read(200_000)
        decoder.decode(b"", final=True)
        return "utf-8-sig"
    except UnicodeDecodeError:
        encoding = detect_encoding(part[:_SAMPLE_BYTES] if beginning.isascii() else beginning[:_SAMPLE_BYTES])
        return "utf-8-sig" if encoding == "utf-8" else encoding
    finally:
        file.seek(0)


def write_rows(rows: list[list[str]]) -> str:
    """Return rows as the text of a CSV file; cells that a spreadsheet would take for formulas begin with an apostrophe.

    Spreadsheets may split at semicolons or tabs, also within a cell, so a formula behind one is treated the same.
    """
    out = io.StringIO()
    csv.writer(out).writerows([_FORMULA.sub(r"\1'", cell) for cell in row] for row in rows)
    return out.getvalue()
