"""Task list: views, counts and search of tasks, what made them, and changes that can be taken back."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.errors import Invalid, NotFound
from platform_app.models.crm import Holder, Task
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import member_changes
from platform_app.services.crm import cards, contacts, leads, tasks
from platform_app.services.tasks import task_list
from platform_app.services.tasks.task_list import NOBODY, TaskFilter, TaskPage, View
from platform_app.services.tasks.task_origins import OriginKind
from tests.conftest import make_member
from tests.rules.test_rules import a_rule
from tests.sequencing import a_sequence, at, do, enrolled, work
from tests.talking import a_stage, call, run_jobs

NOON = datetime(2026, 11, 23, 12, tzinfo=ZoneInfo("Europe/Moscow"))


def add(who: Identity, text: str, due: datetime | None = None, **more: object) -> str:
    """Create a task; return its id."""
    return str(call(who, tasks.create, text=text, due_at=due, **more).id)


def listed(who: Identity, view: View, **more: str) -> list[str]:
    """Return the texts of the tasks of a view."""
    found: TaskPage = call(who, task_list.list_tasks, TaskFilter(view, **more))
    assert found.total == len(found.lines)
    return [line.row.text for line in found.lines]


def read(who: Identity, task_id: str) -> Task:
    found: Task = call(who, tasks.get, task_id)
    return found


def test_views_follow_the_day_of_the_tenant(who: Identity) -> None:
    with at(NOON):
        midnight = NOON.replace(hour=0)
        add(who, "tonight", midnight + timedelta(hours=23, minutes=59))
        add(who, "this morning", midnight)
        add(who, "tomorrow", midnight + timedelta(days=1))
        add(who, "last night", midnight - timedelta(minutes=1))
        add(who, "some day")
        done = add(who, "done", midnight)
        call(who, tasks.set_done, done, done=True)
        assert listed(who, View.TODAY) == ["this morning", "tonight"]
        assert listed(who, View.OVERDUE) == ["last night", "this morning"]
        assert listed(who, View.UPCOMING) == ["tomorrow"]
        assert listed(who, View.DONE) == ["done"]
        assert listed(who, View.ALL) == ["last night", "this morning", "tonight", "tomorrow", "some day"]
        counts = call(who, task_list.count_views, TaskFilter())
    assert counts == {
        View.MINE: 5, View.ALL: 5, View.TODAY: 2, View.OVERDUE: 2, View.UPCOMING: 1, View.DONE: 1,
    }  # fmt: skip


def test_tasks_of_one_member_and_of_nobody(who: Identity) -> None:
    colleague = make_member(who, Role.OPERATOR)
    add(who, "mine")
    add(who, "theirs", responsible_id=colleague.user_id)
    add(who, "open to all", responsible_id="")
    assert listed(who, View.MINE) == ["mine"] and listed(colleague, View.MINE) == ["theirs"]
    assert listed(who, View.ALL, responsible_id=colleague.user_id) == ["theirs"]
    assert listed(who, View.ALL, responsible_id=NOBODY) == ["open to all"]
    assert call(who, task_list.count_views, TaskFilter(responsible_id=NOBODY))[View.ALL] == 1


def test_a_search_finds_texts_and_contacts_in_any_case(who: Identity, other: Identity) -> None:
    contact = call(who, contacts.create, name="Ёлкин Пётр")
    add(who, "Перезвонить по счёту", contact_id=contact.id)
    add(who, "Send 100% of it")
    add(other, "Перезвонить чужому")
    assert listed(who, View.ALL, search="СЧЕТУ перезвонить") == ["Перезвонить по счёту"]
    assert listed(who, View.MINE, search="елкин") == ["Перезвонить по счёту"]
    assert listed(who, View.ALL, search="100%") == ["Send 100% of it"]
    assert listed(who, View.ALL, search="1%0") == []


def test_pages_are_turned_and_a_deleted_contact_is_not_named(who: Identity) -> None:
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    for place in range(3):
        add(who, f"task {place}", now() + timedelta(hours=place + 1), lead_id=lead.id)
    page = call(who, task_list.list_tasks, TaskFilter(View.ALL), page=2, page_size=2)
    assert (page.total, [line.row.text for line in page.lines]) == (3, ["task 2"])
    assert (page.lines[0].contact, page.lines[0].lead, page.lines[0].responsible) == ("Anna", "Bike", who.name)
    call(who, contacts.delete, contact.id)
    backwards = call(who, task_list.list_tasks, TaskFilter(View.ALL), descending=True, page_size=1)
    assert [(line.row.text, line.contact, line.lead) for line in backwards.lines] == [("task 2", "", "Bike")]


def test_a_task_tells_which_rule_or_sequence_made_it(who: Identity) -> None:
    a_rule(who, "lead_created", {"kind": "create_task", "text": "by rule", "days": "1"}, name="Greeting")
    sequence = a_sequence(who, do("one", {"kind": "create_task", "text": "by sequence"}), name="Follow-up")
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    run_jobs(who)
    (enrollment,) = enrolled(who, sequence, lead.id)
    work(who)
    add(who, "by hand")
    lines = {line.row.text: line for line in call(who, task_list.list_tasks, TaskFilter(View.ALL)).lines}
    kinds = {text: (line.origin.kind, line.origin.name) for text, line in lines.items()}
    assert kinds == {
        "by rule": (OriginKind.RULE, "Greeting"),
        "by sequence": (OriginKind.SEQUENCE, "Follow-up"),
        "by hand": (OriginKind.MEMBER, who.name),
    }
    assert lines["by rule"].origin.link.startswith("/rules/runs/")
    assert lines["by sequence"].origin.link == f"/sequences/enrollments/{enrollment}"
    assert lines["by hand"].origin.link == f"/events/{lines['by hand'].row.event_id}"


def test_values_are_changed_and_checked(who: Identity, other: Identity) -> None:
    task, theirs = add(who, "Call"), call(other, contacts.create, name="Theirs").id
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    call(who, tasks.save, task, {"text": " Call  back ", "lead_id": lead.id, "responsible_id": ""})
    row = read(who, task)
    assert (row.text, row.lead_id, row.contact_id, row.responsible_id) == ("Call back", lead.id, contact.id, None)
    assert row.search_text == "call back\n"
    call(who, tasks.save, task, {"contact_id": contact.id, "lead_id": None})
    assert (read(who, task).lead_id, read(who, task).contact_id) == (None, contact.id)
    for values in ({"text": " "}, {"text": "x" * 501}, {"done_at": now()}):
        with pytest.raises(Invalid):
            call(who, tasks.save, task, values)
    for values in ({"contact_id": theirs}, {"responsible_id": other.user_id}):
        with pytest.raises(NotFound):
            call(who, tasks.save, task, values)
    with pytest.raises(NotFound):
        call(other, tasks.save, task, {"text": "Mine now"})


def test_a_deleted_task_is_nowhere_and_comes_back(who: Identity) -> None:
    contact = call(who, contacts.create, name="Anna")
    task = add(who, "Call", now() + timedelta(hours=1), contact_id=contact.id)
    call(who, tasks.delete, task)
    assert listed(who, View.ALL) == [] == call(who, cards.get_card, Holder.CONTACT, contact.id).tasks
    assert call(who, member_changes.count_assigned, who.user_id) == (0, 0)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert not task_list.has_any(session, who)
    for change in (tasks.delete, tasks.get):
        with pytest.raises(NotFound):
            call(who, change, task)
    call(who, tasks.restore, task)
    assert listed(who, View.ALL) == ["Call"] and read(who, task).remind_at == read(who, task).due_at
    with pytest.raises(NotFound):
        call(who, tasks.restore, task)


def test_several_are_changed_and_what_is_gone_is_left_out(who: Identity, other: Identity) -> None:
    first, second, gone = (add(who, text) for text in ("first", "second", "gone"))
    call(who, tasks.delete, gone)
    theirs = add(other, "theirs")
    chosen = [first, second, gone, theirs]
    assert call(who, tasks.for_each, chosen, tasks.set_done, done=True) == 2
    assert sorted(listed(who, View.DONE)) == ["first", "second"] and listed(other, View.ALL) == ["theirs"]
