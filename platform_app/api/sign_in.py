"""Sign-in: the routes that set and delete the session cookie."""

import asyncio
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from platform_app.api.routes import ANYONE, cookie_name, cookie_token, route
from platform_app.api.security import is_https, is_same_origin_navigation
from platform_app.db import session_scope
from platform_app.errors import Forbidden
from platform_app.services.accounts import sessions


def safe_redirect(wanted: str) -> str:
    """Return a path of this platform to redirect to; any other target becomes the first page.

    Browsers read a backslash as a slash and drop tabs and line ends, so paths with one, plain or encoded, are rejected.
    """
    plain = wanted
    for _ in range(3):
        plain = unquote(plain)
        if not plain.startswith("/") or "//" in plain or "\\" in plain or not plain.isprintable():
            return "/"
    return wanted if wanted.startswith("/") and wanted.isascii() else "/"


@route("/auth/claim", ANYONE, methods=["GET"])
async def claim_session(request: Request) -> Response:
    """Exchange the one-time `ticket` for a session cookie and redirect to `next`; without success to the sign-in page.

    Only a navigation from a page of this platform is accepted.
    """
    ticket, agent = request.query_params.get("ticket", "")[:200], request.headers.get("user-agent", "")
    old = cookie_token(request)

    def redeem() -> str:
        with session_scope(reason="sign-in") as session:
            return sessions.redeem_ticket(session, ticket, agent)

    if not is_same_origin_navigation(request.scope):
        return RedirectResponse("/sign-in", 303)
    try:
        token = await asyncio.to_thread(redeem)
    except Forbidden:
        return RedirectResponse("/sign-in", 303)
    if old:
        await asyncio.to_thread(sessions.end_session, old)
    answer = RedirectResponse(safe_redirect(request.query_params.get("next", "/")), 303)
    answer.set_cookie(
        cookie_name(request),
        token,
        max_age=int(sessions.MAX_LIFETIME.total_seconds()),  # idle expiry is stored in the database
        httponly=True,
        samesite="lax",
        secure=is_https(request.scope),
        path="/",
    )
    return answer


@route("/auth/sign-out", ANYONE, methods=["POST"])
async def sign_out(request: Request) -> Response:
    """End the session, in every tab, and delete the cookie."""
    if token := cookie_token(request):
        await asyncio.to_thread(sessions.end_session, token)
    answer = RedirectResponse("/sign-in", 303)
    for name in ("__Host-session", "session"):
        answer.delete_cookie(name, path="/", httponly=True, secure=name.startswith("__"), samesite="lax")
    return answer
