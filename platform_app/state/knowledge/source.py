"""Source: a source with its stored chunks."""

from dataclasses import dataclass

import reflex as rx

from platform_app.models.person import Role
from platform_app.services.knowledge import sources
from platform_app.state.console.base import current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.knowledge.source_view import SourceRow, source_row


@dataclass
class ChunkRow:
    """A stored chunk of a source."""

    number: int
    heading: str
    text: str


class SourcePageState(rx.State):
    """The source in the address."""

    rows: list[SourceRow] = []
    chunks: list[ChunkRow] = []
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the source and its chunks."""
        self.rows, self.chunks, self.loaded = [], [], False
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the source again while it is indexed."""
        async for _ in subscribe(self, "source"):
            async with self:
                await self._fetch()

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        source_id = self.router.url.path.rstrip("/").rsplit("/", 1)[-1]
        source = await fetch(self, sources.get, source_id)
        self.rows = [source_row(source, identity, language)]
        stored = await fetch(self, sources.list_chunks, source_id)
        self.chunks = [ChunkRow(number=c.number + 1, heading=c.heading, text=c.text) for c in stored[:500]]
        self.loaded = True
