"""Kommo chats: the route to which Kommo posts what managers write in a channel of our own; its signature counts.

A hook is sent once and has 5 seconds; it is stored before the response.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from platform_app.api.routes import ANYONE, route
from platform_app.services.channels import channel_accounts
from platform_app.services.kommo import manager_messages


@route("/hooks/kommo-chats/{token}", ANYONE, methods=["POST"])
async def receive_chat_hook(request: Request) -> Response:
    """Receive what a manager wrote: 200 once it is stored.

    404 for an unknown address, 403 for what is not signed with the secret of the channel.
    """
    account = await asyncio.to_thread(channel_accounts.find_by_token, request.path_params["token"])
    signature = request.headers.get("x-signature", "")[:200]
    await asyncio.to_thread(manager_messages.accept, account, await request.body(), signature)
    return JSONResponse({"ok": True})
