"""Waiting reminders: those of tasks that fell due while the task, its contact or its lead was in the bin."""

from datetime import timedelta
from typing import Any

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned_update
from platform_app.models.crm import Task

PAUSE = timedelta(hours=1)  # after which a reminder that waits for a deleted row is looked at again
COLUMNS = ("contact_id", "lead_id")  # of a task, whose rows its reminder waits for; a conversation is none of them


def resume(row: Task) -> None:
    """Let the reminder of a restored task come when it is due, at once if that was meanwhile; none comes twice."""
    if row.remind_at is not None:
        row.remind_at = row.due_at


def resume_of(session: Transaction, tenant_id: str, column: str, row_id: str) -> None:
    """Let reminders come that waited for a contact or lead to be restored; `column` of a task has its id."""
    waiting = _due(tenant_id, column, [row_id]).values(remind_at=col(Task.due_at))
    session.execute(waiting.execution_options(synchronize_session=False))


def drop(session: Transaction, tenant_id: str, column: str, ids: list[str]) -> None:
    """Drop reminders that waited for rows which are removed for good; `column` of a task has their ids."""
    waiting = _due(tenant_id, column, ids).values(remind_at=None)
    session.execute(waiting.execution_options(synchronize_session=False))


def _due(tenant_id: str, column: str, ids: list[str]) -> Any:
    """Return an update of the tasks that are due and of which nobody was reminded."""
    concerned = owned_update(Task, tenant_id).where(getattr(Task, column).in_(ids))
    return concerned.where(col(Task.remind_at).is_not(None), col(Task.due_at) <= now())
