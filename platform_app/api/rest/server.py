"""Server: carries out the operations of the API, each request in one transaction."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from platform_app.api.request_spans import request_span, set_route, set_status
from platform_app.api.rest import access, request_bodies
from platform_app.api.rest.operations import BASE, ID_PATTERN, OPERATIONS, Call, Operation
from platform_app.api.rest.problems import Bug, Refusal, problem
from platform_app.api.routes import log_bug, preferred_visitor_language
from platform_app.db import session_scope
from platform_app.errors import PlatformError
from platform_app.services.api_keys import idempotency
from platform_app.services.api_keys.api_keys import KeyHolder
from platform_app.storage_errors import as_unavailable
from platform_app.tracing import spans

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
ID = re.compile(ID_PATTERN)
Renderer = Callable[[PlatformError, str], Response]


class RestServer:
    """The application that answers everything below a path; `render` makes the response for an expected error."""

    def __init__(self, render: Renderer = problem) -> None:
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        with request_span(request, BASE) as span:
            response = await self._respond(request, preferred_visitor_language(request))
            set_status(span, response.status_code)
        await response(scope, receive, send)

    async def _respond(self, request: Request, language: str) -> Response:
        headers: dict[str, str] = {}
        try:
            chosen, ids = find_operation(request.method, request.scope["path"])
            set_route(spans.current(), chosen.method, chosen.path)
            holder = await access.find_holder(request)
            headers = (await access.count(holder)).headers
            access.check(holder, chosen.scope, chosen.role)
            response = await _carry_out(request, chosen, holder, ids)
        except PlatformError as error:
            response = self._render(error, language)
        except ClientDisconnect:
            response = Response(status_code=400)
        except Exception as error:
            response = self._render(as_unavailable(error) or Bug(log_bug(BASE, error)), language)
        response.headers.update(headers)
        return response


def find_operation(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """Return the operation for a method of a path, and the ids in the path.

    Raises Refusal: 404 for an unknown path, 405 for a method that it does not have.
    """
    fitting = [(one, ids) for one in OPERATIONS if (ids := one.ids_in(path)) is not None]
    if not fitting:
        raise Refusal(404, "Page not found.")
    for one, ids in fitting:
        if one.method == method:
            return one, ids
    allowed = {"Allow": ", ".join(sorted({one.method for one, _ in fitting}))}
    raise Refusal(405, "This address doesn’t accept the {method} method.", method=method[:20], headers=allowed)


async def _carry_out(request: Request, chosen: Operation, holder: KeyHolder, ids: dict[str, str]) -> Response:
    key = _idempotency_key(request) if chosen.takes_idempotency_key else ""
    query = request_bodies.validate_query(chosen.query, request)
    body, raw = None, b""
    if chosen.body is not None:
        request_bodies.check_media_type(request)
        raw = await request_bodies.read_bytes(request)
        body = request_bodies.validate_body(chosen.body, request_bodies.parse_json(raw))
    if chosen.streams:
        response: Response = await chosen.run(Call(None, holder, ids, query, body))  # type: ignore[arg-type]  # own ones
        return response
    print_ = idempotency.fingerprint(chosen.method, request.scope["path"], raw)
    status, text, after = await asyncio.to_thread(run, chosen, holder, (ids, query, body), (key, print_))
    for start in after:
        start()
    return Response(status_code=status) if not text else Response(text, status, media_type="application/json")


def _idempotency_key(request: Request) -> str:
    """Return the Idempotency-Key of a request, or "". Raises Refusal with 400 if it is not 1 to 255 visible signs."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return ""
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Refusal(400, "The Idempotency-Key must be 1 to 255 visible ASCII characters.")
    return key


def run(
    chosen: Operation, holder: KeyHolder, values: tuple[dict[str, str], Any, Any], repeat: tuple[str, str]
) -> tuple[int, str, list[Any]]:
    """Carry out an operation in one transaction; return status, JSON, and what is to be started after it.

    With an idempotency key the answer is stored with the change, and a repeat gets it again.
    """
    key, print_ = repeat
    with session_scope(holder.who.tenant_id, read_only=not chosen.changes) as session:
        held = None
        if key:
            held, is_answered = idempotency.claim(session, holder, key, print_)
            if is_answered:
                return held.status, held.body, []
        call = Call(session, holder, *values)
        text = _as_json(chosen.run(call))
        if held is not None:
            held.status, held.body = chosen.status, text
    return chosen.status, text, call.after


def _as_json(answer: Any) -> str:
    if answer is None:
        return ""
    assert isinstance(answer, BaseModel)
    return json.dumps(answer.model_dump(mode="json"), ensure_ascii=False)
