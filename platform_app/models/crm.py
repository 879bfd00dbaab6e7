"""CRM: contacts, leads, pipelines with stages, tasks."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, word


class StageKind(StrEnum):
    """What standing in a stage means."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Contact(Owned, table=True):
    """A person an agent talks to."""

    name: str = Field(max_length=200)
    email: str = Field(default="", max_length=254)
    phone: str = Field(default="", max_length=40)
    language: str = Field(default="", max_length=2)
    is_demo: bool = False


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
    kind: StageKind = Field(default=StageKind.OPEN, sa_type=word(StageKind))


class Lead(Owned, table=True):
    """A deal with a contact, standing in one stage."""

    title: str = Field(max_length=200)
    contact_id: str | None = Field(default=None, foreign_key="contact.id", index=True, max_length=32)
    stage_id: str = Field(foreign_key="stage.id", index=True, max_length=32)
    budget: Decimal = Field(default=Decimal(0), max_digits=14, decimal_places=2)
    updated_at: datetime = Field(default_factory=now, sa_type=Instant)
    is_demo: bool = False


class Task(Owned, table=True):
    """Something a member has to do."""

    text: str = Field(max_length=500)
    conversation_id: str | None = Field(default=None, max_length=32, index=True)
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    done_at: datetime | None = Field(default=None, sa_type=Instant)
