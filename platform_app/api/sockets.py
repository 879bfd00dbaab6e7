"""Sockets: limits on the number of websockets and their events, by address and user."""

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

SOURCE = "platform.source"  # the key of a websocket's scope under which its Source stands
HYDRATE_COST = 12.0  # a page's whole state is made and sent: as dear as so many other events
_FRAME = 8_000  # bytes that one event may have before it counts as two
_ANONYMOUS_FRAME = 64_000  # bytes; before the sign-in there is nothing long to say
_CONNECTS, _CONNECT_BURST = 20.0, 300.0  # from one address: every tab of an office comes back at once after a restart
_RESERVED = 4  # one part in so many of the places for strangers is kept for addresses that hold few
_FEW = 3
_MOST_KEYS = 10_000  # addresses and persons whose buckets are remembered
_LONGEST_WAIT = 20.0  # seconds; who is further ahead of what they may send is hung up on


@dataclass
class Source:
    """The origin of a websocket: its address, and the id of its user or ""."""

    address: str
    person: str
    tab: str = ""  # the Socket.IO session that is open over it: one at a time
    buckets: list[TokenBucket] = field(default_factory=list)  # its own, then those that it shares, the widest last

    async def admit(self, cost: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> bool:
        """Wait until a cost is allowed; return False if the wait would be too long.

        Shared allowances are charged only after narrower ones, so that a client that sends too much delays nobody else.
        """
        for bucket in self.buckets:
            wait = bucket.reserve(cost)
            if wait > _LONGEST_WAIT:
                return False
            if wait:
                await sleep(wait)
        return True


class SocketLimits:
    """Counts the open websockets of this process and their events."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: Counter[str] = Counter()  # by address of strangers, or person
        self._strangers = 0
        self._buckets = TokenBuckets(clock, most=_MOST_KEYS)
        self._all_strangers: TokenBucket | None = None
        self._known: OrderedDict[str, None] = OrderedDict()  # hashes of session tokens that were good

    def may_connect(self, address: str, token: str = "") -> bool:
        """Count a connection attempt of an address; return whether it is allowed. Known good sessions are free."""
        return _hash(token) in self._known or self._buckets.get(f"connect {address}", _CONNECTS, _CONNECT_BURST).take()

    def remember(self, token: str, *, is_good: bool) -> None:
        """Store whether a session token is valid."""
        self._known.pop(_hash(token), None)
        if is_good:
            self._known[_hash(token)] = None
            while len(self._known) > _MOST_KEYS:
                self._known.popitem(last=False)

    def source(self, address: str, person: str) -> Source:
        """Return the source of a new websocket with its allowances."""
        own = settings()
        each = own.socket_events_per_second
        buckets = [TokenBucket(each, each * 4, self._clock)]
        if person:
            buckets.append(self._buckets.get(f"person {person}", each * 4, each * 8))
        else:
            rate = own.anonymous_events_per_second
            self._all_strangers = self._all_strangers or TokenBucket(rate * 2, rate * 8, self._clock)
            buckets += [self._buckets.get(f"address {address}", rate, rate * 4), self._all_strangers]
        return Source(address, person, buckets=buckets)

    @contextmanager
    def place(self, source: Source) -> Iterator[bool]:
        """Hold a place for a websocket; yields whether there was one."""
        key = source.person or f"address {source.address}"
        if not self._has_place(source, key):
            yield False
            return
        self._open[key] += 1
        self._strangers += not source.person
        try:
            yield True
        finally:
            self._strangers -= not source.person
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    def _has_place(self, source: Source, key: str) -> bool:
        own, held = settings(), self._open[key]
        if source.person:
            return held < own.sockets_per_person
        most = own.anonymous_sockets
        if held >= _FEW:
            most -= most // _RESERVED
        return held < own.anonymous_sockets_per_address and self._strangers < most


limits = SocketLimits()


class Sockets:
    """Rejects websockets beyond the limits early, and reads each no faster than allowed."""

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
        source = limits.source(address, await _person(token))
        with limits.place(source) as has_place:
            if has_place:
                scope[SOURCE] = source
                await self.app(scope, _slowed(receive, source), send)
            else:
                await _refuse(receive, send, source.person or address)


async def _person(token: str) -> str:
    """Return the id of the user of a session token, or ""."""
    if not token:
        return ""
    try:
        found = await asyncio.to_thread(sessions.get_identity, token, None, extend=False)
    except Exception:  # the database does not answer: whoever it is, they can do little now
        return ""
    limits.remember(token, is_good=found is not None)
    return found.user_id if found else ""


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


async def _refuse(receive: Receive, send: Send, source: str) -> None:
    refusals.record("websocket refused: too many", source)
    await receive()
    await send({"type": "websocket.close", "code": 4429})


def _slowed(receive: Receive, source: Source) -> Receive:
    """Return a receive function that waits if events are too frequent, and disconnects if far too frequent."""
    longest = 1_000_000 if source.person else _ANONYMOUS_FRAME

    async def read() -> Message:
        message = await receive()
        if message["type"] != "websocket.receive":
            return message
        size = len(message.get("text") or message.get("bytes") or b"")
        if size > longest or not await source.admit(1 + size // _FRAME):
            refusals.record("websocket closed: too much was sent", source.person or source.address)
            return {"type": "websocket.disconnect", "code": 4429}
        return message

    return read
