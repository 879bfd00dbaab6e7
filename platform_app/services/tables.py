"""Tables: CSV files read in any usual form, and written so that no spreadsheet takes a cell for a formula."""

import csv
import io
from typing import Any

from charset_normalizer import from_bytes

from platform_app.errors import Invalid

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def read(data: bytes) -> list[list[str]]:
    """Return the rows of a CSV file in any usual encoding, with commas, semicolons, tabs or bars; empty rows go."""
    best = from_bytes(data[:200_000]).best()
    encoding = "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else _encoding(data, best.encoding if best else "utf-8")
    text = data.decode(encoding, "replace").replace("\x00", "")
    try:
        dialect: Any = csv.Sniffer().sniff(text[:20_000], ",;\t|")
    except csv.Error:
        dialect = csv.excel
    csv.field_size_limit(1_000_000)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""), dialect)]
    except csv.Error as error:
        raise Invalid("The file is no table of rows and columns.") from error
    return [row for row in rows if any(row)]


def _encoding(data: bytes, guessed: str) -> str:
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        return guessed


def written(rows: list[list[str]]) -> str:
    """Return rows as a CSV file; what a spreadsheet would take for a formula is led by an apostrophe."""
    out = io.StringIO()
    csv.writer(out).writerows([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row] for row in rows)
    return out.getvalue()
