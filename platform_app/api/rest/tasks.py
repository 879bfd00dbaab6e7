"""Tasks: what members have to do."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field
from sqlmodel import col

from platform_app.api.rest.fields import Id, ListQuery, Moment, Name, Page, View, page
from platform_app.api.rest.operations import Call, Input, operation
from platform_app.db import owned
from platform_app.models.crm import Task
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.crm import tasks

READ, WRITE = Scope.TASKS_READ, Scope.TASKS_WRITE
TaskText = Annotated[Name, Field(max_length=200)]


class TaskState(StrEnum):
    """Whether a task is done."""

    OPEN = "open"
    DONE = "done"


class TaskView(View):
    """A task of a member."""

    id: str
    created_at: datetime
    text: str
    contact_id: str | None
    lead_id: str | None
    conversation_id: str | None
    responsible_id: str | None
    due_at: datetime | None
    done_at: datetime | None


class TaskQuery(ListQuery):
    """What a list of tasks shows."""

    state: TaskState | None = None
    responsible_id: Id | None = None
    contact_id: Id | None = None
    lead_id: Id | None = None


class NewTask(Input):
    """A new task; without a responsible member nobody is."""

    text: TaskText
    contact_id: Id | None = None
    lead_id: Id | None = None
    responsible_id: Id | None = None
    due_at: Moment | None = None


class TaskChanges(Input):
    """Values of a task; those that are left out stay as they are. `due_at` null takes the date away."""

    text: TaskText | None = None
    responsible_id: Id | None = None
    due_at: Moment | None = None
    done: bool | None = None


@operation("GET", "/tasks", READ, query=TaskQuery, answer=Page[TaskView])
def list_tasks(call: Call) -> Page[TaskView]:
    """List tasks, the newest first."""
    query = owned(Task, call.who.tenant_id).where(col(Task.deleted_at).is_(None))
    for name in ("responsible_id", "contact_id", "lead_id"):
        if (value := getattr(call.query, name)) is not None:
            query = query.where(getattr(Task, name) == value)
    if call.query.state is not None:
        is_open = col(Task.done_at).is_(None)
        query = query.where(is_open if call.query.state == TaskState.OPEN else ~is_open)
    return page(call.session, query, call.query, model=Task, view=TaskView)


@operation("POST", "/tasks", WRITE, body=NewTask, answer=TaskView, status=201)
def create_task(call: Call) -> TaskView:
    """Create a task."""
    given: NewTask = call.body
    values = given.model_dump() | {"responsible_id": given.responsible_id or ""}
    return TaskView.model_validate(tasks.create(call.session, call.who, **values))


@operation("GET", "/tasks/{task_id}", READ, answer=TaskView)
def get_task(call: Call) -> TaskView:
    """Read a task."""
    return TaskView.model_validate(tasks.get(call.session, call.who, call.ids["task_id"]))


@operation("PATCH", "/tasks/{task_id}", WRITE, body=TaskChanges, answer=TaskView)
def change_task(call: Call) -> TaskView:
    """Change a task, complete it or open it again."""
    given: TaskChanges = call.body
    values = {name: getattr(given, name) for name in given.model_fields_set - {"done"}}
    values = {name: value for name, value in values.items() if value is not None or name == "due_at"}
    row = tasks.save(call.session, call.who, call.ids["task_id"], values)
    if given.done is not None:
        row = tasks.set_done(call.session, call.who, row.id, done=given.done)
    return TaskView.model_validate(row)


@operation("DELETE", "/tasks/{task_id}", WRITE, status=204)
def delete_task(call: Call) -> None:
    """Move a task to the bin."""
    tasks.delete(call.session, call.who, call.ids["task_id"])
