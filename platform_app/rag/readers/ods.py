"""ODS: spreadsheets of OpenDocument as Markdown tables, with values as the spreadsheet shows them."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from lxml import etree

from platform_app.errors import Invalid
from platform_app.rag.readers import sheets
from platform_app.rag.readers.reader_report import Report, say
from platform_app.rag.readers.zip_package import check_package

_DAMAGED = "The file is damaged or isn’t an ODS file."
_OASIS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_TABLE, _TEXT, _STYLE, _OFFICE = (_OASIS % name for name in ("table", "text", "style", "office"))
_READ = [f"{_TABLE}table", f"{_TABLE}table-row", f"{_TABLE}table-column", f"{_STYLE}style"]
_MAX_SPACES = 100  # that one element may stand for


@dataclass
class _Sheet:
    """A sheet as far as it was read."""

    name: str = ""
    rows: list[list[str]] = field(default_factory=list)
    hidden_columns: set[int] = field(default_factory=set)
    columns: int = 0  # declared so far


def read(path: Path, report: Report) -> str:
    """Return a spreadsheet as Markdown: a heading and tables for each visible sheet.

    Raises Invalid if the file is damaged, is not an ODS, or unpacks to too much.
    """
    if "content.xml" not in check_package(path, _DAMAGED):
        raise Invalid(_DAMAGED)
    try:
        with zipfile.ZipFile(path) as archive, archive.open("content.xml") as file:
            found_sheets = list(_sheets(file, report))
    except (etree.XMLSyntaxError, RuntimeError) as error:  # a part with a password is a RuntimeError
        raise Invalid(_DAMAGED) from error
    has_titles = len(found_sheets) > 1
    return sheets.to_markdown([(sheet.name if has_titles else "", iter(sheet.rows)) for sheet in found_sheets], report)


def _sheets(file: IO[bytes], report: Report) -> Iterator[_Sheet]:
    """Yield the visible sheets, in all at most one row more than is kept of a file."""
    hidden_styles: set[str] = set()
    sheet, rows_left, missing = _Sheet(), sheets.MAX_ROWS + 1, 0
    for _, element in etree.iterparse(file, tag=_READ, resolve_entities=False, no_network=True, load_dtd=False):
        if element.tag == f"{_STYLE}style":
            if any(child.get(f"{_TABLE}display") == "false" for child in element):
                hidden_styles.add(element.get(f"{_STYLE}name", ""))
        elif element.tag == f"{_TABLE}table-column":
            _declare_columns(sheet, element, report)
        elif element.tag == f"{_TABLE}table-row":
            rows = _rows(element, sheet, report)[:rows_left]
            sheet.rows += rows
            rows_left -= len(rows)
            missing += _formulas_without_value(element)
        else:
            sheet.name = element.get(f"{_TABLE}name", "")
            if element.get(f"{_TABLE}style-name", "") in hidden_styles:
                report.hidden += 1
            else:
                yield sheet
            sheet = _Sheet()
        element.clear()
    if missing:
        say(report, sheets.FORMULAS_SKIPPED, count=missing)


def _declare_columns(sheet: _Sheet, element: Any, report: Report) -> None:
    count = min(_repeated(element, "columns"), sheets.MAX_COLUMNS + 1 - sheet.columns)
    if element.get(f"{_TABLE}visibility") in ("collapse", "filter") and count > 0:
        sheet.hidden_columns |= set(range(sheet.columns, sheet.columns + count))
        report.hidden += count
    sheet.columns += max(0, count)


def _rows(element: Any, sheet: _Sheet, report: Report) -> list[list[str]]:
    """Return a row as often as it stands in the sheet; an empty one once."""
    cells: list[str] = []
    for cell in element.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
        count = min(_repeated(cell, "columns"), sheets.MAX_COLUMNS + 1 - len(cells))
        cells += [_text(cell)] * count
    cells = ["" if place in sheet.hidden_columns else text for place, text in enumerate(cells)]
    while cells and not cells[-1].strip():
        cells.pop()
    if element.get(f"{_TABLE}visibility") in ("collapse", "filter"):
        report.hidden += any(cells)
        return []
    return [list(cells) for _ in range(min(_repeated(element, "rows"), sheets.MAX_ROWS + 1) if cells else 1)]


def _repeated(element: Any, what: str) -> int:
    number = element.get(f"{_TABLE}number-{what}-repeated", "1")
    return max(1, int(number)) if number.isdecimal() and len(number) < 10 else 1


def _text(cell: Any) -> str:
    """Return what a cell shows, without its comments."""
    return "\n".join("".join(_parts(paragraph)) for paragraph in cell.iterchildren(f"{_TEXT}p"))


def _parts(element: Any) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag == f"{_TEXT}s":
            count = child.get(f"{_TEXT}c", "1")
            yield " " * (min(int(count), _MAX_SPACES) if count.isdecimal() and len(count) < 6 else 1)
        elif child.tag in (f"{_TEXT}line-break", f"{_TEXT}tab"):
            yield " "
        elif child.tag != f"{_OFFICE}annotation":
            yield from _parts(child)
        yield child.tail or ""


def _formulas_without_value(row: Any) -> int:
    """Return the number of formulas of a row whose result was not saved."""
    cells = row.iterchildren(f"{_TABLE}table-cell")
    return sum(cell.get(f"{_TABLE}formula") is not None and cell.find(f"{_TEXT}p") is None for cell in cells)
