"""Versioned models: the columns that agents, scripts, rules and sequences share, and those of their versions."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, factory


class VersionedRow(Owned):
    """A row whose changes are stored as versions."""

    revision: int = 1  # incremented with each change of what members edit, for optimistic locking
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    updated_by: str = Field(default="", max_length=200)  # a member's name
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class PublishedRow(VersionedRow):
    """A row whose draft takes effect when it is published."""

    draft: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    published: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # content of the newest version
    published_number: int = 0  # of the newest version; 0: never published


class RowVersion(Owned):
    """A version of a row; derived tables add the id of that row."""

    number: int  # from 1
    content: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    author_name: str = Field(default="", max_length=200)
