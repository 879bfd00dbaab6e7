"""Bodies: what the body of a delivery holds, JSON or a form."""

import io
from typing import Any
from urllib.parse import parse_qsl

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError

from platform_app.automation import payloads
from platform_app.automation.payloads import Unreadable

_MOST_FIELDS = 1_000  # of a form


def payload_of(body: bytes, content_type: str) -> Any:
    """Return the fields of a form, else the value of a JSON text, whatever its type is said to be.

    Raises Unreadable.
    """
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "application/x-www-form-urlencoded":
            text = body.decode("utf-8", "replace")
            return payloads.of_form(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
        if kind == "multipart/form-data":
            return payloads.of_form(_parts(body, content_type))
    except ValueError as error:
        raise Unreadable("The body is neither JSON nor a form.") from error
    return payloads.parsed(body)


def _parts(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Return the fields of a form in parts; of a file its name. Raises ValueError."""
    found: list[tuple[str, str]] = []

    def take(name: bytes | None, value: bytes | None) -> None:
        if len(found) >= _MOST_FIELDS:
            raise FormParserError("too many fields")
        found.append(((name or b"").decode("utf-8", "replace"), (value or b"").decode("utf-8", "replace")))

    def take_file(file: Any) -> None:
        take(file.field_name, file.file_name)
        file.close()

    headers = {"Content-Type": content_type.encode("latin-1", "replace")}
    parse_form(headers, io.BytesIO(body), lambda field: take(field.field_name, field.value), take_file)
    return found
