"""E-mail text: decodes headers and bodies, whatever their character set claims, and reads HTML as text."""

import re
from email.header import decode_header
from email.message import Message
from typing import Any

from platform_app.errors import PlatformError
from platform_app.files import scratch
from platform_app.rag import parsing
from platform_app.rag.readers import text as text_reader
from platform_app.rag.readers.reader_report import Report

MAX_HEADER = 4_000  # characters of a header that are read
MAX_HTML_BYTES = 1_000_000
_CITED = re.compile(
    rb"<(?:blockquote[^>]{0,300}type\s*=\s*[\"']?cite|div[^>]{0,300}(?:gmail_quote|moz-cite-prefix|divRplyFwdMsg"
    rb"|appendonsend|yahoo_quoted))",
    re.IGNORECASE,
)
_ALIASES = {"cp-1251": "cp1251", "win-1251": "cp1251", "x-cp1251": "cp1251", "ks_c_5601-1987": "cp949"}
_ALIASES |= {"unicode-1-1-utf-7": "utf-7", "iso-8859-8-i": "iso-8859-8", "x-unknown": "", "default": "", "binary": ""}


def header(message: Message, name: str) -> str:
    """Return the first header of a name on one line, decoded; "" if there is none."""
    return decoded(raw_header(message, name))


def raw_header(message: Message, name: str) -> str:
    """Return the first header of a name as it stands in the message, without line breaks, cut at MAX_HEADER."""
    try:
        value = message.get(name, "")
    except Exception:  # the standard library fails in many ways on hostile headers
        return ""
    return re.sub(r"[\r\n]+\s*", " ", str(value)[:MAX_HEADER]).strip()


def raw_headers(message: Message, name: str) -> list[str]:
    """Return all headers of a name as they stand in the message, topmost first."""
    found = [str(value)[:MAX_HEADER] for key, value in message._headers if key.lower() == name.lower()]  # type: ignore[attr-defined]  # without the policy, which may fail
    return [re.sub(r"[\r\n]+\s*", " ", value).strip() for value in found[:20]]


def decoded(value: str) -> str:
    """Return a header with its encoded words decoded, and bytes of no declared character set by their statistics."""
    value = value[:MAX_HEADER]
    try:
        pieces = decode_header(value)
    except Exception:  # such as broken base64
        pieces = [(value, None)]
    words = [piece if isinstance(piece, str) else to_text(piece, charset or "") for piece, charset in pieces]
    said = "".join(_repaired(word) for word in words)
    return " ".join("".join(sign if sign.isprintable() else " " for sign in said).split())


def _repaired(word: str) -> str:
    """Return a text whose undeclared bytes the parser has kept as lone surrogates, decoded."""
    if not any("\udc80" <= sign <= "\udcff" for sign in word):
        return word
    return to_text(word.encode("utf-8", "surrogateescape"), "")


def to_text(data: bytes, charset: str) -> str:
    """Return bytes in the character set that is declared if they are in it, else in the most probable one."""
    name = _ALIASES.get(charset.lower().strip(" \"'"), charset.lower().strip(" \"'"))
    if name not in ("", "us-ascii", "ascii", "unknown-8bit"):
        try:
            return data.decode(name)
        except (LookupError, UnicodeError, ValueError):
            pass
    try:
        return text_reader.decode(data, Report())
    except PlatformError:
        return data.decode("utf-8", "replace").replace("\x00", "")


def body_text(part: Message) -> str:
    """Return the text of a plain text part."""
    return to_text(payload(part), _charset(part))


def html_text(part: Message) -> str:
    """Return the text of an HTML part as the reader of uploaded pages sees it: without what is hidden. "" if none.

    The reader works in a child process with limited time and memory.
    """
    source = to_text(payload(part)[:MAX_HTML_BYTES], _charset(part)).encode("utf-8", "replace")
    cited = _CITED.search(source)
    own = source[: cited.start()] if cited else source
    return _read_html(own) or (_read_html(source) if cited else "")


def _read_html(source: bytes) -> str:
    if not source.strip():
        return ""
    with scratch.new_path() as path:
        path.touch(0o600)
        path.write_bytes(b'<meta charset="utf-8">' + source)
        try:
            return parsing.parse(path, "mail.html")
        except PlatformError:  # it holds no text, or takes too long to read
            return ""


def payload(part: Message) -> bytes:
    """Return the content of a part, b"" if it cannot be decoded."""
    try:
        content: Any = part.get_payload(decode=True)
    except Exception:  # such as an unknown transfer encoding
        return b""
    return content if isinstance(content, bytes) else b""


def _charset(part: Message) -> str:
    try:
        return str(part.get_content_charset() or "")[:60]
    except Exception:  # the parameter is malformed
        return ""
