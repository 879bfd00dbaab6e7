"""Delivery bodies: parsing of the bodies of webhook deliveries, JSON or forms."""

import codecs
import io
import re
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError

from platform_app.automation import webhook_payloads
from platform_app.automation.webhook_payloads import UnreadableBody
from platform_app.text.byte_order_marks import marked_encoding

_MAX_FIELDS = 1_000  # of a form
_ENCODINGS = re.compile(r"utf-(?:8|8-sig|16|16-le|16-be|32)|cp125\d|cp866|koi8-[ru]|iso8859-\d+|ascii|mac-cyrillic")


def parse_body(body: bytes, content_type: str) -> Any:
    """Return the fields of a form, else the parsed JSON, whatever the content type.

    Raises UnreadableBody if the body is neither.
    """
    return _payload(body, content_type, detect_encoding(body, content_type))


def parse_stored_body(text: str, content_type: str) -> Any:
    """Return the same as `parse_body`, from the text of a body stored in the log.

    Raises UnreadableBody if the text is neither JSON nor a form.
    """
    return _payload(text.encode("utf-8", "replace"), content_type, "utf-8")


def detect_encoding(body: bytes, content_type: str) -> str:
    """Return the encoding of a body from its byte order mark, else its charset, else "utf-8"."""
    if marked := marked_encoding(body):
        return marked
    told = Message()
    told["content-type"] = content_type.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")
    try:
        encoding = codecs.lookup(str(told.get_content_charset("utf-8"))).name
    except (LookupError, ValueError):
        return "utf-8"
    return encoding if _ENCODINGS.fullmatch(encoding) else "utf-8"


def _payload(body: bytes, content_type: str, encoding: str) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "application/x-www-form-urlencoded":
            text = body.decode(encoding, "replace")
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, encoding=encoding)
            return webhook_payloads.parse_form(pairs)
        if kind == "multipart/form-data":
            return webhook_payloads.parse_form(_form_fields(body, content_type))
    except ValueError as error:
        raise UnreadableBody("The body is neither JSON nor a form.") from error
    return webhook_payloads.parse_json(body, encoding)


def _form_fields(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Return the fields of a multipart form; of a file its name. Raises ValueError if it is malformed."""
    fields: list[tuple[str, str]] = []

    def take(name: bytes | None, value: bytes | None) -> None:
        if len(fields) >= _MAX_FIELDS:
            raise FormParserError("too many fields")
        fields.append(((name or b"").decode("utf-8", "replace"), (value or b"").decode("utf-8", "replace")))

    def take_file(file: Any) -> None:
        take(file.field_name, file.file_name)
        file.close()

    headers = {"Content-Type": content_type.encode("latin-1", "replace")}
    parse_form(headers, io.BytesIO(body), lambda field: take(field.field_name, field.value), take_file)
    return fields
