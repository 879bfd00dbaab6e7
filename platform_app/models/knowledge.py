"""Knowledge: categories, sources and their chunks."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column, factory


class Category(Owned, table=True):
    """A shelf of knowledge; shelves nest."""

    name: str = Field(max_length=120)
    parent_id: str | None = Field(default=None, foreign_key="category.id", max_length=32)
    position: int = 0


class SourceState(StrEnum):
    """Where a source stands on its way into the index."""

    QUEUED = "queued"
    READING = "reading"
    INDEXING = "indexing"
    READY = "ready"
    FAILED = "failed"


class Source(Owned, table=True):
    """An uploaded document."""

    title: str = Field(max_length=300)
    category_id: str | None = Field(default=None, foreign_key="category.id", index=True, max_length=32)
    file_name: str = Field(max_length=300)
    stored_as: str = Field(max_length=64)  # random name in the uploads folder
    size: int = 0  # bytes
    state: SourceState = Field(default=SourceState.QUEUED, sa_type=enum_column(SourceState))
    progress: int = 0  # per cent
    error: str = Field(default="", max_length=500)  # a message id
    generation: int = 0  # the chunks of this generation answer; others are on their way in or out
    chunk_count: int = 0
    next_chunks: int = 0  # of the next generation, once all of them are written: what is done is not done again
    remarks: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # {"sentence": …, "values": {…}}
    replaces: str | None = Field(default=None, max_length=32)  # the source that goes when this one is ready
    created_by: str = Field(default="", max_length=200)
    is_demo: bool = False
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class Chunk(Owned, table=True):
    """A stored piece of a source: the text that retrieval finds and the reply cites."""

    __table_args__ = (Index("ix_chunk_source_generation", "source_id", "generation"),)
    source_id: str = Field(foreign_key="source.id", max_length=32, ondelete="CASCADE")
    generation: int
    number: int
    heading: str = Field(default="", max_length=300)
    text: str


class KnowledgeState(Owned, table=True):
    """One row a tenant: grows with every change of what may be found, so that caches know they are old."""

    revision: int = 0
