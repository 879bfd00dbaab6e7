"""Tenant export: the route of the archive with all data of a company."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from platform_app.api.downloads import send_file
from platform_app.api.routes import route
from platform_app.files.tenant_files import StoredFile
from platform_app.models.person import Identity, Role
from platform_app.services.tenants import tenant_exports


@route("/api/exports/{tenant}/{export_id}/data.zip", Role.OWNER, methods=["GET"])
async def tenant_export(request: Request, who: Identity) -> Response:
    """Send the archive of an export as a file. Raises NotFound if it is no longer there."""
    row = await asyncio.to_thread(tenant_exports.get_ready, who, request.path_params["export_id"][:32])
    file = StoredFile(row.stored_as, row.size, row.sha256)
    headers = {"Cache-Control": "no-store"}
    response = await send_file(request, who, file, f"{who.slug}.zip", media_type="application/zip", headers=headers)
    await asyncio.to_thread(tenant_exports.record_download, who)
    return response
