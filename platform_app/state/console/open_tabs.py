"""Open tabs: which members have a page open, written to their membership every few minutes."""

import asyncio

import structlog

from platform_app.errors import Unavailable
from platform_app.hub import hub
from platform_app.models.person import Identity
from platform_app.services.accounts import availability
from platform_app.storage_errors import as_unavailable

log = structlog.get_logger()
WRITE_SECONDS = 300.0  # between two writes; short against availability.IDLE_AFTER


class OpenTabs:
    """The member of each tab of this process that has sent an event."""

    def __init__(self) -> None:
        self._members: dict[str, tuple[str, str]] = {}  # tenant and user by the tab's token

    def note(self, tab: str, identity: Identity | None) -> None:
        """Remember whose tab it is; None forgets it."""
        if identity is None:
            self._members.pop(tab, None)
        else:
            self._members[tab] = (identity.tenant_id, identity.user_id)

    def present(self) -> set[tuple[str, str]]:
        """Return the members with a connected tab, and forget the tabs that are closed."""
        self._members = {tab: member for tab, member in self._members.items() if hub.is_connected(tab)}
        return set(self._members.values())

    async def write(self) -> None:
        """Store that the members with a connected tab are here."""
        if members := self.present():
            await asyncio.to_thread(availability.note_present, members)

    async def run(self) -> None:
        """Write at intervals, for as long as the process runs."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            try:
                await self.write()
            except Exception as error:  # the next write repeats it
                if as_unavailable(error) is None and not isinstance(error, Unavailable):
                    raise
                log.warning("presence not written", error=type(error).__name__)


open_tabs = OpenTabs()
