"""Failures: errors in the form that clients of OpenAI read."""

from typing import Any

from pydantic import BaseModel
from starlette.responses import JSONResponse

from platform_app.api.rest.operations import Call
from platform_app.api.rest.problems import problem
from platform_app.errors import PlatformError
from platform_app.i18n import translate

_TYPES = {
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", "not_allowed"),
    404: ("invalid_request_error", "not_found"),
    409: ("invalid_request_error", "conflict"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", "unavailable"),
}


class Failure(BaseModel):
    """What went wrong; `param` names the wrong value."""

    message: str
    type: str
    param: str | None
    code: str | None


class FailureView(BaseModel):
    """An error as clients of OpenAI read it."""

    error: Failure


def failure(error: PlatformError, language: str) -> JSONResponse:
    """Return the response for an expected error, with the status and headers that the problem would have."""
    same = problem(error, language)
    status = 400 if same.status_code in (409, 422) else same.status_code  # the client repeats requests after 409
    answer = JSONResponse(_body(error, language, same.status_code), status)
    for name in (
        "Retry-After",
        "WWW-Authenticate",
        "Allow",
        "RateLimit-Limit",
        "RateLimit-Remaining",
        "RateLimit-Reset",
    ):
        if name in same.headers:
            answer.headers[name] = same.headers[name]
    return answer


def stream_failure(call: Call, error: PlatformError) -> dict[str, Any]:
    """Return an error as the last event of a stream."""
    return _body(error, call.who.language, error.status)


def _body(error: PlatformError, language: str, status: int) -> dict[str, Any]:
    kind, code = _TYPES.get(status, ("invalid_request_error", None) if status < 500 else ("server_error", None))
    problems: list[dict[str, str]] = getattr(error, "problems", [])
    param = problems[0]["path"] if problems else error.field or None
    message = translate(language, error.sentence, **error.values)
    if problems:
        message += f" {param}: {translate(language, problems[0]['sentence'])}"
    return FailureView(error=Failure(message=message, type=kind, param=param, code=code)).model_dump()
