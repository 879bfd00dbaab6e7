"""Task reminders: once for each due time, whoever looks and however often, and never of what is gone."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread

import pytest

from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.models.bin import BinKind
from platform_app.models.event import EventKind
from platform_app.models.notification import NotificationKind
from platform_app.models.person import Identity, Role
from platform_app.services.bin import row_removal
from platform_app.services.crm import contacts, leads, tasks
from platform_app.services.notifications import notifications
from platform_app.services.tasks import task_reminders
from tests.conftest import make_member
from tests.rules.test_rule_events import events
from tests.sequencing import at
from tests.talking import a_stage, activities, call

HOUR = timedelta(hours=1)


def due_events(who: Identity) -> list[str]:
    """Return the texts of the tasks that assignees were reminded of."""
    return [event.after["text"] for event in events(who, EventKind.TASK_DUE)]


def test_reminds_once_when_the_task_is_due(who: Identity) -> None:
    task = call(who, tasks.create, text="Call", due_at=now() + HOUR)
    task_reminders.remind_due()
    assert due_events(who) == []
    with at(now() + HOUR):
        task_reminders.remind_due()
        task_reminders.remind_due()
    assert due_events(who) == ["Call"] and "Task “{text}” is due" in activities(who)
    assert call(who, tasks.get, task.id).remind_at is None


def test_the_assignee_is_notified_and_nobody_else(who: Identity) -> None:
    colleague = make_member(who, Role.OPERATOR)
    call(who, tasks.create, text="Call", due_at=now() + HOUR, responsible_id=colleague.user_id)
    with at(now() + HOUR):
        task_reminders.remind_due()
        task_reminders.remind_due()
    found = {row.kind: row.sentence for row in call(colleague, notifications.list_recent)}
    assert found[NotificationKind.TASK_DUE] == "Your task is due: {text}" and len(found) == 2
    assert call(who, notifications.list_recent) == []


def test_a_task_that_is_given_on_is_told_to_its_new_assignee(who: Identity) -> None:
    colleague = make_member(who, Role.OPERATOR)
    task = call(who, tasks.create, text="Call")
    call(who, tasks.save, task.id, {"responsible_id": colleague.user_id})
    (told,) = call(colleague, notifications.list_recent)
    assert (told.kind, told.values["text"]) == (NotificationKind.TASK_ASSIGNED, "Call")
    assert call(who, notifications.list_recent) == []


def test_a_postponed_task_is_reminded_of_again(who: Identity) -> None:
    task, start = call(who, tasks.create, text="Call", due_at=now() + HOUR), now()
    with at(start + HOUR):
        task_reminders.remind_due()
        call(who, tasks.save, task.id, {"due_at": start + 3 * HOUR})
        task_reminders.remind_due()
    with at(start + 3 * HOUR):
        task_reminders.remind_due()
        call(who, tasks.save, task.id, {"text": "Call them"})
        task_reminders.remind_due()
    assert due_events(who) == ["Call", "Call"]


def test_a_task_that_was_due_already_is_not_reminded_of(who: Identity) -> None:
    call(who, tasks.create, text="Late", due_at=now() - HOUR)
    call(who, tasks.create, text="Some day")
    task_reminders.remind_due()
    assert due_events(who) == []


def _delete_contact(who: Identity, task_id: str) -> None:
    call(who, contacts.delete, call(who, tasks.get, task_id).contact_id)


def _delete_lead(who: Identity, task_id: str) -> None:
    call(who, leads.delete, call(who, tasks.get, task_id).lead_id)


@pytest.mark.parametrize(
    "change",
    [
        lambda who, task_id: call(who, tasks.set_done, task_id, done=True),
        lambda who, task_id: call(who, tasks.delete, task_id),
        lambda who, task_id: call(who, tasks.save, task_id, {"due_at": None}),
        _delete_contact,
        _delete_lead,
    ],
    ids=["done", "deleted", "without date", "contact deleted", "lead deleted"],
)
def test_nobody_is_reminded_of_what_is_over(who: Identity, change: Callable[[Identity, str], object]) -> None:
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    task = call(who, tasks.create, text="Call", due_at=now() + HOUR, lead_id=lead.id)
    change(who, task.id)
    with at(now() + HOUR):
        task_reminders.remind_due()
    assert due_events(who) == []


@pytest.mark.parametrize("kind", ["task", "contact", "lead"])
def test_what_fell_due_in_the_bin_is_reminded_of_once_after_the_restore(who: Identity, kind: str) -> None:
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    task = call(who, tasks.create, text="Call", due_at=now() + HOUR, lead_id=lead.id)
    service, row_id = {"task": (tasks, task.id), "contact": (contacts, contact.id), "lead": (leads, lead.id)}[kind]
    call(who, service.delete, row_id)
    with at(now() + 2 * HOUR):
        task_reminders.remind_due()
        assert due_events(who) == []
        call(who, service.restore, row_id)
        for _ in range(2):
            task_reminders.remind_due()
        assert due_events(who) == ["Call"]
        call(who, service.delete, row_id)
        call(who, service.restore, row_id)
        task_reminders.remind_due()
    assert due_events(who) == ["Call"]


def test_what_waits_for_a_contact_is_dropped_when_that_is_removed(who: Identity) -> None:
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    call(who, tasks.create, text="Past", due_at=now() + HOUR, lead_id=lead.id)
    call(who, tasks.create, text="To come", due_at=now() + 5 * HOUR, lead_id=lead.id)
    call(who, contacts.delete, contact.id)
    with at(now() + 2 * HOUR), session_scope(who.tenant_id) as session:
        row_removal.remove(session, who.tenant_id, BinKind.CONTACT, [contact.id])
    with at(now() + 6 * HOUR):
        task_reminders.remind_due()
    assert due_events(who) == ["To come"]


def test_a_task_that_is_opened_again_is_reminded_of(who: Identity) -> None:
    task = call(who, tasks.create, text="Call", due_at=now() + HOUR)
    call(who, tasks.set_done, task.id, done=True)
    call(who, tasks.set_done, task.id, done=False)
    with at(now() + HOUR):
        task_reminders.remind_due()
    assert due_events(who) == ["Call"]


def test_two_workers_remind_once_of_more_than_a_batch(
    who: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_reminders, "BATCH", 3)
    for place in range(7):
        call(who if place % 2 else other, tasks.create, text=str(place), due_at=now() + HOUR)
    with at(now() + HOUR):
        workers = [Thread(target=task_reminders.remind_due) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert sorted(due_events(who)) == ["1", "3", "5"] and sorted(due_events(other)) == ["0", "2", "4", "6"]


def test_one_that_fails_delays_no_other(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("broken", "whole"):
        call(who, tasks.create, text=text, due_at=now() + HOUR)
    link_of = tasks.link_of
    monkeypatch.setattr(tasks, "link_of", lambda row: 1 / 0 if row.text == "broken" else link_of(row))
    with at(now() + HOUR):
        task_reminders.remind_due()
        assert due_events(who) == ["whole"]
        monkeypatch.undo()
        task_reminders.remind_due()
    assert sorted(due_events(who)) == ["broken", "whole"]
