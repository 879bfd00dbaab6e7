"""Tasks: what members have to do, for a contact or a lead."""

from datetime import datetime
from typing import Any

from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, NotFound
from platform_app.events import emit
from platform_app.models.crm import Task
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity, Member
from platform_app.services.crm import contacts, crm_values, leads
from platform_app.services.feed import activity
from platform_app.services.notifications import event_notifications


def create(
    session: Transaction,
    who: Identity,
    *,
    text: str,
    contact_id: str | None = None,
    lead_id: str | None = None,
    due_at: datetime | None = None,
    responsible_id: str | None = None,
) -> Task:
    """Create a task and emit `task_created`. A task of a lead belongs to the lead's contact too.

    `due_at` is aware; `responsible_id` is the user id of a member, None is the acting user. Raises NotFound if the
    lead, contact or member does not exist, and Invalid if the text is empty or too long.
    """
    if lead_id:
        contact_id = leads.get(session, who, lead_id).contact_id
    elif contact_id:
        contact_id = contacts.get(session, who, contact_id).id
    if responsible_id and not _is_member(session, who, responsible_id):
        raise NotFound("There is no such member.")
    text = crm_values.clean_line(text, "task", max_length=500)
    if not text:
        raise Invalid("Enter what is to be done.", field="task")
    row = Task(tenant_id=who.tenant_id, text=text, contact_id=contact_id, lead_id=lead_id, due_at=due_at)
    row.responsible_id = responsible_id or who.user_id or None
    session.add(row)
    session.flush()
    event = _emit(session, row, EventKind.TASK_CREATED, {"text": row.text, "responsible_id": row.responsible_id})
    told = activity.record_crm(session, who, event, "Task “{text}” created", text=row.text[:80])
    event_notifications.notify_of_event(session, event, by=who.user_id, link=told.link)
    return row


def _is_member(session: Transaction, who: Identity, user_id: str) -> bool:
    query = owned(Member, who.tenant_id).where(Member.user_id == user_id, col(Member.disabled_at).is_(None))
    return session.exec(query).first() is not None


def _emit(session: Transaction, row: Task, kind: EventKind, after: dict[str, Any]) -> Event:
    after = after | {"task_id": row.id}
    event = emit(session, row.tenant_id, kind, after=after, contact_id=row.contact_id, lead_id=row.lead_id)
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "task", row.id))
    return event


def set_done(session: Transaction, who: Identity, task_id: str, *, done: bool) -> Task:
    """Mark a task as done, which emits `task_completed`, or as open again. Raises NotFound if there is none."""
    row = _get(session, who, task_id)
    if done and row.done_at is None:
        row.done_at = now()
        event = _emit(session, row, EventKind.TASK_COMPLETED, {"text": row.text})
        activity.record_crm(session, who, event, "Task “{text}” done", text=row.text[:80])
    elif not done:
        row.done_at = None
    return row


def delete(session: Transaction, who: Identity, task_id: str) -> Task:
    """Delete a task. Raises NotFound if there is none."""
    row = _get(session, who, task_id)
    session.delete(row)
    return row


def _get(session: Transaction, who: Identity, task_id: str) -> Task:
    row: Task | None = session.exec(owned(Task, who.tenant_id).where(Task.id == task_id)).first()
    if row is None:
        raise NotFound("There is no such task.")
    return row
