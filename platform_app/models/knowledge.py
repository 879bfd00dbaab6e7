"""Knowledge models: categories, sources and their chunks."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column, factory


class Category(Owned, table=True):
    """A category of knowledge; categories nest."""

    name: str = Field(max_length=120)
    parent_id: str | None = Field(default=None, foreign_key="category.id", max_length=32)
    position: int = 0
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class SourceState(StrEnum):
    """The state of a source."""

    QUEUED = "queued"
    READING = "reading"
    INDEXING = "indexing"
    READY = "ready"
    FAILED = "failed"


class SourceKind(StrEnum):
    """Where the text of a source comes from: an uploaded file, an article that members write, or a page of the web."""

    FILE = "file"
    ARTICLE = "article"
    WEB = "web"


class Visibility(StrEnum):
    """Whether searches find a source."""

    VISIBLE = "visible"
    PENDING = "pending"  # as soon as it is indexed
    HIDDEN = "hidden"  # an article that is not published


class Source(Owned, table=True):
    """A document: an uploaded file, the published text of an article, or a web page as it was read last."""

    __table_args__ = (Index("ix_source_index_revision", "tenant_id", "index_revision"),)
    title: str = Field(max_length=300)
    kind: SourceKind = Field(default=SourceKind.FILE, sa_type=enum_column(SourceKind))
    visibility: Visibility = Field(default=Visibility.VISIBLE, sa_type=enum_column(Visibility))
    category_id: str | None = Field(default=None, foreign_key="category.id", index=True, max_length=32)
    file_name: str = Field(max_length=300)
    stored_as: str = Field(max_length=64)  # the key of its file; empty: never published
    size: int = 0  # bytes
    sha256: str = Field(default="", max_length=64)  # of its file; empty: not known
    state: SourceState = Field(default=SourceState.QUEUED, sa_type=enum_column(SourceState))
    progress: int = 0  # per cent
    error: str = Field(default="", max_length=500)  # a message id
    generation: int = 0  # chunks of this generation are searched; others are being added or deleted
    chunk_count: int = 0
    next_chunks: int = 0  # of the next generation, once all are written: a retry continues from there
    remarks: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # {"sentence": …, "values": {…}}
    index_revision: int = 0  # of the tenant's knowledge when it last changed what a search finds of this source
    replaces: str | None = Field(default=None, max_length=32)  # the source that is deleted when this one is ready
    site_id: str | None = Field(default=None, index=True, max_length=32)  # of a web page
    address: str = Field(default="", max_length=2_000)  # of a web page
    created_by: str = Field(default="", max_length=200)
    is_demo: bool = False
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)

    @property
    def is_searched(self) -> bool:
        """Whether searches find the chunks of its generation, also while the next one is indexed."""
        return self.generation > 0 and self.visibility == Visibility.VISIBLE and self.deleted_at is None


class Chunk(Owned, table=True):
    """A piece of a source that retrieval finds and replies cite."""

    __table_args__ = (
        Index("ix_chunk_source_generation", "source_id", "generation", "number"),
        Index("ix_chunk_of_tenant", "tenant_id", "id"),  # for chunks by id: SQLite would read all of the tenant
    )
    source_id: str = Field(foreign_key="source.id", max_length=32, ondelete="CASCADE")
    generation: int
    number: int
    heading: str = Field(default="", max_length=300)
    text: str


class KnowledgeState(Owned, table=True):
    """What is indexed of a tenant's knowledge: a counter of its changes, and the embedder whose vectors answer."""

    revision: int = 0
    embedder: str = Field(default="", max_length=64)  # its version; empty until the first source is indexed
    word_share: float | None = None  # of the words in a mixed score, as an admin chose it; None: as is usual
    web_day: str = Field(default="", max_length=10)  # of the count below, in UTC
    web_requests: int = 0  # for web pages on that day
