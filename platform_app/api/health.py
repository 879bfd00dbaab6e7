"""Health: whether this web process lives and can serve."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from platform_app import bell
from platform_app.api.routes import ANYONE, route
from platform_app.db import everywhere, session_scope
from platform_app.models.person import Tenant


@route("/healthz", ANYONE, methods=["GET"])
async def healthz(request: Request) -> Response:
    """Say that the process is alive; asks nothing of anybody."""
    return JSONResponse({"status": "pass"})


@route("/readyz", ANYONE, methods=["GET"])
async def readyz(request: Request) -> Response:
    """Say whether the console can serve: it needs the database; Redis only makes it quicker."""
    database, redis = await asyncio.gather(asyncio.to_thread(_database_answers), asyncio.to_thread(_redis_answers))
    status = "pass" if database and redis else "warn" if database else "fail"
    return JSONResponse({"status": status, "database": database, "redis": redis}, 200 if database else 503)


def _database_answers() -> bool:
    try:
        with session_scope(reason="readiness", reading=True) as session:
            session.exec(everywhere(Tenant).limit(1)).first()
    except Exception:  # whatever the reason, it is not ready
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(bell.connection().ping())
    except Exception:  # Redis may be away for any reason
        return False
