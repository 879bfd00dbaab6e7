"""Live updates: subscriptions of background handlers to changes in their tenant."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import reflex as rx
from reflex_base.event.context import EventContext

from platform_app.api.security import session_token
from platform_app.hub import EVERY_SECONDS, Update, hub
from platform_app.models.person import Identity, Role
from platform_app.state.console import background_access, browser
from platform_app.state.console.base import current_identity, current_user

ACCESS_TOPIC = "member"  # changes of members: every subscription checks its session at once
RECHECK_SECONDS = 1.0  # a session is read again when the last read for any subscription is older


class SessionCheck:
    """Checks whether the user of a tab may still be shown data: session, membership and role."""

    def __init__(self, state: rx.State, identity: Identity, token: str, required_role: Role) -> None:
        self._state, self.identity, self._token, self._required_role = state, identity, token, required_role

    async def is_valid(self, *, at_once: bool = False) -> bool:
        """Return whether the user still has the required role; updates the tab's current user if something changed.

        `at_once` reads the session however short ago the last check was.
        """
        old, since = self.identity, time.monotonic() - (0 if at_once else RECHECK_SECONDS)
        found = await background_access.read_identity(self._token, old.slug, since=since)
        if found is None or found.role != old.role:
            await self._update_tab(found)
            self.identity = found or old
        return found is not None and found.role.includes(self._required_role)

    async def _update_tab(self, found: Identity | None) -> None:
        """Set the current user of the tab to the identity found, unless another user has signed in there."""
        async with self._state:
            user = await current_user(self._state)
            held, old = user._identity, self.identity
            if held is None or (held.session_id, held.tenant_id) != (old.session_id, old.tenant_id):
                return
            user._set_identity(found, "ok" if found else "loading")
        if found is None:
            await EventContext.get().emit_event(browser.reload())


async def session_check(state: rx.State, required_role: Role = Role.VIEWER) -> SessionCheck:
    """Return the check for the user of a background handler's tab."""
    async with state:
        token = session_token(state.router.headers.cookie)
        return SessionCheck(state, await current_identity(state), token, required_role)


async def subscribe(
    state: rx.State,
    *topics: str,
    every: float = EVERY_SECONDS,
    pause: float = 0.0,
    required_role: Role = Role.VIEWER,
    concerns: Callable[[Update], bool] | None = None,
) -> AsyncIterator[Update]:
    """Yield updates of these topics, or of all, and a "*" update at least every `every` seconds.

    With `pause` at least so many seconds lie between two updates; what changes meanwhile is one of them. With
    `concerns` only those updates of a row are yielded for which it returns True.
    Ends when the tab has no connection any more, or its user no longer has a session with `required_role`. The state
    is not locked between updates: enter it with `async with` for each change.
    """
    check = await session_check(state, required_role)
    identity, tab = check.identity, state.router.session.client_token

    def is_wanted(update: Update) -> bool:
        if topics and update.topic not in (*topics, "*"):
            return False
        return concerns is None or not update.subject_id or concerns(update)

    def is_needed(update: Update) -> bool:
        return update.topic == ACCESS_TOPIC or is_wanted(update)

    async with aclosing(hub.subscribe(identity.tenant_id, tab, every, pause, wants=is_needed)) as updates:
        yielded_at = time.monotonic()
        async for update in updates:
            if not await check.is_valid(at_once=update.topic == ACCESS_TOPIC):
                return
            is_overdue = time.monotonic() - yielded_at >= every  # changes of members kept the hub from its "*"
            if is_overdue or is_wanted(update):
                yielded_at = time.monotonic()
                yield update if is_wanted(update) else Update("*", "", update.at)
