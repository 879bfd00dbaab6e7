"""Article: the editor of an article: draft, preview, publishing, history and the questions that it answers."""

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Conflict, Invalid
from platform_app.i18n import exact_time, translate
from platform_app.models.article import LABELS, Article, ArticleVersion
from platform_app.models.knowledge import Source, Visibility
from platform_app.models.person import Identity, Role
from platform_app.services.knowledge import articles, categories, sources, unanswered_questions
from platform_app.services.versions.versioned_rows import VersionedRows
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.versioned_editor import VersionedEditor
from platform_app.state.knowledge.source_view import SourceRow, source_row

PREVIEW_CHARS = 20_000  # of the text that the preview shows


@dataclass
class ArticleQuestion:
    """A question for which the article was written, and whether the agents find the article for it."""

    question: str
    is_answered: bool


@dataclass(frozen=True)
class _ArticleData:
    """An article with its source and versions."""

    row: Article
    source: Source
    can_publish: bool
    versions: list[ArticleVersion]


class ArticleState(VersionedEditor, rx.State):
    """The article in the address."""

    article_key: str = ""  # changes with every load, which redraws the fields
    title: str = ""
    initial: dict[str, str] = {}
    problems: dict[str, str] = {}
    preview: str = ""
    category: str = "none"
    source: list[SourceRow] = []  # at most one
    is_published: bool = False
    was_published: bool = False
    has_changes: bool = False
    can_publish: bool = False
    questions: list[ArticleQuestion] = []

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the article and fill the form."""
        self.article_key, self.conflict, self.compared, self.changes, self.questions = "", False, "", [], []
        await self._load_form()
        await self._check_questions()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Show how publishing comes along, and a conflict as soon as another user changes the article."""
        async with self:
            article_id = self._id()
        async for update in subscribe(self, "source"):
            if update.subject_id in ("", article_id):
                async with self:
                    await self._load_status()
                    await self._check_questions()

    @handler(Role.OPERATOR)
    async def save(self, field: str, value: str) -> None:
        """Save a field of the draft, or show the problem at the field."""
        others = {name: words for name, words in self.problems.items() if name != field}
        try:
            row = await call(self, articles.save, self._id(), {field: value}, revision=self._revision)
        except Conflict:
            self.conflict = True
            return
        except Invalid as error:
            await self._show_problem(error)
            return
        self.problems, self._revision = others, row.revision
        await self._load_status()

    @handler(Role.OPERATOR)
    async def set_category(self, category: str) -> None:
        """Move the article into a category, "none" takes it out."""
        await call(self, categories.set_source_category, self._id(), None if category == "none" else category)
        await self._load_status()

    @handler(Role.OPERATOR)
    async def publish(self) -> Any:
        """Publish the draft."""
        try:
            await call(self, articles.publish, self._id(), revision=self._revision)
        except Invalid as error:
            await self._show_problem(error)
            return None
        await self._load_status()
        return await success_toast(self, "Published. Agents find the article once it is indexed.")

    @handler(Role.OPERATOR)
    async def unpublish(self) -> Any:
        """Take the article out of all searches."""
        await call(self, articles.unpublish, self._id())
        await self._load_status()
        await self._check_questions()
        return await success_toast(self, "Unpublished. Agents no longer find the article.")

    @handler(Role.OPERATOR)
    async def retry(self) -> None:
        """Index the published text again after a failure."""
        await call(self, sources.retry, self._id())
        await self._load_status()

    def _versioned_rows(self) -> VersionedRows[Any, Any]:
        return articles.ARTICLES

    def _field_labels(self) -> dict[str, str]:
        return LABELS

    async def _show_problem(self, error: Invalid) -> None:
        words = translate((await current_user(self)).language, error.sentence, **error.values)
        self.problems = self.problems | {error.field or "text": words}

    async def _load_form(self) -> None:
        row = await fetch(self, articles.get, self._id())
        self.initial, self.problems, self._revision = dict(row.draft), {}, row.revision
        await self._load_status()
        self._loads += 1
        self.article_key = f"{row.id}-{self._loads}"

    async def _load_status(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        data = await fetch(self, _read, self._id())
        row, source = data.row, data.source
        self.title, self.preview = row.draft["title"], row.draft["text"][:PREVIEW_CHARS]
        self.conflict = self.conflict or row.revision > self._revision
        self.category, self.source = source.category_id or "none", [source_row(source, identity, language)]
        self.is_published, self.was_published = source.visibility != Visibility.HIDDEN, row.published_number > 0
        self.can_publish = data.can_publish
        self.has_changes = self.was_published and articles.ARTICLES.has_changes(row)
        when = exact_time(language, row.updated_at, identity.time_zone)
        self.saved = translate(language, "Saved {when}", when=when)
        await self._show_versions(data.versions)

    async def _check_questions(self) -> None:
        identity = await current_identity(self)
        checked = await asyncio.to_thread(unanswered_questions.check_article, identity, self._id())
        self.questions = [ArticleQuestion(one.question, one.is_answered) for one in checked]


def _read(session: Transaction, who: Identity, article_id: str) -> _ArticleData:
    row = articles.get(session, who, article_id)
    source = sources.get(session, who, article_id)
    return _ArticleData(
        row, source, articles.can_publish(session, row), articles.ARTICLES.versions(session, who, article_id)
    )
