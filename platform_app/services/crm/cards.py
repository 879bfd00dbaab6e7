"""Cards: the rows related to one contact or lead: leads, tasks, notes, conversations, events."""

from dataclasses import dataclass, field
from typing import Any

from platform_app.db import Transaction, owned
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Holder, Lead, Note, Task
from platform_app.models.event import Event
from platform_app.models.person import Identity
from platform_app.services.crm import contact_links

MAX_ROWS = 50  # of each kind


@dataclass
class Card:
    """Rows related to a contact or lead, newest first; open tasks come before done ones."""

    leads: list[Lead] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    conversations: list[Conversation] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def get_card(session: Transaction, who: Identity, holder: Holder, row_id: str) -> Card:
    """Return the rows related to a contact or lead, at most MAX_ROWS of each kind.

    A contact or lead that does not exist has an empty card.
    """
    kept = [task for task in _newest(session, who, Task, holder, row_id) if task.deleted_at is None]
    card = Card(
        tasks=kept,
        notes=_newest(session, who, Note, holder, row_id),
        events=_newest(session, who, Event, holder, row_id),
    )
    card.tasks.sort(key=lambda task: (task.done_at is not None, task.due_at is None, task.due_at or task.created_at))
    talks = _newest(session, who, Conversation, holder, row_id)
    card.conversations = [talk for talk in talks if talk.deleted_at is None]
    if holder == Holder.CONTACT:
        card.leads = [lead for lead in _newest(session, who, Lead, holder, row_id) if lead.deleted_at is None]
    return card


def _newest(session: Transaction, who: Identity, *asked: Any) -> list[Any]:
    model, holder, row_id = asked
    is_theirs = getattr(model, f"{holder.value}_id") == row_id
    if model is Lead:
        is_theirs = contact_links.has_contact(who.tenant_id, row_id)
    query = owned(model, who.tenant_id).where(is_theirs)
    when: Any = model.at if model is Event else model.created_at
    return list(session.exec(query.order_by(when.desc(), model.id.desc()).limit(MAX_ROWS)).all())
