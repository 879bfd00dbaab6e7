"""Output encoding: encodes values in a text for another program: JSON, a form, XML or HTML.

A text is rendered in two steps: first with a placeholder for each value, then, when the context of each placeholder is
known, with each value encoded for it. What a customer wrote can never end a string or add a field.
"""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Any
from urllib.parse import quote_plus

from platform_app.errors import Invalid

PLACEHOLDER = "\x00"  # on both sides of a number; occurs in no template and no stored text
_PLACEHOLDERS = re.compile(f"{PLACEHOLDER}(\\d+){PLACEHOLDER}")
_FORM = re.compile(r"[^\s=&{}<>\"]+=[^\s&]*(?:&[^\s=&{}<>\"]+=[^\s&]*)*")
_JSON = re.compile(r"\{(?!\w+\})|\[\s*(?:[\"'\[\]{\d\x00-]|(?:true|false|null)\b)")  # not: {lead} came, [urgent] a lead
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_SEPARATORS = {"\u2028": "\\u2028", "\u2029": "\\u2029"}  # end a string in older JavaScript
_NOT_JSON = "The body starts as JSON but isn’t valid once filled in: {what}"


class Format(StrEnum):
    """The format of a text, as its content type says."""

    PLAIN = "text/plain"
    JSON = "application/json"
    FORM = "application/x-www-form-urlencoded"
    XML = "application/xml"
    HTML = "text/html"


class EncodedText(str):
    """A value already encoded by a filter (`| json`, `| escape`), which is not encoded again."""

    __slots__ = ("encoded_for",)
    encoded_for: Format

    def __new__(cls, text: str, form: Format) -> "EncodedText":
        """Return a text that is encoded for a format."""
        compiled = super().__new__(cls, text)
        compiled.encoded_for = form
        return compiled


@dataclass(frozen=True)
class RequestBody:
    """A text to send, and its format."""

    text: str
    format: Format

    @property
    def content_type(self) -> str:
        """Return the value of the Content-Type header."""
        return self.format.value if self.format in (Format.JSON, Format.FORM) else f"{self.format}; charset=utf-8"


def detect_format(marked: str) -> Format:
    """Return the format of a text from what is written around its values."""
    text = marked.lstrip("\ufeff \t\r\n")
    if _JSON.match(text):
        return Format.JSON
    if text.startswith("<"):
        return Format.HTML if re.match(r"<(!doctype\s+html|html)\b", text, re.IGNORECASE) else Format.XML
    return Format.FORM if _FORM.fullmatch(text.strip()) else Format.PLAIN


def encode(marked: str, values: Sequence[object]) -> RequestBody:
    """Return a text with the values in the place of their placeholders, each encoded for its context.

    Raises Invalid if the text should be JSON and is not.
    """
    form = detect_format(marked)
    if form == Format.JSON:
        text = _encode_json(marked, values)
        _validate_json(text)
    else:
        write = {Format.FORM: _to_form_value, Format.XML: _to_markup, Format.HTML: _to_markup}.get(form, to_text)
        text = _PLACEHOLDERS.sub(lambda mark: write(values[int(mark[1])]), marked)
    return RequestBody(text, form)


def to_text(value: object) -> str:
    """Return a value as text, without lone surrogates and zero bytes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "")


def to_json(value: object) -> str:
    """Return a value as a JSON literal; null if it is unknown."""
    if isinstance(value, EncodedText) and value.encoded_for == Format.JSON:
        return to_text(value)
    if isinstance(value, bool) or (isinstance(value, (int, float)) and abs(value) < float("inf")):
        return json.dumps(value)
    if isinstance(value, (datetime, time)):
        value = value.isoformat()
    text = to_text(value)
    if not text:
        return "null"
    return _escape_line_separators(json.dumps(text, ensure_ascii=False))


def _escape_line_separators(literal: str) -> str:
    for separator, escape in _LINE_SEPARATORS.items():
        literal = literal.replace(separator, escape)
    return literal


def _to_json_string_content(value: object) -> str:
    """Return a value as the content of a JSON string, without quotation marks."""
    if isinstance(value, EncodedText) and value.encoded_for == Format.JSON:
        return to_text(value)[1:-1] if value.startswith('"') else "" if value == "null" else to_text(value)
    return _escape_line_separators(json.dumps(to_text(value), ensure_ascii=False))[1:-1]


def _encode_json(marked: str, values: Sequence[object]) -> str:
    parts, place, quoted = list[str](), 0, False
    for mark in _PLACEHOLDERS.finditer(marked):
        before = marked[place : mark.start()]
        quoted = _ends_in_string(before, quoted)
        if quoted and len(before) - len(before.rstrip("\\")) & 1:
            raise Invalid(_NOT_JSON, field="body", what=before[-40:])
        value = values[int(mark[1])]
        parts += [before, _to_json_string_content(value) if quoted else to_json(value)]
        place = mark.end()
    return "".join([*parts, marked[place:]])


def _ends_in_string(text: str, quoted: bool) -> bool:
    """Return whether a piece of JSON ends inside a string, given whether it begins in one."""
    marks = re.sub(r"\\.", "", text, flags=re.DOTALL) if quoted or "\\" in text else text
    return quoted ^ bool(marks.count('"') & 1)


def _validate_json(text: str) -> None:
    try:
        json.loads(text, object_pairs_hook=_unique_names, parse_constant=_reject_constant)
    except json.JSONDecodeError as error:
        what = " ".join(text[max(error.pos - 20, 0) : error.pos + 20].split())
        raise Invalid(_NOT_JSON, field="body", what=what or text[-40:]) from error
    except (RecursionError, ValueError) as error:
        raise Invalid(_NOT_JSON, field="body", what=str(text[:40])) from error


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(name for name in members if sum(name == other for other, _ in pairs) > 1)
        raise Invalid("The body has “{what}” twice.", field="body", what=twice[:80])
    return members


def _reject_constant(word: str) -> Any:
    raise ValueError(word)  # NaN and Infinity are no JSON


def _to_form_value(value: object) -> str:
    return quote_plus(to_text(value))


def _to_markup(value: object) -> str:
    text = _NOT_XML.sub("\ufffd", to_text(value))
    return (
        text if isinstance(value, EncodedText) and value.encoded_for in (Format.XML, Format.HTML) else html.escape(text)
    )
