"""Follow: what changes in the tenant of an open page, for handlers that run in the background."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import reflex as rx
from reflex_base.event.context import EventContext

from platform_app.api.security import session_token
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import sessions
from platform_app.state.console import browser
from platform_app.state.console.base import person, who
from platform_app.state.console.hub import Update, hub

AGAIN = 1.0  # seconds after which the session is read anew before more is shown


class Presence:
    """Whether the person at a tab may be shown more: their session and membership, read anew as the gate does."""

    def __init__(self, state: rx.State, identity: Identity, token: str, least: Role) -> None:
        self._state, self.identity, self._token, self._least = state, identity, token, least
        self._next = 0.0

    async def holds(self) -> bool:
        """Tell whether they still may; else the tab has forgotten them."""
        if time.monotonic() < self._next:
            return True
        self._next = time.monotonic() + AGAIN
        old = self.identity
        found = await asyncio.to_thread(sessions.get_identity, self._token, old.slug, extend=False)
        if found is None or found.role != old.role:
            await self._tell(found)
            self.identity = found or old
        return found is not None and found.role.includes(self._least)

    async def _tell(self, found: Identity | None) -> None:
        """Let the tab's state take who they are now, unless somebody else is at the tab by now."""
        async with self._state:
            shown = await person(self._state)
            held, old = shown._identity, self.identity
            if held is None or (held.session_id, held.tenant_id) != (old.session_id, old.tenant_id):
                return
            shown._take(found, "ok" if found else "loading")
        if found is None:
            await EventContext.get().emit_event(browser.reload())


async def presence(state: rx.State, least: Role = Role.VIEWER) -> Presence:
    """Return the presence of the person at the tab of a background handler, which at least this role may run."""
    async with state:
        return Presence(state, await who(state), session_token(state.router.headers.cookie), least)


async def follow(
    state: rx.State, *topics: str, every: float = 15.0, least: Role = Role.VIEWER
) -> AsyncIterator[Update]:
    """Yield updates of these topics, or of all, and "*" at least every `every` seconds.

    Ends when the page is gone, or the person's session, membership or role (`least`). The state is not held
    meanwhile: who changes it enters it for each update.
    """
    here = await presence(state, least)
    identity, tab = here.identity, state.router.session.client_token
    async with aclosing(hub.updates(identity.tenant_id, tab, every)) as updates:
        async for update in updates:
            if topics and update.topic not in (*topics, "*"):
                continue
            if not await here.holds():
                return
            yield update
