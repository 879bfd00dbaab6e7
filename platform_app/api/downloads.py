"""Downloads: responses that send a stored file."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from platform_app.errors import NotFound
from platform_app.files import tenant_files
from platform_app.files.file_keys import MISSING
from platform_app.files.tenant_files import StoredFile
from platform_app.models.person import Identity

SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"
_BINARY = "application/octet-stream"
_HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": SANDBOX}
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


async def send_file(
    request: Request,
    who: Identity,
    file: StoredFile,
    name: str,
    *,
    media_type: str = _BINARY,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response that sends a file as an attachment, or the range of it that the request asks for.

    Raises NotFound if the file is missing, or damaged as far as its first part tells; a response whose last part turns
    out to be wrong ends before it, so that the download fails.
    """
    if not file.stored_as:
        raise NotFound(MISSING)
    sent = _HEADERS | dict(headers or {})
    path = await asyncio.to_thread(tenant_files.local_path, who.tenant_id, file.stored_as, file.sha256)
    if path is not None:
        return FileResponse(path, media_type=media_type, filename=name, headers=sent)
    sent |= {"Content-Disposition": _attachment(name)}
    if file.sha256:
        sent |= {"ETag": _tag(file), "Accept-Ranges": "bytes"}
    start, end = _wanted_range(request, file) or (0, file.size)
    is_whole = (start, end) == (0, file.size)
    if start >= end and not is_whole:
        return Response(status_code=416, headers=_HEADERS | {"Content-Range": f"bytes */{file.size}"})
    parts = (
        tenant_files.read_parts(who.tenant_id, file.stored_as, file.sha256)
        if is_whole
        else tenant_files.read_range(who.tenant_id, file.stored_as, start, end)
    )
    first = await asyncio.to_thread(next, parts)
    sent |= {"Content-Length": str(end - start)}
    sent |= {} if is_whole else {"Content-Range": f"bytes {start}-{end - 1}/{file.size}"}
    status = 200 if is_whole else 206
    return StreamingResponse(_stream(first, parts), status, media_type=media_type, headers=sent)


def _tag(file: StoredFile) -> str:
    return f'"{file.sha256}"'


def _wanted_range(request: Request, file: StoredFile) -> tuple[int, int] | None:
    """Return the range that a request asks for, as its first byte and that behind its last; None: the whole file.

    A range for another content is none, and neither are several ranges.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or not file.sha256 or request.headers.get("if-range", _tag(file)) != _tag(file):
        return None
    first, last = asked.groups()
    if not first:
        return (max(0, file.size - int(last)), file.size) if last else None
    return int(first), min(int(last) + 1 if last else file.size, file.size)


async def _stream(first: bytes, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    part: bytes | None = first
    while part is not None:
        yield part
        part = await asyncio.to_thread(next, parts, None)


def _attachment(name: str) -> str:
    """Return the header of a file name, as FileResponse writes it."""
    encoded = quote(name)
    return f"attachment; filename*=utf-8''{encoded}" if encoded != name else f'attachment; filename="{name}"'
