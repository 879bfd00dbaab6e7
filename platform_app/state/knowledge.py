"""Knowledge: the list of sources, live while they are indexed, and one source with its chunks."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.knowledge import Source, SourceState
from platform_app.models.person import Identity, Role
from platform_app.rag.retrieve import retrieve
from platform_app.services import knowledge
from platform_app.state.base import call, handler, look, person, who
from platform_app.state.hub import hub

STATES = {
    "queued": ("Waits", ""),
    "reading": ("Being read", "blue"),
    "indexing": ("Being indexed", "blue"),
    "ready": ("Ready", "green"),
    "failed": ("Failed", "red"),
}
PAGE_SIZE = 25


@dataclass
class SourceRow:
    """A source as the table shows it."""

    id: str
    title: str
    state: str
    state_code: str
    colour: str
    progress: int
    error: str
    chunks: str
    category: str
    size: str
    when: str
    exact: str


@dataclass
class PassageRow:
    """A passage that the retrieval test found."""

    title: str
    heading: str
    text: str
    score: str
    lexical: str
    vector: str


class KnowledgeState(rx.State):
    """The sources of a tenant."""

    rows: list[SourceRow] = []
    total: int = 0
    total_words: str = ""
    page: int = 1
    pages: int = 1
    search: str = ""
    state: str = "all"
    loaded: bool = False
    undo_sentence: str = ""
    _undo_id: str = ""
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
        self.undo_sentence = ""
        self.passages, self.asked = [], False
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Follow the indexing while the page is open."""
        async with self:
            identity = await who(self)
        async for update in hub.updates(identity.tenant_id):
            if update.topic in ("source", "*"):
                async with self:
                    await self._fetch()

    @handler(Role.VIEWER)
    async def refresh(self) -> None:
        """Fetch the page again."""
        await self._fetch()

    @handler(Role.VIEWER)
    async def type_search(self, search: str) -> Any:
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
    async def turn(self, page: int) -> None:
        """Turn to a page."""
        self.page = max(1, min(page, self.pages))
        await self._fetch()

    @handler(Role.OPERATOR)
    async def retry(self, source_id: str) -> None:
        """Read and index a failed source again."""
        await call(self, knowledge.retry, source_id)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def delete(self, source_id: str) -> Any:
        """Take a source out of all answers at once; it can be brought back for a while."""
        source = await call(self, knowledge.delete, source_id)
        language = (await person(self)).language
        self._undo_id = source_id
        self.undo_sentence = translate(language, "“{title}” is deleted.", title=source.title)
        await self._fetch()
        return KnowledgeState.forget_undo(source_id)

    @handler(Role.OPERATOR, background=True)
    async def forget_undo(self, source_id: str) -> None:
        """Take the offer to undo away after ten seconds."""
        await asyncio.sleep(10)
        async with self:
            if self._undo_id == source_id:
                self.undo_sentence = ""

    @handler(Role.OPERATOR)
    async def undo(self) -> None:
        """Bring the source deleted last back."""
        self.undo_sentence = ""
        await call(self, knowledge.restore, self._undo_id)
        await self._fetch()

    @handler(Role.VIEWER)
    async def ask(self, form: dict[str, Any]) -> None:
        """Show the passages that the chat would find for a question, with their scores."""
        question = str(form.get("question", "")).strip()[:2000]
        identity = await who(self)
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

    def _keep_address(self) -> Any:
        script = (
            "const u=new URL(location.href);for(const [k,v] of Object.entries(%s)){v?u.searchParams.set(k,v):"
            "u.searchParams.delete(k)};history.replaceState(history.state,'',u)"
        )
        kept = {"q": self.search, "state": "" if self.state == "all" else self.state}
        return rx.call_script(script % json.dumps(kept))

    async def _fetch(self) -> None:
        identity, language = await who(self), (await person(self)).language
        found, self.total = await look(
            self,
            knowledge.list_sources,
            search=self.search,
            state="" if self.state == "all" else self.state,
            page=self.page,
            page_size=PAGE_SIZE,
        )
        self.rows = [source_row(source, identity, language) for source in found]
        self.pages = max(1, -(-self.total // PAGE_SIZE))
        self.total_words = plural(language, "{count} source", "{count} sources", self.total)
        self.loaded = True


def source_row(source: Source, identity: Identity, language: str) -> SourceRow:
    """Return a source as tables show it."""
    words, colour = STATES[source.state.value]
    ready = source.state == SourceState.READY
    return SourceRow(
        id=source.id,
        title=source.title,
        state=translate(language, words),
        state_code=source.state.value,
        colour=colour,
        progress=source.progress,
        error=translate(language, source.error) if source.error else "",
        chunks=plural(language, "{count} chunk", "{count} chunks", source.chunk_count) if ready else "",
        category="",
        size=_size(source.size, language),
        when=relative_time(language, source.created_at, now()),
        exact=exact_time(language, source.created_at, identity.time_zone),
    )


def _size(size: int, language: str) -> str:
    if size < 1_000_000:
        return translate(language, "{count} kB", count=max(1, round(size / 1000)))
    return translate(language, "{count} MB", count=round(size / 1_000_000, 1))
