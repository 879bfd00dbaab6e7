"""PDF: the text of a document by PDFium, in reading order, with columns, whole words and filled forms."""

import re
from pathlib import Path
from typing import Any

import pypdfium2

from platform_app.errors import Invalid
from platform_app.rag.readers import pdf_form, pdf_layout, pdf_page, pdf_text
from platform_app.rag.readers.reader_report import Report, ranges, say

_LEADERS = re.compile(r"[\s.…_·•-]+")
_MANGLED = re.compile("[À-ÿ]")


def read(path: Path, report: Report) -> str:
    """Return the text of a checked file; pages without readable text are reported."""
    document = _opened(path)
    form = None
    if document.get_formtype() != 0:
        document.init_forms()
        form = document.formenv
    pages: list[list[pdf_layout.Line]] = []
    fields: dict[int, list[str]] = {}
    empty: list[int] = []
    unreadable: list[int] = []
    for number, page in enumerate(document, 1):
        letters = pdf_page.Letters()
        found = [span for span in pdf_page.spans(page, letters) if span.text]
        fields[number], hidden = pdf_form.annotations(page, form)
        report.hidden += hidden
        page.close()
        if found and not _is_readable(letters, "".join(span.text for span in found)):
            unreadable.append(number)
            found = []
        elif not found and not fields[number]:
            empty.append(number)
        for span in found:
            span.text = _repair_text(span.text.replace("\ufffd", ""))
        pages.append(pdf_layout.lines([span for span in found if span.text]))
    _tell(report, len(pages), empty, unreadable)
    return _text(pages, fields)


def _opened(path: Path) -> Any:
    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        sentence = "The PDF is locked with a password." if locked else "The PDF is damaged and cannot be read."
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


def _is_readable(letters: pdf_page.Letters, text: str) -> bool:
    """Return whether a page's characters are known; fonts without a character map yield random ones."""
    if letters.strange > 0.1 * letters.count:
        return False
    bare = _LEADERS.sub("", text)
    says = sum(letter.isalnum() for letter in bare)
    if letters.unmapped > 0.5 * letters.count:
        return says >= 0.8 * len(bare)
    return len(bare) < 30 or says >= 0.5 * len(bare)


def _repair_text(text: str) -> str:
    """Return Cyrillic that was written as Western letters (Äîñòàâêà) as what it is."""
    letters = [letter for letter in text if letter.isalpha()]
    if len(letters) < 4 or len(_MANGLED.findall(text)) < 0.8 * len(letters):
        return text
    try:
        return text.encode("cp1252").decode("cp1251")
    except UnicodeError:
        return text


def _tell(report: Report, count: int, empty: list[int], unreadable: list[int]) -> None:
    if len(empty) == count:
        raise Invalid("The PDF holds no text, only pictures: it has to be recognised first.")
    if len(empty) + len(unreadable) == count:
        raise Invalid(
            "The text of this PDF cannot be read: its fonts do not say which letters they show. Recognise it."
        )
    if empty:
        say(report, "Pages without text, which may be scans: {pages}.", pages=ranges(empty))
    if unreadable:
        say(
            report,
            "Pages left out because their fonts do not say which letters they show: {pages}.",
            pages=ranges(unreadable),
        )
