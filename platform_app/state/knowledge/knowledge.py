"""Knowledge: the list of sources with the progress of indexing, and the retrieval test."""

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.i18n import plural
from platform_app.models.person import Role
from platform_app.rag.retrieval import retrieve
from platform_app.services.embedding import rerankers
from platform_app.services.knowledge import articles, categories, sources, unanswered_questions
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.page_address import replace_query
from platform_app.state.console.undo import SoftDelete, Undo
from platform_app.state.knowledge.source_view import STATES, SourceRow, source_row

PAGE_SIZE = 25


@dataclass
class PassageRow:
    """A passage found by the retrieval test."""

    title: str
    heading: str
    text: str
    score: str
    lexical: str
    vector: str


class KnowledgeState(Undo, rx.State):
    """The list of sources."""

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
    has_searched: bool = False
    without_vectors: bool = False
    questions: int = 0  # that wait for an answer

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set the filters from the address and fetch."""
        asked = self.router.url.query_parameters
        self.search = asked.get("q", "")[:200]
        self.state = asked.get("state", "all") if asked.get("state") in STATES else "all"
        self.category = asked.get("category", "all")[:32]
        self.undo_sentence = ""
        self.passages, self.has_searched = [], False
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again while sources are indexed."""
        async for _ in subscribe(self, "source"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def refresh(self) -> None:
        """Fetch the list again."""
        await self._fetch()

    @handler(Role.VIEWER)
    async def set_search(self, search: str) -> Any:
        """Search for a text and put it into the address."""
        self.search, self.page = search[:200], 1
        await self._fetch()
        return self._replace_query()

    @handler(Role.VIEWER)
    async def filter_state(self, state: str) -> Any:
        """Show the sources in a state, or all."""
        self.state, self.page = (state if state in STATES else "all"), 1
        await self._fetch()
        return self._replace_query()

    @handler(Role.VIEWER)
    async def filter_category(self, category: str) -> Any:
        """Show the sources in a category and its subcategories; uploads go there."""
        self.category, self.page = category[:32], 1
        await self._fetch()
        return self._replace_query()

    @handler(Role.OPERATOR)
    async def set_category(self, source_id: str, category: str) -> None:
        """Move a source into a category, "none" takes it out."""
        await call(self, categories.set_source_category, source_id, None if category == "none" else category)
        await self._fetch()

    @rx.var
    def is_filtered(self) -> bool:
        """Whether search or filters are set."""
        return bool(self.search) or self.state != "all" or self.category != "all"

    @rx.var
    def upload_category(self) -> str:
        """The category that uploaded files go to, "" for none."""
        return "" if self.category in ("all", "none") else self.category

    @handler(Role.VIEWER)
    async def go_to_page(self, page: int) -> None:
        """Go to a page, counted from 1."""
        self.page = max(1, min(page, self.pages))
        await self._fetch()

    @handler(Role.OPERATOR)
    async def retry(self, source_id: str) -> None:
        """Index a failed source again."""
        await call(self, sources.retry, source_id)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def create_article(self) -> Any:
        """Create an article in the category that is shown, and open it."""
        article = await call(self, articles.create, category_id=self.upload_category or None)
        return await self._open_article(article.id)

    @handler(Role.OPERATOR)
    async def edit_as_article(self, source_id: str) -> Any:
        """Make a text file an article and open it."""
        text = await fetch(self, articles.read_text, source_id)
        await call(self, articles.edit_as_article, source_id, text=text)
        return await self._open_article(source_id)

    async def _open_article(self, article_id: str) -> Any:
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/knowledge/articles/{article_id}")

    @handler(Role.VIEWER)
    async def search_passages(self, form: dict[str, Any]) -> None:
        """Run the retrieval test: show the passages that a reply would use, with their scores."""
        question = str(form.get("question", "")).strip()[:2000]
        identity = await current_identity(self)
        self.has_searched = bool(question)
        if not question:
            self.passages = []
            return
        rerank = await asyncio.to_thread(rerankers.of_tenant, identity.tenant_id)
        result = await asyncio.to_thread(retrieve, identity.tenant_id, question, rerank=rerank)
        self.without_vectors = result.degraded
        self.passages = [
            PassageRow(
                title=p.source_title,
                heading=p.heading,
                text=p.text,
                score=f"{p.score:.2f}",
                lexical=f"{p.lexical_score:.2f}",
                vector=f"{p.vector_score:.2f}",
            )
            for p in result.passages
        ]

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(sources.delete, sources.restore)

    def _replace_query(self) -> Any:
        return replace_query(q=self.search, state=self.state, category=self.category)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        sources_of_page, self.total = await fetch(
            self,
            sources.list_sources,
            search=self.search,
            state="" if self.state == "all" else self.state,
            category="" if self.category == "all" else self.category,
            page=self.page,
            page_size=PAGE_SIZE,
        )
        self.questions = await fetch(self, unanswered_questions.count_open)
        self.rows = [source_row(source, identity, language) for source in sources_of_page]
        self.pages = max(1, -(-self.total // PAGE_SIZE))
        self.total_words = plural(language, "{count} source", "{count} sources", self.total)
        self.loaded = True
