"""Problems: error responses of the API (RFC 9457), with a translated sentence and the place of each wrong value."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import translate

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """A wrong value: its place as a JSON pointer (RFC 6901) into the body, or the name of a parameter."""

    path: str
    detail: str


class Problem(BaseModel):
    """An error as RFC 9457 describes it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = Field(default_factory=list)


class Refusal(PlatformError):
    """A request that is refused with a status; `problems` are the paths of wrong values and what is wrong."""

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        problems: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(sentence, field="", **values)
        self.status = status
        self.problems = problems or []
        self.headers = headers or {}


class Bug(PlatformError):
    """An unexpected error, told by the number under which it is logged."""

    status = 500

    def __init__(self, number: str) -> None:
        super().__init__(
            "Something went wrong. If it keeps happening, contact support with code {number}.", number=number
        )


def problem(error: PlatformError, language: str) -> JSONResponse:
    """Return the response for an expected error.

    A value that fits the description but not the company's data, such as an unknown custom field, is a conflict (409).
    """
    status, errors, headers = error.status, list[dict[str, str]](), {}
    if isinstance(error, Refusal):
        headers = error.headers
        errors = [{"path": one["path"], "detail": translate(language, one["sentence"])} for one in error.problems]
    elif isinstance(error, Invalid):
        status = HTTPStatus.CONFLICT
        errors = [{"path": f"/{error.field}", "detail": translate(language, error.sentence, **error.values)}]
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status)}
    body |= {"detail": translate(language, error.sentence, **error.values), "errors": errors}
    return JSONResponse(body, int(status), headers=headers, media_type=MEDIA_TYPE)
