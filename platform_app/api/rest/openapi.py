"""OpenAPI: the document that describes every operation, made from their declarations."""

import re
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from platform_app import __version__
from platform_app.api.rest.failures import FailureView
from platform_app.api.rest.operations import BASE, ID_PATTERN, OPERATIONS, Operation
from platform_app.api.rest.problems import MEDIA_TYPE, Problem
from platform_app.api.routes import ANYONE, route

PATH = f"{BASE}/openapi.json"
COMPATIBLE = "Compatible"  # of the names of responses to clients of OpenAI
_REFERENCE = "#/components/schemas/{model}"
_REFUSALS = {
    400: "The request is malformed.",
    401: "There is no key that is in force.",
    403: "The key lacks the scope, or the member the role.",
    404: "There is no such row, or it is another company's.",
    405: "The address does not take this method.",
    409: "The state, or data of the company, does not allow it.",
    413: "The body is too large.",
    415: "The body isn’t JSON.",
    422: "A value does not fit its description.",
    429: "There were too many requests, or there are too many rows.",
    500: "Something went wrong.",
    503: "A service does not answer.",
}
_LIMIT_HEADERS = {
    "RateLimit-Limit": "Requests of a key in a minute.",
    "RateLimit-Remaining": "Requests that are left.",
    "RateLimit-Reset": "Seconds until the count begins again.",
}


@route(PATH, ANYONE, methods=["GET"])
async def openapi_document(request: Request) -> Response:
    """Return the OpenAPI document; it holds nothing of a tenant."""
    return JSONResponse(document())


@lru_cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    schemas, names = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = _described(one, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "GPT Agents",
            "version": __version__,
            "description": "The API of the platform. Lists come in pages by cursors. Errors are problems (RFC 9457).",
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(one.tag for one in OPERATIONS)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {str(status): _refusal(words) for status, words in _REFUSALS.items()}
            | {f"{COMPATIBLE}{status}": _failure(words) for status, words in _REFUSALS.items()},
            "headers": {
                name: {"description": words, "schema": {"type": "integer", "minimum": 0}}
                for name, words in _LIMIT_HEADERS.items()
            },
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key of Settings, API keys."}
            },
        },
    }


def _schemas() -> tuple[dict[str, Any], dict[Any, Any]]:
    """Return the schemas of all bodies and answers by name, and the reference of each class."""
    classes: dict[tuple[type[BaseModel], Any], None] = {(Problem, "serialization"): None}
    classes[FailureView, "serialization"] = None
    for one in OPERATIONS:
        classes |= {(one.body, "validation"): None} if one.body else {}
        classes |= {(one.answer, "serialization"): None} if one.answer else {}
        classes[one.query, "validation"] = None  # for the enumerations that its parameters refer to
    names, definitions = models_json_schema(list(classes), ref_template=_REFERENCE)
    queries = {one.query.__name__ for one in OPERATIONS}
    schemas = {name: schema for name, schema in definitions["$defs"].items() if name not in queries}
    return schemas, {model: ref for (model, _), ref in names.items()}


def _refusal(words: str) -> dict[str, Any]:
    return {"description": words, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _failure(words: str) -> dict[str, Any]:
    return {
        "description": words,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/FailureView"}}},
    }


def _described(one: Operation, names: dict[Any, Any]) -> dict[str, Any]:
    known = {400, 401, 403, 404, 405, 409, 422, 429, 500, 503} | ({413, 415} if one.body else set())
    responses: dict[str, Any] = {str(one.status): _answer(one, names)}
    own = "" if one.path.startswith(BASE) else COMPATIBLE
    responses |= {str(status): {"$ref": f"#/components/responses/{own}{status}"} for status in sorted(known)}
    described: dict[str, Any] = {
        "operationId": getattr(one.run, "__name__", ""),
        "summary": (one.run.__doc__ or "").strip().partition("\n")[0],
        "description": f"Scope: `{one.scope.value}`. Lowest role: {one.role.value}.",
        "tags": [one.tag],
        "x-scope": one.scope.value,
        "x-role": one.role.value,
        "parameters": _parameters(one),
        "responses": responses,
    }
    if one.body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": names[one.body]}}}
    return described


def _answer(one: Operation, names: dict[Any, Any]) -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _LIMIT_HEADERS}
    answer: dict[str, Any] = {"description": "Done.", "headers": headers}
    content = {"text/event-stream": {"schema": {"type": "string"}}} if one.streams else {}
    content |= {"application/json": {"schema": names[one.answer]}} if one.answer is not None else {}
    return answer | ({"content": content} if content else {})


def _parameters(one: Operation) -> list[dict[str, Any]]:
    ids = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": ID_PATTERN}}
        for name in one.id_names
    ]
    properties = one.query.model_json_schema(ref_template=_REFERENCE).get("properties", {})
    query = [_query_parameter(name, schema) for name, schema in properties.items()]
    return [*ids, *query, *([_IDEMPOTENCY] if one.takes_idempotency_key else [])]


_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A repeat with the same key and body gets the first answer, for 24 hours, and changes nothing.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


def _query_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a parameter; one that may be left out is no null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"]
    shown = kinds[0] if kinds else schema
    shown = {key: value for key, value in shown.items() if key not in ("title", "description", "default")}
    described = {"name": name, "in": "query", "required": False, "schema": shown}
    words = schema.get("description") or (kinds[0].get("description") if kinds else None)
    return described | ({"description": re.sub(r"\s+", " ", words)} if words else {})
