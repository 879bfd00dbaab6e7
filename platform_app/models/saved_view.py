"""Saved view models: named filters of a list."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column


class ViewedList(StrEnum):
    """A list that has saved views."""

    LEADS = "leads"
    CONTACTS = "contacts"
    INBOX = "inbox"
    RUNS = "runs"  # of rules


class SavedView(Owned, table=True):
    """The filters of a list under a name: those of one member, or of all members of the tenant."""

    __table_args__ = (Index("ix_savedview_list", "tenant_id", "viewed", "name", "id"),)
    viewed: ViewedList = Field(sa_type=enum_column(ViewedList))
    name: str = Field(max_length=60)
    query: str = Field(max_length=1_000)  # the filters as the query of the list's address
    is_shared: bool = False  # every member has it
    user_id: str = Field(foreign_key="user.id", index=True, max_length=32, ondelete="CASCADE")  # who saved it
    removed_at: datetime | None = Field(default=None, sa_type=Instant)  # it can still be restored
