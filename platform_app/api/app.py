"""App: the routes beside the console: session cookie, uploads, files, health."""

import asyncio
import re
from urllib.parse import unquote

from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from platform_app import bell
from platform_app.api.routes import ANYONE, cookie_token, problem, route
from platform_app.api.security import is_https
from platform_app.config import settings
from platform_app.db import engine, session_scope
from platform_app.errors import Forbidden, Invalid
from platform_app.models.person import Identity, Role
from platform_app.services import knowledge, sessions


def safe_target(wanted: str) -> str:
    """Return a path of this platform to go to; anything else becomes the first page."""
    decoded = unquote(unquote(wanted))
    plain = re.fullmatch(r"/[A-Za-z0-9_~./?=&%+-]*", decoded) and not decoded.startswith("//")
    return wanted if plain and wanted.startswith("/") else "/"


def cookie_name(request: Request) -> str:
    """Return the session cookie's name: bound to host and https where there is https."""
    return "__Host-session" if is_https(request.scope) else "session"


@route("/auth/claim", ANYONE, methods=["GET"])
async def claim(request: Request) -> Response:
    """Turn a one-time ticket into a session cookie."""
    ticket, agent = request.query_params.get("ticket", "")[:200], request.headers.get("user-agent", "")
    old = cookie_token(request)

    def take() -> str:
        with session_scope(reason="sign-in") as session:
            return sessions.claim(session, ticket, agent)

    try:
        token = await asyncio.to_thread(take)
    except Forbidden:
        return RedirectResponse("/sign-in", 303)
    if old:
        await asyncio.to_thread(sessions.end, old)
    answer = RedirectResponse(safe_target(request.query_params.get("next", "/")), 303)
    answer.set_cookie(
        cookie_name(request),
        token,
        max_age=int(sessions.LIFETIME.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=is_https(request.scope),
        path="/",
    )
    return answer


@route("/auth/sign-out", ANYONE, methods=["POST"])
async def sign_out(request: Request) -> Response:
    """End the session; it is dead at once in every tab."""
    if token := cookie_token(request):
        await asyncio.to_thread(sessions.end, token)
    answer = RedirectResponse("/sign-in", 303)
    for name in ("__Host-session", "session"):
        answer.delete_cookie(name, path="/", httponly=True, secure=name.startswith("__"), samesite="lax")
    return answer


@route("/api/uploads/{tenant}", Role.OPERATOR, methods=["POST"])
async def upload(request: Request, who: Identity) -> Response:
    """Take one file as a raw body; its name stands in X-File-Name, percent-encoded."""
    name = unquote(request.headers.get("x-file-name", ""))
    limit = settings().upload_max_mb * 1_000_000
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        return problem(413, "The file is larger than {limit} MB.", who.language, limit=settings().upload_max_mb)
    category = request.headers.get("x-category", "")[:32] or None
    source_id = await knowledge.store_upload(who, name, request.stream(), category_id=category)
    return JSONResponse({"source_id": source_id}, 201)


@route("/api/sources/{tenant}/{source_id}/file", Role.VIEWER, methods=["GET"])
async def source_file(request: Request, who: Identity) -> Response:
    """Hand out an uploaded file as an attachment, never to be shown in place."""

    def find() -> tuple[str, str]:
        with session_scope(who.tenant_id, reading=True) as session:
            source = knowledge.get(session, who, request.path_params["source_id"])
            return source.stored_as, source.file_name

    stored_as, file_name = await asyncio.to_thread(find)
    path = settings().uploads / stored_as
    if not path.is_file():
        raise Invalid("The file is no longer there.")
    return FileResponse(path, media_type="application/octet-stream", filename=file_name)


@route("/healthz", ANYONE, methods=["GET"])
async def healthz(request: Request) -> Response:
    """Say that the process is alive; asks nothing of anybody."""
    return JSONResponse({"status": "pass"})


@route("/readyz", ANYONE, methods=["GET"])
async def readyz(request: Request) -> Response:
    """Say whether the console can serve: it needs the database; Redis only makes it quicker."""

    def check() -> tuple[bool, bool]:
        try:
            with engine().connect() as connection:
                connection.execute(text("SELECT 1"))
            database = True
        except Exception:  # whatever the reason, it is not ready
            database = False
        try:
            redis = bool(bell.connection().ping())
        except Exception:  # Redis may be away for any reason
            redis = False
        return database, redis

    database, redis = await asyncio.to_thread(check)
    status = "pass" if database and redis else "warn" if database else "fail"
    return JSONResponse({"status": status, "database": database, "redis": redis}, 200 if database else 503)


api = Starlette(routes=[claim, sign_out, upload, source_file, healthz, readyz])
