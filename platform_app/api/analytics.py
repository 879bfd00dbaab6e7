"""Analytics: the route of the breakdown as a table for spreadsheets."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from platform_app.api.routes import route
from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.errors import Invalid
from platform_app.models.audit import AuditAction, AuditObject
from platform_app.models.person import Identity, Role
from platform_app.services.analytics import analytics, analytics_table, periods
from platform_app.services.analytics.selection import Dimension, Narrowing
from platform_app.services.audit import audit_trail


@route("/api/analytics/{tenant}/table.csv", Role.VIEWER, methods=["GET"])
async def analytics_csv(request: Request, who: Identity) -> Response:
    """Send the breakdown that the query names, as the page of analytics shows it."""

    def read() -> tuple[str, str]:
        asked = request.query_params
        if asked.get("by", "agent") not in list(Dimension):
            raise Invalid("This value isn’t allowed.", field="by")
        dimension = Dimension(asked.get("by", "agent"))
        span, first, last = (asked.get(name, "")[:20] for name in ("period", "from", "to"))
        period = periods.parse(span, first, last, zone=who.time_zone, now=now())
        narrowing = Narrowing(asked.get("agent", "")[:32], asked.get("channel", "")[:32])
        name = analytics_table.file_name(dimension, period)
        with session_scope(who.tenant_id) as session:
            rows = analytics.get_breakdown(session, who, period, narrowing, dimension=dimension)
            audit_trail.record(session, who.tenant_id, AuditAction.EXPORTED, AuditObject.ANALYTICS, name=name)
        return name, analytics_table.as_csv(who.language, dimension, rows)

    name, text = await asyncio.to_thread(read)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(text.encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)
