"""Sites: the list of web addresses on the page of the knowledge base."""

from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.models.person import Identity, Role
from platform_app.models.web_site import WebSite
from platform_app.services.knowledge import sites
from platform_app.services.knowledge.sites import SiteReport
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.undo import SoftDelete, Undo
from platform_app.state.knowledge.site_view import SiteRow, site_row


class SitesState(Undo, rx.State):
    """The list of web addresses."""

    rows: list[SiteRow] = []

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the list."""
        self.undo_sentence = ""
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again while web addresses are read."""
        async for _ in subscribe(self, "source"):
            async with self:
                await self._fetch()

    @handler(Role.OPERATOR)
    async def read_now(self, site_id: str) -> Any:
        """Begin to read a web address."""
        await call(self, sites.read_now, site_id[:32])
        await self._fetch()
        return await success_toast(self, "The reading has begun.")

    @handler(Role.OPERATOR)
    async def set_paused(self, site_id: str, is_paused: bool) -> None:
        """Pause the reading of a web address, or go on with it."""
        await call(self, sites.pause if is_paused else sites.resume, site_id[:32])
        await self._fetch()

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(sites.delete, sites.restore)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        found = await fetch(self, _read)
        self.rows = [site_row(site, report, identity, language) for site, report in found]


def _read(session: Transaction, who: Identity) -> list[tuple[WebSite, SiteReport]]:
    return [(site, sites.report(session, site)) for site in sites.list_sites(session, who)]
