"""Routes: how a route declares its role, and how it learns who asks."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from platform_app.errors import PlatformError
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.services import sessions

ANYONE = "anyone"
Endpoint = Callable[..., Awaitable[Response]]


def cookie_token(request: Request) -> str:
    """Return the session token of a request, or nothing."""
    return request.cookies.get("__Host-session") or request.cookies.get("session") or ""


def problem(status: int, sentence: str, language: str = "en", **values: Any) -> JSONResponse:
    """Return an RFC 9457 answer with a sentence for people."""
    body = {"type": "about:blank", "status": status, "detail": translate(language, sentence, **values)}
    return JSONResponse(body, status, media_type="application/problem+json")


def route(path: str, role: Role | str, *, methods: list[str]) -> Callable[[Endpoint], Route]:
    """Make a route that declares who may use it.

    With a role the endpoint is called as endpoint(request, who) after the session and the membership of the tenant
    in the path are checked, before any byte of a body is read; with ANYONE as endpoint(request).
    """

    def wrap(endpoint: Endpoint) -> Route:
        @wraps(endpoint)
        async def guarded(request: Request) -> Response:
            language = "en"
            try:
                if role == ANYONE:
                    return await endpoint(request)
                who = await _who(request)
                if who is None:
                    return problem(404 if cookie_token(request) else 401, "Sign in to go on.")
                language = who.language
                if not who.role.includes(Role(role)):
                    return problem(403, "Your role does not allow this.", language)
                return await endpoint(request, who)
            except PlatformError as error:
                return problem(error.status, error.sentence, language, **error.values)

        made = Route(path, guarded, methods=methods)
        made.role = role  # type: ignore[attr-defined]  # read by the test that lists every route
        return made

    return wrap


async def _who(request: Request) -> Identity | None:
    token, slug = cookie_token(request), request.path_params.get("tenant")
    return await asyncio.to_thread(sessions.identity, token, slug) if token and slug else None
