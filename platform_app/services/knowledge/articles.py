"""Articles: texts that members write in the console: drafts, versions, publishing and unpublishing."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app import notifier
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, Invalid, LimitReached, NotFound
from platform_app.files import tenant_files
from platform_app.i18n import translate
from platform_app.models.article import MAX_TEXT_CHARS, MAX_TITLE_CHARS, Article, ArticleVersion
from platform_app.models.event import ActivityKind
from platform_app.models.knowledge import Source, SourceKind, SourceState, Visibility
from platform_app.models.person import Identity
from platform_app.rag import knowledge_state, parsing
from platform_app.services.feed import activity
from platform_app.services.knowledge import categories, source_changes, source_replacement, sources, uploads
from platform_app.services.versions.published_rows import PublishedRows

MAX_ARTICLES = 5_000  # of a tenant
EDITABLE = (".md", ".txt")  # endings of files that can be edited as an article


def _check_field(name: str, value: Any) -> str:
    """Return the value of a field. Raises Invalid with the field's name if it is not a text or too long."""
    limit = {"title": MAX_TITLE_CHARS, "text": MAX_TEXT_CHARS}.get(name, 0)
    if not isinstance(value, str) or "\x00" in value or not limit:
        raise Invalid("This value isn’t allowed.", field=name)
    if len(value) > limit:
        raise Invalid("The text is longer than {count} characters.", field=name, count=limit)
    return " ".join(value.split()) if name == "title" else value


def _lock_source(session: Transaction, tenant_id: str, article_id: str) -> Source:
    source: Source = session.exec(owned(Source, tenant_id).where(Source.id == article_id).with_for_update()).one()
    return source


@dataclass(frozen=True, kw_only=True)
class _ArticleRows(PublishedRows[Article, ArticleVersion]):
    """Articles; whether one is deleted says its source."""

    def _find(self, session: Transaction, who: Identity, row_id: str, *, lock: bool, is_deleted: bool) -> Article:
        query = owned(Source, who.tenant_id).where(Source.id == row_id, col(Source.deleted_at).is_(None))
        if session.exec(query).first() is None:
            raise NotFound(self.missing)
        return super()._find(session, who, row_id, lock=lock, is_deleted=is_deleted)

    def check_draft(self, session: Transaction, who: Identity, row: Article) -> None:
        if not row.draft["title"]:
            raise Invalid("Enter a title.", field="title")
        if not row.draft["text"].strip():
            raise Invalid("Write the text before you publish.", field="text")

    def on_publish(self, session: Transaction, who: Identity, row: Article) -> None:
        source = _lock_source(session, who.tenant_id, row.id)
        file = uploads.store_text(who.tenant_id, row.published["text"])
        source_changes.set_file(session, source, f"{row.published['title'][:180]}.md", file)
        source.title = row.published["title"]
        if source.visibility == Visibility.HIDDEN:
            source.visibility = Visibility.PENDING
        source_replacement.index_again(session, source)
        _record(session, who, source, "Article “{title}” published")


ARTICLES = _ArticleRows(
    model=Article, version=ArticleVersion, parent="article_id", missing="Article not found. It may have been deleted."
)
get = ARTICLES.get


def create(
    session: Transaction, who: Identity, *, title: str = "", text: str = "", category_id: str | None = None
) -> Article:
    """Create an article that is not published.

    Raises Invalid with the field's name for a wrong title or text, NotFound if there is no such category, LimitReached
    at MAX_ARTICLES.
    """
    count = owned(Source, who.tenant_id).where(Source.kind == SourceKind.ARTICLE, col(Source.deleted_at).is_(None))
    if session.exec(count.with_only_columns(func.count())).one() >= MAX_ARTICLES:
        raise LimitReached("You can add up to {count} articles.", count=MAX_ARTICLES)
    title = _check_field("title", title) or translate(who.language, "New article")
    draft = {"title": title, "text": _check_field("text", text)}
    category_id = categories.get(session, who, category_id).id if category_id else None
    source = Source(
        tenant_id=who.tenant_id,
        kind=SourceKind.ARTICLE,
        visibility=Visibility.HIDDEN,
        state=SourceState.READY,
        title=title,
        category_id=category_id,
        file_name=f"{title[:180]}.md",
        stored_as="",
        created_by=who.name,
    )
    session.add(source)
    session.flush()
    _record(session, who, source, "Article “{title}” created")
    return _add_article(session, who, source, draft)


def _add_article(session: Transaction, who: Identity, source: Source, draft: dict[str, Any]) -> Article:
    row = Article(id=source.id, tenant_id=who.tenant_id, draft=draft, updated_by=who.name)
    session.add(row)
    session.flush()
    return row


def save(session: Transaction, who: Identity, article_id: str, fields: dict[str, Any], *, revision: int) -> Article:
    """Change fields of the draft.

    Raises NotFound if there is no such article, Conflict if it was changed since `revision`, and Invalid with the
    field's name for a wrong value.
    """
    row = ARTICLES.get_for_update(session, who, article_id, revision)
    changes = {name: _check_field(name, value) for name, value in fields.items()}
    if changes.get("title") == "":
        raise Invalid("Enter a title.", field="title")
    ARTICLES.replace_state(session, who, row, changes)
    if not row.published_number:
        _lock_source(session, who.tenant_id, row.id).title = row.draft["title"]
    return row


def can_publish(session: Transaction, row: Article) -> bool:
    """Return whether publishing changes anything: the draft has changed, or the article is not published."""
    source = session.exec(owned(Source, row.tenant_id).where(Source.id == row.id)).one()
    return source.visibility == Visibility.HIDDEN or ARTICLES.has_changes(row)


def publish(session: Transaction, who: Identity, article_id: str, *, revision: int | None = None) -> Article:
    """Publish the draft: replies find it as soon as it is indexed, until then what was published before.

    An unpublished article that has not changed since is found at once. Raises NotFound if there is no such article,
    Invalid with the field's name if it has no title or text, Conflict if nothing has changed or it was changed since
    `revision`.
    """
    row = ARTICLES.get_for_update(session, who, article_id, revision)
    source = _lock_source(session, who.tenant_id, row.id)
    if source.visibility != Visibility.HIDDEN or ARTICLES.has_changes(row):
        ARTICLES.publish(session, who, row.id)
        return row
    is_indexed = source.chunk_count > 0 and source.state == SourceState.READY
    source.visibility = Visibility.VISIBLE if is_indexed else Visibility.PENDING
    if not is_indexed:
        source_replacement.index_again(session, source)
    knowledge_state.increment_revision(session, who.tenant_id, source)
    _record(session, who, source, "Article “{title}” published")
    return row


def unpublish(session: Transaction, who: Identity, article_id: str) -> Article:
    """Take an article out of all searches at once.

    Raises NotFound if there is no such article, Conflict if it is not published.
    """
    row = ARTICLES.get(session, who, article_id, lock=True)
    source = _lock_source(session, who.tenant_id, row.id)
    if source.visibility == Visibility.HIDDEN:
        raise Conflict("This article isn’t published.")
    source.visibility = Visibility.HIDDEN
    knowledge_state.increment_revision(session, who.tenant_id, source)
    _record(session, who, source, "Article “{title}” unpublished")
    return row


def can_edit_as_article(source: Source) -> bool:
    """Return whether a source is a text file that can become an article."""
    is_text = source.kind == SourceKind.FILE and source.file_name.lower().endswith(EDITABLE)
    return is_text and source.state == SourceState.READY and source.size <= MAX_TEXT_CHARS * 4


def read_text(session: Transaction, who: Identity, source_id: str) -> str:
    """Return the text of a source that can become an article.

    Raises NotFound if there is no such source or its file is missing or damaged, Conflict if it cannot become an
    article, Invalid if it is too long or its file cannot be read.
    """
    source = sources.get(session, who, source_id)
    if not can_edit_as_article(source):
        raise Conflict("Only text files that are ready can be edited as an article.")
    with tenant_files.local_copy(who.tenant_id, source.stored_as, source.sha256) as path:
        return _check_field("text", parsing.parse(path, source.file_name))


def edit_as_article(session: Transaction, who: Identity, source_id: str, *, text: str) -> Article:
    """Make a text file an article, published as it is, whose text is what `read_text` returned.

    Raises NotFound if there is no such source, Conflict if it cannot become an article.
    """
    source = sources.get(session, who, source_id, lock=True)
    if not can_edit_as_article(source):
        raise Conflict("Only text files that are ready can be edited as an article.")
    source.kind, draft = SourceKind.ARTICLE, {"title": source.title[:MAX_TITLE_CHARS], "text": text}
    row = _add_article(session, who, source, draft)
    version = ARTICLES.add_version(session, who, row, draft)
    row.published, row.published_number = version.content, version.number
    return row


def _record(session: Transaction, who: Identity, source: Source, sentence: str) -> None:
    link = f"/knowledge/articles/{source.id}"
    activity.record_by(session, who, ActivityKind.KNOWLEDGE, sentence, link=link, title=source.title)
    tenant_id, source_id = source.tenant_id, source.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "source", source_id))
