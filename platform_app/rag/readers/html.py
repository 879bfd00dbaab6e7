"""HTML: the text of a page as Markdown, in order, without menus and invisible text."""

import codecs
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lxml import html as lxml_html

from platform_app.errors import Invalid
from platform_app.rag.readers import markdown, text
from platform_app.rag.readers.html_cells import row_of
from platform_app.rag.readers.html_visibility import ComputedStyle, compute_style, is_readable, sheet_styles
from platform_app.rag.readers.reader_report import Report
from platform_app.text.byte_order_marks import marked_encoding

_IGNORED_TAGS = frozenset((
    "script", "style", "template", "noscript", "head", "nav", "svg", "canvas", "iframe", "object", "audio", "video",
    "select", "datalist", "map", "link", "meta", "menu", "rt", "rp",
))  # fmt: skip
_BLOCK_TAGS = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "html", "legend", "li", "main", "ol", "p",
    "pre", "section", "summary", "table", "ul", "caption", "tr", "td", "th", "tbody", "thead", "tfoot", "search", "hr",
))  # fmt: skip
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([a-z0-9_:.-]{1,40})", re.IGNORECASE)
_BANNER = re.compile(r"(^|[\s_-])(cookies?|gdpr|breadcrumbs?|skip-?link)([\s_-]|$)", re.IGNORECASE)
_HAS_WORDS = re.compile(r"[^\W_]")
MAX_DEPTH = 200


def read(path: Path, report: Report) -> str:
    """Return the text of a page as Markdown. Raises Invalid if the file is an SVG picture."""
    source = decode(path.read_bytes(), report)
    if re.match(r"\s*(<\?xml[^>]*>\s*)?<svg", source, re.IGNORECASE):
        raise Invalid("This file type isn’t supported. Upload PDF, DOCX, XLSX, ODS, CSV, TXT, MD or HTML.")
    source = re.sub(r"^\s*<\?xml[^>]*>", "", source)
    if not source.strip():
        return ""
    tree = lxml_html.document_fromstring(source)
    page = _Page(report, sheet_styles(tree))
    blocks = page.blocks(tree, ComputedStyle(), 0)
    title = tree.findtext(".//head/title")
    if title and title.strip() and not any(block.startswith("# ") for block in blocks):
        blocks.insert(0, f"# {markdown.one_line(title)}")
    return "\n\n".join(blocks)


def decode(data: bytes, report: Report) -> str:
    """Return the source as text, decoded by byte order mark, as UTF-8, by its declared charset, or by statistics."""
    declared = _CHARSET.search(data[:4096])
    if declared and not marked_encoding(data):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            try:
                name = codecs.lookup(declared[1].decode()).name
                if not name.startswith("utf"):
                    return data.decode(name, "replace").replace("\ufffd", "")
            except LookupError:
                pass
    return text.decode(data, report)


class _Page:
    """Reads the tree with the styles of the page's style sheets."""

    def __init__(self, report: Report, sheet: dict[Any, dict[str, str]]) -> None:
        self.report, self.sheet = report, sheet

    def blocks(self, element: Any, inherited: ComputedStyle, depth: int) -> list[str]:
        """Return what an element holds as blocks of Markdown."""
        blocks: list[str] = []
        line: list[str] = []

        def close() -> None:
            if text_lines := _lines("".join(line)):
                blocks.append(text_lines)
            line.clear()

        line.append(self._readable_text(element.text, inherited))
        for child in element:
            inner = self._computed_style(child, inherited, depth)
            if inner is not None:
                if _is_block(child):
                    close()
                    blocks += self._block(child, inner, depth + 1)
                else:
                    line.append(self._inline(child, inner, depth + 1))
            line.append(self._readable_text(child.tail, inherited))
        close()
        return blocks

    def _computed_style(self, element: Any, inherited: ComputedStyle, depth: int) -> ComputedStyle | None:
        """Return the style of an element, or None if it is skipped; hidden text in it is counted in the report."""
        if not isinstance(element.tag, str):
            self._count_comment(element)
            return None
        if element.tag == "input":
            is_hidden = (element.get("type") or "").lower() == "hidden"
            self.report.hidden += is_hidden and len((element.get("value") or "").split()) > 1
            return None
        if element.tag in _IGNORED_TAGS or depth > MAX_DEPTH:
            return None
        style, is_gone = compute_style(element, inherited, self.sheet.get(element, {}))
        if is_gone:
            self.report.hidden += bool(_HAS_WORDS.search(_all_text(element)))
            return None
        role, names = element.get("role") or "", f"{element.get('class') or ''} {element.get('id') or ''}"
        if role in ("navigation", "menu", "menubar", "search") or _BANNER.search(names):
            return None
        return style

    def _count_comment(self, element: Any) -> None:
        words = element.text or ""
        says = len(re.findall(r"[^\W\d_]{2,}", words)) >= 4 and "<" not in words and "[if" not in words
        self.report.hidden += says and element.tag is lxml_html.etree.Comment

    def _readable_text(self, content: str | None, style: ComputedStyle) -> str:
        if not content:
            return ""
        if is_readable(style) or not _HAS_WORDS.search(content):
            return content if style.is_pre else re.sub(r"\s+", " ", content)
        self.report.hidden += 1
        return " "

    def _inline(self, element: Any, style: ComputedStyle, depth: int) -> str:
        if element.tag == "br":
            return "\n"
        if element.tag == "img":
            description = markdown.one_line(element.get("alt") or "")
            return f" [{description}] " if len(description) > 3 else ""
        if element.tag == "textarea":
            return ""
        texts = [self._readable_text(element.text, style)]
        for child in element:
            inner = self._computed_style(child, style, depth)
            if inner is not None:
                if _is_block(child):
                    texts += ["\n", "\n".join(self._block(child, inner, depth + 1)), "\n"]
                else:
                    texts.append(self._inline(child, inner, depth + 1))
            texts.append(self._readable_text(child.tail, style))
        content = "".join(texts)
        is_struck = element.tag in ("del", "s", "strike") and content.strip()
        return f"~~{content.strip()}~~ " if is_struck else content

    def _block(self, element: Any, style: ComputedStyle, depth: int) -> list[str]:
        tag = element.tag
        if tag in ("ul", "ol"):
            return self._list(element, style, depth)
        if tag == "table":
            return self._table(element, style, depth)
        if tag == "dl":
            return self._definitions(element, style, depth)
        if tag == "pre":
            content = self._inline(element, replace(style, is_pre=True), depth).strip("\n")
            return [content] if content.strip() else []
        inner = self.blocks(element, style, depth)
        if inner and re.fullmatch("h[1-6]", tag):
            return ["#" * int(tag[1]) + " " + markdown.one_line(" ".join(inner))]
        if inner and tag == "summary":
            return ["**" + markdown.one_line(" ".join(re.sub("^#+ ", "", block) for block in inner)) + "**"]
        if tag == "details" and len(inner) > 1:
            return [f"{inner[0]}\n{inner[1]}", *inner[2:]]  # keeps a question and its answer in one block
        return inner

    def _list(self, element: Any, style: ComputedStyle, depth: int) -> list[str]:
        lines: list[str] = []
        count = int(element.get("start") or 1) if (element.get("start") or "1").isdecimal() else 1
        for item in element:
            inner = self._computed_style(item, style, depth)
            if inner is None:
                continue
            parts = self._block(item, inner, depth + 1) if item.tag in ("ul", "ol") else self.blocks(item, inner, depth)
            if not parts:
                continue
            mark = f"{count}. " if element.tag == "ol" else "- "
            count += 1
            body = "\n".join(parts).split("\n")
            lines += [mark + body[0], *("  " + line for line in body[1:] if line.strip())]
        return [] if _is_menu(element) else ["\n".join(lines)] if lines else []

    def _definitions(self, element: Any, style: ComputedStyle, depth: int) -> list[str]:
        definitions: list[str] = []
        for item in element.iter("dt", "dd"):
            if item.getparent().tag not in ("dl", "div") or (inner := self._computed_style(item, style, depth)) is None:
                continue
            content = "\n".join(self.blocks(item, inner, depth))
            if item.tag == "dt":
                definitions.append(f"**{content}**")
            elif definitions:
                definitions[-1] += f"\n{content}"
            else:
                definitions.append(content)
        return definitions

    def _table(self, element: Any, style: ComputedStyle, depth: int) -> list[str]:
        rows: list[list[str]] = []
        captions: list[str] = []
        spans: dict[int, tuple[int, str]] = {}  # by column: rows that a cell above still covers, its words
        for part in element.iter("tr", "caption"):
            if next(part.iterancestors("table"), None) is not element:
                continue
            inner = self._shown_within(part, element, style, depth)
            if inner is None:
                continue
            if part.tag == "caption":
                captions += self.blocks(part, inner, depth + 1)
            else:
                rows.append(row_of(part, spans, partial(self._cell, inherited=inner, depth=depth)))
        if rows and max(len(row) for row in rows) > 1 and all(len(cell) <= 1500 for row in rows for cell in row):
            return [*captions, *filter(None, [markdown.table([[c.replace("\n", " ") for c in row] for row in rows])])]
        return [*captions, *(cell for row in rows for cell in row if cell)]  # a table for layout

    def _cell(self, cell: Any, inherited: ComputedStyle, depth: int) -> str:
        inner = self._computed_style(cell, inherited, depth)
        return "\n\n".join(self.blocks(cell, inner, depth + 1)) if inner is not None else ""

    def _shown_within(self, part: Any, table: Any, style: ComputedStyle, depth: int) -> ComputedStyle | None:
        """Return the style of a row, inherited through thead, tbody or tfoot; None if one of them is skipped."""
        path = [part]
        while path[-1].getparent() is not table:
            path.append(path[-1].getparent())
        inner: ComputedStyle | None = style
        for element in reversed(path):
            inner = self._computed_style(element, inner, depth) if inner is not None else None
        return inner


def _is_block(element: Any) -> bool:
    return element.tag in _BLOCK_TAGS or bool(re.fullmatch("h[1-6]", element.tag))


def _all_text(element: Any) -> str:
    """Return all text within an element, other than scripts and the like."""
    return "".join(element.xpath(".//text()[not(ancestor::script or ancestor::style or ancestor::template)]"))


def _lines(words: str) -> str:
    """Return text with its line breaks, but single spaces and no empty lines."""
    return "\n".join(line for line in (re.sub(r"\s+", " ", part).strip() for part in words.split("\n")) if line)


def _is_menu(element: Any) -> bool:
    """Return whether a list is a menu: five links or more, and no other text."""
    links = element.findall(".//a")
    link_words = "".join(_all_text(link) for link in links).split()
    return len(links) >= 5 and len(link_words) >= 0.95 * len(_all_text(element).split())
