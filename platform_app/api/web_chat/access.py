"""Access: which site, visitor and address may use a web chat, and how often.

The token of a chat is public, so each request is checked: the site that shows the chat against the allowed ones (the
browser checks it too, by the policy of the frame), and counters of visitor, address and chat before a model is called.
Cookies are neither read nor set.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from limits import RateLimitItem, RateLimitItemPerDay, parse_many
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from platform_app.api.routes import ANYONE, client_address, problem, route
from platform_app.api.security import is_https
from platform_app.api.shared_limits import SharedLimiter
from platform_app.channels.web_chat import WebChatSettings
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import session_scope
from platform_app.errors import Forbidden, NotFound
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.services.accounts.sign_in_throttle import network
from platform_app.services.channels import channel_accounts, inbound, visitor_identity
from platform_app.services.channels.visitor_identity import UnverifiedVisitor, VerifiedVisitor

REQUESTS = parse_many("300/minute")  # of an address, of any kind
VISITOR_MESSAGES = parse_many("20/minute; 300/day")
ADDRESS_MESSAGES = parse_many("60/minute; 1500/day")
CHAT_MESSAGES = parse_many("600/minute")  # and daily_messages of its settings a day
VISITOR_TYPING = parse_many("30/minute")
NEW_VISITORS = parse_many("30/minute; 500/day")  # of an address
REFUSED_SITE = "This site may not show this chat."
SIGN_IN_FIRST = "Sign in on the site to write here."
TOO_MANY = "Too many requests. Try again in {seconds} s."
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_limiter = SharedLimiter()


@dataclass(frozen=True)
class Visitor:
    """Who asks: the chat, its settings, the visitor's outside id ("" without a token) and the network address."""

    account: ChannelAccount
    settings: WebChatSettings
    outside_id: str
    address: str
    verified: VerifiedVisitor | None = None  # whom the site has signed in


class TooFrequent(Exception):
    """A limit is reached; `seconds` are left until the next try."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too frequent: {seconds} s")
        self.seconds = seconds


Endpoint = Callable[[Request, Visitor], Awaitable[Response]]


def visitor_route(path: str, *, methods: list[str], is_known: bool = True) -> Callable[[Endpoint], Route]:
    """Return a decorator that creates a route below a chat's address, called as endpoint(request, visitor).

    The site that shows the chat is checked; with `is_known` a visitor's token is required.
    """

    def wrap(endpoint: Endpoint) -> Route:
        async def admitted(request: Request) -> Response:
            try:
                visitor = await find_visitor(request)
                check_site(visitor.settings, request.headers.get("x-embedding-origin", ""), request)
                if visitor.settings.signed_in_only and visitor.verified is None:
                    raise UnverifiedVisitor(SIGN_IN_FIRST)
                if is_known and not visitor.outside_id:
                    return problem(401, "Start the chat again.", request.state.language)
                return await endpoint(request, visitor)
            except TooFrequent as error:
                return too_frequent(request, error)

        return route(f"/web-chat/{{token}}{path}", ANYONE, methods=methods)(admitted)

    return wrap


async def find_visitor(request: Request) -> Visitor:
    """Return who asks: whom the site has signed in, else whoever holds the token of a visitor.

    Raises TooFrequent, NotFound if there is no such chat or it is switched off, and UnverifiedVisitor if the site's
    sign-in is not valid: it is never taken for a visitor without one.
    """
    address = network(client_address(request))
    await count(REQUESTS, "request", address)
    account = await asyncio.to_thread(find_chat, request.path_params["token"])
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    is_token = scheme.lower() == "bearer" and _TOKEN.fullmatch(token)
    own = channel_accounts.settings_of(account)
    assert isinstance(own, WebChatSettings)
    if signed := request.headers.get("x-visitor-identity", ""):
        verified = await asyncio.to_thread(_verify, account, signed)
        return Visitor(account, own, visitor_identity.outside_id_of(verified), address, verified)
    return Visitor(account, own, inbound.hash_token(token) if is_token else "", address)


def _verify(account: ChannelAccount, signed: str) -> VerifiedVisitor:
    with session_scope(account.tenant_id, read_only=True) as session:
        secret = visitor_identity.read_secret(session, account)
    return visitor_identity.verify(signed, secret, now())


def find_chat(token: str) -> ChannelAccount:
    """Return a web chat by its public token. Raises NotFound if there is none or it is switched off."""
    account = channel_accounts.find_by_token(token)
    if account.kind != Channel.WEB_CHAT:
        raise NotFound("Page not found.")
    return account


def check_site(own: WebChatSettings, origin: str, request: Request) -> None:
    """Raise Forbidden unless a site may show the chat; the platform's own pages may, to try it."""
    if origin not in (*own.allowed_origins, own_origin(request)):
        raise Forbidden(REFUSED_SITE)


def own_origin(request: Request) -> str:
    """Return the origin of this platform as the request reached it."""
    public = urlsplit(settings().public_url)
    if public.netloc:
        return f"{public.scheme}://{public.netloc}"
    return f"{'https' if is_https(request.scope) else 'http'}://{request.headers.get('host', '')}"


async def count_message(visitor: Visitor) -> None:
    """Count a message of a visitor, of an address and of a chat. Raises TooFrequent at the first limit reached."""
    daily = RateLimitItemPerDay(visitor.settings.daily_messages)
    await count(VISITOR_MESSAGES, "visitor", visitor.account.id, visitor.outside_id)
    await count(ADDRESS_MESSAGES, "address", visitor.account.id, visitor.address)
    await count([*CHAT_MESSAGES, daily], "chat", visitor.account.id)


async def count(limits: list[RateLimitItem], *key: str) -> None:
    """Count once for each limit, for all web processes. Raises TooFrequent if one is exceeded."""
    seconds = await asyncio.to_thread(_limiter.hit, limits, *key)
    if seconds:
        raise TooFrequent(seconds)


def too_frequent(request: Request, error: TooFrequent) -> Response:
    """Return the answer with status 429 to a request over a limit."""
    answer = problem(429, TOO_MANY, request.state.language, seconds=error.seconds)
    answer.headers["Retry-After"] = str(error.seconds)
    return answer
