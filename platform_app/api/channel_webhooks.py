"""Channel webhooks: the route to which servers of channels post what comes in; a secret key counts, not cookies.

An update is stored before the response, so that one that was answered is never lost.
"""

import asyncio
import hmac
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from platform_app.api.routes import ANYONE, route
from platform_app.db import session_scope
from platform_app.errors import Forbidden, Invalid, NotFound
from platform_app.models.channel import ChannelAccount
from platform_app.services.channels import channel_access, channel_accounts, updates


@route("/hooks/channels/{token}", ANYONE, methods=["POST"])
async def receive_update(request: Request) -> Response:
    """Receive an update of a channel: 200 once it is stored.

    404 for an unknown address, 403 without the account's key. Raises Invalid if the body is not JSON.
    """
    account = await asyncio.to_thread(channel_accounts.find_by_token, request.path_params["token"])
    await asyncio.to_thread(_check_key, account, request)
    try:
        data: Any = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Invalid("The body isn’t JSON.") from None
    await asyncio.to_thread(updates.accept, account, data)
    return JSONResponse({"ok": True})


def _check_key(account: ChannelAccount, request: Request) -> None:
    """Raise NotFound if the account's channel has no server, Forbidden without the key that was named to it."""
    push = channel_accounts.kind_of(account).push
    if push is None:
        raise NotFound("Page not found.")
    with session_scope(account.tenant_id, read_only=True) as session:
        key = channel_access.get_webhook_key(session, account)
    given = request.headers.get(push.secret_header, "")
    if not hmac.compare_digest(given.encode(), key.encode()):
        raise Forbidden("Invalid request key.")
