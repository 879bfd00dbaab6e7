"""Files: the routes that upload and download files."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from platform_app.api.downloads import send_file
from platform_app.api.routes import route
from platform_app.config import settings
from platform_app.db import session_scope
from platform_app.errors import LimitReached
from platform_app.files.tenant_files import StoredFile
from platform_app.i18n import translate
from platform_app.models.audit import AuditAction, AuditObject
from platform_app.models.crm import RefusedRow
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity, Role
from platform_app.services.audit import audit_trail
from platform_app.services.crm import csv_files, imports
from platform_app.services.knowledge import source_changes, source_replacement, sources


class UploadTooLarge(LimitReached):
    """An uploaded file is larger than the limit."""

    status = 413


async def _limited_body(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Yield the parts of a body. Raises TooLarge beyond a limit in bytes, whatever its Content-Length says."""
    said, size = request.headers.get("content-length", ""), 0
    if said.isdecimal() and int(said) > limit:
        raise UploadTooLarge("The file is larger than {limit} MB.", limit=settings().upload_max_mb)
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise UploadTooLarge("The file is larger than {limit} MB.", limit=settings().upload_max_mb)
        yield part


@route("/api/uploads/{tenant}", Role.OPERATOR, methods=["POST"])
async def upload(request: Request, who: Identity) -> Response:
    """Store one file sent as a raw body; 201 with the id of its source.

    X-File-Name is its name and X-Category the id of its category, percent-encoded. X-Same-Name says what happens to a
    source of the same name: `replace` (default) or `keep`.
    """
    name = unquote(request.headers.get("x-file-name", ""))
    body = _limited_body(request, settings().upload_max_mb * 1_000_000)
    category = request.headers.get("x-category") or None
    same_name: source_replacement.SameName = "keep" if request.headers.get("x-same-name") == "keep" else "replace"
    source_id = await sources.store_upload(who, name, body, category_id=category, same_name=same_name)
    return JSONResponse({"source_id": source_id}, 201)


@route("/api/uploads/{tenant}/taken", Role.OPERATOR, methods=["GET"])
async def name_taken(request: Request, who: Identity) -> Response:
    """Answer whether a file with the query's `name` and `category` would replace a source."""

    def find() -> bool:
        with session_scope(who.tenant_id, read_only=True) as session:
            asked = request.query_params
            return sources.has_same_name(session, who, asked.get("name", ""), asked.get("category") or None)

    return JSONResponse({"taken": await asyncio.to_thread(find)})


@route("/api/sources/{tenant}/{source_id}/file", Role.VIEWER, methods=["GET"])
async def source_file(request: Request, who: Identity) -> Response:
    """Send an uploaded file as an attachment. Raises NotFound if the file is no longer stored, or damaged."""

    def find() -> Source:
        with session_scope(who.tenant_id, read_only=True) as session:
            return sources.get(session, who, request.path_params["source_id"])

    source = await asyncio.to_thread(find)
    file = StoredFile(source.stored_as, source.size, source.sha256)
    return await send_file(request, who, file, source.file_name)


@route("/api/sources/{tenant}/{source_id}/replacement", Role.OPERATOR, methods=["POST"])
async def replace_source_file(request: Request, who: Identity) -> Response:
    """Replace the file of a source by one sent as a raw body; X-File-Name is its name, percent-encoded."""
    source_id, name = request.path_params["source_id"], unquote(request.headers.get("x-file-name", ""))
    body = _limited_body(request, settings().upload_max_mb * 1_000_000)
    await source_changes.replace_file(who, source_id, name, body)
    return JSONResponse({"source_id": source_id}, 200)


@route("/api/imports/{tenant}", Role.OPERATOR, methods=["POST"])
async def upload_contacts(request: Request, who: Identity) -> Response:
    """Store a table of contacts sent as a raw body; X-File-Name is its name, percent-encoded."""
    body = _limited_body(request, settings().upload_max_mb * 1_000_000)
    name = unquote(request.headers.get("x-file-name", ""))
    return JSONResponse({"import_id": await imports.store_upload(who, name, body)}, 201)


@route("/api/imports/{tenant}/{import_id}/refused.csv", Role.OPERATOR, methods=["GET"])
async def refused_rows(request: Request, who: Identity) -> Response:
    """Send the refused and incomplete rows of an import with the reasons, as a table."""

    def read() -> tuple[list[str], list[RefusedRow]]:
        with session_scope(who.tenant_id) as session:
            row = imports.get(session, who, request.path_params["import_id"])
            refused = imports.list_refused_rows(session, who, row.id)
            kind, name = AuditObject.IMPORT, row.file_name
            audit_trail.record(session, who.tenant_id, AuditAction.EXPORTED, kind, object_id=row.id, name=name)
            return list(row.columns), refused

    columns, rows = await asyncio.to_thread(read)
    head = [translate(who.language, "Line"), translate(who.language, "Reason"), *columns]
    lines = [[str(row.number), imports.describe_problems(row, who.language), *row.cells] for row in rows]
    text = await asyncio.to_thread(csv_files.write_rows, [head, *lines])
    headers = {"Content-Disposition": 'attachment; filename="refused.csv"', "X-Content-Type-Options": "nosniff"}
    return Response(text.encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)
