"""Channel webhooks: the route to which servers of channels post what comes in; a secret counts, not cookies.

An update is stored before the response, so that one that was answered is never lost: read already, or, in a burst, as
it came.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from platform_app.api.group_commit import GroupCommit
from platform_app.api.routes import ANYONE, route
from platform_app.channels.push_channel import ChannelError, ChannelPost, PushChannel
from platform_app.db import session_scope
from platform_app.errors import Forbidden, Invalid, NotFound
from platform_app.models.channel import ChannelAccount
from platform_app.services.channels import channel_access, channel_accounts, updates, waiting_updates

log = structlog.get_logger()


MAX_READING = 8  # posts of an account that a process reads at once; those beyond, and those after them, a job reads


@dataclass(frozen=True)
class _Receiver:
    """An account with what its posts are checked by, and whether earlier ones wait to be read."""

    account: ChannelAccount
    key: str = ""
    secret: str = ""
    is_behind: bool = False


@dataclass(frozen=True)
class _StoredPost:
    """What an account is posted, as JSON."""

    account: ChannelAccount
    data: str


def _find_receivers(token: str, requests: Sequence[None]) -> list[_Receiver]:
    """Return the receiver of posts to an address once for each. Raises NotFound if there is none that is on."""
    account = channel_accounts.find_by_token(token)
    if channel_accounts.kind_of(account).push is None:
        return [_Receiver(account)] * len(requests)
    with session_scope(account.tenant_id, read_only=True) as session:
        found = _Receiver(
            account,
            channel_access.get_webhook_key(session, account),
            channel_access.get_token(session, account),
            waiting_updates.is_behind(session, account),
        )
    return [found] * len(requests)


def _store_posts(account_id: str, posts: Sequence[_StoredPost]) -> list[None]:
    waiting_updates.store_all(posts[0].account, [post.data for post in posts])
    return [None] * len(posts)


_lookups = GroupCommit(_find_receivers, weight=lambda _: 1, max_weight=1_000)
_stores = GroupCommit(_store_posts, weight=lambda post: 2_000 + len(post.data), max_weight=1_000_000)
_reading: Counter[str] = Counter()  # posts that this process reads now, by account


@route("/hooks/channels/{token}", ANYONE, methods=["POST"])
async def receive_update(request: Request) -> Response:
    """Receive an update of a channel: 200 once it is stored.

    404 for an unknown address, 403 for what the channel did not send. Raises Invalid if the body cannot
    be parsed, NotFound for a channel without a server.
    """
    receiver = await _lookups.submit(request.path_params["token"][:100], None)
    push = channel_accounts.kind_of(receiver.account).push
    if push is None:
        raise NotFound("Page not found.")
    post = ChannelPost(request.headers, await request.body())
    if (answer := await asyncio.to_thread(_answer_or_check, receiver, push, post)) is not None:
        return PlainTextResponse(answer)
    try:
        data: Any = push.parse_post(post)
        stored = _StoredPost(receiver.account, json.dumps(data))
    except (ValueError, RecursionError):
        raise Invalid("The body isn’t JSON.") from None
    if receiver.is_behind or _reading[receiver.account.id] >= MAX_READING:
        await _stores.submit(receiver.account.id, stored)
    else:
        await _read(receiver.account, data)
    return PlainTextResponse(push.accepted_answer) if push.accepted_answer else JSONResponse({"ok": True})


async def _read(account: ChannelAccount, data: Any) -> None:
    _reading[account.id] += 1
    try:
        await asyncio.to_thread(updates.accept, account, data)
    finally:
        _reading[account.id] -= 1
        if not _reading[account.id]:
            del _reading[account.id]


def _answer_or_check(receiver: _Receiver, push: PushChannel, post: ChannelPost) -> str | None:
    """Return the answer that a post asks for, None for one that tells something.

    Raises Forbidden, and logs it, if the post does not come from the account's channel.
    """
    account, secret = receiver.account, receiver.secret
    try:
        answer = push.answer_post(post, secret=secret, account_id=account.outside_id)
        is_genuine = answer is not None or push.is_genuine(
            post, secret=secret, key=receiver.key, account_id=account.outside_id
        )
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
