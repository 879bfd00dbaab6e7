"""Audit: the route of the audit log as a table for spreadsheets."""

from collections.abc import Iterator
from datetime import date

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from platform_app.api.routes import route
from platform_app.clock import now
from platform_app.errors import Invalid
from platform_app.models.person import Identity, Role
from platform_app.services.audit import audit_list
from platform_app.services.audit.audit_list import AuditFilter


@route("/api/audit/{tenant}/log.csv", Role.ADMIN, methods=["GET"])
async def audit_csv(request: Request, who: Identity) -> Response:
    """Send the entries that the query names, as the page of the audit log shows them."""
    query = request.query_params
    asked = AuditFilter(
        actor_id=query.get("member", "")[:32],
        action=query.get("action", "")[:40],
        object_kind=query.get("object", "")[:40],
        first=_day(query.get("first", "")),
        last=_day(query.get("last", "")),
    )
    lines = (part.encode() for part in audit_list.csv_lines(who, asked))
    headers = {
        "Content-Disposition": f'attachment; filename="audit-{now():%Y-%m-%d}.csv"',
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(
        iterate_in_threadpool(_with_mark(lines)), media_type="text/csv; charset=utf-8", headers=headers
    )


def _with_mark(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the mark by which spreadsheets know UTF-8, and then the parts."""
    yield b"\xef\xbb\xbf"
    yield from parts


def _day(text: str) -> date | None:
    """Return the day of an ISO date, None for "". Raises Invalid for another text."""
    if not text:
        return None
    try:
        return date.fromisoformat(text[:20])
    except ValueError as error:
        raise Invalid("This value isn’t allowed.", field="first") from error
