"""PDF form: filled fields and visible notes of a page."""

import ctypes
from typing import Any

import pypdfium2.raw as pdfium

_HIDDEN, _PASSWORD = 2, 1 << 13  # flags of annotations and fields


def annotations(page: Any, form: Any) -> tuple[list[str], int]:
    """Return filled fields as "label: value" and visible notes, and the number of hidden ones."""
    texts: list[str] = []
    hidden = 0
    for index in range(pdfium.FPDFPage_GetAnnotCount(page.raw)):
        annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
        kind = pdfium.FPDFAnnot_GetSubtype(annotation)
        if kind == pdfium.FPDF_ANNOT_FREETEXT:
            content = _string(lambda *a, note=annotation: pdfium.FPDFAnnot_GetStringValue(note, b"Contents", *a))
        elif kind == pdfium.FPDF_ANNOT_WIDGET and form is not None:
            content = _field(form.raw, annotation)
        else:
            content = ""
        if content and pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
            hidden += 1
        elif content:
            texts.append(content)
        pdfium.FPDFPage_CloseAnnot(annotation)
    return list(dict.fromkeys(texts)), hidden


def _field(form: Any, annotation: Any) -> str:
    label = _string(lambda *a: pdfium.FPDFAnnot_GetFormFieldAlternateName(form, annotation, *a))
    label = label or _string(lambda *a: pdfium.FPDFAnnot_GetFormFieldName(form, annotation, *a)).rsplit(".", 1)[-1]
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
        if not pdfium.FPDFAnnot_IsChecked(form, annotation):
            return ""
        export_value = _string(lambda *a: pdfium.FPDFAnnot_GetFormFieldExportValue(form, annotation, *a))
        return f"{label}: {export_value}" if export_value.lower() not in ("", "on", "yes", "1") else f"☒ {label}"
    if kind == pdfium.FPDF_FORMFIELD_PUSHBUTTON or pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
        return ""
    value = _string(lambda *a: pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, *a))
    return f"{label}: {value}" if label and value.strip() else value.strip()


def _string(read: Any) -> str:
    """Return a string of PDFium: `read` is called for its length in bytes, then for its UTF-16."""
    length = read(None, 0)
    if not 2 < length < 1_000_000:
        return ""
    buffer = ctypes.create_string_buffer(length)
    read(ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), length)
    return buffer.raw[: length - 2].decode("utf-16-le", "replace").replace("\r", "\n").strip("\x00 \n")
