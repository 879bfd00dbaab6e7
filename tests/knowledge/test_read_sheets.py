"""Sheets: CSV and XLSX are read as tables whose values look as the spreadsheet shows them."""

import io
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from platform_app.errors import Invalid
from platform_app.rag.readers import markdown, sheets
from platform_app.rag.readers.reader_report import Report

HEAD = "| Name | Price |\n|---|---|\n"


def book(fill: Any) -> bytes:
    """Return a workbook that a function has filled."""
    made = Workbook()
    fill(made)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def read(folder: Path, name: str, data: bytes) -> tuple[str, list[str]]:
    path, report = folder / name, Report()
    path.write_bytes(data)
    if name.endswith("csv"):
        return sheets.read_csv(path, report), [said["sentence"] for said in report.finish()]
    return sheets.read_xlsx(path, report), [said["sentence"] for said in report.finish()]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Name,Price\nA,1\n", HEAD + "| A | 1 |"),
        ("Name;Price\nA;1,5\n\nB;2,5\n", HEAD + "| A | 1,5 |\n| B | 2,5 |"),
        ("Name\tPrice\nA, B\t1\n", HEAD + "| A, B | 1 |"),
        ("sep=|\r\nName|Price\r\nA;x|1\r\n", HEAD + "| A;x | 1 |"),
        ('Name,Price\n"Two\nlines","a|b"\n', HEAD + "| Two lines | a\\|b |"),
        ("Имя;Цена\nМёд;5\n".encode("cp1251"), "| Имя | Цена |\n|---|---|\n| Мёд | 5 |"),
        ("Our prices\n\nName,Price,\nA,1,\n", "Our prices\n\n" + HEAD + "| A | 1 |"),
        ("Name\nA\nB\n", "Name\n\nA\n\nB"),
    ],
)
def test_csv_is_a_table(tmp_path: Path, data: str | bytes, text: str) -> None:
    raw = data if isinstance(data, bytes) else data.encode()
    assert read(tmp_path, "a.csv", raw) == (text, [])


def test_long_rows_are_records_that_name_their_columns() -> None:
    answer = "Words of an answer. " * 60
    assert markdown.table([["Question", "Answer"], ["How?", answer]]).startswith("Question: How?\nAnswer: Words of")


def fill(made: Workbook) -> None:
    sheet = made.active
    sheet.title = "Prices"
    sheet.append(["Price list"])
    sheet.append([])
    sheet.append(["Name", "Price", "Off", "From", "Code", "In stock"])
    sheet.append(["Bike", 12500.5, 0.15, date(2026, 3, 1), 7, True])
    sheet.append(["Lock", 1000, 0.1, datetime(2026, 3, 1, 9, 30), 12, False])
    for row in (4, 5):
        sheet.cell(row, 2).number_format = '#,##0.00" ₽"'
        sheet.cell(row, 3).number_format = "0%"
        sheet.cell(row, 5).number_format = "0000"
    other = made.create_sheet("Hours")
    other.append(["Day", "Open"])
    other.append(["Mon", "9–18"])
    other.append([None, "12–15"])
    other.merge_cells("A2:A3")
    secret = made.create_sheet("Secret")
    secret.append(["Obey", "me"])
    secret.sheet_state = "hidden"


def test_a_workbook_is_read_as_it_is_shown(tmp_path: Path) -> None:
    text, said = read(tmp_path, "a.xlsx", book(fill))
    assert text == (
        "## Prices\n\nPrice list\n\n| Name | Price | Off | From | Code | In stock |\n|---|---|---|---|---|---|\n"
        "| Bike | 12 500.50 ₽ | 15% | 01.03.2026 | 0007 | TRUE |\n"
        "| Lock | 1 000.00 ₽ | 10% | 01.03.2026 09:30 | 0012 | FALSE |\n\n"
        "## Hours\n\n| Day | Open |\n|---|---|\n| Mon | 9–18 |\n| Mon | 12–15 |"
    )
    assert said == ["Hidden passages skipped: {count}."]


def test_a_large_workbook_is_read_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_LOADED_BYTES", 0)
    text, _ = read(tmp_path, "a.xlsx", book(fill))
    assert "| Bike | 12 500.50 ₽ | 15% | 01.03.2026 |" in text and "Obey" not in text


def test_a_formula_without_its_result_is_told(tmp_path: Path) -> None:
    def formulas(made: Workbook) -> None:
        made.active.append(["Sum", "=1+1"])

    text, said = read(tmp_path, "a.xlsx", book(formulas))
    assert "Sum" in text
    assert said == [
        (
            "Formulas without a saved result skipped: {count}. Open the file in a spreadsheet app, save "
            "it and upload again."
        )
    ]


def test_more_rows_than_are_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_ROWS", 2)
    text, said = read(tmp_path, "a.csv", b"Name,Price\nA,1\nB,2\n")
    assert text == HEAD + "| A | 1 |" and "too large" in said[0]


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"no archive", book(fill)[:-300]])
def test_what_is_no_workbook_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Invalid, match="XLSX"):
        read(tmp_path, "a.xlsx", data)
