"""Source: a source with its stored chunks."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.models.person import Role
from platform_app.services.knowledge import articles, source_changes, sources
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
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
    problem: str = ""  # with the title

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the source and its chunks."""
        self.rows, self.chunks, self.loaded, self.problem = [], [], False, ""
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the source again while it is indexed."""
        async for _ in subscribe(self, "source"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def refresh(self) -> None:
        """Fetch the source again."""
        await self._fetch()

    @handler(Role.OPERATOR)
    async def rename(self, title: str) -> None:
        """Give the source another title when its field loses the focus."""
        self.problem = ""
        if [row.title for row in self.rows] == [title]:
            return
        try:
            await call(self, source_changes.rename, self._id(), title)
        except Invalid as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def retry(self) -> None:
        """Index the source again after a failure."""
        await call(self, sources.retry, self._id())
        await self._fetch()

    @handler(Role.OPERATOR)
    async def edit_as_article(self) -> Any:
        """Make the source an article and open it."""
        text = await fetch(self, articles.read_text, self._id())
        article = await call(self, articles.edit_as_article, self._id(), text=text)
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/knowledge/articles/{article.id}")

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        source_id = self._id()
        source = await fetch(self, sources.get, source_id)
        self.rows = [source_row(source, identity, language)]
        stored = await fetch(self, sources.list_chunks, source_id)
        self.chunks = [ChunkRow(number=c.number + 1, heading=c.heading, text=c.text) for c in stored[:500]]
        self.loaded = True
