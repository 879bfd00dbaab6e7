"""Task dialog: the form in which a task is created or changed."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Invalid, NotFound
from platform_app.i18n import translate
from platform_app.models.crm import Task
from platform_app.models.person import Identity, Role
from platform_app.services.crm import contacts, leads, tasks
from platform_app.services.tasks.task_list import NOBODY
from platform_app.state.console.base import call, current_identity, current_user, error_toast, fetch, handler
from platform_app.state.console.page_address import replace_query
from platform_app.state.tasks.due_times import input_value, parse_due
from platform_app.state.tasks.tasks import TasksState

MAX_FOUND = 6  # contacts, and as many leads


@dataclass
class Subject:
    """A contact or lead that a task can be about."""

    kind: str  # contact, lead
    id: str
    name: str
    label: str  # "Contact", "Lead", in words


class TaskDialogState(rx.State):
    """The dialog of the page of tasks."""

    is_open: bool = False
    task_id: str = ""  # "": a new one
    form_key: str = ""  # changes with every opening, which redraws the fields
    text: str = ""
    due: str = ""
    responsible: str = ""
    subject: str = ""  # name of the contact or lead
    subject_label: str = ""
    found: list[Subject] = []
    has_searched: bool = False
    problems: dict[str, str] = {}
    _openings: int = 0
    _chosen: Subject | None = None  # None: none was chosen, or the link is taken away
    _is_changed: bool = False  # what the task is about

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Open the task in the query of the address, or no dialog."""
        self.is_open = False
        task_id = self.router.url.query_parameters.get("task", "")[:32]
        if not task_id:
            return None
        try:
            await self._show(task_id)
        except NotFound as error:
            return await error_toast(self, error)
        return None

    @handler(Role.OPERATOR)
    async def create(self) -> None:
        """Open the dialog for a new task."""
        self._reset_form()
        self.responsible = (await current_identity(self)).user_id

    @handler(Role.VIEWER)
    async def edit(self, task_id: str) -> None:
        """Open the dialog with a task."""
        await self._show(task_id[:32])

    @handler(Role.VIEWER)
    async def set_open(self, is_open: bool) -> Any:
        """Close the dialog, and take the task out of the address."""
        self.is_open = is_open and self.is_open
        return replace_query(q=(await self.get_state(TasksState)).search, task="")

    @handler(Role.OPERATOR)
    async def search(self, search: str) -> None:
        """Search for contacts and leads that the task can be about."""
        self.has_searched = bool(search.strip())
        language = (await current_user(self)).language
        self.found = await fetch(self, _find_subjects, search[:200], language) if self.has_searched else []

    @handler(Role.OPERATOR)
    async def choose(self, row_id: str) -> None:
        """Choose one of the contacts and leads found; "" chooses none."""
        self._set_subject(next((one for one in self.found if one.id == row_id), None))
        self._is_changed = True

    @handler(Role.OPERATOR)
    async def save(self, form: dict[str, Any]) -> None:
        """Store the task and close the dialog, or show the problem at its field."""
        try:
            values = self._values(form, (await current_identity(self)).time_zone)
            if self.task_id:
                await call(self, tasks.save, self.task_id, values)
            else:
                await call(self, tasks.create, **values)
        except (Invalid, NotFound) as error:
            language = (await current_user(self)).language
            self.problems = {error.field or "task": translate(language, error.sentence, **error.values)}
            return
        self.is_open = False
        await (await self.get_state(TasksState))._fetch()

    def _values(self, form: dict[str, Any], zone: str) -> dict[str, Any]:
        """Return the values of the form by name of field. Raises Invalid if the due time is not a date."""
        user_id = str(form.get("responsible", ""))[:32]
        values = {
            "text": str(form.get("task", ""))[:1_000],
            "due_at": parse_due(str(form.get("due", ""))[:40], zone),
            "responsible_id": "" if user_id == NOBODY else user_id,
        }
        if not self._is_changed:  # the contact may be deleted, and come back
            return values
        kind, row_id = (self._chosen.kind, self._chosen.id) if self._chosen else ("", None)
        return values | {f"{one}_id": row_id if one == kind else None for one in ("contact", "lead")}

    def _set_subject(self, chosen: Subject | None) -> None:
        self._chosen = chosen
        self.subject, self.subject_label = (chosen.name, chosen.label) if chosen else ("", "")
        self.found, self.has_searched = [], False

    def _reset_form(self) -> None:
        self._openings += 1
        self.form_key, self.is_open, self.task_id = str(self._openings), True, ""
        self.text = self.due = self.responsible = ""
        self.problems, self._is_changed = {}, False
        self._set_subject(None)

    async def _show(self, task_id: str) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        row, subject = await fetch(self, _read, task_id, language)
        self._reset_form()
        self.task_id, self.text = row.id, row.text
        self._set_subject(subject)
        self.due, self.responsible = input_value(row.due_at, identity.time_zone), row.responsible_id or NOBODY


def _read(session: Transaction, who: Identity, task_id: str, language: str) -> tuple[Task, Subject | None]:
    row = tasks.get(session, who, task_id)
    try:
        if row.lead_id:
            return row, _subject("lead", row.lead_id, leads.get(session, who, row.lead_id).title, language)
        if row.contact_id:
            return row, _subject("contact", row.contact_id, contacts.get(session, who, row.contact_id).name, language)
    except NotFound:  # deleted
        pass
    return row, None


def _find_subjects(session: Transaction, who: Identity, search: str, language: str) -> list[Subject]:
    people, _ = contacts.list_contacts(session, who, search=search, page_size=MAX_FOUND)
    deals, _ = leads.list_leads(session, who, search=search, page_size=MAX_FOUND)
    return [_subject("contact", one.id, one.name, language) for one in people] + [
        _subject("lead", one.id, one.title, language) for one in deals
    ]


def _subject(kind: str, row_id: str, name: str, language: str) -> Subject:
    return Subject(kind, row_id, name, translate(language, {"contact": "Contact", "lead": "Lead"}[kind]))
