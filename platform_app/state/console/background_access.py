"""Acting: for whom a handler works in the background, and that it writes to their tab alone.

The gate notes whom it found at an event. A handler that goes on after the event acts as that person, as long as they
still may; and its changes and events reach the tab only while the tab is bound to the same session and tenant.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from reflex.istate.manager.token import BaseStateToken
from reflex.state import State
from reflex_base.event.context import EventContext

from platform_app.errors import Forbidden, NotFound
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import sessions

AGAIN = 1.0  # seconds for which a person is taken to be who they were


class TabTaken(Exception):
    """The tab belongs to another session or tenant now, or to nobody."""


@dataclass
class Caller:
    """Who started a handler: the person, the token of their session, and what their tab was bound to."""

    identity: Identity
    token: str
    bound: str
    least: Role = Role.VIEWER
    checked: float = field(default_factory=time.monotonic)

    async def now(self) -> Identity:
        """Return who they are now, read anew after a second; raise when they may no longer do this."""
        if time.monotonic() - self.checked >= AGAIN:
            found = await asyncio.to_thread(sessions.get_identity, self.token, self.identity.slug, extend=False)
            if found is None:
                raise NotFound("Sign in to go on.")
            self.identity, self.checked = found, time.monotonic()
        if not self.identity.role.includes(self.least):
            raise Forbidden("Your role does not allow this.")
        return self.identity


_found: ContextVar[Caller | None] = ContextVar("found", default=None)
_acting: ContextVar[Caller | None] = ContextVar("acting", default=None)
BoundTo = Callable[[Any], Awaitable[str | None]]  # takes a state of a tab, returns what the tab is bound to


def note(identity: Identity | None, token: str, bound: str) -> None:
    """Keep whom the gate found, for the handler that runs next in this task."""
    _found.set(Caller(identity, token, bound) if identity else None)


def caller() -> Caller | None:
    """Return for whom the running handler works in the background; nothing for handlers that run within the event."""
    return _acting.get()


def begin(least: Role, bound_to: BoundTo) -> None:
    """Let the handler of this task work in the background for whom the gate found, and for their tab alone."""
    found = _found.get()
    if found is None:
        return
    found.least = least
    _acting.set(found)
    context = EventContext.get()
    states = _OwnStates(context, found, bound_to)
    EventContext.set(
        replace(
            context,
            state_manager=states,  # type: ignore[arg-type]
            emit_event_impl=states.guarded(context.emit_event_impl) if context.emit_event_impl else None,
            enqueue_impl=states.guarded(context.enqueue_impl),
        )
    )


class _OwnStates:
    """The states of all tabs, of which one person's handler may enter those that are bound to them."""

    def __init__(self, context: EventContext, owner: Caller, bound_to: BoundTo) -> None:
        self._context, self._states = context, context.state_manager
        self._owner, self._bound_to = owner, bound_to

    def __getattr__(self, name: str) -> Any:
        return getattr(self._states, name)

    @asynccontextmanager
    async def modify_state_with_links(self, token: Any, *given: Any, **named: Any) -> AsyncIterator[Any]:
        """Enter a tab's state; TabTaken when it is no longer theirs."""
        async with self._states.modify_state_with_links(token, *given, **named) as state:
            if not await self._is_own(state):
                raise TabTaken
            yield state

    def guarded(self, send: Any) -> Any:
        """Return what sends events to a tab, or starts further ones there, as long as it is theirs."""

        async def send_to_own(token: str, *events: Any) -> Any:
            if not await self._is_own(await self._states.get_state(BaseStateToken(ident=token, cls=State))):
                return None
            own = EventContext.set(self._context)  # what is started further looks at its own caller
            try:
                return await send(token, *events)
            finally:
                EventContext.reset(own)

        return send_to_own

    async def _is_own(self, state: Any) -> bool:
        return await self._bound_to(state) == self._owner.bound
