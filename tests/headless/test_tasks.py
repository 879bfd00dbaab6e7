"""Tasks page: views, the form, completing, postponing and assigning through the console's own events."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.errors import Invalid
from platform_app.models.crm import Task
from platform_app.models.person import Identity, Role
from platform_app.services.crm import contacts, tasks
from platform_app.state.console import live_updates
from platform_app.state.tasks import due_times
from platform_app.state.tasks.task_dialog import TaskDialogState
from platform_app.state.tasks.tasks import TasksState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_inbox import seen
from tests.headless.test_live_updates import CountingHub
from tests.sequencing import at
from tests.talking import call

PAGE = "/manage/acme/tasks"
MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> CountingHub:
    """A hub that the test drives."""
    made = CountingHub()
    monkeypatch.setattr(live_updates, "hub", made)
    return made


async def opened(tab: Tab, query: str = "") -> None:
    """Open the page, which goes on following."""
    await tab.goto(f"{PAGE}{query}", settle=False)
    await tab.until(lambda: seen(tab, TasksState, "loaded"))


def only_task(who: Identity) -> Task:
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Task = session.exec(owned(Task, who.tenant_id)).one()
        return found


def texts(tab: Tab) -> list[str]:
    return [row.text for row in tab.get(TasksState, "rows")]


def counts(tab: Tab) -> dict[str, str]:
    return {view.name: view.count for view in tab.get(TasksState, "views")}


async def test_views_stand_in_the_address_and_follow_what_happens(who: Identity, hub: CountingHub) -> None:
    two_days_ago = (now() - timedelta(days=2)).astimezone(ZoneInfo(who.time_zone))
    call(who, tasks.create, text="Late", due_at=two_days_ago)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "?view=overdue")
        (row,) = tab.get(TasksState, "rows")
        assert (row.text, row.overdue, row.is_done) == ("Late", f"Overdue · {two_days_ago:%a %H:%M}", False)
        assert (counts(tab)["overdue"], counts(tab)["done"]) == ("1", "")
        (view,) = [one for one in tab.get(TasksState, "views") if one.name == "upcoming"]
        assert view.href == f"{PAGE}?view=upcoming"
        call(who, tasks.create, text="Later still", due_at=now() - timedelta(days=1))
        hub.tell("task")
        await tab.until(lambda: texts(tab) == ["Late", "Later still"])
        await tab.goto(f"{PAGE}?view=nonsense&responsible=nobody&q=x&page=9", settle=False)
        await tab.until(lambda: tab.get(TasksState, "view") == "mine" and texts(tab) == [])
        assert tab.errors == []


async def test_a_task_is_written_for_a_contact_in_the_zone_of_the_tenant(who: Identity) -> None:
    contact, colleague = call(who, contacts.create, name="Anna"), make_member(who, Role.OPERATOR)
    async with Tab(sign_in(who)) as tab:
        await opened(tab)
        await tab.send(TaskDialogState.create)
        assert tab.get(TaskDialogState, "responsible") == who.user_id
        await tab.send(TaskDialogState.save({"task": " ", "due": "", "responsible": ""}))
        assert tab.get(TaskDialogState, "problems") == {"task": "Enter a task."}
        await tab.send(TaskDialogState.save({"task": "Call", "due": "0001-01-01T00:00", "responsible": ""}))
        assert tab.get(TaskDialogState, "problems") == {"due": "Choose a date."}
        await tab.send(TaskDialogState.search("ann"))
        assert [(one.name, one.label) for one in tab.get(TaskDialogState, "found")] == [("Anna", "Contact")]
        await tab.send(TaskDialogState.choose(contact.id))
        form = {"task": "Call", "due": "2099-05-06T17:30", "responsible": colleague.user_id}
        await tab.send(TaskDialogState.save(form))
        assert not tab.get(TaskDialogState, "is_open")
        row = only_task(who)
        assert (row.contact_id, row.responsible_id) == (contact.id, colleague.user_id)
        assert row.due_at == datetime(2099, 5, 6, 17, 30, tzinfo=MOSCOW)
        await tab.send(TaskDialogState.edit(row.id))
        assert (tab.get(TaskDialogState, "due"), tab.get(TaskDialogState, "subject")) == ("2099-05-06T17:30", "Anna")
        call(who, contacts.delete, contact.id)
        await tab.send(TaskDialogState.save(form | {"task": "Write", "responsible": "nobody"}))
        row = only_task(who)
        assert (row.text, row.responsible_id, row.contact_id) == ("Write", None, contact.id)


async def test_the_address_opens_a_task_and_closing_takes_it_out(who: Identity, other: Identity) -> None:
    task, theirs = call(who, tasks.create, text="Call"), call(other, tasks.create, text="Secret")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"?task={task.id}&q=ca")
        await tab.until(lambda: seen(tab, TaskDialogState, "is_open"))
        assert tab.get(TaskDialogState, "text") == "Call"
        await tab.send(TaskDialogState.set_open(False), settle=False)
        await tab.until(lambda: '"task": ""' in tab.scripts() and '"q": "ca"' in tab.scripts())
        await opened(tab, f"?task={theirs.id}")
        await tab.until(lambda: "Task not found." in tab.scripts())
        assert "Secret" not in str(tab.seen)


async def test_done_and_taken_back_and_deleted_and_taken_back(who: Identity) -> None:
    task = call(who, tasks.create, text="Call")
    async with Tab(sign_in(who)) as tab:
        await opened(tab)
        await tab.send(TasksState.mark(task.id, True), settle=False)
        await tab.until(lambda: seen(tab, TasksState, "undo_sentence") == "“Call” completed.")
        assert texts(tab) == [] and only_task(who).done_at is not None
        await tab.send(TasksState.undo, settle=False)
        await tab.until(lambda: texts(tab) == ["Call"])
        assert only_task(who).done_at is None
        await tab.send(TasksState.delete(task.id), settle=False)
        await tab.until(lambda: seen(tab, TasksState, "undo_sentence") == "“Call” is deleted.")
        await tab.send(TasksState.undo, settle=False)
        await tab.until(lambda: texts(tab) == ["Call"])
        assert only_task(who).deleted_at is None


async def test_several_are_assigned_postponed_completed_and_deleted(who: Identity) -> None:
    colleague = make_member(who, Role.OPERATOR)
    first, second = (call(who, tasks.create, text=text) for text in ("first", "second"))
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "?view=all")

        async def apply(event: Any) -> list[Task]:
            await tab.send(TasksState.select_all(True), settle=False)
            await tab.until(lambda: len(tab.get(TasksState, "selected")) == 2)
            await tab.send(event, settle=False)
            await tab.until(lambda: tab.get(TasksState, "selected") == [])
            return [call(who, tasks.get, row.id) for row in (first, second)]

        assigned = await apply(TasksState.assign_selected(colleague.user_id))
        assert {row.responsible_id for row in assigned} == {colleague.user_id}
        postponed = await apply(TasksState.postpone_selected("week"))
        assert {row.due_at.astimezone(MOSCOW).strftime("%a %H:%M") for row in postponed if row.due_at} == {"Mon 09:00"}
        await tab.send(TasksState.select_row(first.id, True))
        await tab.send(TasksState.postpone_selected("date"))
        assert tab.get(TasksState, "date_for") == [first.id]
        await tab.send(TasksState.postpone_to({"due": ""}))
        assert tab.get(TasksState, "date_problem") == "Choose a date."
        await tab.send(TasksState.postpone_to({"due": "2099-01-02T03:04"}))
        assert call(who, tasks.get, first.id).due_at == datetime(2099, 1, 2, 3, 4, tzinfo=MOSCOW)
        assert call(who, tasks.get, second.id).due_at < now() + timedelta(days=8)
        done = await apply(TasksState.complete_selected)
        assert all(row.done_at for row in done) and tab.get(TasksState, "undo_sentence") == "2 tasks are done."
        await tab.send(TasksState.undo, settle=False)
        await tab.until(lambda: len(texts(tab)) == 2)
        await tab.send(TasksState.select_all(True))
        await tab.send(TasksState.delete_selected, settle=False)
        await tab.until(lambda: seen(tab, TasksState, "undo_sentence") == "2 tasks deleted")
        assert texts(tab) == []


async def test_a_viewer_reads_and_changes_nothing(who: Identity) -> None:
    task, viewer = call(who, tasks.create, text="Call"), make_member(who, Role.VIEWER)
    async with Tab(sign_in(viewer)) as tab:
        await opened(tab, f"?view=all&task={task.id}")
        await tab.until(lambda: seen(tab, TaskDialogState, "is_open"))
        for event in (TasksState.mark(task.id, True), TaskDialogState.save({"task": "Mine"})):
            await tab.send(event)
        row = only_task(who)
        assert (texts(tab), row.done_at, row.text) == (["Call"], None, "Call")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("tomorrow", "2026-11-24 17:30"), ("days", "2026-11-26 17:30"), ("week", "2026-11-30 17:30")],
)
def test_postponed_by_days_of_the_tenant_at_the_same_time(choice: str, expected: str) -> None:
    with at(datetime(2026, 11, 23, 0, 30, tzinfo=MOSCOW)):  # a Monday; in UTC it is still Sunday
        due = datetime(2026, 11, 20, 17, 30, tzinfo=MOSCOW)
        found = due_times.postponed_due(choice, due, "Europe/Moscow")
    assert f"{found:%Y-%m-%d %H:%M}" == expected
    with pytest.raises(Invalid):
        due_times.postponed_due("never", due, "Europe/Moscow")


def test_days_beside_today_are_named() -> None:
    with at(datetime(2026, 11, 23, 23, 30, tzinfo=MOSCOW)):
        tomorrow = datetime(2026, 11, 24, 0, 5, tzinfo=MOSCOW)
        assert due_times.due_words(tomorrow, "en", "Europe/Moscow") == "Tomorrow, 00:05"
        assert due_times.due_words(tomorrow, "en", "UTC") == "Today, 21:05"
        assert due_times.due_words(tomorrow + timedelta(days=5), "ru", "UTC") == "28 нояб. 2026, 21:05"
