"""DOCX: the text of a Word file in reading order, in one pass over its XML."""

import re
from pathlib import Path
from typing import Any

from platform_app.rag.readers import markdown
from platform_app.rag.readers.docx_numbers import Numbers
from platform_app.rag.readers.docx_package import (
    Package,
    check,
    child,
    is_on,
    is_shaded,
    is_white,
    local,
    open_package,
    value,
    within,
)
from platform_app.rag.readers.reader_report import Report, say

LONGEST_CELL = 1500  # characters; a table with a longer cell only lays the page out
_INSIDE = {"ins", "moveTo", "smartTag", "customXml", "hyperlink", "fldSimple", "dir", "bdo", "ruby", "rubyBase"}
_GONE = {"del", "moveFrom", "instrText", "delText", "delInstrText", "rt", "rPr", "pPr", "sdtPr", "sdtEndPr"}
_BULLETS = {"·": "•", "\uf0b7": "•", "\uf0a7": "▪", "\uf0fc": "✓", "\uf0fe": "☒", "\uf0a8": "☐", "\uf0e0": "→"}


def read(path: Path, report: Report) -> str:
    """Return the text of a file as Markdown: headers, footers, then the body with its notes."""
    check(path)
    package = open_package(path)
    reader = _Reader(package, report)
    around = [reader.blocks(part) for part in [*package.headers, *package.footers]]
    edges = dict.fromkeys(block for blocks in around for block in blocks if re.search(r"[^\W\d_]|\d{4}", block))
    blocks = [*edges, *reader.blocks(package.body)]
    if package.comments:
        say(report, "Comments in the margin were left out: {count}.", count=package.comments)
    return "\n\n".join(blocks)


class _Reader:
    """Walks the XML; keeps what goes over the borders of paragraphs: fields, numbers, notes and boxes."""

    def __init__(self, package: Package, report: Report) -> None:
        self.package, self.report = package, report
        self.numbers = Numbers(package.numbering)
        self.fields: list[bool] = []  # of each open field: whether its result has begun
        self.aside: list[str] = []  # blocks that belong behind the paragraph being read: boxes and notes
        self.begun = ""  # text of a paragraph whose end was deleted: it goes on in the next
        self.was_hidden = False  # the run before was: both are one passage
        self.dark = is_shaded(package.body.getparent(), "background")  # white letters can be seen here

    def blocks(self, parent: Any) -> list[str]:
        """Return what an element holds as blocks of Markdown."""
        found: list[str] = []
        for node in parent:
            name = local(node)
            if name == "p":
                found += self._paragraph(node)
            elif name == "tbl":
                found += self._table(node)
            elif name == "AlternateContent":
                found += self._alternative(node, self.blocks)
            elif name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "footnote", "endnote"):
                found += self.blocks(child(node, "sdtContent") if name == "sdt" else node) if len(node) else []
        return [block for block in found if block.strip()]

    def _paragraph(self, node: Any) -> list[str]:
        shape = child(node, "pPr")
        style = self.package.style(value(child(shape, "pStyle")))
        outer, self.aside, self.was_hidden = (self.aside, self.dark), [], False
        self.dark |= is_shaded(shape) or style.shaded
        text = self._inline(node, style.hidden, style.white)
        aside, (self.aside, self.dark) = self.aside, outer
        text, self.begun = self.begun + text, ""
        if child(shape, "rPr", "del") is not None:
            self.begun = text
            return aside
        text = re.sub(r"[ \t]+", " ", text).strip()
        if not text:
            return aside
        level = value(child(shape, "outlineLvl"))
        heading = int(level) + 1 if level and level.isdecimal() and int(level) < 9 else style.level
        number = self._number(shape, style.numbering)
        if heading:
            return ["#" * min(heading, 6) + " " + markdown.one_line(f"{number} {text}"), *aside]
        return [f"{number} {text}" if number else text, *aside]

    def _number(self, shape: Any, inherited: tuple[str, int] | None) -> str:
        own = child(shape, "numPr")
        listed = value(child(own, "numId")) if own is not None else None
        if listed is None and inherited is None:
            return ""
        depth = value(child(own, "ilvl"))
        key = listed or (inherited[0] if inherited else "")
        return self.numbers.next(key, int(depth) if depth else inherited[1] if inherited else 0)

    def _inline(self, parent: Any, hidden: bool, white: bool) -> str:
        """Return the visible text within a paragraph, a link or the like."""
        found = []
        for node in parent:
            name = local(node)
            if name == "r":
                found.append(self._run(node, hidden, white))
            elif name in _INSIDE:
                found.append(self._inline(node, hidden, white))
            elif name == "sdt":
                found.append(self._control(node, hidden, white))
            elif name == "AlternateContent":
                found += self._alternative(node, lambda one: [self._inline(one, hidden, white)])
            elif name in ("oMath", "oMathPara"):
                found.append("".join(one.text or "" for one in node.iter() if local(one) == "t"))
            elif name not in _GONE and len(node):
                found.append(self._inline(node, hidden, white))
        return "".join(found)

    def _control(self, node: Any, hidden: bool, white: bool) -> str:
        if is_on(child(node, "sdtPr", "showingPlcHdr")):
            return ""  # what the form asks for, not what was written
        content = child(node, "sdtContent")
        return self._inline(content, hidden, white) if content is not None else ""

    def _alternative(self, node: Any, read: Any) -> list[str]:
        """Return the first of several forms of one thing that says something."""
        for form in node:
            before = len(self.aside)
            found = [one for one in read(form) if one.strip()] if local(form) in ("Choice", "Fallback") else []
            if found or len(self.aside) > before:
                return found
        return []

    def _run(self, node: Any, hidden: bool, white: bool) -> str:
        look = child(node, "rPr")
        style = self.package.style(value(child(look, "rStyle")))
        vanish = child(look, "vanish")
        if vanish is not None:
            hidden = is_on(vanish)
        if child(look, "color") is not None:
            white = is_white(look)
        text = self._run_text(node)
        unseen = hidden or style.hidden or ((white or style.white) and not self.dark)
        if not text.strip():
            return "" if unseen else text
        if unseen:
            self.report.hidden += not self.was_hidden
        self.was_hidden = unseen
        return "" if unseen else text

    def _run_text(self, node: Any) -> str:
        found: list[str] = []
        for part in node:
            name = local(part)
            if name == "fldChar":
                self._field(part, found)
            elif not all(self.fields):
                continue  # what computes a field, not what it shows
            elif name == "t":
                found.append(part.text or "")
            elif name in ("tab", "ptab"):
                found.append(" ")
            elif name in ("br", "cr"):
                found.append("\n" if value(part, "type") in (None, "textWrapping") else " ")
            elif name == "noBreakHyphen":
                found.append("-")
            elif name == "sym":
                letter = chr(int(value(part, "char") or "b7", 16))
                found.append(_BULLETS.get(letter, "•" if "\ue000" <= letter <= "\uf8ff" else letter))
            elif name in ("footnoteReference", "endnoteReference"):
                self._note(name.removesuffix("Reference"), value(part, "id") or "")
            elif name in ("drawing", "pict", "object"):
                found.append(self._drawing(part))
            elif name == "AlternateContent":
                found += self._alternative(part, lambda one: [self._run_text(one)])
            elif name == "ruby":
                found.append(self._inline(part, False, False))
        return "".join(found)

    def _field(self, node: Any, found: list[str]) -> None:
        kind = value(node, "fldCharType")
        if kind == "begin":
            chosen = child(node, "ffData", "ddList")
            if chosen is not None and all(self.fields):
                entries = [value(one) or "" for one in chosen if local(one) == "listEntry"]
                place = int(value(child(chosen, "result")) or 0)
                found += entries[place : place + 1]
            self.fields.append(False)
        elif kind == "separate" and self.fields:
            self.fields[-1] = True
        elif kind == "end" and self.fields:
            self.fields.pop()

    def _note(self, kind: str, key: str) -> None:
        note = self.package.notes.pop((kind, key), None)  # a note may not refer to itself
        if note is not None:
            outer, self.fields = self.fields, []
            self.aside += self.blocks(note)
            self.fields = outer

    def _drawing(self, node: Any) -> str:
        """Return the descriptions of pictures; the text of boxes goes behind the paragraph."""
        words = []
        for one in node:
            name = local(one)
            if name == "txbxContent":
                outer, self.fields, self.dark = (self.fields, self.dark), [], True  # a box has a colour of its own
                self.aside += self.blocks(one)
                self.fields, self.dark = outer
                continue
            told = value(one, "descr") if name == "docPr" else value(one, "alt") if name in ("shape", "rect") else None
            if told and len(told.strip()) > 3:
                words.append(f" [{markdown.one_line(told)}] ")
            if name == "AlternateContent":
                words += self._alternative(one, lambda form: [self._drawing(form)])
            elif len(one):
                words.append(self._drawing(one))
        return "".join(words)

    def _table(self, node: Any) -> list[str]:
        rows: list[list[list[str]]] = []
        outer, look = self.dark, self.package.style(value(child(node, "tblPr", "tblStyle")))
        self.dark |= look.shaded
        for row in within(node, "tr"):
            if child(row, "trPr", "del") is None:
                rows.append(self._row(row, rows[-1] if rows else []))
        self.dark = outer
        flat = [["\n".join(cell) for cell in row] for row in rows]
        if max((len(row) for row in flat), default=0) < 2 or any(len(c) > LONGEST_CELL for row in flat for c in row):
            return [block for row in rows for cell in row for block in cell]
        return [markdown.table([[" ".join(cell.split("\n")) for cell in row] for row in flat])]

    def _row(self, row: Any, above: list[list[str]]) -> list[list[str]]:
        cells: list[list[str]] = [[] for _ in range(int(value(child(row, "trPr", "gridBefore")) or 0))]
        for cell in within(row, "tc"):
            shape = child(cell, "tcPr")
            merged = child(shape, "vMerge")
            if merged is not None and value(merged) != "restart" and len(above) > len(cells):
                cells.append(above[len(cells)])
            elif child(shape, "cellDel") is None:
                outer, self.dark = self.dark, self.dark or is_shaded(shape)
                cells.append(self._cell(cell))
                self.dark = outer
            cells += [[] for _ in range(int(value(child(shape, "gridSpan")) or 1) - 1)]
        return cells

    def _cell(self, cell: Any) -> list[str]:
        """Return a cell's blocks; a table within it gives a block for each of its rows."""
        found: list[str] = []
        for node in within(cell, "p", "tbl"):
            if local(node) == "p":
                found += self._paragraph(node)
                continue
            for row in within(node, "tr"):
                inner = [" ".join(self._cell(one)) for one in within(row, "tc")]
                found.append(", ".join(one for one in inner if one) + ";")
        return [re.sub(r"^#{1,6} ", "", block) for block in found if block.strip(" ;")]
