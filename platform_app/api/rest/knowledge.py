"""Knowledge: categories and sources, texts that are added, and the passages that answer a question."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field
from sqlmodel import col

from platform_app.api.rest.fields import Id, ListQuery, MessageText, Page, View, page
from platform_app.api.rest.operations import Call, Input, operation
from platform_app.db import owned
from platform_app.models.knowledge import Source, SourceKind, SourceState, Visibility
from platform_app.rag import retrieval
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.embedding import rerankers
from platform_app.services.knowledge import categories, sources

READ, WRITE = Scope.KNOWLEDGE_READ, Scope.KNOWLEDGE_WRITE
MAX_QUESTION = 2_000  # characters


class CategoryView(View):
    """A category of knowledge."""

    id: str
    name: str
    parent_id: str | None


class CategoriesView(BaseModel):
    """All categories, each followed by those within it."""

    data: list[CategoryView]


class SourceDetails(View):
    """A file, article or web page of which agents may read passages once it is indexed, unless it is hidden."""

    id: str
    created_at: datetime
    title: str
    kind: SourceKind
    visibility: Visibility
    category_id: str | None
    site_id: str | None
    address: str
    file_name: str
    size: int
    state: SourceState
    progress: int
    error: str
    chunk_count: int


class SourceQuery(ListQuery):
    """What a list of sources shows."""

    category_id: Id | None = None
    state: SourceState | None = None


class NewText(Input):
    """A text to be read by agents; one of the same name is replaced when this one is indexed."""

    title: Annotated[str, Field(pattern=r"^[A-Za-zА-Яа-яЁё0-9][A-Za-zА-Яа-яЁё0-9 ,()_-]{0,98}$")]
    text: MessageText
    category_id: Id | None = None


class Question(Input):
    """A question, and in which categories to search; without any, in all."""

    question: Annotated[MessageText, Field(max_length=MAX_QUESTION)]
    category_ids: Annotated[list[Id], Field(max_length=50)] | None = None
    limit: Annotated[int, Field(ge=1, le=20)] = 6


class PassageView(View):
    """A passage that was found, with its scores from 0 to 1."""

    source_id: str
    source_title: str
    heading: str
    text: str
    score: float
    lexical_score: float
    vector_score: float


class PassagesView(BaseModel):
    """The passages for a question, the best first; `degraded` if the vector index was down."""

    data: list[PassageView]
    degraded: bool


@operation("GET", "/knowledge/categories", READ, answer=CategoriesView)
def list_categories(call: Call) -> CategoriesView:
    """List categories."""
    rows = categories.list_categories(call.session, call.who)
    return CategoriesView(data=[CategoryView.model_validate(row) for row, _ in rows])


@operation("GET", "/knowledge/sources", READ, query=SourceQuery, answer=Page[SourceDetails])
def list_sources(call: Call) -> Page[SourceDetails]:
    """List sources, the newest first."""
    query = owned(Source, call.who.tenant_id).where(col(Source.deleted_at).is_(None))
    for name in ("category_id", "state"):
        if (value := getattr(call.query, name)) is not None:
            query = query.where(getattr(Source, name) == value)
    return page(call.session, query, call.query, model=Source, view=SourceDetails)


@operation("GET", "/knowledge/sources/{source_id}", READ, answer=SourceDetails)
def get_source(call: Call) -> SourceDetails:
    """Read the state of a source."""
    return SourceDetails.model_validate(sources.get(call.session, call.who, call.ids["source_id"]))


@operation("POST", "/knowledge/sources", WRITE, body=NewText, answer=SourceDetails, status=201)
def add_text(call: Call) -> SourceDetails:
    """Add a text, written as Markdown; a worker indexes it."""
    sent: NewText = call.body
    row = sources.add_text(call.session, call.who, f"{sent.title}.md", sent.text, category_id=sent.category_id)
    return SourceDetails.model_validate(row)


@operation("DELETE", "/knowledge/sources/{source_id}", WRITE, status=204)
def delete_source(call: Call) -> None:
    """Move a source to the bin; no search finds it any more."""
    sources.delete(call.session, call.who, call.ids["source_id"])


@operation("POST", "/knowledge/search", READ, body=Question, answer=PassagesView)
def search_knowledge(call: Call) -> PassagesView:
    """Search the passages for a question, as a reply would."""
    asked: Question = call.body
    chosen = None
    if asked.category_ids is not None:
        held = {row.id for row, _ in categories.list_categories(call.session, call.who)}
        chosen = categories.with_descendants(
            call.session, call.who.tenant_id, [one for one in asked.category_ids if one in held]
        )
    rerank = rerankers.of_tenant(call.who.tenant_id)
    result = retrieval.retrieve(call.who.tenant_id, asked.question, categories=chosen, limit=asked.limit, rerank=rerank)
    return PassagesView(data=[PassageView.model_validate(one) for one in result.passages], degraded=result.degraded)
