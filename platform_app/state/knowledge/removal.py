"""Removal: the question whether a source that replies have cited is to be deleted or unpublished."""

from typing import Any

import reflex as rx

from platform_app.i18n import plural
from platform_app.models.knowledge import Source, SourceKind
from platform_app.models.person import Role
from platform_app.services.knowledge import asked_questions, sources
from platform_app.services.knowledge.impact import Change
from platform_app.state.console import browser
from platform_app.state.console.base import current_identity, current_user, fetch, handler
from platform_app.state.knowledge.article import ArticleState
from platform_app.state.knowledge.impact import ImpactState
from platform_app.state.knowledge.knowledge import KnowledgeState


class RemovalState(rx.State):
    """The source whose removal has to be confirmed; without questions that were answered from it, nothing is asked."""

    is_open: bool = False
    title: str = ""
    cited_words: str = ""
    unpublishes: bool = False
    _source_id: str = ""
    _path: str = ""  # of the source's page, below /knowledge/

    @handler(Role.OPERATOR)
    async def ask_delete(self, source_id: str) -> Any:
        """Delete a source, or ask first if replies have cited it lately."""
        return None if await self._ask(source_id) else browser.call_handler(KnowledgeState.delete, source_id)

    @handler(Role.OPERATOR)
    async def ask_unpublish(self) -> Any:
        """Unpublish the article in the address, or ask first if replies have cited it lately."""
        asked = await self._ask(self.router.url.path.rstrip("/").rsplit("/", 1)[-1])
        self.unpublishes = asked
        return None if asked else ArticleState.unpublish

    @handler(Role.OPERATOR)
    async def confirm(self) -> Any:
        """Delete or unpublish the source that was asked about."""
        source_id, self._source_id, self.is_open = self._source_id, "", False
        if not source_id:
            return None
        return ArticleState.unpublish if self.unpublishes else browser.call_handler(KnowledgeState.delete, source_id)

    @handler(Role.OPERATOR)
    async def show_impact(self) -> Any:
        """Show what the removal would change in place of asking."""
        self.is_open = False
        if self.unpublishes:
            return browser.call_handler(ImpactState.check, Change.REMOVAL.value)
        slug = (await current_identity(self)).slug
        return browser.redirect(f"/manage/{slug}/knowledge/{self._path}?change={Change.REMOVAL}")

    @handler(Role.VIEWER)
    async def close(self, is_open: bool) -> None:
        """Ask no more."""
        self.is_open = is_open and self.is_open

    async def _ask(self, source_id: str) -> bool:
        """Open the question about a source if replies have cited it; return whether it is open."""
        source: Source = await fetch(self, sources.get, source_id[:32])
        count = await fetch(self, asked_questions.count_cited, source.id) if source.is_searched else 0
        self.title, self.unpublishes = source.title, False
        self._path = f"articles/{source.id}" if source.kind == SourceKind.ARTICLE else source.id
        self.cited_words = plural(
            (await current_user(self)).language,
            "In the last 30 days, agents answered {count} question from it.",
            "In the last 30 days, agents answered {count} questions from it.",
            count,
        )
        self._source_id, self.is_open = source.id, count > 0
        return self.is_open
