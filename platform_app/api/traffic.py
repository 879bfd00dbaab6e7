"""Traffic: counts of the open sockets and the requests of this process, which its heartbeat tells."""

import time
from collections import Counter
from contextlib import AbstractAsyncContextManager

from starlette.types import ASGIApp, Receive, Scope, Send

from platform_app.models.job import ProcessKind
from platform_app.services.jobs import process_beats

_PROBES = ("/healthz", "/health", "/readyz", "/ping")
_WINDOW_SECONDS, _SLOT_SECONDS = 60, 5


class Traffic:
    """The open sockets now, and the requests of the last minute."""

    def __init__(self) -> None:
        self.open_sockets = 0
        self._requests: Counter[int] = Counter()  # by the number of a time slot

    def count_request(self) -> None:
        """Count a request that comes in."""
        self._requests[_slot()] += 1
        if len(self._requests) > _WINDOW_SECONDS // _SLOT_SECONDS:
            self._forget_old()

    def figures(self) -> dict[str, int]:
        """Return the counts as the heartbeat of a process names them."""
        self._forget_old()
        return {"sockets": self.open_sockets, "requests": self._requests.total()}

    def _forget_old(self) -> None:
        oldest = _slot() - _WINDOW_SECONDS // _SLOT_SECONDS
        for slot in [slot for slot in self._requests if slot <= oldest]:
            del self._requests[slot]


def _slot() -> int:
    return int(time.monotonic() // _SLOT_SECONDS)


traffic = Traffic()


class TrafficMiddleware:
    """Middleware that counts sockets and requests, without those of load balancers that ask for the health."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            traffic.open_sockets += 1
            try:
                await self.app(scope, receive, send)
            finally:
                traffic.open_sockets -= 1
            return
        if scope["type"] == "http" and scope["path"] not in _PROBES:
            traffic.count_request()
        await self.app(scope, receive, send)


def console_beats() -> AbstractAsyncContextManager[None]:
    """Return the heartbeats of a console, for its lifespan."""
    return process_beats.beating(ProcessKind.CONSOLE, traffic.figures)


def hooks_beats() -> AbstractAsyncContextManager[None]:
    """Return the heartbeats of a hooks process, for its lifespan."""
    return process_beats.beating(ProcessKind.HOOKS, traffic.figures)
