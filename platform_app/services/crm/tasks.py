"""Tasks: what members have to do: created, changed, completed, deleted and restored."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlmodel import col

from platform_app import notifier
from platform_app.clock import new_id, now
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, NotFound
from platform_app.events import cause_of, emit
from platform_app.models.crm import Task
from platform_app.models.event import ActivityKind, Event, EventKind
from platform_app.models.notification import NotificationKind
from platform_app.models.person import Identity, Member
from platform_app.services.bin import bin_entries, waiting_reminders
from platform_app.services.crm import contacts, crm_changes, crm_values, leads, search_text
from platform_app.services.feed import activity
from platform_app.services.notifications import event_notifications, notifications
from platform_app.services.notifications.notifications import Notice

MAX_CHARS = 500
FIELDS = ("text", "due_at", "responsible_id", "contact_id", "lead_id")


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

    `due_at` is aware; `responsible_id` is the user id of a member, None the acting user, "" nobody. Raises NotFound if
    the lead, contact or member does not exist, and Invalid if the text is empty or too long.
    """
    row = Task(tenant_id=who.tenant_id, text="", due_at=due_at)
    _set_subject(session, who, row, contact_id=contact_id, lead_id=lead_id)
    assignee = who.user_id if responsible_id is None else responsible_id
    row.responsible_id = _check_member(session, who, assignee)
    row.text = _clean_text(text)
    event = add(session, row, by=who.name if who.user_id else "")
    _record(session, who, row, "Task “{text}” created", event=event)
    event_notifications.notify_of_event(session, event, by=who.user_id, link=link_of(row))
    return row


def build_existing(
    session: Transaction,
    who: Identity,
    values: dict[str, Any],
    *,
    created_at: datetime,
    done_at: datetime | None = None,
) -> Task:
    """Return a task that exists elsewhere since `created_at`, to be added to the transaction; it is no news.

    `values` are some of FIELDS. Raises Invalid if the text is empty or too long, NotFound without its lead or contact.
    """
    row = Task(tenant_id=who.tenant_id, text=_clean_text(values.get("text", "")), created_at=created_at)
    row.due_at, row.done_at = values.get("due_at"), done_at
    _set_subject(session, who, row, contact_id=values.get("contact_id"), lead_id=values.get("lead_id"))
    row.responsible_id = values.get("responsible_id") or None
    row.search_text = search_text.build_search_text(row.text)
    set_reminder(row)
    return row


def add(session: Transaction, row: Task, *, by: str = "", **links: Any) -> Event:
    """Store a new task, set its reminder and emit `task_created`; return the event.

    `by` is the name of the member who created it, "" if none did; `links` are the columns of the event that the task
    does not have, such as `agent_id`.
    """
    row.search_text = search_text.build_search_text(row.text)
    set_reminder(row)
    session.add(row)
    session.flush()
    event = emit_task(session, row, EventKind.TASK_CREATED, **links)
    if by:
        event.after = event.after | {"by": by}
    row.event_id = event.id or None
    return event


def emit_task(session: Transaction, row: Task, kind: EventKind, **links: Any) -> Event:
    """Emit an event about a task and notify open pages after the commit; return the event."""
    after = {"text": row.text, "task_id": row.id, "responsible_id": row.responsible_id}
    of = {"contact_id": row.contact_id, "lead_id": row.lead_id, "conversation_id": row.conversation_id}
    publish(session, row)
    return emit(session, row.tenant_id, kind, after=after, **(of | links))


def publish(session: Transaction, row: Task) -> None:
    """Have a change sent to the CRM that has the task, and notify open pages after the commit."""
    crm_changes.mark(session, row)
    tenant_id, task_id = row.tenant_id, row.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "task", task_id))


def set_reminder(row: Task) -> None:
    """Set when the assignee is reminded: when the task becomes due, if that is still to come and it is open."""
    is_waiting = row.due_at is not None and row.due_at > now() and row.done_at is None
    row.remind_at = row.due_at if is_waiting else None


def get(session: Transaction, who: Identity, task_id: str, *, lock: bool = False) -> Task:
    """Return a task. Raises NotFound if there is none, or it is deleted."""
    query = owned(Task, who.tenant_id).where(Task.id == task_id, col(Task.deleted_at).is_(None))
    row: Task | None = session.exec(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("Task not found.")
    return row


def save(session: Transaction, who: Identity, task_id: str, values: dict[str, Any]) -> Task:
    """Change some of FIELDS of a task; nothing is written if nothing differs.

    A new due time sets the reminder again. Raises NotFound if the task, lead, contact or member does not exist, and
    Invalid if a value is not accepted.
    """
    row = get(session, who, task_id, lock=True)
    before = {name: getattr(row, name) for name in FIELDS}
    if unknown := values.keys() - set(FIELDS):
        raise Invalid("This value isn’t allowed.", field=min(unknown))
    if "text" in values:
        row.text = _clean_text(values["text"])
        row.search_text = search_text.build_search_text(row.text)
    if "responsible_id" in values:
        row.responsible_id = _check_member(session, who, values["responsible_id"])
    subject = {name: values.get(name, before[name]) for name in ("contact_id", "lead_id")}
    if subject != {name: before[name] for name in subject}:
        _set_subject(session, who, row, **subject)
    if "due_at" in values and values["due_at"] != row.due_at:
        row.due_at = values["due_at"]
        set_reminder(row)
    changed = {name for name in FIELDS if getattr(row, name) != before[name]}
    if changed:
        _record_change(session, who, row, changed)
    return row


def _record_change(session: Transaction, who: Identity, row: Task, changed: set[str]) -> None:
    sentences = {"due_at": "Task “{text}” postponed", "responsible_id": "Task “{text}” assigned"}
    sentence = sentences[min(changed)] if len(changed) == 1 and changed <= sentences.keys() else "Task “{text}” changed"
    _record(session, who, row, sentence)
    publish(session, row)
    if "responsible_id" in changed and row.responsible_id:
        notifications.notify(
            session,
            row.tenant_id,
            [row.responsible_id],
            NotificationKind.TASK_ASSIGNED,
            notice=Notice("Task assigned to you: {text}", link_of(row), {"text": row.text[:200]}),
            cause=new_id(),
            by=who.user_id,
        )


def set_done(session: Transaction, who: Identity, task_id: str, *, done: bool) -> Task:
    """Mark a task as done, which emits `task_completed`, or as open again. Raises NotFound if there is none."""
    row = get(session, who, task_id, lock=True)
    if done == (row.done_at is not None):
        return row
    row.done_at = now() if done else None
    set_reminder(row)
    if done:
        event = emit_task(session, row, EventKind.TASK_COMPLETED)
        _record(session, who, row, "Task “{text}” done", event=event)
    else:
        _record(session, who, row, "Task “{text}” reopened")
        publish(session, row)
    return row


def delete(session: Transaction, who: Identity, task_id: str) -> Task:
    """Move a task to the bin; `restore` brings it back. Its reminder waits. Raises NotFound if there is none."""
    row = get(session, who, task_id, lock=True)
    row.deleted_at = now()
    bin_entries.put(session, row, by=who.name)
    _record(session, who, row, "Task “{text}” deleted")
    publish(session, row)
    return row


def restore(session: Transaction, who: Identity, task_id: str) -> Task:
    """Restore a deleted task; a reminder that fell due meanwhile comes at once.

    Raises NotFound if it does not exist, is not deleted, or is being removed for good.
    """
    query = owned(Task, who.tenant_id).where(Task.id == task_id, col(Task.deleted_at).is_not(None))
    row: Task | None = session.exec(query.with_for_update()).first()
    if row is None:
        raise NotFound("Task not found.")
    row.deleted_at = None
    bin_entries.remove_restored(session, who, row)
    waiting_reminders.resume(row)
    publish(session, row)
    return row


def for_each(
    session: Transaction, who: Identity, task_ids: list[str], change: Callable[..., Task], /, *given: Any, **named: Any
) -> int:
    """Apply one of the changes above to several tasks, without those that are deleted; return how many there were."""
    query = owned(Task, who.tenant_id).where(col(Task.id).in_(task_ids), col(Task.deleted_at).is_(None))
    ids = session.exec(query.with_only_columns(Task.id).order_by(Task.id)).all()
    for task_id in ids:
        change(session, who, task_id, *given, **named)
    return len(ids)


def _clean_text(text: Any) -> str:
    found = crm_values.clean_line(text, "task", max_length=MAX_CHARS)
    if not found:
        raise Invalid("Enter a task.", field="task")
    return found


def _set_subject(
    session: Transaction, who: Identity, row: Task, *, contact_id: str | None, lead_id: str | None
) -> None:
    """Set the lead with its contact, or the contact alone, or none."""
    if lead_id:
        contact_id = leads.get(session, who, lead_id).contact_id
    elif contact_id:
        contact_id = contacts.get(session, who, contact_id).id
    row.contact_id, row.lead_id = contact_id or None, lead_id or None


def _check_member(session: Transaction, who: Identity, user_id: str | None) -> str | None:
    if not user_id:
        return None
    query = owned(Member, who.tenant_id).where(Member.user_id == user_id, col(Member.disabled_at).is_(None))
    if session.exec(query).first() is None:
        raise NotFound("Member not found.")
    return user_id


def _record(session: Transaction, who: Identity, row: Task, sentence: str, *, event: Event | None = None) -> None:
    """Record an activity about a task, with a link to its lead or contact, else to the task."""
    kind = ActivityKind.PERSON if who.user_id else ActivityKind.RULE if cause_of(session) else ActivityKind.INTEGRATION
    told = activity.record_by(session, who, kind, sentence, link=link_of(row), text=row.text[:80])
    told.event_id = event.id if event else None


def link_of(row: Task) -> str:
    """Return the path of the page of a task's lead or contact, else of the task, below that of the tenant."""
    if row.lead_id:
        return f"/leads/{row.lead_id}"
    return f"/contacts/{row.contact_id}" if row.contact_id else f"/tasks?task={row.id}"
