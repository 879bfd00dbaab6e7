"""Articles: texts of the knowledge with a draft and published versions, and what publishing one would change."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlmodel import col

from platform_app.api.rest.fields import Id, Limit, ListQuery, Name, Page, View, page, page_rows
from platform_app.api.rest.operations import Call, Input, Query, operation
from platform_app.db import owned
from platform_app.models.article import MAX_TEXT_CHARS, Article, ArticleVersion
from platform_app.models.knowledge import Source, SourceKind, SourceState, Visibility
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.knowledge import articles, impact, sources
from platform_app.services.knowledge.articles import ARTICLES
from platform_app.services.knowledge.impact import Change, Effect

READ, WRITE = Scope.KNOWLEDGE_READ, Scope.KNOWLEDGE_WRITE
MAX_QUESTIONS = 50  # that one request searches for again
Text = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=MAX_TEXT_CHARS)]
Revision = Annotated[int, Field(ge=1, le=2**31)]
_REVISION = "Of the draft that you have read: if it was changed since, nothing is done."


class ArticleView(View):
    """An article: its published version is a source of the same id, which agents read once it is indexed."""

    id: str
    created_at: datetime
    updated_at: datetime
    updated_by: str
    title: str
    category_id: str | None
    visibility: Visibility
    state: SourceState
    error: str
    published_number: int = Field(description="Of the newest version; 0: it was never published.")
    changed_since_publish: bool
    revision: int


class ArticleDetails(ArticleView):
    """An article with its draft and its newest version, which is published unless the visibility is `hidden`."""

    draft_title: str
    draft_text: str
    published_title: str
    published_text: str


class ArticleQuery(ListQuery):
    """What a list of articles shows."""

    category_id: Id | None = None
    visibility: Visibility | None = None


class NewArticle(Input):
    """The draft of a new article, in Markdown; nothing is published."""

    title: Name
    text: Text = ""
    category_id: Id | None = None


class ArticleDraft(Input):
    """What to change in the draft of an article; members look at it and publish it, or this API does."""

    title: Name | None = None
    text: Text | None = None
    revision: Revision | None = Field(None, description=_REVISION)


class Publication(Input):
    """Which draft to publish."""

    revision: Revision | None = Field(None, description=_REVISION)


class VersionView(View):
    """A version of an article."""

    id: str
    created_at: datetime
    number: int
    author_name: str
    title: str


class VersionDetails(VersionView):
    """A version of an article with its text."""

    text: str


class ImpactQuery(Query):
    """A change of an article, and how many of the newest questions to search for."""

    change: Change = Change.PUBLICATION
    limit: Annotated[Limit, Field(le=MAX_QUESTIONS)] = 25


class ImpactView(BaseModel):
    """A question that a change concerns; its text needs the scope `conversations:read`, else it is null."""

    effect: Effect
    question: str | None
    conversation_id: str | None
    sources: list[str] = Field(description="Titles of the other sources that answer it.")


class ImpactsView(BaseModel):
    """What a change does to the questions of the last 30 days; `degraded` if the vector index was down."""

    searched: int
    counts: dict[Effect, int]
    data: list[ImpactView]
    degraded: bool


def _shown(row: Article, source: Source) -> dict[str, Any]:
    of_source = source.model_dump(include={"created_at", "title", "category_id", "visibility", "state", "error"})
    of_row = row.model_dump(include={"id", "updated_at", "updated_by", "published_number", "revision"})
    return of_source | of_row | {"changed_since_publish": ARTICLES.has_changes(row)}


def _details(call: Call, row: Article) -> ArticleDetails:
    call.session.flush()
    source = sources.get(call.session, call.who, row.id)
    draft, published = ARTICLES.state_of(row), ARTICLES.normalize(row.published)
    texts = {"draft_title": draft["title"], "draft_text": draft["text"]}
    texts |= {f"published_{name}": published.get(name, "") for name in ("title", "text")}
    return ArticleDetails(**_shown(row, source), **texts)


def _version(version: ArticleVersion, view: type[VersionView] = VersionView) -> Any:
    named = version.model_dump(include={"id", "created_at", "number", "author_name"})
    return view(**named, **{name: version.content[name] for name in ("title", "text") if name in view.model_fields})


@operation("GET", "/knowledge/articles", READ, query=ArticleQuery, answer=Page[ArticleView])
def list_articles(call: Call) -> Page[ArticleView]:
    """List articles, the newest first."""
    wanted: ArticleQuery = call.query
    of_source = owned(Source, call.who.tenant_id).where(
        Source.kind == SourceKind.ARTICLE, col(Source.deleted_at).is_(None)
    )
    for name in ("category_id", "visibility"):
        if (value := getattr(wanted, name)) is not None:
            of_source = of_source.where(getattr(Source, name) == value)
    rows = page_rows(call.session, of_source, wanted, model=Source)
    shown = {source.id: source for source in rows[: wanted.limit]}
    texts = call.session.exec(owned(Article, call.who.tenant_id).where(col(Article.id).in_(shown))).all()
    by_id = {row.id: ArticleView(**_shown(row, shown[row.id])) for row in texts}
    more = rows[wanted.limit - 1].id if len(rows) > wanted.limit else None
    return Page[ArticleView](data=[by_id[key] for key in shown if key in by_id], next_cursor=more)


@operation("POST", "/knowledge/articles", WRITE, body=NewArticle, answer=ArticleDetails, status=201)
def create_article(call: Call) -> ArticleDetails:
    """Create an article as a draft; nothing is published."""
    sent: NewArticle = call.body
    row = articles.create(call.session, call.who, title=sent.title, text=sent.text, category_id=sent.category_id)
    return _details(call, row)


@operation("GET", "/knowledge/articles/{article_id}", READ, answer=ArticleDetails)
def get_article(call: Call) -> ArticleDetails:
    """Read an article."""
    return _details(call, articles.get(call.session, call.who, call.ids["article_id"]))


@operation("PUT", "/knowledge/articles/{article_id}/draft", WRITE, body=ArticleDraft, answer=ArticleDetails)
def change_article_draft(call: Call) -> ArticleDetails:
    """Change the draft of an article; what is published stays."""
    sent: ArticleDraft = call.body
    row = articles.get(call.session, call.who, call.ids["article_id"])
    changes = sent.model_dump(include={"title", "text"}, exclude_none=True)
    row = articles.save(call.session, call.who, row.id, changes, revision=sent.revision or row.revision)
    return _details(call, row)


@operation("POST", "/knowledge/articles/{article_id}/publish", WRITE, body=Publication, answer=ArticleDetails)
def publish_article(call: Call) -> ArticleDetails:
    """Publish the draft of an article; replies find it as soon as a worker has indexed it."""
    row = articles.publish(call.session, call.who, call.ids["article_id"], revision=call.body.revision)
    return _details(call, row)


@operation("POST", "/knowledge/articles/{article_id}/unpublish", WRITE, answer=ArticleDetails)
def unpublish_article(call: Call) -> ArticleDetails:
    """Take an article out of all searches at once; its draft and its versions stay."""
    return _details(call, articles.unpublish(call.session, call.who, call.ids["article_id"]))


@operation("DELETE", "/knowledge/articles/{article_id}", WRITE, status=204)
def delete_article(call: Call) -> None:
    """Move an article to the bin; no search finds it any more."""
    row = articles.get(call.session, call.who, call.ids["article_id"])
    sources.delete(call.session, call.who, row.id)


@operation("GET", "/knowledge/articles/{article_id}/versions", READ, query=ListQuery, answer=Page[VersionView])
def list_article_versions(call: Call) -> Page[VersionView]:
    """List the versions of an article, the newest first."""
    row = articles.get(call.session, call.who, call.ids["article_id"])
    query = owned(ArticleVersion, call.who.tenant_id).where(ArticleVersion.article_id == row.id)
    return page(call.session, query, call.query, model=ArticleVersion, view=VersionView, show=_version)


@operation("GET", "/knowledge/articles/{article_id}/versions/{version_id}", READ, answer=VersionDetails)
def get_article_version(call: Call) -> VersionDetails:
    """Read a version of an article."""
    row = articles.get(call.session, call.who, call.ids["article_id"])
    version = ARTICLES.get_version(call.session, row, call.ids["version_id"])
    shown: VersionDetails = _version(version, VersionDetails)
    return shown


@operation("POST", "/knowledge/articles/{article_id}/versions/{version_id}/restore", WRITE, answer=ArticleDetails)
def restore_article_version(call: Call) -> ArticleDetails:
    """Copy a version of an article into its draft; nothing is published."""
    ids = call.ids["article_id"], call.ids["version_id"]
    return _details(call, ARTICLES.restore_version(call.session, call.who, *ids))


@operation("GET", "/knowledge/articles/{article_id}/impact", READ, query=ImpactQuery, answer=ImpactsView)
def article_impact(call: Call) -> ImpactsView:
    """Search again for the newest questions of customers, as if the article were published or taken away."""
    replay = impact.prepare(call.who, call.ids["article_id"], call.query.change)
    articles.get(call.session, call.who, call.ids["article_id"])  # a removal is prepared for any source
    impacts = impact.evaluate(replay, replay.questions[: call.query.limit])
    may_read = Scope.CONVERSATIONS_READ in call.holder.scopes
    shown = [
        ImpactView(
            effect=one.effect,
            question=one.question.text if may_read else None,
            conversation_id=one.question.conversation_id if may_read else None,
            sources=list(one.sources),
        )
        for one in impacts
        if one.effect is not None
    ]
    counts = {effect: sum(one.effect == effect for one in shown) for effect in Effect}
    degraded = any(one.is_degraded for one in impacts)
    return ImpactsView(searched=len(impacts), counts=counts, data=shown, degraded=degraded)
