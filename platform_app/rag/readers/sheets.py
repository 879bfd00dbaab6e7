"""Sheets: CSV and XLSX as Markdown tables, with values as the spreadsheet shows them."""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from platform_app.errors import Invalid
from platform_app.rag.readers import markdown, text
from platform_app.rag.readers.reader_report import Report, say
from platform_app.rag.readers.zip_package import check_package

MAX_ROWS = 100_000  # of a file
MAX_COLUMNS = 200
MAX_LOADED_BYTES = 12_000_000  # bytes of XML; a larger workbook is read row by row, without its merged cells
_NO_VALUE = re.compile(rb"</f>\s*(<v\s*/>|<v></v>|</c>)|<f[^>]*/>\s*(<v\s*/>|<v></v>|</c>)")
FORMULAS_SKIPPED = (
    "Formulas without a saved result skipped: {count}. Open the file in a spreadsheet app, save it and upload again."
)
_DAMAGED = "The file is damaged or isn’t an XLSX file."


def check(path: Path) -> None:
    """Check that a file is an XLSX. Raises Invalid if it is damaged, is not an XLSX, or unpacks to too much."""
    if not any(name.endswith("workbook.xml") for name in check_package(path, _DAMAGED)):
        raise Invalid(_DAMAGED)


def read_csv(path: Path, report: Report) -> str:
    """Return a CSV file as a Markdown table. Raises Invalid if the file is not a table."""
    source = text.read(path, report).replace("\x00", "").lstrip("\ufeff")
    separator_line = re.match(r"\s*sep=(.)\r?\n", source)  # a line that spreadsheets write to declare the delimiter
    source = source[separator_line.end() :] if separator_line else source
    delimiter = separator_line[1] if separator_line else _delimiter(source)
    csv.field_size_limit(1_000_000)
    try:
        rows = csv.reader(io.StringIO(source, newline=""), delimiter=delimiter)
        return to_markdown([("", (row for row in rows if any(cell.strip() for cell in row)))], report)
    except csv.Error as error:
        raise Invalid("The file isn’t a valid table.") from error


def _delimiter(source: str) -> str:
    """Return the delimiter with which most rows have the same number of cells."""
    best, best_share = ",", 0.0
    for delimiter in ",;\t|":
        rows = islice(csv.reader(io.StringIO(source[:200_000], newline=""), delimiter=delimiter), 100)
        widths = Counter(len(row) for row in rows if any(row))
        width, count = max(widths.items(), key=lambda pair: (pair[1] * (pair[0] > 1), pair[0]), default=(1, 0))
        share = count / sum(widths.values()) if width > 1 else 0.0
        if share > best_share + 1e-9:
            best, best_share = delimiter, share
    return best


def read_xlsx(path: Path, report: Report) -> str:
    """Return a workbook as Markdown: a heading and tables for each visible sheet.

    Raises Invalid if the workbook is damaged.
    """
    check(path)
    with zipfile.ZipFile(path) as archive:
        parts = [member for member in archive.infolist() if member.filename.endswith(".xml")]
        is_small = sum(member.file_size for member in parts) < MAX_LOADED_BYTES
        sheets = [member for member in parts if is_small and member.filename.startswith("xl/worksheets/")]
        missing = sum(len(_NO_VALUE.findall(archive.read(member))) for member in sheets)
    try:
        book = load_workbook(path, read_only=not is_small, data_only=True, keep_links=False)
    except (InvalidFileException, KeyError, ValueError, TypeError) as error:
        raise Invalid(_DAMAGED) from error
    if missing:
        say(
            report,
            FORMULAS_SKIPPED,
            count=missing,
        )
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    report.hidden += len(book.worksheets) - len(visible)
    has_titles = len(book.worksheets) > 1
    return to_markdown([(sheet.title if has_titles else "", _rows(sheet, report)) for sheet in visible], report)


def _rows(sheet: Any, report: Report) -> Iterator[list[str]]:
    """Yield the rows of a sheet as shown; a merged cell's value stands in each of its rows."""
    if not hasattr(sheet, "merged_cells"):
        sheet.reset_dimensions()  # the dimensions that a file declares may be wrong
        for row in sheet.iter_rows():
            yield [_cell_text(cell) for cell in row]
        return
    origins = {}  # by (row, column): the first cell of the merged range
    for merged in sheet.merged_cells.ranges:
        for row in range(merged.min_row + 1, min(merged.max_row, merged.min_row + 1000) + 1):
            origins[row, merged.min_col] = (merged.min_row, merged.min_col)
    hidden_columns = {name for name, dimension in sheet.column_dimensions.items() if dimension.hidden}
    for row in sheet.iter_rows():
        cells = ["" if get_column_letter(cell.column) in hidden_columns else _cell_text(cell) for cell in row]
        if sheet.row_dimensions[row[0].row].hidden if row else False:
            report.hidden += any(cells)
            continue
        places = [origins.get((cell.row, cell.column)) for cell in row]
        yield [_cell_text(sheet.cell(*at)) if at else content for at, content in zip(places, cells, strict=True)]
    report.hidden += len(hidden_columns)


def _cell_text(cell: Any) -> str:
    """Return a cell's value as its format shows it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        has_time = (value.hour, value.minute, value.second) != (0, 0, 0)
        return value.strftime("%d.%m.%Y %H:%M" if has_time else "%d.%m.%Y")
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y")
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, timedelta):
        minutes = int(value.total_seconds()) // 60
        return f"{minutes // 60}:{minutes % 60:02d}"
    if isinstance(value, (int, float)):
        return _number(value, str(cell.number_format or "General"))
    return str(value)


def _number(value: float, form: str) -> str:
    """Return a number in a spreadsheet's format: decimals, thousands, per cent, and literal text."""
    section = form.split(";")[0]
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", section)
    if bare in ("General", "@", "") or re.search(r"[Ee][+-]", bare) or "?" in bare:
        return _general(value)
    decimals = re.search(r"0\.([0#]+)|#\.([0#]+)", bare)
    digits = len(decimals[1] or decimals[2]) if decimals else 0
    percent = "%" in bare
    shown = f"{value * 100 if percent else value:,.{digits}f}"
    shown = shown.replace(",", " ") if re.search(r"[#0],[#0]|[#0] [#0]", bare) else shown.replace(",", "")
    whole = re.match(r"0+(?![0#,.])", bare) if not decimals else None  # leading zeros, as of codes
    if whole and value >= 0:
        shown = shown.zfill(len(whole[0]))
    affixes = re.findall(r'"([^"]*)"|\[\$([^\]\-]+)[^\]]*\]|\\([^\s])|([₽$€£])', section)
    affix_text = " ".join(filter(None, ("".join(sign).strip() for sign in affixes)))
    return shown + ("%" if percent else "") + (f" {affix_text}" if affix_text else "")


def _general(value: float) -> str:
    if isinstance(value, int) or value == int(value):
        return str(int(value)) if abs(value) < 1e21 else repr(value)
    return format(value, ".10g") if 1e-4 <= abs(value) < 1e10 else repr(round(value, 10))


def _continues_table(head: list[str], row: list[str]) -> bool:
    """Return whether a row after an empty one continues the table above, whose first row has no numbers."""

    def numbers(cells: list[str]) -> int:
        return sum(cell[:1].isdigit() for cell in cells)

    return numbers(row) > 0 and numbers(head) == 0 and sum(map(bool, head)) == sum(map(bool, row)) > 1


def to_markdown(sheets: list[tuple[str, Iterator[list[str]]]], report: Report) -> str:
    """Return sheets as Markdown; rows and columns beyond the limits are reported."""
    parts, rows_left, is_cut = [], MAX_ROWS, False
    for name, rows in sheets:
        blocks: list[list[list[str]]] = [[]]
        after_empty_row = False
        for row in rows:
            if not any(cell.strip() for cell in row):
                after_empty_row = bool(blocks[-1])
                continue
            if after_empty_row and not _continues_table(blocks[-1][0], row):
                blocks.append([])
            after_empty_row = False
            if rows_left == 0:
                is_cut = True
                break
            rows_left -= 1
            is_cut |= len(row) > MAX_COLUMNS
            blocks[-1].append(row[:MAX_COLUMNS])
        tables = [markdown.table(block) for block in blocks if block]
        parts += [*([f"## {name}"] if name and tables else []), *tables]
    if is_cut:
        say(
            report,
            "The table is too large. Only the first {rows} rows and {columns} columns were read.",
            rows=MAX_ROWS,
            columns=MAX_COLUMNS,
        )
    return "\n\n".join(part for part in parts if part)
