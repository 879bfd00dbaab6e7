"""PDF files: pages drawn line by line, forms and fonts that do not tell their letters."""

import io

from reportlab.pdfgen.canvas import Canvas

Line = tuple[float, float, str]  # left, base, text


def drawn(*pages: list[Line], size: float = 11, rotate: int = 0) -> bytes:
    """Return a PDF with these lines on its pages, drawn in this order."""
    out = io.BytesIO()
    canvas = Canvas(out)
    for page in pages:
        canvas.setFont("Helvetica", size)
        if rotate:
            canvas.saveState()
            canvas.translate(500, 100)
            canvas.rotate(rotate)
        for left, base, text in page:
            canvas.drawString(left, base, text)
        if rotate:
            canvas.restoreState()
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def form(**values: str) -> bytes:
    """Return a PDF with a text, and a filled field for each value; `tick` is a ticked box."""
    out = io.BytesIO()
    canvas = Canvas(out)
    canvas.drawString(60, 780, "Order of a repair.")
    for number, (name, value) in enumerate(values.items()):
        where = {"x": 60, "y": 700 - 40 * number, "tooltip": name.title()}
        if value == "tick":
            canvas.acroForm.checkbox(name=name, checked=True, **where)
        else:
            canvas.acroForm.textfield(name=name, value=value, width=300, **where)
    canvas.save()
    return out.getvalue()


def unmapped(text: str) -> bytes:
    """Return a PDF whose font does not say which letters it shows, as some printers write them."""
    out = io.BytesIO()
    canvas = Canvas(out, pageCompression=0)
    canvas.setFont("Helvetica", 11)
    canvas.drawString(60, 700, text)
    canvas.save()
    codes = {letter: chr(1 + place) for place, letter in enumerate(sorted(set(text) - {" "}))}
    hidden = "".join(f"\\{ord(codes.get(letter, letter)):03o}" for letter in text)
    data = out.getvalue().replace(f"({text})".encode(), f"({hidden})".encode())
    return data.replace(b"/Encoding /WinAnsiEncoding", b"/Encoding << /Type /Encoding >>")
