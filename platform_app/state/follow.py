"""Follow: what changes in the tenant of an open page, for handlers that run in the background."""

from collections.abc import AsyncIterator

import reflex as rx

from platform_app.state.base import who
from platform_app.state.hub import Update, hub


async def follow(state: rx.State, *topics: str, every: float = 15.0) -> AsyncIterator[Update]:
    """Yield updates of these topics, or of all, and "*" at least every `every` seconds; ends when the page is gone.

    The state is not held meanwhile: who changes it enters it for each update.
    """
    async with state:
        identity = await who(state)
    async for update in hub.updates(identity.tenant_id, state.router.session.client_token, every):
        if not topics or update.topic in (*topics, "*"):
            yield update
