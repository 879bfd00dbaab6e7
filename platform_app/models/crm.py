"""CRM models: contacts, leads, custom fields, pipelines with stages, tasks, notes and imports."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, UniqueConstraint, literal_column
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, enum_column, factory
from platform_app.models.sending import OptOutCause

UNNAMED = "—"  # the name of a contact whose name is unknown
_REMINDS: ColumnElement[bool] = literal_column("remind_at IS NOT NULL")


class StageKind(StrEnum):
    """The meaning of a stage for its leads."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class FieldKind(StrEnum):
    """The type of a custom field."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    YES_NO = "yes_no"
    MONEY = "money"


class Holder(StrEnum):
    """The kind of row that has custom fields, tags and notes."""

    CONTACT = "contact"
    LEAD = "lead"


class CustomField(Owned, table=True):
    """A field that a tenant has added to its contacts or leads."""

    __table_args__ = (UniqueConstraint("tenant_id", "holder", "key"),)
    holder: Holder = Field(sa_type=enum_column(Holder))
    key: str = Field(max_length=40)  # in texts and conditions: contact.field.{key}
    name: str = Field(max_length=80)
    kind: FieldKind = Field(default=FieldKind.TEXT, sa_type=enum_column(FieldKind))
    options: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # of a choice
    position: int = 0
    is_demo: bool = False


class Contact(Owned, table=True):
    """A person an agent talks to."""

    __table_args__ = (
        Index("ix_contact_search", "tenant_id", "deleted_at", "search_text", "id"),
        Index("ix_contact_order", "tenant_id", "deleted_at", "updated_at", "id"),
    )
    name: str = Field(max_length=200)
    emails: list[str] = Field(default_factory=factory(list), sa_type=JSON)
    phones: list[str] = Field(default_factory=factory(list), sa_type=JSON)
    language: str = Field(default="", max_length=2)
    source: str = Field(default="", max_length=64)  # the payload of the link by which the contact came first
    time_zone: str = Field(default="", max_length=60)
    tags: list[str] = Field(default_factory=factory(list), sa_type=JSON)
    fields: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # the tenant's own, by key
    search_text: str = ""  # folded text for search: see services.crm.search_text
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)
    merged_into: str | None = Field(default=None, max_length=32)
    opted_out_at: datetime | None = Field(default=None, sa_type=Instant)  # when the contact opted out
    opt_out_cause: OptOutCause | None = Field(default=None, sa_type=enum_column(OptOutCause))
    opt_out_by: str = Field(default="", max_length=200)  # name of the member or rule, or the opt-out word
    is_demo: bool = False

    @property
    def email(self) -> str:
        """The first e-mail address, or ""."""
        return self.emails[0] if self.emails else ""

    @property
    def phone(self) -> str:
        """The first phone number, or ""."""
        return self.phones[0] if self.phones else ""


class Address(Owned, table=True):
    """An e-mail address or phone number of a contact in its form for lookup: folded, or digits only."""

    __table_args__ = (Index("ix_address_value", "tenant_id", "value"),)
    contact_id: str = Field(foreign_key="contact.id", index=True, max_length=32, ondelete="CASCADE")
    value: str = Field(max_length=254)


class Pipeline(Owned, table=True):
    """A sales funnel."""

    name: str = Field(max_length=120)
    position: int = 0
    is_demo: bool = False


class Stage(Owned, table=True):
    """A column of a pipeline."""

    pipeline_id: str = Field(foreign_key="pipeline.id", index=True, max_length=32, ondelete="CASCADE")
    name: str = Field(max_length=120)
    position: int = 0
    kind: StageKind = Field(default=StageKind.OPEN, sa_type=enum_column(StageKind))


class Lead(Owned, table=True):
    """A deal with a contact, in one stage of a pipeline."""

    __table_args__ = (
        Index("ix_lead_search", "tenant_id", "deleted_at", "search_text", "id"),
        Index("ix_lead_order", "tenant_id", "deleted_at", "updated_at", "id"),
        Index("ix_lead_budget", "tenant_id", "deleted_at", "budget", "id"),
        Index("ix_lead_sums", "tenant_id", "deleted_at", "stage_id", "budget"),
        Index("ix_lead_board", "tenant_id", "deleted_at", "stage_id", "updated_at", "id"),
        Index("ix_lead_since", "tenant_id", "stage_id", "in_stage_since"),
    )
    title: str = Field(max_length=200)
    contact_id: str | None = Field(default=None, foreign_key="contact.id", index=True, max_length=32)
    stage_id: str = Field(foreign_key="stage.id", index=True, max_length=32)
    in_stage_since: datetime = Field(default_factory=factory(now), sa_type=Instant)
    budget: Decimal = Field(default=Decimal(0), max_digits=14, decimal_places=2)
    responsible_id: str | None = Field(default=None, max_length=32)  # a member's user
    source: str = Field(default="", max_length=120)
    tags: list[str] = Field(default_factory=factory(list), sa_type=JSON)
    fields: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # the tenant's own, by key
    search_text: str = ""
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)
    is_demo: bool = False


class LeadContact(Owned, table=True):
    """A further contact of a lead, beside the main one that the lead names itself."""

    __table_args__ = (UniqueConstraint("tenant_id", "lead_id", "contact_id"),)
    lead_id: str = Field(foreign_key="lead.id", index=True, max_length=32, ondelete="CASCADE")
    contact_id: str = Field(foreign_key="contact.id", index=True, max_length=32, ondelete="CASCADE")


class Task(Owned, table=True):
    """A task for a member."""

    __table_args__ = (
        Index("ix_task_open", "tenant_id", "deleted_at", "done_at", "due_at", "id"),
        Index("ix_task_assignee", "tenant_id", "responsible_id", "deleted_at", "done_at", "due_at", "id"),
        Index("ix_task_reminder", "remind_at", sqlite_where=_REMINDS, postgresql_where=_REMINDS),
    )
    text: str = Field(max_length=500)
    conversation_id: str | None = Field(default=None, max_length=32, index=True)
    contact_id: str | None = Field(default=None, max_length=32, index=True)
    lead_id: str | None = Field(default=None, max_length=32, index=True)
    responsible_id: str | None = Field(default=None, max_length=32)  # a member's user
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    done_at: datetime | None = Field(default=None, sa_type=Instant)
    remind_at: datetime | None = Field(default=None, sa_type=Instant)  # None: reminded already, or nothing is due
    event_id: str | None = Field(default=None, max_length=32)  # the event of its creation
    search_text: str = ""  # folded text for search: see services.crm.search_text
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class Note(Owned, table=True):
    """A member's note about a contact or a lead."""

    text: str
    contact_id: str | None = Field(default=None, max_length=32, index=True)
    lead_id: str | None = Field(default=None, max_length=32, index=True)
    author_name: str = Field(default="", max_length=200)


class ImportState(StrEnum):
    """The state of an import."""

    READY = "ready"  # parsed, waits for its columns to be confirmed
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ContactImport(Owned, table=True):
    """A file of contacts that is imported row by row; after a crash a worker continues at `rows_done`."""

    file_name: str = Field(max_length=200)
    stored_as: str = Field(default="", max_length=64)  # the key of its file
    sha256: str = Field(default="", max_length=64)  # of its file; empty: not known
    state: ImportState = Field(default=ImportState.READY, sa_type=enum_column(ImportState))
    columns: list[str] = Field(default_factory=factory(list), sa_type=JSON)
    sample: list[list[str]] = Field(default_factory=factory(list), sa_type=JSON)
    mapping: dict[str, str] = Field(default_factory=factory(dict), sa_type=JSON)  # field by index of a column, from 0
    match_by: str = Field(default="name", max_length=10)  # see services.crm.person_matching.MatchBy
    rows_total: int = 0
    rows_done: int = 0
    created: int = 0
    changed: int = 0
    refused: int = 0
    incomplete: int = 0  # rows imported without some of their values
    error: str = Field(default="", max_length=500)  # a message id: why it failed
    author_name: str = Field(default="", max_length=200)
    author_id: str | None = Field(default=None, max_length=32)  # user


class RefusedRow(Owned, table=True):
    """A row of an import that was refused, or imported without some of its values, and why."""

    __table_args__ = (UniqueConstraint("import_id", "number"),)
    import_id: str = Field(foreign_key="contactimport.id", max_length=32, ondelete="CASCADE")
    number: int  # line of the file, from 1
    why: str = Field(max_length=200)  # a message id with {places} for values
    values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    field: str = Field(default="", max_length=120)
    cells: list[str] = Field(default_factory=factory(list), sa_type=JSON)
    contact_id: str | None = Field(default=None, max_length=32)  # the contact imported without the values below
    left_out: list[dict[str, Any]] = Field(default_factory=factory(list), sa_type=JSON)  # field, why, values
