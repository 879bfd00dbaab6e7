"""ODS: spreadsheets of OpenDocument are read as tables, and hostile ones are refused or cut."""

import io
import zipfile
from pathlib import Path

import pytest

from platform_app.errors import Invalid
from platform_app.rag.parsing import parse
from platform_app.rag.readers import ods, sheets
from platform_app.rag.readers.reader_report import Report

HEAD = '<?xml version="1.0"?>'
ROOT = "<office:document-content " + " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text", "style")
)
TABLE = "| Name | Price |\n|---|---|\n"


def book(*tables: str, styles: str = "", head: str = HEAD) -> bytes:
    """Return a spreadsheet with these tables."""
    out = io.BytesIO()
    body = f"<office:body><office:spreadsheet>{''.join(tables)}</office:spreadsheet></office:body>"
    content = (
        f"{head}{ROOT}><office:automatic-styles>{styles}</office:automatic-styles>{body}</office:document-content>"
    )
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    return out.getvalue()


def row(*cells: str, more: str = "") -> str:
    shown = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in cells)
    return f"<table:table-row {more}>{shown}</table:table-row>"


def sheet(*rows: str, name: str = "Prices", more: str = "") -> str:
    return f'<table:table table:name="{name}" {more}>{"".join(rows)}</table:table>'


def read(folder: Path, data: bytes) -> tuple[str, list[str]]:
    path, report = folder / "a.ods", Report()
    path.write_bytes(data)
    return ods.read(path, report), [said["sentence"] for said in report.finish()]


def test_a_sheet_is_a_table_with_what_it_shows(tmp_path: Path) -> None:
    blank = '<table:table-row table:number-rows-repeated="1048570"><table:table-cell/></table:table-row>'
    spaced = "A<text:s text:c='2'/>B<office:annotation><text:p>secret</text:p></office:annotation>"
    text, said = read(tmp_path, book(sheet(row("Name", "Price"), row("Oil", "5,00 €"), row(spaced, "1"), blank)))
    assert (text, said) == (f"{TABLE}| Oil | 5,00 € |\n| A B | 1 |", [])
    assert parse(tmp_path / "a.ods", "a.ods") == text


def test_each_visible_sheet_has_its_heading_and_hidden_ones_are_counted(tmp_path: Path) -> None:
    hidden = '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'
    column = '<table:table-column/><table:table-column table:visibility="collapse"/>'
    text, said = read(
        tmp_path,
        book(
            sheet(row("Name", "Price"), row("Oil", "5"), row("Secret", "1", more='table:visibility="filter"')),
            sheet(column, row("Name", "Cost", "Price"), row("Wax", "2", "7"), name="More"),
            sheet(row("Obey", "me"), name="No", more='table:style-name="h"'),
            styles=hidden,
        ),
    )
    assert text.startswith(f"## Prices\n\n{TABLE}| Oil | 5 |\n\n## More\n\n") and "Wax" in text and "7" in text
    assert not {"Secret", "Cost", "Obey"} & set(text.replace("|", " ").split())
    assert said == ["Hidden passages skipped: {count}."]


def test_formulas_without_a_result_are_said(tmp_path: Path) -> None:
    formula = '<table:table-row><table:table-cell table:formula="of:=1+1"/></table:table-row>'
    assert read(tmp_path, book(sheet(row("Name", "Price"), row("Oil", "5"), formula)))[1] == [sheets.FORMULAS_SKIPPED]


@pytest.mark.parametrize(
    "rows",
    [
        row("Oil", "5", more='table:number-rows-repeated="1048576"'),
        '<table:table-row><table:table-cell table:number-columns-repeated="99999"><text:p>x</text:p></table:table-cell>'
        "</table:table-row>",
    ],
)
def test_repetitions_are_cut_and_said(tmp_path: Path, rows: str) -> None:
    text, said = read(tmp_path, book(sheet(row("Name", "Price"), rows)))
    assert len(text) < 3_000_000 and said[-1].startswith("The table is too large.")


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 broken",
        book("<table:table"),
        book(sheet()).replace(b"content.xml", b"nothing.xml"),
    ],
    ids=["no archive", "no XML", "no content"],
)
def test_what_is_damaged_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Invalid, match="isn’t an ODS file"):
        read(tmp_path, data)


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("SECRET")
    outside = f'<!DOCTYPE x [<!ENTITY a SYSTEM "file://{tmp_path}/secret"><!ENTITY b "bomb">]>'
    text, _ = read(tmp_path, book(sheet(row("Name", "Price"), row("&a;&b;", "1")), head=HEAD + outside))
    assert "SECRET" not in text and "bomb" not in text


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="unsafe size"):
        read(tmp_path, book(sheet(row("x" * 20_000_000))))
