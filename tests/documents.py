"""Documents: files of each kind that can be uploaded, whole and hostile."""

import io
import zipfile

from docx import Document
from reportlab.pdfgen.canvas import Canvas


def pdf(*lines: str, password: str = "") -> bytes:
    """Return a PDF with a line of text on each page."""
    out = io.BytesIO()
    canvas = Canvas(out, encrypt=password or None)
    for line in lines:
        canvas.drawString(72, 720, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def docx(*paragraphs: str, heading: str = "", table: tuple[tuple[str, ...], ...] = ()) -> bytes:
    """Return a DOCX of a heading, paragraphs and a table, whichever are given."""
    document = Document()
    if heading:
        document.add_heading(heading, 1)
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    if table:
        grid = document.add_table(len(table), len(table[0]))
        for cells, texts in zip(grid.rows, table, strict=True):
            for cell, text in zip(cells.cells, texts, strict=True):
                cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def packed(parts: dict[str, bytes], *, link: str = "") -> bytes:
    """Return a ZIP of these parts, with a symbolic link of this name when one is given."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def with_document(xml: bytes) -> bytes:
    """Return a DOCX whose main part is this XML."""
    parts = {}
    with zipfile.ZipFile(io.BytesIO(docx("text"))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return packed(parts | {"word/document.xml": xml})
