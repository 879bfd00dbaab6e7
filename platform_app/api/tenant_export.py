"""Tenant export: the route of the archive with all data of a company."""

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from platform_app.api.files import SANDBOX
from platform_app.api.routes import route
from platform_app.models.person import Identity, Role
from platform_app.services.tenants import tenant_exports


@route("/api/exports/{tenant}/{export_id}/data.zip", Role.OWNER, methods=["GET"])
async def tenant_export(request: Request, who: Identity) -> Response:
    """Send the archive of an export as a file. Raises NotFound if it is no longer there."""
    path = await asyncio.to_thread(tenant_exports.open_archive, who, request.path_params["export_id"][:32])
    return FileResponse(
        path,
        media_type="application/zip",
        filename=f"{who.slug}.zip",
        headers={"X-Content-Type-Options": "nosniff", "Content-Security-Policy": SANDBOX, "Cache-Control": "no-store"},
    )
