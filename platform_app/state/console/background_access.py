"""Background access: the identity that a background handler acts as, and the tab that it may write to.

The authorization middleware stores the caller of each event. A background handler acts as that caller as long as the
session, the membership and the role allow it. Its state changes and events reach the tab only while the tab is bound
to the same session and tenant.
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
from platform_app.state.console.shared_reads import SharedReads

RECHECK_SECONDS = 1.0  # an identity is read again when it is older


class TabRebound(Exception):
    """Raised in a background handler when its tab has been bound to another session or tenant, or to none."""


@dataclass
class Caller:
    """The identity that started a handler, its session token, and the binding of its tab at that time."""

    identity: Identity
    token: str
    binding: str
    required_role: Role = Role.VIEWER
    began_at: float = field(default_factory=time.monotonic)

    async def current(self) -> Identity:
        """Return the identity, read again from the database if it is older than RECHECK_SECONDS.

        Raises NotFound if the session or the membership has ended, Forbidden if the role no longer suffices.
        """
        since = time.monotonic() - RECHECK_SECONDS
        if self.began_at <= since:
            found = await read_identity(self.token, self.identity.slug, since=since)
            if found is None:
                raise NotFound("Sign in to continue.")
            self.identity = found
        if not self.identity.role.includes(self.required_role):
            raise Forbidden("Your role doesn’t allow this.")
        return self.identity


_identities = SharedReads[Identity | None](interval=0.0)


async def read_identity(token: str, slug: str, *, since: float) -> Identity | None:
    """Return the identity of a session in a tenant, or None if it has ended.

    It was read at `since` of the monotonic clock or later; the handlers of all tabs of the session share the reads.
    """

    async def read() -> Identity | None:
        return await asyncio.to_thread(sessions.get_identity, token, slug, extend=False)

    return await _identities.get((token, slug), since, read)


_event_caller: ContextVar[Caller | None] = ContextVar("found", default=None)
_background_caller: ContextVar[Caller | None] = ContextVar("acting", default=None)
ReadBinding = Callable[[Any], Awaitable[str | None]]  # returns the binding of a state's tab


def set_caller(identity: Identity | None, token: str, binding: str) -> None:
    """Store the caller of an event for the handler that runs next in this task."""
    _event_caller.set(Caller(identity, token, binding) if identity else None)


def caller() -> Caller | None:
    """Return the caller of the running background handler, or None in a handler that runs within its event."""
    return _background_caller.get()


def enter_background(required_role: Role, read_binding: ReadBinding) -> None:
    """Run the rest of this task as the stored caller, if there is one, with access to the caller's tab only."""
    found = _event_caller.get()
    if found is None:
        return
    found.required_role = required_role
    _background_caller.set(found)
    context = EventContext.get()
    states = _BoundStates(context, found, read_binding)
    EventContext.set(
        replace(
            context,
            state_manager=states,  # type: ignore[arg-type]  # a proxy: StateManager is abstract and has no protocol
            emit_event_impl=states.guard(context.emit_event_impl) if context.emit_event_impl else None,
            enqueue_impl=states.guard(context.enqueue_impl),
        )
    )


class _BoundStates:
    """A proxy of the state manager that opens only tabs with the binding of one caller."""

    def __init__(self, context: EventContext, owner: Caller, read_binding: ReadBinding) -> None:
        self._context, self._states = context, context.state_manager
        self._owner, self._read_binding = owner, read_binding

    def __getattr__(self, name: str) -> Any:
        return getattr(self._states, name)

    @asynccontextmanager
    async def modify_state_with_links(self, token: Any, *given: Any, **named: Any) -> AsyncIterator[Any]:
        """Yield the state of a tab. Raises TabRebound if its binding is no longer the caller's."""
        async with self._states.modify_state_with_links(token, *given, **named) as state:
            if not await self._is_bound(state):
                raise TabRebound
            yield state

    def guard(self, send: Any) -> Any:
        """Wrap a function that sends or enqueues events so that it drops them when the tab has another binding."""

        async def send_if_bound(token: str, *events: Any) -> Any:
            if not await self._is_bound(await self._states.get_state(BaseStateToken(ident=token, cls=State))):
                return None
            restored = EventContext.set(self._context)  # a handler that is enqueued here gets its own caller
            try:
                return await send(token, *events)
            finally:
                EventContext.reset(restored)

        return send_if_bound

    async def _is_bound(self, state: Any) -> bool:
        return await self._read_binding(state) == self._owner.binding
