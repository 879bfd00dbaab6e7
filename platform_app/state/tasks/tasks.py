"""Tasks: the list of tasks with its views, search, live updates and actions on selected tasks."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Invalid
from platform_app.i18n import plural, translate
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import members
from platform_app.services.crm import tasks
from platform_app.services.tasks import task_list
from platform_app.services.tasks.task_list import MAX_COUNT, NOBODY, TaskFilter, TaskPage, View
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.list_page import ListPage
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option
from platform_app.state.console.page_address import replace_query
from platform_app.state.console.undo import SoftDelete, Undo
from platform_app.state.tasks import due_times
from platform_app.state.tasks.task_rows import TaskRow, build_task_row

ALL = "all"
VIEW_LABELS = {
    View.MINE: "My tasks",
    View.ALL: "All open tasks",
    View.TODAY: "Today",
    View.OVERDUE: "Overdue",
    View.UPCOMING: "Upcoming",
    View.DONE: "Completed",
}
PAUSE_SECONDS = 1.0  # between two live updates, in which further changes are collected


@dataclass
class TaskView:
    """A view with the number of its tasks."""

    name: str
    label: str
    count: str
    href: str


@dataclass
class _TaskListData:
    page: TaskPage
    counts: dict[View, int]
    members: list[Option]
    has_any: bool


class TasksState(ListPage, Undo, rx.State):
    """The tasks of the tenant."""

    view: str = View.MINE.value
    responsible: str = ALL
    rows: list[TaskRow] = []
    views: list[TaskView] = []
    members: list[Option] = []
    has_any: bool = False  # in any view
    date_for: list[str] = []  # the tasks for which a date is asked
    date_problem: str = ""
    _undoes_done: bool = False  # what is undone is that tasks were completed, not deleted

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set view, filters and page from the address, and fetch."""
        view = self.router.url.query_parameters.get("view", View.MINE.value)
        self.view = view if view in VIEW_LABELS else View.MINE.value
        asked = self._read_query(("due",), self._default_order())
        self.responsible = asked.get("responsible", ALL)[:32] or ALL
        self.undo_sentence, self.date_for = "", []
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when a task, or what it refers to, changes."""
        async for _ in subscribe(self, "task", "contact", "lead", pause=PAUSE_SECONDS):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def set_responsible(self, user_id: str) -> Any:
        """Show the tasks of one member, of nobody, or all."""
        self.responsible, self.page, self.selected = user_id[:32] or ALL, 1, []
        return await self._apply_filters()

    @handler(Role.OPERATOR)
    async def mark(self, task_id: str, done: bool) -> Any:
        """Complete a task, which can be undone, or open it again."""
        row = await call(self, tasks.set_done, task_id[:32], done=done)
        await self._fetch()
        if not done:
            return None
        self._deselect(row.id)
        return await self._offer_reopening([row.id], "“{title}” completed.", title=row.text)

    @handler(Role.OPERATOR)
    async def postpone(self, task_id: str, choice: str) -> None:
        """Postpone a task by one of POSTPONEMENTS, or ask for the date."""
        if choice == due_times.DATE:
            self.date_for, self.date_problem = [task_id[:32]], ""
            return
        await call(self, _postpone, task_id[:32], choice)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def ask_date(self, is_open: bool) -> None:
        """Close the dialog that asks for a date, or ask it for the selected tasks."""
        self.date_for, self.date_problem = list(self.selected) if is_open else [], ""

    @handler(Role.OPERATOR)
    async def postpone_to(self, form: dict[str, Any]) -> Any:
        """Postpone the tasks for which a date is asked to that date."""
        zone = (await current_identity(self)).time_zone
        try:
            due = due_times.parse_required_due(str(form.get("due", ""))[:40], zone)
        except Invalid as error:
            self.date_problem = translate((await current_user(self)).language, error.sentence)
            return None
        count = await call(self, tasks.for_each, self.date_for, tasks.save, {"due_at": due})
        self.date_for, self.date_problem = [], ""
        return await self._finish_bulk_action("{count} task postponed", "{count} tasks postponed", count)

    @handler(Role.OPERATOR)
    async def assign(self, task_id: str, user_id: str) -> None:
        """Assign a task to a member, or to nobody."""
        await call(self, tasks.save, task_id[:32], {"responsible_id": _member_id(user_id)})
        await self._fetch()

    @handler(Role.OPERATOR)
    async def complete_selected(self) -> Any:
        """Complete the selected tasks, which can be undone."""
        selected, self.selected = self.selected, []
        count = await call(self, tasks.for_each, selected, tasks.set_done, done=True)
        await self._fetch()
        language = (await current_user(self)).language
        words = plural(language, "{count} task is completed.", "{count} tasks are done.", count)
        return await self._offer_reopening(selected, words)

    @handler(Role.OPERATOR)
    async def postpone_selected(self, choice: str) -> Any:
        """Postpone the selected tasks by one of POSTPONEMENTS, or ask for the date."""
        if choice == due_times.DATE:
            self.date_for, self.date_problem = list(self.selected), ""
            return None
        count = await call(self, tasks.for_each, self.selected, _postpone, choice)
        return await self._finish_bulk_action("{count} task postponed", "{count} tasks postponed", count)

    @handler(Role.OPERATOR)
    async def assign_selected(self, user_id: str) -> Any:
        """Assign the selected tasks to a member, or to nobody."""
        values = {"responsible_id": _member_id(user_id)}
        count = await call(self, tasks.for_each, self.selected, tasks.save, values)
        return await self._finish_bulk_action("{count} task assigned", "{count} tasks assigned", count)

    @handler(Role.OPERATOR)
    async def delete_selected(self) -> Any:
        """Delete the selected tasks."""
        self._undoes_done = False
        selected, self.selected = self.selected, []
        return await self._delete_many(selected, "{count} task deleted", "{count} tasks deleted")

    @rx.var
    def is_filtered(self) -> bool:
        """Whether search or filter are set."""
        return bool(self.search or self.responsible != ALL)

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(tasks.delete, _reopen if self._undoes_done else tasks.restore)

    async def _offer_undo(self, row_id: str, title: str) -> Any:
        self._undoes_done = False
        return await super()._offer_undo(row_id, title)

    async def _offer_reopening(self, task_ids: list[str], sentence: str, **values: str) -> Any:
        """Show the offer to open completed tasks again; return the event that hides it."""
        if not task_ids:
            return None
        self._undoes_done, self._undo_id, self._undo_others = True, task_ids[0], task_ids[1:]
        self.undo_sentence = translate((await current_user(self)).language, sentence, **values)
        return browser.call_handler(TasksState.expire_undo, task_ids[0])

    def _default_order(self) -> str:
        return "-due" if self.view == View.DONE else "due"

    def _filter(self) -> TaskFilter:
        return TaskFilter(View(self.view), "" if self.responsible == ALL else self.responsible, self.search)

    def _href(self, view: View) -> str:
        filters = {"q": self.search.strip(), "responsible": self.responsible}
        kept = {name: value for name, value in filters.items() if value not in ("", ALL)}
        return f"{self.router.url.path}?{urlencode({'view': view.value} | kept)}"

    async def _apply_filters(self) -> Any:
        await self._fetch()
        return replace_query(responsible=self.responsible, **self._query_values(self._default_order()))

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        order = {"descending": self.descending, "page": self.page, "page_size": int(self.size)}
        found = await fetch(self, _read, self._filter(), order)
        self._set_total(found.page.total)
        self.rows = [build_task_row(line, identity, language) for line in found.page.lines]
        self.members, self.has_any = found.members, found.has_any
        self.total_words = plural(language, "{count} task", "{count} tasks", found.page.total)
        self.views = [
            TaskView(view.value, translate(language, words), _count_words(found.counts[view]), self._href(view))
            for view, words in VIEW_LABELS.items()
        ]
        self.loaded = True


def _read(session: Transaction, who: Identity, wanted: TaskFilter, order: dict[str, Any]) -> _TaskListData:
    page = task_list.list_tasks(session, who, wanted, **order)
    people = [Option(user.id, user.name) for user, _ in members.list_members(session, who)]
    counts = task_list.count_views(session, who, wanted)
    return _TaskListData(page, counts, people, has_any=page.total > 0 or task_list.has_any(session, who))


def _postpone(session: Transaction, who: Identity, task_id: str, choice: str) -> Any:
    due = due_times.postponed_due(choice, tasks.get(session, who, task_id).due_at, who.time_zone)
    return tasks.save(session, who, task_id, {"due_at": due})


def _reopen(session: Transaction, who: Identity, task_id: str) -> Any:
    return tasks.set_done(session, who, task_id, done=False)


def _member_id(user_id: str) -> str | None:
    return None if user_id in ("", NOBODY) else user_id[:32]


def _count_words(count: int) -> str:
    return f"{MAX_COUNT}+" if count > MAX_COUNT else str(count) if count else ""
