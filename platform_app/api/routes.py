"""Routes: declaration of routes with roles, identification of callers, and error responses."""

import asyncio
import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import structlog
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from platform_app.actor import Actor, ActorKind, set_actor
from platform_app.api.request_spans import request_span, set_status
from platform_app.api.security import is_https, preferred_language
from platform_app.config import settings
from platform_app.errors import PlatformError
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import sessions, two_factor_policy
from platform_app.storage_errors import as_unavailable

log = structlog.get_logger()
ANYONE = "anyone"
Endpoint = Callable[..., Awaitable[Response]]


def cookie_name(request: Request) -> str:
    """Return the name of the session cookie, with the __Host- prefix under https."""
    return "__Host-session" if is_https(request.scope) else "session"


def cookie_token(request: Request) -> str:
    """Return the session token of a request, or "". Under https only the prefixed cookie counts."""
    return request.cookies.get(cookie_name(request), "")


def client_address(request: HTTPConnection) -> str:
    """Return the client's address: from the outermost trusted proxy, else of the connection."""
    hops = settings().proxy_hops
    said = [part.strip() for line in request.headers.getlist("x-forwarded-for") for part in line.split(",")]
    if 0 < hops <= len(said):
        try:
            return str(ipaddress.ip_address(said[-hops]))
        except ValueError:
            pass
    return request.client.host if request.client else ""


def problem(status: int, sentence: str, language: str = "en", **values: Any) -> JSONResponse:
    """Return an RFC 9457 response with a translated sentence."""
    body = {"type": "about:blank", "status": status, "detail": translate(language, sentence, **values)}
    return JSONResponse(body, status, media_type="application/problem+json")


def route(path: str, role: Role | str, *, methods: list[str]) -> Callable[[Endpoint], Route]:
    """Return a decorator that creates a route with the role it requires.

    With a role the endpoint is called as endpoint(request, who), after session and membership in the path's tenant are
    checked and before a body is read; with ANYONE as endpoint(request).
    """

    def wrap(endpoint: Endpoint) -> Route:
        @wraps(endpoint)
        async def guarded(request: Request) -> Response:
            request.state.language = preferred_visitor_language(request)
            with request_span(request, path) as span:
                response = await _respond(request, endpoint, role, path)
                set_status(span, response.status_code)
                return response

        made = Route(path, guarded, methods=methods)
        made.role = role  # type: ignore[attr-defined]  # read by the test that lists every route
        return made

    return wrap


async def _respond(request: Request, endpoint: Endpoint, role: Role | str, path: str) -> Response:
    """Return the response of an endpoint, or the one that reports an error."""
    try:
        return await _authorize(request, endpoint, role)
    except PlatformError as error:
        return problem(error.status, error.sentence, request.state.language, **error.values)
    except ClientDisconnect:
        return Response(status_code=400)  # the client has disconnected
    except Exception as error:
        if (told := as_unavailable(error)) is not None:
            return problem(told.status, told.sentence, request.state.language)
        return _internal_error(request, path, error)


def open_application(path: str, application: ASGIApp) -> Route:
    """Return a route that passes every method on to an application, which checks itself who asks."""
    made = Route(path, application)
    made.path_regex = re.compile(made.path_regex.pattern, re.DOTALL)  # a path may hold encoded line breaks
    made.role = ANYONE  # type: ignore[attr-defined]  # read by the test that lists every route
    return made


async def _authorize(request: Request, endpoint: Endpoint, role: Role | str) -> Response:
    address = client_address(request)
    set_actor(Actor(ActorKind.VISITOR, address=address))
    if role == ANYONE:
        return await endpoint(request)
    token, slug = cookie_token(request), request.path_params["tenant"]
    who = await _find_identity(token, slug)
    if who is None:
        somebody = await _find_identity(token, None)
        if somebody is None:
            return problem(401, "Sign in to continue.", request.state.language)
        return problem(404, "Page not found.", somebody.language)
    request.state.language = who.language
    if who.must_enroll:
        return problem(403, two_factor_policy.REQUIRED, who.language)
    if not who.role.includes(Role(role)):
        return problem(403, "Your role doesn’t allow this.", who.language)
    set_actor(Actor(ActorKind.MEMBER, who.user_id, who.name, address))
    return await endpoint(request, who)


async def _find_identity(token: str, slug: str | None) -> Identity | None:
    """Return the identity of a session token, also of a user who still has to set up a second factor."""
    return await asyncio.to_thread(sessions.get_identity, token, slug, unenrolled=True) if token else None


def _internal_error(request: Request, path: str, error: Exception) -> Response:
    """Answer with the reference number of a bug."""
    number = log_bug(path, error)
    sentence = "Something went wrong. If it keeps happening, contact support with code {number}."
    return problem(500, sentence, request.state.language, number=number)


def log_bug(path: str, error: Exception) -> str:
    """Log a bug with its trace; return its reference number.

    `path` is that of the route: the address itself may hold a secret.
    """
    number = secrets.token_hex(4)
    log.error("route failed", route=path, request_id=number, exc_info=error)
    return number


def preferred_visitor_language(request: Request) -> str:
    """Return the language of a visitor who is not signed in."""
    chosen = request.cookies.get("language", "")
    if chosen in ("ru", "en"):
        return chosen
    return preferred_language(request.headers.get("accept-language", ""))
