"""WebSocket limits: how many websockets may be open and how many events they may send, by address and user."""

import asyncio
import hashlib
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from platform_app.api.routes import client_address
from platform_app.api.security import header, session_token
from platform_app.api.token_bucket import TokenBucket, TokenBuckets
from platform_app.config import settings
from platform_app.refusal_log import refusals
from platform_app.services.accounts import sessions
from platform_app.services.accounts.sign_in_throttle import network

CLIENT_KEY = "platform.websocket_client"  # key of the WebSocketClient in the scope of a websocket
HYDRATE_COST = 12.0  # events; creating and sending the whole state of a page costs as much as so many
_FRAME_BYTES = 8_000  # a longer event counts as two, and so on
_MAX_FRAME_BYTES = 1_000_000  # of a signed-in user
_MAX_ANONYMOUS_FRAME_BYTES = 64_000  # before the sign-in there is nothing long to send
_CONNECTS_PER_SECOND = 20.0  # from one address
_CONNECT_BURST = 300.0  # every tab of an office reconnects at once after a restart
_RESERVED_DIVISOR = 4  # 1/4 of the anonymous websockets is kept for addresses with fewer than _FEW_WEBSOCKETS
_FEW_WEBSOCKETS = 3
_MAX_KEYS = 10_000  # addresses and users whose buckets are kept
_MAX_WAIT_SECONDS = 20.0  # a client whose events would wait longer is disconnected


@dataclass
class WebSocketClient:
    """The client of a websocket: its address, the id of its user or "", and its token buckets."""

    address: str
    user_id: str
    tab: str = ""  # the Socket.IO session that is open over it: one at a time
    buckets: list[TokenBucket] = field(default_factory=list)  # its own first, then those shared with others

    async def admit(self, cost: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> bool:
        """Wait until the buckets have `cost` tokens; return False if that takes longer than _MAX_WAIT_SECONDS.

        Shared buckets are charged only after the client's own, so that a client that sends too much delays nobody else.
        """
        for bucket in self.buckets:
            wait = bucket.reserve(cost)
            if wait > _MAX_WAIT_SECONDS:
                return False
            if wait:
                await sleep(wait)
        return True


class WebSocketLimits:
    """Counts the open websockets of this process and their events."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: Counter[str] = Counter()  # by user id, or address without a session
        self._anonymous_count = 0
        self._buckets = TokenBuckets(clock, most=_MAX_KEYS)
        self._anonymous_bucket: TokenBucket | None = None
        self._valid_tokens: OrderedDict[str, None] = OrderedDict()  # hashes of session tokens

    def may_connect(self, address: str, token: str = "") -> bool:
        """Count a connection attempt of an address; return whether it is allowed. Valid sessions are not limited."""
        if _hash(token) in self._valid_tokens:
            return True
        return self._buckets.get(f"connect {address}", _CONNECTS_PER_SECOND, _CONNECT_BURST).take()

    def record_session(self, token: str, *, is_valid: bool) -> None:
        """Remember whether a session token is valid."""
        self._valid_tokens.pop(_hash(token), None)
        if is_valid:
            self._valid_tokens[_hash(token)] = None
            while len(self._valid_tokens) > _MAX_KEYS:
                self._valid_tokens.popitem(last=False)

    def client(self, address: str, user_id: str) -> WebSocketClient:
        """Return the client of a new websocket with its token buckets."""
        own = settings()
        each = own.socket_events_per_second
        buckets = [TokenBucket(each, each * 4, self._clock)]
        if user_id:
            buckets.append(self._buckets.get(f"user {user_id}", each * 4, each * 8))
        else:
            rate = own.anonymous_events_per_second
            self._anonymous_bucket = self._anonymous_bucket or TokenBucket(rate * 2, rate * 8, self._clock)
            buckets += [self._buckets.get(f"address {address}", rate, rate * 4), self._anonymous_bucket]
        return WebSocketClient(address, user_id, buckets=buckets)

    @contextmanager
    def slot(self, client: WebSocketClient) -> Iterator[bool]:
        """Count a websocket as open within the block; yields False, and counts nothing, if the limit is reached."""
        key = client.user_id or f"address {client.address}"
        if not self._has_slot(client, key):
            yield False
            return
        self._open[key] += 1
        self._anonymous_count += not client.user_id
        try:
            yield True
        finally:
            self._anonymous_count -= not client.user_id
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    def _has_slot(self, client: WebSocketClient, key: str) -> bool:
        own, held = settings(), self._open[key]
        if client.user_id:
            return held < own.sockets_per_person
        most = own.anonymous_sockets
        if held >= _FEW_WEBSOCKETS:
            most -= most // _RESERVED_DIVISOR
        return held < own.anonymous_sockets_per_address and self._anonymous_count < most


limits = WebSocketLimits()


class WebSocketLimitMiddleware:
    """Middleware that rejects websockets beyond the limits with code 4429, and reads each no faster than allowed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        address = network(client_address(HTTPConnection(scope)))
        token = session_token(header(scope, b"cookie"))
        if not limits.may_connect(address, token):
            await _refuse(receive, send, address)
            return
        client = limits.client(address, await _user_id(token))
        with limits.slot(client) as has_slot:
            if has_slot:
                scope[CLIENT_KEY] = client
                await self.app(scope, _throttled(receive, client), send)
            else:
                await _refuse(receive, send, client.user_id or address)


async def _user_id(token: str) -> str:
    """Return the id of the user of a session token, or ""."""
    if not token:
        return ""
    try:
        identity = await asyncio.to_thread(sessions.get_identity, token, None, extend=False, unenrolled=True)
    except Exception:  # the database does not answer: the client has the limits of an anonymous one
        return ""
    limits.record_session(token, is_valid=identity is not None)
    return identity.user_id if identity else ""


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


async def _refuse(receive: Receive, send: Send, client: str) -> None:
    refusals.record("websocket refused: too many", client)
    await receive()
    await send({"type": "websocket.close", "code": 4429})


def _throttled(receive: Receive, client: WebSocketClient) -> Receive:
    """Return a receive function that waits if events are too frequent, and disconnects if far too frequent."""
    longest = _MAX_FRAME_BYTES if client.user_id else _MAX_ANONYMOUS_FRAME_BYTES

    async def read() -> Message:
        message = await receive()
        if message["type"] != "websocket.receive":
            return message
        size = len(message.get("text") or message.get("bytes") or b"")
        if size > longest or not await client.admit(1 + size // _FRAME_BYTES):
            refusals.record("websocket closed: too much was sent", client.user_id or client.address)
            return {"type": "websocket.disconnect", "code": 4429}
        return message

    return read
