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

MAX_CELL_CHARS = 1500  # a table with a longer cell is used for layout only
_INLINE_TAGS = {"ins", "moveTo", "smartTag", "customXml", "hyperlink", "fldSimple", "dir", "bdo", "ruby", "rubyBase"}
_IGNORED_TAGS = {"del", "moveFrom", "instrText", "delText", "delInstrText", "rt", "rPr", "pPr", "sdtPr", "sdtEndPr"}
_BULLETS = {"·": "•", "\uf0b7": "•", "\uf0a7": "▪", "\uf0fc": "✓", "\uf0fe": "☒", "\uf0a8": "☐", "\uf0e0": "→"}


def read(path: Path, report: Report) -> str:
    """Return the text of a file as Markdown: headers, footers, then the body with its notes."""
    check(path)
    package = open_package(path)
    reader = _Reader(package, report)
    edges = [block for part in [*package.headers, *package.footers] for block in reader.blocks(part)]
    unique_edges = dict.fromkeys(block for block in edges if re.search(r"[^\W\d_]|\d{4}", block))
    blocks = [*unique_edges, *reader.blocks(package.body)]
    if package.comments:
        say(report, "Comments skipped: {count}.", count=package.comments)
    return "\n\n".join(blocks)


class _Reader:
    """Reads the XML; holds what spans several paragraphs: fields, list numbers, notes and text boxes."""

    def __init__(self, package: Package, report: Report) -> None:
        self.package, self.report = package, report
        self.numbers = Numbers(package.numbering)
        self.fields: list[bool] = []  # of each open field: whether its result has begun
        self.aside: list[str] = []  # blocks that follow the current paragraph: text boxes and notes
        self.begun = ""  # text of a paragraph whose end mark was deleted: it continues in the next one
        self.was_hidden = False  # whether the previous run was hidden: adjacent ones count once
        self.dark = is_shaded(package.body.getparent(), "background")  # white text is visible

    def blocks(self, parent: Any) -> list[str]:
        """Return what an element holds as blocks of Markdown."""
        blocks: list[str] = []
        for node in parent:
            name = local(node)
            if name == "p":
                blocks += self._paragraph(node)
            elif name == "tbl":
                blocks += self._table(node)
            elif name == "AlternateContent":
                blocks += self._alternative(node, self.blocks)
            elif name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "footnote", "endnote"):
                blocks += self.blocks(child(node, "sdtContent") if name == "sdt" else node) if len(node) else []
        return [block for block in blocks if block.strip()]

    def _paragraph(self, node: Any) -> list[str]:
        properties = child(node, "pPr")
        style = self.package.style(value(child(properties, "pStyle")))
        saved, self.aside, self.was_hidden = (self.aside, self.dark), [], False
        self.dark |= is_shaded(properties) or style.shaded
        text = self._inline(node, style.hidden, style.white)
        aside, (self.aside, self.dark) = self.aside, saved
        text, self.begun = self.begun + text, ""
        if child(properties, "rPr", "del") is not None:
            self.begun = text
            return aside
        text = re.sub(r"[ \t]+", " ", text).strip()
        if not text:
            return aside
        level = value(child(properties, "outlineLvl"))
        heading = int(level) + 1 if level and level.isdecimal() and int(level) < 9 else style.level
        number = self._number(properties, style.numbering)
        if heading:
            return ["#" * min(heading, 6) + " " + markdown.one_line(f"{number} {text}"), *aside]
        return [f"{number} {text}" if number else text, *aside]

    def _number(self, shape: Any, inherited: tuple[str, int] | None) -> str:
        own_numbering = child(shape, "numPr")
        list_id = value(child(own_numbering, "numId")) if own_numbering is not None else None
        if list_id is None and inherited is None:
            return ""
        depth = value(child(own_numbering, "ilvl"))
        key = list_id or (inherited[0] if inherited else "")
        return self.numbers.next(key, int(depth) if depth else inherited[1] if inherited else 0)

    def _inline(self, parent: Any, hidden: bool, white: bool) -> str:
        """Return the visible text within a paragraph, a link or the like."""
        texts = []
        for node in parent:
            name = local(node)
            if name == "r":
                texts.append(self._run(node, hidden, white))
            elif name in _INLINE_TAGS:
                texts.append(self._inline(node, hidden, white))
            elif name == "sdt":
                texts.append(self._control(node, hidden, white))
            elif name == "AlternateContent":
                texts += self._alternative(node, lambda form: [self._inline(form, hidden, white)])
            elif name in ("oMath", "oMathPara"):
                texts.append("".join(leaf.text or "" for leaf in node.iter() if local(leaf) == "t"))
            elif name not in _IGNORED_TAGS and len(node):
                texts.append(self._inline(node, hidden, white))
        return "".join(texts)

    def _control(self, node: Any, hidden: bool, white: bool) -> str:
        if is_on(child(node, "sdtPr", "showingPlcHdr")):
            return ""  # the placeholder of an empty form field
        content = child(node, "sdtContent")
        return self._inline(content, hidden, white) if content is not None else ""

    def _alternative(self, node: Any, read: Any) -> list[str]:
        """Return the blocks of the first alternative that has text."""
        for form in node:
            before = len(self.aside)
            result = (
                [paragraph for paragraph in read(form) if paragraph.strip()]
                if local(form) in ("Choice", "Fallback")
                else []
            )
            if result or len(self.aside) > before:
                return result
        return []

    def _run(self, node: Any, hidden: bool, white: bool) -> str:
        properties = child(node, "rPr")
        style = self.package.style(value(child(properties, "rStyle")))
        vanish = child(properties, "vanish")
        if vanish is not None:
            hidden = is_on(vanish)
        if child(properties, "color") is not None:
            white = is_white(properties)
        text = self._run_text(node)
        is_hidden = hidden or style.hidden or ((white or style.white) and not self.dark)
        if not text.strip():
            return "" if is_hidden else text
        if is_hidden:
            self.report.hidden += not self.was_hidden
        self.was_hidden = is_hidden
        return "" if is_hidden else text

    def _run_text(self, node: Any) -> str:
        texts: list[str] = []
        for part in node:
            name = local(part)
            if name == "fldChar":
                self._field(part, texts)
            elif not all(self.fields):
                continue  # the instruction of a field, not its result
            elif name == "t":
                texts.append(part.text or "")
            elif name in ("tab", "ptab"):
                texts.append(" ")
            elif name in ("br", "cr"):
                texts.append("\n" if value(part, "type") in (None, "textWrapping") else " ")
            elif name == "noBreakHyphen":
                texts.append("-")
            elif name == "sym":
                character = chr(int(value(part, "char") or "b7", 16))
                texts.append(_BULLETS.get(character, "•" if "\ue000" <= character <= "\uf8ff" else character))
            elif name in ("footnoteReference", "endnoteReference"):
                self._note(name.removesuffix("Reference"), value(part, "id") or "")
            elif name in ("drawing", "pict", "object"):
                texts.append(self._drawing(part))
            elif name == "AlternateContent":
                texts += self._alternative(part, lambda form: [self._run_text(form)])
            elif name == "ruby":
                texts.append(self._inline(part, False, False))
        return "".join(texts)

    def _field(self, node: Any, texts: list[str]) -> None:
        kind = value(node, "fldCharType")
        if kind == "begin":
            drop_down = child(node, "ffData", "ddList")
            if drop_down is not None and all(self.fields):
                entries = [value(entry) or "" for entry in drop_down if local(entry) == "listEntry"]
                index = int(value(child(drop_down, "result")) or 0)
                texts += entries[index : index + 1]
            self.fields.append(False)
        elif kind == "separate" and self.fields:
            self.fields[-1] = True
        elif kind == "end" and self.fields:
            self.fields.pop()

    def _note(self, kind: str, key: str) -> None:
        note = self.package.notes.pop((kind, key), None)  # removed, so that a note that refers to itself ends
        if note is not None:
            saved, self.fields = self.fields, []
            self.aside += self.blocks(note)
            self.fields = saved

    def _drawing(self, node: Any) -> str:
        """Return the descriptions of pictures; the text of boxes is added to `aside`."""
        descriptions = []
        for child_node in node:
            name = local(child_node)
            if name == "txbxContent":
                saved, self.fields, self.dark = (self.fields, self.dark), [], True  # a box may be dark
                self.aside += self.blocks(child_node)
                self.fields, self.dark = saved
                continue
            attribute = {"docPr": "descr", "shape": "alt", "rect": "alt"}.get(name)
            description = value(child_node, attribute) if attribute else None
            if description and len(description.strip()) > 3:
                descriptions.append(f" [{markdown.one_line(description)}] ")
            if name == "AlternateContent":
                descriptions += self._alternative(child_node, lambda form: [self._drawing(form)])
            elif len(child_node):
                descriptions.append(self._drawing(child_node))
        return "".join(descriptions)

    def _table(self, node: Any) -> list[str]:
        rows: list[list[list[str]]] = []
        saved, style = self.dark, self.package.style(value(child(node, "tblPr", "tblStyle")))
        self.dark |= style.shaded
        for row in within(node, "tr"):
            if child(row, "trPr", "del") is None:
                rows.append(self._row(row, rows[-1] if rows else []))
        self.dark = saved
        flat = [["\n".join(cell) for cell in row] for row in rows]
        if max((len(row) for row in flat), default=0) < 2 or any(len(c) > MAX_CELL_CHARS for row in flat for c in row):
            return [block for row in rows for cell in row for block in cell]
        return [markdown.table([[" ".join(cell.split("\n")) for cell in row] for row in flat])]

    def _row(self, row: Any, above: list[list[str]]) -> list[list[str]]:
        cells: list[list[str]] = [[] for _ in range(int(value(child(row, "trPr", "gridBefore")) or 0))]
        for cell in within(row, "tc"):
            properties = child(cell, "tcPr")
            merged = child(properties, "vMerge")
            if merged is not None and value(merged) != "restart" and len(above) > len(cells):
                cells.append(above[len(cells)])
            elif child(properties, "cellDel") is None:
                saved, self.dark = self.dark, self.dark or is_shaded(properties)
                cells.append(self._cell(cell))
                self.dark = saved
            cells += [[] for _ in range(int(value(child(properties, "gridSpan")) or 1) - 1)]
        return cells

    def _cell(self, cell: Any) -> list[str]:
        """Return a cell's blocks; a table within it gives a block for each of its rows."""
        blocks: list[str] = []
        for node in within(cell, "p", "tbl"):
            if local(node) == "p":
                blocks += self._paragraph(node)
                continue
            for row in within(node, "tr"):
                inner = [" ".join(self._cell(cell)) for cell in within(row, "tc")]
                blocks.append(", ".join(cell for cell in inner if cell) + ";")
        return [re.sub(r"^#{1,6} ", "", block) for block in blocks if block.strip(" ;")]
