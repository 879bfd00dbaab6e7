"""Tables: CSV files read in any usual form, and written so that no spreadsheet takes a cell for a formula."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from charset_normalizer import from_bytes

from platform_app.errors import Invalid

MOST_ROWS = 200_000
MOST_COLUMNS = 100
LONGEST_ROW = 1_000_000  # characters
_FORMULA = re.compile(r'((?:^|(?<=[;,|\t\r\n]))(?:[^\S\t\r\n]|")*)(?=[=+\-@])|^(?=[\t\r\n])')
_LED = re.compile(r"^'(?=[=+\-@])")  # how a cell that is no formula begins in a table that we wrote


def read(file: BinaryIO) -> Iterator[list[str]]:
    """Yield the rows of a CSV file in any usual encoding, with commas, semicolons, tabs or bars; empty rows go.

    One row is held at a time; raises Invalid at the first that is too many, too wide or too long.
    """
    text = io.TextIOWrapper(file, _encoding(file), "replace", newline="")
    try:
        dialect = _dialect(text)
        csv.field_size_limit(LONGEST_ROW)
        lines, count = _Lines(text), 0
        for row in csv.reader(lines, dialect):
            lines.taken = 0
            if len(row) > MOST_COLUMNS:
                raise Invalid("The file has more than {count} columns.", count=MOST_COLUMNS)
            cells = [_LED.sub("", cell.strip()) for cell in row]
            if not any(cells):
                continue
            count += 1
            if count > MOST_ROWS:
                raise Invalid("The file has more than {count} rows.", count=MOST_ROWS)
            yield cells
    except csv.Error as error:
        raise Invalid("The file is no table of rows and columns.") from error
    finally:
        if not file.closed:
            text.detach()  # what was opened elsewhere is closed there


class _Lines:
    """The lines of a file, as long as no row of them goes on too long."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text, self.taken = text, 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.text.readline(LONGEST_ROW + 1)
        self.taken += len(line)
        if self.taken > LONGEST_ROW:
            raise Invalid("The file is no table of rows and columns.")
        if not line:
            raise StopIteration
        return line.replace("\x00", "")


def _dialect(text: io.TextIOWrapper) -> Any:
    beginning = text.read(20_000).replace("\x00", "")
    text.seek(0)
    try:
        found = csv.Sniffer().sniff(beginning, ",;\t|")
    except csv.Error:
        return csv.excel
    found.quotechar, found.doublequote = '"', True  # apostrophes lead phones; it takes two of them for quotes
    return found


def _encoding(file: BinaryIO) -> str:
    """Return UTF-8 where all of a file is, else what its beginning looks like; the file stands at its beginning."""
    beginning, decoder = file.read(200_000), codecs.getincrementaldecoder("utf-8")()
    part = beginning
    try:
        while part:
            decoder.decode(part)
            part = file.read(200_000)
        decoder.decode(b"", final=True)
        return "utf-8-sig"
    except UnicodeDecodeError:
        best = from_bytes(beginning).best()
        return best.encoding if best and not beginning.startswith(codecs.BOM_UTF8) else "utf-8-sig"
    finally:
        file.seek(0)


def written(rows: list[list[str]]) -> str:
    """Return rows as a CSV file; what a spreadsheet would take for a formula is led by an apostrophe.

    Spreadsheets split at semicolons or tabs as well, within a cell of ours too: there a formula is led by one likewise.
    """
    out = io.StringIO()
    csv.writer(out).writerows([_FORMULA.sub(r"\1'", cell) for cell in row] for row in rows)
    return out.getvalue()
