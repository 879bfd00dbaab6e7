"""Task retention: a deleted task can be restored for a month, then it is gone; the others stay."""

from datetime import timedelta

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.errors import NotFound
from platform_app.models.crm import Task
from platform_app.models.person import Identity
from platform_app.services.crm import tasks
from platform_app.services.tasks import task_retention
from tests.sequencing import at
from tests.talking import call
from worker.__main__ import EVERY_HOUR


def texts(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return sorted(session.exec(owned(Task, who.tenant_id).with_only_columns(Task.text)).all())


def test_deleted_tasks_go_after_a_month(who: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    assert task_retention.delete_old in EVERY_HOUR
    old = [call(person, tasks.create, text="Old").id for person in (who, other, who)]
    call(who, tasks.create, text="Open")
    young = call(who, tasks.create, text="Young").id
    with at(now() - timedelta(days=31)):
        for person, task_id in zip((who, other, who), old, strict=True):
            call(person, tasks.delete, task_id)
    with at(now() - timedelta(days=29)):
        call(who, tasks.delete, young)
    monkeypatch.setattr(task_retention, "BATCH", 2)
    assert task_retention.delete_old() is True
    assert task_retention.delete_old() is False
    assert (texts(who), texts(other)) == (["Open", "Young"], [])
    call(who, tasks.restore, young)
    with pytest.raises(NotFound):
        call(who, tasks.restore, old[0])
