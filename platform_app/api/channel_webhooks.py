"""Channel webhooks: the route to which servers of channels post what comes in; a secret counts, not cookies.

An update is stored before the response, so that one that was answered is never lost.
"""

import asyncio
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from platform_app.api.routes import ANYONE, route
from platform_app.channels.push_channel import ChannelError, ChannelPost, PushChannel
from platform_app.db import session_scope
from platform_app.errors import Forbidden, Invalid, NotFound
from platform_app.models.channel import ChannelAccount
from platform_app.services.channels import channel_access, channel_accounts, updates

log = structlog.get_logger()


@route("/hooks/channels/{token}", ANYONE, methods=["POST"])
async def receive_update(request: Request) -> Response:
    """Receive an update of a channel: 200 once it is stored.

    404 for an unknown address, 403 for what the channel did not send. Raises Invalid if the body cannot
    be parsed, NotFound for a channel without a server.
    """
    account = await asyncio.to_thread(channel_accounts.find_by_token, request.path_params["token"])
    push = channel_accounts.kind_of(account).push
    if push is None:
        raise NotFound("Page not found.")
    post = ChannelPost(request.headers, await request.body())
    if (answer := await asyncio.to_thread(_answer_or_check, account, push, post)) is not None:
        return PlainTextResponse(answer)
    try:
        data: Any = push.parse_post(post)
    except (ValueError, RecursionError):
        raise Invalid("The body isn’t JSON.") from None
    await asyncio.to_thread(updates.accept, account, data)
    return PlainTextResponse(push.accepted_answer) if push.accepted_answer else JSONResponse({"ok": True})


def _answer_or_check(account: ChannelAccount, push: PushChannel, post: ChannelPost) -> str | None:
    """Return the answer that a post asks for, None for one that tells something.

    Raises Forbidden, and logs it, if the post does not come from the account's channel.
    """
    with session_scope(account.tenant_id, read_only=True) as session:
        key = channel_access.get_webhook_key(session, account)
        secret = channel_access.get_token(session, account)
    try:
        answer = push.answer_post(post, secret=secret, account_id=account.outside_id)
        is_genuine = answer is not None or push.is_genuine(post, secret=secret, key=key, account_id=account.outside_id)
    except ChannelError:
        answer, is_genuine = None, False
    if not is_genuine:
        log.warning("a post to a channel account was refused", account_id=account.id, kind=account.kind.value)
        raise Forbidden("Invalid request key.")
    return answer


@route("/hooks/channels/{token}", ANYONE, methods=["GET"])
async def verify_webhook(request: Request) -> Response:
    """Answer the challenge with which a channel verifies the address of an account's webhook.

    Raises NotFound for an unknown address or a channel that asks nothing, Forbidden without the account's verify token.
    """
    account = await asyncio.to_thread(channel_accounts.find_by_token, request.path_params["token"])
    push = channel_accounts.kind_of(account).push
    if push is None or not request.query_params.get("hub.mode"):
        raise NotFound("Page not found.")
    answer = push.answer_challenge(request.query_params, await asyncio.to_thread(_webhook_key, account))
    if answer is None:
        raise Forbidden("Invalid request key.")
    return PlainTextResponse(answer)


def _webhook_key(account: ChannelAccount) -> str:
    with session_scope(account.tenant_id, read_only=True) as session:
        return channel_access.get_webhook_key(session, account)
