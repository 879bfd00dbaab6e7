"""Harness: drives the console's real event pipeline without a browser, a socket or a build.

The only file of the tests that leans on Reflex's internals.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import reflex as rx
from reflex.istate.manager.memory import StateManagerMemory
from reflex_base.event import Event
from reflex_base.event.context import EventContext
from reflex_base.event.processor import BaseStateEventProcessor
from reflex_base.registry import RegistrationContext
from reflex_base.utils.format import format_event_handler

from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.hub import EVERY_SECONDS, Hub, Update, Wants, wants_all
from platform_app.models.person import Identity, Session
from platform_app.platform_app import app
from platform_app.services.accounts.sessions import LIFETIME
from platform_app.state.console import live_updates, notification_bell


def sign_in(who: Identity) -> str:
    """Write a session for a person and return its cookie."""
    token = secrets.token_urlsafe(32)
    with session_scope(reason="tests") as session:
        session.add(
            Session(
                token_hash=hashlib.sha256(token.encode()).hexdigest(),
                user_id=who.user_id,
                expires_at=now() + LIFETIME,
            )
        )
    return f"session={token}"


async def no_updates(*given: Any, **named: Any) -> AsyncIterator[Update]:
    """Yield nothing and end: what a bell follows that does not go on."""
    for update in ():
        yield update


_subscribe, _following = Hub.subscribe, set[str]()  # the events whose handlers wait for changes, by their ids


async def _counted(
    self: Hub, tenant_id: str, tab: str, every: float = EVERY_SECONDS, pause: float = 0.0, *, wants: Wants = wants_all
) -> AsyncGenerator[Update, None]:
    try:
        event_id = EventContext.get().txid
    except LookupError:  # a test follows the hub itself
        event_id = ""
    _following.add(event_id)
    try:
        async with aclosing(_subscribe(self, tenant_id, tab, every, pause, wants=wants)) as updates:
            async for update in updates:
                yield update
    finally:
        _following.discard(event_id)


Hub.subscribe = _counted  # type: ignore[method-assign]


def _open(future: Any) -> int:
    """Return how many events, of one and all that follow from it, are neither done nor wait for changes."""
    is_open = not future.done() and future.txid not in _following
    return is_open + sum(_open(child) for child in future.children)


class Tab:
    """A browser tab: sends events, keeps what the server sent back.

    The bell of every page is counted when the page is opened; only with `has_bell` it goes on following, and then the
    loading of a page does not end.
    """

    def __init__(self, cookie: str = "", language: str = "en", tab: str = "", *, has_bell: bool = False) -> None:
        self.has_bell = has_bell
        self.cookie, self.language = cookie, language
        self.token = tab or f"tab-{secrets.token_hex(8)}"
        self.seen: dict[str, dict[str, Any]] = {}
        self.said: list[Event] = []  # events for the browser: redirects, toasts, scripts
        self.errors: list[Exception] = []
        self.path = "/"
        self.address = "127.0.0.1"  # where the browser is
        self._processor = BaseStateEventProcessor(
            middleware=app, backend_exception_handler=self._on_error, graceful_shutdown_timeout=0.1
        )

    async def __aenter__(self) -> "Tab":
        RegistrationContext.set(app._registration_context)
        notification_bell.subscribe = live_updates.subscribe if self.has_bell else no_updates
        self.manager = StateManagerMemory()
        self._processor.configure(state_manager=self.manager, event_namespace=self)  # type: ignore[arg-type]
        await self._processor.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._processor.stop()
        await self.manager.close()
        notification_bell.subscribe = live_updates.subscribe

    async def emit_update(self, update: Any, token: str) -> None:
        """Take what the server sends, as the browser would."""
        for state, changed in (update.delta or {}).items():
            self.seen.setdefault(state, {}).update(changed)
        self.said.extend(update.events or [])

    def _on_error(self, error: Exception) -> None:
        self.errors.append(error)

    def router_data(self) -> dict[str, Any]:
        """Return what a browser at this address sends along with an event."""
        parts = urlsplit(self.path)
        return {
            "pathname": parts.path,
            "asPath": self.path,
            "query": dict(parse_qsl(parts.query)),
            "token": self.token,
            "sid": f"sid-{self.token}",
            "ip": self.address,
            "headers": {
                "cookie": self.cookie,
                "host": "127.0.0.1:8000",
                "origin": "http://127.0.0.1:8000",
                "accept-language": self.language,
            },
        }

    async def _enqueue(self, event: Event) -> Any:
        """Put an event among those of this tab, whichever tab was opened last."""
        root = self._processor._root_context
        assert root is not None
        return await self._processor.enqueue(
            self.token, event, root.fork(token=self.token, router_data=event.router_data)
        )

    async def raw(self, name: str, payload: dict[str, Any] | None = None, *, wait: float = 20) -> None:
        """Send an event by its full name and wait until all that follows from it is done."""
        event = Event(name=name, payload=payload or {}, router_data=self.router_data())
        await self._settle(await self._enqueue(event), wait)

    async def _settle(self, future: Any, wait: float) -> None:
        """Wait until all that follows from an event is done, or waits for changes as long as the tab is open."""
        end = asyncio.get_running_loop().time() + wait
        while left := _open(future):
            if asyncio.get_running_loop().time() > end:
                raise TimeoutError(f"{left} events are not done")
            await asyncio.sleep(0.003)
        if future.done():
            future.result()

    async def goto(self, path: str, *, wait: float = 20, settle: bool = True) -> None:
        """Open an address: hydrate, then what the page does when it loads."""
        self.path = path
        name = format_event_handler(rx.State.event_handlers["hydrate_and_load"])
        if settle:
            await self.raw(name, wait=wait)
        else:
            event = Event(name=name, payload={}, router_data=self.router_data())
            await self._enqueue(event)

    async def send(self, spec: Any, *, wait: float = 20, settle: bool = True) -> None:
        """Send an event as a component would: `tab.send(SomeState.handler(argument))`."""
        for event in Event.from_event_type(spec):
            sent = Event(name=event.name, payload=event.payload, router_data=self.router_data())
            future = await self._enqueue(sent)
            if settle:
                await self._settle(future, wait)

    async def start(self, name: str, state: type[rx.State], **payload: Any) -> None:
        """Send an event with a payload as it is, which `send` would read as a component does, and do not wait."""
        full = format_event_handler(state.event_handlers[name])
        await self._enqueue(Event(name=full, payload=payload, router_data=self.router_data()))

    def get(self, state: type[rx.State], name: str) -> Any:
        """Return a variable as the browser holds it."""
        held = self.seen.get(state.get_full_name(), {})
        for key, value in held.items():
            if key == name or key.startswith(f"{name}_rx_state"):
                return value
        raise KeyError(name)

    def scripts(self) -> str:
        """Return all that the browser was told to do, as text."""
        return " ".join(f"{event.name} {event.payload}" for event in self.said)

    async def until(self, true: Any, seconds: float = 10) -> None:
        """Wait until something holds while events go on."""
        end = asyncio.get_running_loop().time() + seconds
        while not true():
            if asyncio.get_running_loop().time() > end:
                raise AssertionError(f"not true within {seconds} s")
            await asyncio.sleep(0.02)
