"""Byte order marks: the encoding that the first bytes of a text name."""

import codecs

_ENCODINGS = (  # UTF-32 before UTF-16, whose mark begins that of UTF-32
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def marked_encoding(data: bytes) -> str:
    """Return the encoding that a byte order mark names, which removes the mark when it decodes; "" without a mark."""
    return next((encoding for mark, encoding in _ENCODINGS if data.startswith(mark)), "")
