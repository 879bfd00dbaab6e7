"""Notes: texts that members write about a contact or a lead."""

from datetime import datetime
from typing import Any

from platform_app import notifier
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, NotFound
from platform_app.events import emit
from platform_app.models.crm import Note
from platform_app.models.event import EventKind
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, crm_changes, leads
from platform_app.services.feed import activity

MAX_CHARS = 10_000  # characters


def create(
    session: Transaction,
    who: Identity,
    *,
    text: str,
    contact_id: str | None = None,
    lead_id: str | None = None,
    is_by_person: bool = False,
) -> Note:
    """Create a note about a lead or, without `lead_id`, a contact; that of a member emits `note_added`.

    `is_by_person` says that somebody wrote it who is no member, such as a colleague in the CRM.

    Raises Invalid if the text is empty or longer than MAX_CHARS, and NotFound if the lead or contact does not exist.
    """
    if not text.strip() or "\x00" in text or len(text) > MAX_CHARS:
        raise Invalid("Enter a note of up to {count} characters.", field="note", count=MAX_CHARS)
    row = Note(tenant_id=who.tenant_id, text=text.strip(), author_name=who.name)
    if lead_id:
        lead = leads.get(session, who, lead_id)
        row.lead_id, of, name = lead.id, {"lead_id": lead.id, "contact_id": lead.contact_id}, lead.title
    else:
        contact = contacts.get(session, who, contact_id or "")
        row.contact_id, of, name = contact.id, {"contact_id": contact.id}, contact.name
    session.add(row)
    session.flush()
    crm_changes.mark(session, row)
    if who.user_id or is_by_person:
        _emit_added(session, who, row, of, name=name)
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "note", row.id))
    return row


def build_existing(
    who: Identity, text: str, *, created_at: datetime, lead_id: str | None = None, contact_id: str | None = None
) -> Note:
    """Return a note that exists elsewhere since `created_at`, to be added to the transaction; it is no news."""
    row = Note(tenant_id=who.tenant_id, text=text.replace("\x00", "")[:MAX_CHARS], author_name=who.name)
    row.created_at, row.lead_id, row.contact_id = created_at, lead_id, contact_id
    return row


def change_text(session: Transaction, row: Note, text: str) -> Note:
    """Change the text of a note. Raises Invalid if it is empty or longer than MAX_CHARS."""
    if not text.strip() or "\x00" in text or len(text) > MAX_CHARS:
        raise Invalid("Enter a note of up to {count} characters.", field="note", count=MAX_CHARS)
    row.text = text.strip()
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "note", row.id))
    return row


def _emit_added(session: Transaction, who: Identity, row: Note, of: dict[str, Any], *, name: str) -> None:
    """Record a member's note as an event and an activity; those of automation are in its own log."""
    after = {"note_id": row.id, "text": row.text[:2000], "by": who.name}
    event = emit(session, row.tenant_id, EventKind.NOTE_ADDED, after=after, **of)
    activity.record_crm(session, who, event, "Note about “{title}”", title=name[:80])


def delete(session: Transaction, who: Identity, note_id: str) -> Note:
    """Delete a note. Raises NotFound if there is none."""
    row: Note | None = session.exec(owned(Note, who.tenant_id).where(Note.id == note_id)).first()
    if row is None:
        raise NotFound("Note not found.")
    session.delete(row)
    return row
