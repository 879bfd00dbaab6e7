"""PDF form: filled fields and visible notes of a page."""

import ctypes
from typing import Any

import pypdfium2.raw as pdfium

_HIDDEN, _PASSWORD = 2, 1 << 13  # flags of annotations and fields


def annotations(page: Any, form: Any) -> tuple[list[str], int]:
    """Return filled fields as "label: value" and visible notes, and the number of hidden ones."""
    found: list[str] = []
    hidden = 0
    for index in range(pdfium.FPDFPage_GetAnnotCount(page.raw)):
        note = pdfium.FPDFPage_GetAnnot(page.raw, index)
        kind = pdfium.FPDFAnnot_GetSubtype(note)
        if kind == pdfium.FPDF_ANNOT_FREETEXT:
            words = _string(lambda *a, note=note: pdfium.FPDFAnnot_GetStringValue(note, b"Contents", *a))
        elif kind == pdfium.FPDF_ANNOT_WIDGET and form is not None:
            words = _field(form.raw, note)
        else:
            words = ""
        if words and pdfium.FPDFAnnot_GetFlags(note) & _HIDDEN:
            hidden += 1
        elif words:
            found.append(words)
        pdfium.FPDFPage_CloseAnnot(note)
    return list(dict.fromkeys(found)), hidden


def _field(form: Any, note: Any) -> str:
    label = _string(lambda *a: pdfium.FPDFAnnot_GetFormFieldAlternateName(form, note, *a))
    label = label or _string(lambda *a: pdfium.FPDFAnnot_GetFormFieldName(form, note, *a)).rsplit(".", 1)[-1]
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, note)
    if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
        if not pdfium.FPDFAnnot_IsChecked(form, note):
            return ""
        chosen = _string(lambda *a: pdfium.FPDFAnnot_GetFormFieldExportValue(form, note, *a))
        return f"{label}: {chosen}" if chosen.lower() not in ("", "on", "yes", "1") else f"☒ {label}"
    if kind == pdfium.FPDF_FORMFIELD_PUSHBUTTON or pdfium.FPDFAnnot_GetFormFieldFlags(form, note) & _PASSWORD:
        return ""
    value = _string(lambda *a: pdfium.FPDFAnnot_GetFormFieldValue(form, note, *a))
    return f"{label}: {value}" if label and value.strip() else value.strip()


def _string(ask: Any) -> str:
    """Return a string of PDFium: asked first for its length in bytes, then for its UTF-16."""
    length = ask(None, 0)
    if not 2 < length < 1_000_000:
        return ""
    buffer = ctypes.create_string_buffer(length)
    ask(ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), length)
    return buffer.raw[: length - 2].decode("utf-16-le", "replace").replace("\r", "\n").strip("\x00 \n")
