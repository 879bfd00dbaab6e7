"""PDF: the text of a document by PDFium, in reading order, with columns, whole words and filled forms."""

import re
from pathlib import Path
from typing import Any

import pypdfium2

from platform_app.errors import Invalid
from platform_app.rag.readers import pdf_form, pdf_layout, pdf_page, pdf_text
from platform_app.rag.readers.reader_report import Report, ranges, say

_LEADERS = re.compile(r"[\s.…_·•-]+")
_WESTERN_LETTERS = re.compile("[À-ÿ]")


def read(path: Path, report: Report) -> str:
    """Return the text of a checked file; pages without readable text are reported."""
    document = _open(path)
    form = None
    if document.get_formtype() != 0:
        document.init_forms()
        form = document.formenv
    pages: list[list[pdf_layout.Line]] = []
    fields: dict[int, list[str]] = {}
    empty: list[int] = []
    unreadable: list[int] = []
    for number, page in enumerate(document, 1):
        counts = pdf_page.CharacterCounts()
        spans = [span for span in pdf_page.spans(page, counts) if span.text]
        fields[number], hidden = pdf_form.annotations(page, form)
        report.hidden += hidden
        page.close()
        if spans and not _is_readable(counts, "".join(span.text for span in spans)):
            unreadable.append(number)
            spans = []
        elif not spans and not fields[number]:
            empty.append(number)
        for span in spans:
            span.text = _repair_text(span.text.replace("\ufffd", ""))
        pages.append(pdf_layout.lines([span for span in spans if span.text]))
    _report_pages(report, len(pages), empty, unreadable)
    return _text(pages, fields)


def _open(path: Path) -> Any:
    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        sentence = "The PDF is locked with a password." if locked else "The PDF is damaged and can’t be read."
        raise Invalid(sentence) from error


def _text(pages: list[list[pdf_layout.Line]], fields: dict[int, list[str]]) -> str:
    """Return the pages as text; where forms are filled in, each page with its fields."""
    pages = pdf_text.without_repeated(pages)
    if not any(fields.values()):
        return pdf_text.paragraphs(pages)
    parts = []
    for number, page in enumerate(pages, 1):
        parts += [pdf_text.paragraphs([page]), "\n".join(fields[number])]
    return "\n\n".join(part for part in parts if part.strip())


def _is_readable(counts: pdf_page.CharacterCounts, text: str) -> bool:
    """Return whether a page's characters are known; fonts without a character map yield random ones."""
    if counts.strange > 0.1 * counts.count:
        return False
    bare = _LEADERS.sub("", text)
    alphanumeric = sum(letter.isalnum() for letter in bare)
    if counts.unmapped > 0.5 * counts.count:
        return alphanumeric >= 0.8 * len(bare)
    return len(bare) < 30 or alphanumeric >= 0.5 * len(bare)


def _repair_text(text: str) -> str:
    """Return the text with Cyrillic that was decoded as Western letters (Äîñòàâêà) restored."""
    letters = [letter for letter in text if letter.isalpha()]
    if len(letters) < 4 or len(_WESTERN_LETTERS.findall(text)) < 0.8 * len(letters):
        return text
    try:
        return text.encode("cp1252").decode("cp1251")
    except UnicodeError:
        return text


def _report_pages(report: Report, count: int, empty: list[int], unreadable: list[int]) -> None:
    if len(empty) == count:
        raise Invalid("This PDF contains only images. Run OCR first.")
    if len(empty) + len(unreadable) == count:
        raise Invalid("This PDF’s text can’t be read because its fonts lack letter data. Run OCR first.")
    if empty:
        say(report, "Pages without text (possibly scans): {pages}.", pages=ranges(empty))
    if unreadable:
        say(
            report,
            "Pages skipped because their fonts lack letter data: {pages}.",
            pages=ranges(unreadable),
        )
