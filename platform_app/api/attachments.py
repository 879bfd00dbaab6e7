"""Attachment route: sends members what contacts attached, as a file to store and never as a page."""

import asyncio
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from platform_app.api.files import SANDBOX
from platform_app.api.routes import route
from platform_app.models.person import Identity, Role
from platform_app.services.channels import attachments


@route("/api/attachments/{tenant}/{attachment_id}", Role.VIEWER, methods=["GET"])
async def attachment(request: Request, who: Identity) -> Response:
    """Send an attachment of a message, fetched from its channel."""
    file = await asyncio.to_thread(attachments.download, who, request.path_params["attachment_id"][:32])
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": SANDBOX,
    }
    return Response(file.content, media_type="application/octet-stream", headers=headers)
