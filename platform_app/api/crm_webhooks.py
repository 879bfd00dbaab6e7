"""CRM webhooks: the route to which connected CRMs post what changed; the secret address counts, not cookies.

A post is stored before the response. Posts that arrive while others are stored are stored together.
"""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from platform_app.api.group_commit import GroupCommit
from platform_app.api.routes import ANYONE, route
from platform_app.errors import LimitReached
from platform_app.models.integration import CrmConnection
from platform_app.services.integrations import hooks

MAX_BODY_BYTES = 1_000_000


def _find_connections(token: str, requests: Sequence[None]) -> list[CrmConnection]:
    return [hooks.find_connection(token)] * len(requests)


_lookups = GroupCommit(_find_connections, weight=lambda _: 1, max_weight=1_000)
_stores = GroupCommit(hooks.accept_all, weight=lambda body: 20_000 + len(body), max_weight=4_000_000)


@route("/hooks/crm/{token}", ANYONE, methods=["POST"])
async def receive_crm_post(request: Request) -> Response:
    """Receive what a CRM posts: 200 once it is stored.

    404 for an unknown address, 403 if it is about another account. Raises LimitReached beyond MAX_BODY_BYTES.
    """
    token = request.path_params["token"][:100]
    await _lookups.submit(token, None)  # before a byte of the body is read
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise LimitReached("The body is too large.")
    await _stores.submit(token, bytes(body))
    return JSONResponse({"ok": True})
