"""Request bodies: bounded, strict JSON, checked against the class of an operation."""

import json
import re
from math import isfinite
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from platform_app.api.rest.problems import Refusal

MAX_BYTES = 1_000_000
MAX_DEPTH = 64  # lists and objects within each other
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_MALFORMED = "The body is not JSON: {reason}."
_SENTENCES = {  # by the type of a problem that Pydantic reports; all others: _WRONG
    "missing": "This field is required.",
    "extra_forbidden": "Field not found.",
    "string_too_long": "This is too long.",
    "too_long": "There are too many.",
}
_WRONG = "This value isn’t allowed."
ModelT = TypeVar("ModelT", bound=BaseModel)


async def read_bytes(request: Request, most: int = MAX_BYTES) -> bytes:
    """Return the body of a request. Raises Refusal with 413 if it has more than `most` bytes."""
    said, parts, size = request.headers.get("content-length", ""), list[bytes](), 0
    if said.isdecimal() and int(said) > most:
        raise _body_refusal(most)
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _body_refusal(most)
        parts.append(part)
    return b"".join(parts)


def _body_refusal(most: int) -> Refusal:
    return Refusal(413, "The body is larger than {count} bytes.", count=most)


def check_media_type(request: Request) -> None:
    """Raise Refusal with 415 unless the body is said to be JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "Send the body as application/json.")


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON text in UTF-8.

    Raises Refusal with 400 if it is not JSON (RFC 8259), nests deeper than MAX_DEPTH or has an unpaired surrogate, and
    with 422 if a name stands twice in an object.
    """
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_reject, parse_float=_finite, parse_int=_integer
        )
    except RecursionError as error:
        raise Refusal(400, "The body nests too deeply.") from error
    except ValueError as error:
        raise Refusal(400, _MALFORMED, reason=_reason(error)) from error
    if _is_too_deep(value):
        raise Refusal(400, "The body nests too deeply.")
    if "\\u" in text and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise Refusal(400, _MALFORMED, reason="an unpaired surrogate")
    return value


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.rstrip(':')}, line {error.lineno}, column {error.colno}"
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else "a number that is too long"


def _reject(word: str) -> Any:
    raise json.JSONDecodeError(f"{word} is no number", "", 0)


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise json.JSONDecodeError("A number that is too large", "", 0)
    return number


def _integer(text: str) -> int | float:
    return int(text) if len(text) < 20 else _finite(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in read if names.count(name) > 1)
        raise Refusal(422, "“{name}” appears twice in one object.", name=twice[:100])
    return read


def _is_too_deep(value: Any) -> bool:
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        if depth > MAX_DEPTH:
            return True
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return False


def validate_body(model: type[ModelT], value: Any) -> ModelT:
    """Return a value as an instance of a class. Raises Refusal with 422 and the place of each problem."""
    try:
        return model.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise _refusal(error) from error


def validate_query(model: type[ModelT], request: Request) -> ModelT:
    """Return the parameters of an address. Raises Refusal with 422 if one is unknown, wrong or there twice."""
    given = request.query_params.multi_items()
    values = dict(given)
    if len(values) < len(given):
        raise Refusal(422, "A parameter appears twice in the address.")
    try:
        return model.model_validate_strings(values)
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> Refusal:
    problems = [
        {"path": "/" + "/".join(map(str, one["loc"])), "sentence": _SENTENCES.get(one["type"], _WRONG)}
        for one in error.errors(include_url=False, include_context=False, include_input=False)[:20]
    ]
    return Refusal(422, "The request doesn’t match its description.", problems=problems)
