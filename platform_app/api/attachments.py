"""Attachment routes: send what contacts attached: pictures and recordings to be shown, the rest as a file.

Members ask with their session, other systems by the address that they were given for a day.

What a picture or recording is, its first bytes say. Everything else, such as SVG and HTML, is stored and never opened.
"""

import asyncio
import re
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from platform_app.api.downloads import SANDBOX
from platform_app.api.routes import ANYONE, route
from platform_app.channels.media_kinds import media_type
from platform_app.models.person import Identity, Role
from platform_app.services.channels import attachments, media_links
from platform_app.services.channels.attachments import AttachmentContent

_RANGE = re.compile(r"bytes=(\d{0,12})-(\d{0,12})")


@route("/api/attachments/{tenant}/{attachment_id}", Role.VIEWER, methods=["GET"])
async def attachment(request: Request, who: Identity) -> Response:
    """Send an attachment of a message, from disk or from its channel; of a recording also a range, as players ask."""
    return _response(
        request, await asyncio.to_thread(attachments.download, who, request.path_params["attachment_id"][:32])
    )


@route("/media/{token}", ANYONE, methods=["GET"])
async def linked_media(request: Request) -> Response:
    """Send an attachment at an address that another system was given. Raises NotFound if it is none of ours, or old."""
    tenant_id, attachment_id = media_links.read(request.path_params["token"])
    return _response(request, await asyncio.to_thread(attachments.fetch, tenant_id, attachment_id))


def _response(request: Request, file: AttachmentContent) -> Response:
    shown = media_type(file.content)
    headers = {
        "Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{quote(file.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": SANDBOX,
        "Accept-Ranges": "bytes" if shown else "none",
    }
    kind = shown.content_type if shown else "application/octet-stream"
    part = _asked_part(request.headers.get("range", ""), len(file.content)) if shown else None
    if part is None:
        return Response(file.content, media_type=kind, headers=headers)
    if not part:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{len(file.content)}"})
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(file.content)}"
    return Response(file.content[part.start : part.stop], status_code=206, media_type=kind, headers=headers)


def _asked_part(header: str, size: int) -> range | None:
    """Return the bytes that a Range header asks for; None: all of them; empty: there are none such."""
    asked = _RANGE.fullmatch(header.strip())
    if asked is None or asked.groups() == ("", ""):
        return None
    first, last = asked.groups()
    if not first:
        return range(max(size - int(last), 0), size)
    return range(int(first), min(int(last) + 1, size) if last else size)
