"""Demo work: the inbox and the tasks of the demo hold something in every view."""

from platform_app.db import session_scope
from platform_app.models.person import Identity
from platform_app.services.inbox import inbox_list, open_conversation
from platform_app.services.inbox.inbox_list import InboxFilter, View
from platform_app.services.tasks import task_list
from platform_app.services.tasks.task_list import TaskFilter
from platform_app.services.tasks.task_list import View as TaskView
from platform_app.services.tasks.task_origins import OriginKind
from tests.demo.test_demo import load


def test_the_inbox_has_a_conversation_of_each_kind(who: Identity) -> None:
    load(who)
    views = (View.OPEN, View.PERSON, View.MINE, View.APPROVAL, View.CLOSED)
    with session_scope(who.tenant_id, read_only=True) as session:
        counted = inbox_list.count_views(session, who, InboxFilter())
        lines = inbox_list.list_conversations(session, who, InboxFilter()).lines
        found = inbox_list.list_conversations(session, who, InboxFilter(search="lift")).lines
        taken = inbox_list.list_conversations(session, who, InboxFilter(View.MINE)).lines[0]
        opened = open_conversation.read(session, who, taken.row.id, limit=9)
    assert [counted[view] for view in views] == [4, 2, 1, 1, 1]
    assert [(line.contact, line.is_unread, line.awaits_approval) for line in lines] == [
        ("Nina Frost", True, True),
        ("John Reed", True, False),
        ("Omar Aziz", False, False),
        ("Lucy Hart", False, False),
    ]
    assert [line.contact for line in found] == ["John Reed"] and taken.row.in_charge == who.name
    assert [message.state.value for message in opened.messages] == ["complete"] * 3 + ["note", "complete"]


def test_tasks_are_overdue_due_today_and_later(who: Identity) -> None:
    load(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        counted = task_list.count_views(session, who, TaskFilter())
        lines = task_list.list_tasks(session, who, TaskFilter(TaskView.ALL)).lines
    assert counted[TaskView.TODAY] == 1 and counted[TaskView.UPCOMING] == 2 and counted[TaskView.DONE] == 1
    assert counted[TaskView.OVERDUE] in (1, 2)  # the one of today is due at 17:00
    (question,) = (line for line in lines if not line.row.due_at)
    assert question.conversation_link and question.origin and question.origin.kind == OriginKind.AGENT
