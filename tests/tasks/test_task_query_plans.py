"""Plans of tasks: views, counts and reminders go by indexes, however many tasks there are."""

from datetime import timedelta
from typing import Any

import pytest

from platform_app import db
from platform_app.clock import now
from platform_app.models.person import Identity
from platform_app.services.crm import tasks
from platform_app.services.tasks import task_list, task_reminders
from platform_app.services.tasks.task_list import TaskFilter, View
from tests.sequences.test_sequence_query_plans import plans, said
from tests.talking import call

__all__ = ["said"]


def test_no_view_reads_the_tasks_of_others_and_reminders_have_an_index(
    who: Identity, said: list[tuple[str, Any]]
) -> None:
    if db.engine().dialect.name != "sqlite":
        pytest.skip("PostgreSQL counts what is there before it plans")
    call(who, tasks.create, text="Call", due_at=now() + timedelta(hours=1))
    said.clear()
    task_reminders.remind_due()
    (reminders,) = (line for line in plans(said) if line.startswith(("SCAN task", "SEARCH task")))
    assert "ix_task_reminder" in reminders
    said.clear()
    for view in View:
        call(who, task_list.list_tasks, TaskFilter(view))
    call(who, task_list.count_views, TaskFilter())
    lines = [line for line in plans(said) if line.startswith(("SCAN task", "SEARCH task"))]
    assert len(lines) == 3 * len(View) and [line for line in lines if line.startswith("SCAN")] == []
