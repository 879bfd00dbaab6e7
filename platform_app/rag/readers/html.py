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

_GONE = frozenset((
    "script", "style", "template", "noscript", "head", "nav", "svg", "canvas", "iframe", "object", "audio", "video",
    "select", "datalist", "map", "link", "meta", "menu", "rt", "rp",
))  # fmt: skip
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "html", "legend", "li", "main", "ol", "p",
    "pre", "section", "summary", "table", "ul", "caption", "tr", "td", "th", "tbody", "thead", "tfoot", "search", "hr",
))  # fmt: skip
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([a-z0-9_:.-]{1,40})", re.IGNORECASE)
_BANNER = re.compile(r"(^|[\s_-])(cookies?|gdpr|breadcrumbs?|skip-?link)([\s_-]|$)", re.IGNORECASE)
_SAYS = re.compile(r"[^\W_]")
DEEPEST = 200


def read(path: Path, report: Report) -> str:
    """Return the text of a page as Markdown. Raises Invalid if the file is an SVG picture."""
    source = _decode(path.read_bytes(), report)
    if re.match(r"\s*(<\?xml[^>]*>\s*)?<svg", source, re.IGNORECASE):
        raise Invalid("Files of this kind cannot be read. Upload PDF, DOCX, XLSX, CSV, TXT, MD or HTML.")
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


def _decode(data: bytes, report: Report) -> str:
    """Return the source as text: by its mark, as UTF-8, by what it says of itself, or by how it looks."""
    said = _CHARSET.search(data[:4096])
    if said and not marked_encoding(data):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            try:
                name = codecs.lookup(said[1].decode()).name
                if not name.startswith("utf"):
                    return data.decode(name, "replace").replace("\ufffd", "")
            except LookupError:
                pass
    return text.decode(data, report)


class _Page:
    """Walks the tree; knows the page's style sheets."""

    def __init__(self, report: Report, sheet: dict[Any, dict[str, str]]) -> None:
        self.report, self.sheet = report, sheet

    def blocks(self, element: Any, around: ComputedStyle, depth: int) -> list[str]:
        """Return what an element holds as blocks of Markdown."""
        found: list[str] = []
        line: list[str] = []

        def close() -> None:
            if words := _lines("".join(line)):
                found.append(words)
            line.clear()

        line.append(self._seen(element.text, around))
        for child in element:
            inner = self._computed_style(child, around, depth)
            if inner is not None:
                if _is_block(child):
                    close()
                    found += self._block(child, inner, depth + 1)
                else:
                    line.append(self._inline(child, inner, depth + 1))
            line.append(self._seen(child.tail, around))
        close()
        return found

    def _computed_style(self, element: Any, around: ComputedStyle, depth: int) -> ComputedStyle | None:
        """Return how an element looks; None when it is not read: what it would say unseen is counted."""
        if not isinstance(element.tag, str):
            self._count_comment(element)
            return None
        if element.tag == "input":
            is_hidden = (element.get("type") or "").lower() == "hidden"
            self.report.hidden += is_hidden and len((element.get("value") or "").split()) > 1
            return None
        if element.tag in _GONE or depth > DEEPEST:
            return None
        look, is_gone = compute_style(element, around, self.sheet.get(element, {}))
        if is_gone:
            self.report.hidden += bool(_SAYS.search(_plain(element)))
            return None
        role, names = element.get("role") or "", f"{element.get('class') or ''} {element.get('id') or ''}"
        if role in ("navigation", "menu", "menubar", "search") or _BANNER.search(names):
            return None
        return look

    def _count_comment(self, element: Any) -> None:
        words = element.text or ""
        says = len(re.findall(r"[^\W\d_]{2,}", words)) >= 4 and "<" not in words and "[if" not in words
        self.report.hidden += says and element.tag is lxml_html.etree.Comment

    def _seen(self, words: str | None, look: ComputedStyle) -> str:
        if not words:
            return ""
        if is_readable(look) or not _SAYS.search(words):
            return words if look.is_pre else re.sub(r"\s+", " ", words)
        self.report.hidden += 1
        return " "

    def _inline(self, element: Any, look: ComputedStyle, depth: int) -> str:
        if element.tag == "br":
            return "\n"
        if element.tag == "img":
            told = markdown.one_line(element.get("alt") or "")
            return f" [{told}] " if len(told) > 3 else ""
        if element.tag == "textarea":
            return ""
        found = [self._seen(element.text, look)]
        for child in element:
            inner = self._computed_style(child, look, depth)
            if inner is not None:
                if _is_block(child):
                    found += ["\n", "\n".join(self._block(child, inner, depth + 1)), "\n"]
                else:
                    found.append(self._inline(child, inner, depth + 1))
            found.append(self._seen(child.tail, look))
        words = "".join(found)
        is_struck = element.tag in ("del", "s", "strike") and words.strip()
        return f"~~{words.strip()}~~ " if is_struck else words

    def _block(self, element: Any, look: ComputedStyle, depth: int) -> list[str]:
        tag = element.tag
        if tag in ("ul", "ol"):
            return self._list(element, look, depth)
        if tag == "table":
            return self._table(element, look, depth)
        if tag == "dl":
            return self._definitions(element, look, depth)
        if tag == "pre":
            words = self._inline(element, replace(look, is_pre=True), depth).strip("\n")
            return [words] if words.strip() else []
        inner = self.blocks(element, look, depth)
        if inner and re.fullmatch("h[1-6]", tag):
            return ["#" * int(tag[1]) + " " + markdown.one_line(" ".join(inner))]
        if inner and tag == "summary":
            return ["**" + markdown.one_line(" ".join(re.sub("^#+ ", "", one) for one in inner)) + "**"]
        if tag == "details" and len(inner) > 1:
            return [f"{inner[0]}\n{inner[1]}", *inner[2:]]  # the answer stays with its question
        return inner

    def _list(self, element: Any, look: ComputedStyle, depth: int) -> list[str]:
        lines: list[str] = []
        count = int(element.get("start") or 1) if (element.get("start") or "1").isdecimal() else 1
        for item in element:
            inner = self._computed_style(item, look, depth)
            if inner is None:
                continue
            parts = self._block(item, inner, depth + 1) if item.tag in ("ul", "ol") else self.blocks(item, inner, depth)
            if not parts:
                continue
            mark = f"{count}. " if element.tag == "ol" else "- "
            count += 1
            body = "\n".join(parts).split("\n")
            lines += [mark + body[0], *("  " + one for one in body[1:] if one.strip())]
        return [] if _is_menu(element) else ["\n".join(lines)] if lines else []

    def _definitions(self, element: Any, look: ComputedStyle, depth: int) -> list[str]:
        found: list[str] = []
        for item in element.iter("dt", "dd"):
            if item.getparent().tag not in ("dl", "div") or (inner := self._computed_style(item, look, depth)) is None:
                continue
            words = "\n".join(self.blocks(item, inner, depth))
            if item.tag == "dt":
                found.append(f"**{words}**")
            elif found:
                found[-1] += f"\n{words}"
            else:
                found.append(words)
        return found

    def _table(self, element: Any, look: ComputedStyle, depth: int) -> list[str]:
        rows: list[list[str]] = []
        captions: list[str] = []
        spans: dict[int, tuple[int, str]] = {}  # by column: rows that a cell above still covers, its words
        for part in element.iter("tr", "caption"):
            if next(part.iterancestors("table"), None) is not element:
                continue
            inner = self._shown_within(part, element, look, depth)
            if inner is None:
                continue
            if part.tag == "caption":
                captions += self.blocks(part, inner, depth + 1)
            else:
                rows.append(row_of(part, spans, partial(self._cell, around=inner, depth=depth)))
        if rows and max(len(row) for row in rows) > 1 and all(len(cell) <= 1500 for row in rows for cell in row):
            return [*captions, *filter(None, [markdown.table([[c.replace("\n", " ") for c in row] for row in rows])])]
        return [*captions, *(cell for row in rows for cell in row if cell)]  # it only lays the page out

    def _cell(self, cell: Any, around: ComputedStyle, depth: int) -> str:
        inner = self._computed_style(cell, around, depth)
        return "\n\n".join(self.blocks(cell, inner, depth + 1)) if inner is not None else ""

    def _shown_within(self, part: Any, table: Any, look: ComputedStyle, depth: int) -> ComputedStyle | None:
        """Return the look of a row through what groups the rows of its table."""
        path = [part]
        while path[-1].getparent() is not table:
            path.append(path[-1].getparent())
        inner: ComputedStyle | None = look
        for one in reversed(path):
            inner = self._computed_style(one, inner, depth) if inner is not None else None
        return inner


def _is_block(element: Any) -> bool:
    return element.tag in _BLOCKS or bool(re.fullmatch("h[1-6]", element.tag))


def _plain(element: Any) -> str:
    """Return all text within an element, other than scripts and the like."""
    return "".join(element.xpath(".//text()[not(ancestor::script or ancestor::style or ancestor::template)]"))


def _lines(words: str) -> str:
    """Return text with its line breaks, but single spaces and no empty lines."""
    return "\n".join(line for line in (re.sub(r"\s+", " ", one).strip() for one in words.split("\n")) if line)


def _is_menu(element: Any) -> bool:
    """Return whether a list is a menu: five links or more, and no other text."""
    links = element.findall(".//a")
    return len(links) >= 5 and len("".join(_plain(a) for a in links).split()) >= 0.95 * len(_plain(element).split())
