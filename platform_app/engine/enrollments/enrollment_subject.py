"""Enrollment subject: whom an enrollment is about, and what caused it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.errors import NotFound
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Contact, Lead
from platform_app.models.event import Event
from platform_app.models.person import Identity


@dataclass(frozen=True)
class Subject:
    """The lead, contact and conversation that an enrollment is about."""

    lead_id: str | None = None
    contact_id: str | None = None
    conversation_id: str | None = None

    @property
    def id(self) -> str:
        """The id of the lead, else the contact, else the conversation."""
        return next(iter(self.ids), "")

    @property
    def ids(self) -> list[str]:
        """All known ids."""
        return [row_id for row_id in (self.lead_id, self.contact_id, self.conversation_id) if row_id]


@dataclass(frozen=True)
class EntryCause:
    """What caused an enrollment."""

    at: datetime
    by: str = ""
    event_id: str | None = None
    origin_id: str | None = None  # of that event, or of the member who enrolls
    depth: int = 0
    proof: dict[str, Any] = field(default_factory=dict)


def event_subject(session: Transaction, event: Event) -> Subject:
    """Return the subject of an event, completed by its conversation and lead."""
    conversation = session.get(Conversation, event.conversation_id) if event.conversation_id else None
    lead_id = event.lead_id or (conversation.lead_id if conversation else None)
    lead = session.get(Lead, lead_id) if lead_id else None
    contact_id = (
        event.contact_id or (conversation.contact_id if conversation else None) or (lead.contact_id if lead else None)
    )
    return Subject(lead_id, contact_id, event.conversation_id)


def get_subject(session: Transaction, who: Identity, subject_id: str) -> Subject:
    """Return a lead or contact as a subject. Raises NotFound if there is none."""
    lead = session.exec(owned(Lead, who.tenant_id).where(Lead.id == subject_id, col(Lead.deleted_at).is_(None))).first()
    if lead is not None:
        return Subject(lead.id, lead.contact_id)
    gone = col(Contact.deleted_at).is_(None)
    contact = session.exec(owned(Contact, who.tenant_id).where(Contact.id == subject_id, gone)).first()
    if contact is None:
        raise NotFound("Lead or contact not found.")
    return Subject(contact_id=contact.id)
