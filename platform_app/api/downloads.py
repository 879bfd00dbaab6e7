"""Downloads: responses that send a stored file."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from urllib.parse import quote

from starlette.responses import FileResponse, Response, StreamingResponse

from platform_app.errors import NotFound
from platform_app.files import tenant_files
from platform_app.files.file_keys import MISSING
from platform_app.files.tenant_files import StoredFile

SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"
_BINARY = "application/octet-stream"
_HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": SANDBOX}


async def send_file(
    tenant_id: str,
    file: StoredFile,
    name: str,
    *,
    media_type: str = _BINARY,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response that sends a file as an attachment, in parts if it is not on this machine.

    Raises NotFound if the file is missing, or damaged as far as its first part tells; a response whose last part turns
    out to be wrong ends before it, so that the download fails.
    """
    if not file.stored_as:
        raise NotFound(MISSING)
    sent = _HEADERS | dict(headers or {})
    path = await asyncio.to_thread(tenant_files.local_path, tenant_id, file.stored_as, file.sha256)
    if path is not None:
        return FileResponse(path, media_type=media_type, filename=name, headers=sent)
    parts = tenant_files.read_parts(tenant_id, file.stored_as, file.sha256)
    first = await asyncio.to_thread(next, parts)
    sent |= {"Content-Length": str(file.size), "Content-Disposition": _attachment(name)}
    return StreamingResponse(_stream(first, parts), media_type=media_type, headers=sent)


async def _stream(first: bytes, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    part: bytes | None = first
    while part is not None:
        yield part
        part = await asyncio.to_thread(next, parts, None)


def _attachment(name: str) -> str:
    """Return the header of a file name, as FileResponse writes it."""
    encoded = quote(name)
    return f"attachment; filename*=utf-8''{encoded}" if encoded != name else f'attachment; filename="{name}"'
