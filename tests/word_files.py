"""Word files: DOCX made of raw XML, for what no library writes."""

import io
import zipfile
from functools import cache

from tests.documents import docx, packed

_SPACES = " ".join(
    f'xmlns:{short}="{name}"'
    for short, name in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "v": "urn:schemas-microsoft-com:vml",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    }.items()
)
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def word(body: str, **parts: str) -> bytes:
    """Return a DOCX with this XML in its body; parts by name: `header1="<w:p>…"`, `footnotes`, `styles`."""
    files = dict(_frame())
    edges = [name for name in parts if name.startswith(("header", "footer"))]
    shown = "".join(f'<w:{name[:6]}Reference w:type="default" r:id="x{name}"/>' for name in edges)
    files["word/document.xml"] = _xml("document", f"<w:body>{body}<w:sectPr>{shown}</w:sectPr></w:body>")
    relations = "".join(f'<Relationship Id="x{n}" Type="{_RELATION}/{n[:6]}" Target="{n}.xml"/>' for n in edges)
    known = files["word/_rels/document.xml.rels"].decode()
    files["word/_rels/document.xml.rels"] = known.replace("</Relationships>", f"{relations}</Relationships>").encode()
    for name, inner in parts.items():
        root = {"header": "hdr", "footer": "ftr"}.get(name[:6], name)
        files[f"word/{name}.xml"] = _xml(root, inner)
    return packed(files)


@cache
def _frame() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(docx("text"))) as archive:
        return {name: archive.read(name) for name in archive.namelist() if "styles" not in name}


def _xml(root: str, inner: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><w:{root} {_SPACES}>{inner}</w:{root}>'.encode()


def p(text: str, *, look: str = "", shape: str = "") -> str:
    """Return a paragraph of one run, with the properties given as XML."""
    return f"<w:p><w:pPr>{shape}</w:pPr>{r(text, look)}</w:p>"


def r(text: str, look: str = "") -> str:
    """Return a run."""
    return f'<w:r><w:rPr>{look}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def table(*rows: str) -> str:
    """Return a table of rows, each given as its cells' XML."""
    return "<w:tbl><w:tblPr/>" + "".join(f"<w:tr>{row}</w:tr>" for row in rows) + "</w:tbl>"


def cell(inner: str, shape: str = "") -> str:
    """Return a cell of paragraphs."""
    return f"<w:tc><w:tcPr>{shape}</w:tcPr>{inner}</w:tc>"
