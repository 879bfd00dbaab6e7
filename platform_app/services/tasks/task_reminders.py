"""Task reminders: tells the assignees of tasks that become due, once for each due time."""

import time

import structlog
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.models.crm import Contact, Lead, Task
from platform_app.models.event import ActivityKind, EventKind
from platform_app.services.bin import waiting_reminders
from platform_app.services.crm import tasks
from platform_app.services.feed import activity
from platform_app.services.notifications import event_notifications

_logger = structlog.get_logger()
BATCH = 100  # tasks looked for at once
MAX_SECONDS = 10.0  # seconds per call


def remind_due() -> None:
    """Emit `task_due` for the tasks whose due time has come; any number of workers may call it."""
    end = time.monotonic() + MAX_SECONDS
    while _remind_some() == BATCH and time.monotonic() < end:
        pass


def _remind_some() -> int:
    """Remind of the tasks that are due longest; return how many were handled."""
    with session_scope(reason="tasks that are due", read_only=True) as session:
        due = unscoped(Task).where(col(Task.remind_at).is_not(None), col(Task.remind_at) <= now())
        some = due.order_by(Task.remind_at).limit(BATCH).with_only_columns(Task.tenant_id, Task.id)
        found = session.execute(some).all()
    handled = 0
    for tenant_id, task_id in found:
        try:
            with session_scope(tenant_id) as session:
                _remind(session, tenant_id, task_id)
            handled += 1
        except Exception:  # retried a second later
            _logger.exception("a task was not reminded of", task_id=task_id)
    return handled


def _remind(session: Transaction, tenant_id: str, task_id: str) -> None:
    query = owned(Task, tenant_id).where(Task.id == task_id).with_for_update(skip_locked=True)
    row: Task | None = session.exec(query).first()
    if row is None or row.remind_at is None or row.remind_at > now():
        return  # handled by another worker, or changed meanwhile
    if row.deleted_at is not None or _is_subject_deleted(session, row):
        row.remind_at = now() + waiting_reminders.PAUSE  # restoring sets it again
        return
    row.remind_at = None
    if row.done_at is not None:
        return
    event = tasks.emit_task(session, row, EventKind.TASK_DUE)
    told = activity.record(
        session,
        tenant_id,
        ActivityKind.PERSON,
        "Task “{text}” is due",
        link=tasks.link_of(row),
        text=row.text[:80],
    )
    told.event_id = event.id
    event_notifications.notify_of_event(session, event, link=told.link)


def _is_subject_deleted(session: Transaction, row: Task) -> bool:
    """Return whether the contact or the lead of a task is deleted."""
    for model, row_id in ((Lead, row.lead_id), (Contact, row.contact_id)):
        subject = session.exec(owned(model, row.tenant_id).where(model.id == row_id)).first() if row_id else None
        if subject is not None and subject.deleted_at is not None:
            return True
    return False
