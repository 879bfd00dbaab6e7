"""Knowledge: the list of sources, live while they are indexed, and one source with its chunks."""

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.i18n import plural
from platform_app.models.person import Role
from platform_app.rag.retrieval import retrieve
from platform_app.services.knowledge import categories, sources
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.page_address import replace_query
from platform_app.state.console.undo import SoftDelete, Undo
from platform_app.state.knowledge.source_view import STATES, SourceRow, source_row

PAGE_SIZE = 25


@dataclass
class PassageRow:
    """A passage that the retrieval test found."""

    title: str
    heading: str
    text: str
    score: str
    lexical: str
    vector: str


class KnowledgeState(Undo, rx.State):
    """The sources of a tenant."""

    rows: list[SourceRow] = []
    total: int = 0
    total_words: str = ""
    page: int = 1
    pages: int = 1
    search: str = ""
    state: str = "all"
    category: str = "all"
    loaded: bool = False
    question: str = ""
    passages: list[PassageRow] = []
    asked: bool = False
    without_vectors: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Read the filters from the address and fetch the page."""
        asked = self.router.url.query_parameters
        self.search = asked.get("q", "")[:200]
        self.state = asked.get("state", "all") if asked.get("state") in STATES else "all"
        self.category = asked.get("category", "all")[:32]
        self.undo_sentence = ""
        self.passages, self.asked = [], False
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Follow the indexing while the page is open."""
        async for _ in subscribe(self, "source"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def refresh(self) -> None:
        """Fetch the page again."""
        await self._fetch()

    @handler(Role.VIEWER)
    async def set_search(self, search: str) -> Any:
        """Search as one types; the address keeps it."""
        self.search, self.page = search[:200], 1
        await self._fetch()
        return self._keep_address()

    @handler(Role.VIEWER)
    async def filter_state(self, state: str) -> Any:
        """Show one state."""
        self.state, self.page = (state if state in STATES else "all"), 1
        await self._fetch()
        return self._keep_address()

    @handler(Role.VIEWER)
    async def filter_category(self, category: str) -> Any:
        """Show one category with those in it; files uploaded now go there."""
        self.category, self.page = category[:32], 1
        await self._fetch()
        return self._keep_address()

    @handler(Role.OPERATOR)
    async def put(self, source_id: str, category: str) -> None:
        """Put a source into a category, or into none."""
        await call(self, categories.put, source_id, None if category == "none" else category)
        await self._fetch()

    @rx.var
    def is_filtered(self) -> bool:
        """Whether a filter hides some sources."""
        return bool(self.search) or self.state != "all" or self.category != "all"

    @rx.var
    def upload_category(self) -> str:
        """The category that files uploaded now go to."""
        return "" if self.category in ("all", "none") else self.category

    @handler(Role.VIEWER)
    async def go_to_page(self, page: int) -> None:
        """Turn to a page."""
        self.page = max(1, min(page, self.pages))
        await self._fetch()

    @handler(Role.OPERATOR)
    async def retry(self, source_id: str) -> None:
        """Read and index a failed source again."""
        await call(self, sources.retry, source_id)
        await self._fetch()

    @handler(Role.VIEWER)
    async def ask(self, form: dict[str, Any]) -> None:
        """Show the passages that the chat would find for a question, with their scores."""
        question = str(form.get("question", "")).strip()[:2000]
        identity = await current_identity(self)
        self.asked = bool(question)
        if not question:
            self.passages = []
            return
        found = await asyncio.to_thread(retrieve, identity.tenant_id, question, categories=None)
        self.without_vectors = found.degraded
        self.passages = [
            PassageRow(
                title=p.source_title,
                heading=p.heading,
                text=p.text,
                score=f"{p.score:.2f}",
                lexical=f"{p.lexical_score:.2f}",
                vector=f"{p.vector_score:.2f}",
            )
            for p in found.passages
        ]

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(sources.delete, sources.restore)

    def _keep_address(self) -> Any:
        return replace_query(q=self.search, state=self.state, category=self.category)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        found, self.total = await fetch(
            self,
            sources.list_sources,
            search=self.search,
            state="" if self.state == "all" else self.state,
            category="" if self.category == "all" else self.category,
            page=self.page,
            page_size=PAGE_SIZE,
        )
        self.rows = [source_row(source, identity, language) for source in found]
        self.pages = max(1, -(-self.total // PAGE_SIZE))
        self.total_words = plural(language, "{count} source", "{count} sources", self.total)
        self.loaded = True
