"""Health: whether this web or hooks process is alive and ready."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from platform_app import disk_space, notifier
from platform_app.api.routes import ANYONE, route
from platform_app.config import settings
from platform_app.db import session_scope, unscoped
from platform_app.files import store_checks
from platform_app.models.person import Tenant


@route("/healthz", ANYONE, methods=["GET"])
async def healthz(request: Request) -> Response:
    """Answer that the process is alive, without checking anything."""
    return JSONResponse({"status": "pass"})


@route("/readyz", ANYONE, methods=["GET"])
async def readyz(request: Request) -> Response:
    """Answer whether the process is ready: it needs the database and disk space.

    Redis only makes it faster; without the file storage everything but uploads and downloads works.
    """
    return await _check()


@route("/health", ANYONE, methods=["GET"])
async def health(request: Request) -> Response:
    """Answer the same as `readyz`, under the address that a worker has too."""
    return await _check()


async def _check() -> Response:
    database, redis, full, files_problem = await asyncio.gather(
        asyncio.to_thread(_database_answers),
        asyncio.to_thread(_redis_answers),
        asyncio.to_thread(disk_space.is_full),
        asyncio.to_thread(store_checks.problem),
    )
    serves = database and not full
    status = "pass" if serves and redis and not files_problem else "warn" if serves else "fail"
    body: dict[str, object] = {"status": status, "database": database, "redis": redis, "disk": not full}
    if settings().files_url.get_secret_value():
        body |= {"files": not files_problem} | ({"filesProblem": files_problem} if files_problem else {})
    return JSONResponse(body, 200 if serves else 503)


def _database_answers() -> bool:
    try:
        with session_scope(reason="readiness", read_only=True) as session:
            session.exec(unscoped(Tenant).limit(1)).first()
    except Exception:  # not ready, whatever the reason
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(notifier.connection().ping())
    except Exception:  # Redis may be down for any reason
        return False
