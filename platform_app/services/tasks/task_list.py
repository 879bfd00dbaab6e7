"""Task list: the views of tasks, their tasks in pages, and how many each view holds."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import col

from platform_app.bounded_count import count_each
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Contact, Lead, Task
from platform_app.models.person import Identity
from platform_app.services.accounts import members
from platform_app.services.chat import conversation_rows
from platform_app.services.crm import contacts, search_text
from platform_app.services.tasks.task_origins import TaskOrigin, origins_of

MAX_COUNT = 99  # counting stops after it: "99+"
MAX_CONTACTS = 50  # whose tasks a search shows
NOBODY = "nobody"


class View(StrEnum):
    """A view of the tasks; all but DONE hold open ones."""

    MINE = "mine"
    ALL = "all"
    TODAY = "today"
    OVERDUE = "overdue"
    UPCOMING = "upcoming"  # due after today
    DONE = "done"


@dataclass(frozen=True)
class TaskFilter:
    """What a list of tasks shows; an empty value does not narrow it."""

    view: View = View.MINE
    responsible_id: str = ""  # a member's user, or NOBODY; not obeyed by MINE
    search: str = ""  # in texts and names of contacts


@dataclass
class TaskLine:
    """A task in the list, with the names of what it refers to; "" if there is none, or it is deleted."""

    row: Task
    responsible: str = ""
    contact: str = ""
    lead: str = ""
    conversation_link: str = ""  # path below that of the tenant
    origin: TaskOrigin | None = None


@dataclass(frozen=True)
class TaskPage:
    """A page of a list, and the number of all tasks that match."""

    lines: list[TaskLine]
    total: int


def list_tasks(
    session: Transaction,
    who: Identity,
    wanted: TaskFilter,
    *,
    descending: bool = False,
    page: int = 1,
    page_size: int = 25,
) -> TaskPage:
    """Return a page of the tasks that a filter lets through, ordered by due time or, of done ones, by when.

    Tasks without a due time come last. Pages count from 1.
    """
    query = _filtered(who, wanted, _found_contacts(session, who, wanted))
    total = int(session.exec(query.with_only_columns(func.count())).one())
    key: Any = col(Task.done_at if wanted.view == View.DONE else Task.due_at)
    order = [key.desc(), col(Task.id).desc()] if descending else [key, col(Task.id)]
    if wanted.view in (View.ALL, View.MINE):
        order.insert(0, key.is_(None))
    shown = query.order_by(*order).offset(max(page - 1, 0) * page_size).limit(page_size)
    return TaskPage(_lines(session, who, list(session.exec(shown).all())), total)


def count_views(session: Transaction, who: Identity, wanted: TaskFilter) -> dict[View, int]:
    """Return how many tasks each view holds with the rest of a filter, at most MAX_COUNT + 1."""
    people = _found_contacts(session, who, wanted)
    queries = [_filtered(who, replace(wanted, view=view), people).with_only_columns(Task.id) for view in View]
    return dict(zip(View, count_each(session, queries, MAX_COUNT), strict=True))


def has_any(session: Transaction, who: Identity) -> bool:
    """Return whether the tenant has a task that is not deleted."""
    return session.exists_each(owned(Task, who.tenant_id).where(col(Task.deleted_at).is_(None)))[0]


def _found_contacts(session: Transaction, who: Identity, wanted: TaskFilter) -> list[str]:
    """Return the ids of contacts whose tasks a search shows."""
    if not wanted.search.strip():
        return []
    named = owned(Contact, who.tenant_id).where(col(Contact.deleted_at).is_(None)).with_only_columns(Contact.id)
    return list(
        session.exec(search_text.filter_rows(named, Contact.search_text, wanted.search).limit(MAX_CONTACTS)).all()
    )


def _filtered(who: Identity, wanted: TaskFilter, people: list[str]) -> Any:
    """Return the query of the tasks that a filter lets through; `people` are contacts that its search found."""
    query = owned(Task, who.tenant_id).where(col(Task.deleted_at).is_(None), *_conditions(who, wanted.view))
    if wanted.view == View.MINE:
        query = query.where(Task.responsible_id == who.user_id)
    elif wanted.responsible_id == NOBODY:
        query = query.where(col(Task.responsible_id).is_(None))
    elif wanted.responsible_id:
        query = query.where(Task.responsible_id == wanted.responsible_id)
    if not wanted.search.strip():
        return query
    has_words = and_(*search_text.search_conditions(col(Task.search_text), wanted.search))
    return query.where(or_(has_words, col(Task.contact_id).in_(people)))


def _conditions(who: Identity, view: View) -> list[ColumnElement[bool]]:
    """Return the conditions of a view on when tasks are due and done; days are those of the tenant's zone."""
    if view == View.DONE:
        return [col(Task.done_at).is_not(None)]
    start, end = _today(who.time_zone)
    due: dict[View, list[ColumnElement[bool]]] = {
        View.TODAY: [col(Task.due_at) >= start, col(Task.due_at) < end],
        View.OVERDUE: [col(Task.due_at) < now()],
        View.UPCOMING: [col(Task.due_at) >= end],
    }
    return [col(Task.done_at).is_(None), *due.get(view, [])]


def _today(zone: str) -> tuple[datetime, datetime]:
    """Return the beginning of today in a time zone, and that of tomorrow."""
    there = now().astimezone(ZoneInfo(zone))
    start = datetime(there.year, there.month, there.day, tzinfo=there.tzinfo)
    tomorrow = there.date() + timedelta(days=1)
    return start, datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=there.tzinfo)


def _lines(session: Transaction, who: Identity, rows: list[Task]) -> list[TaskLine]:
    people = {user.id: user.name for user, _ in members.list_members(session, who)}
    contact_names = contacts.contact_names(session, who, [row.contact_id for row in rows])
    lead_titles = _lead_titles(session, who, {row.lead_id for row in rows if row.lead_id})
    links = _conversation_links(session, who, {row.conversation_id for row in rows if row.conversation_id})
    origins = origins_of(session, who, {row.event_id for row in rows if row.event_id})
    return [
        TaskLine(
            row,
            responsible=people.get(row.responsible_id or "", ""),
            contact=contact_names.get(row.contact_id or "", ""),
            lead=lead_titles.get(row.lead_id or "", ""),
            conversation_link=links.get(row.conversation_id or "", ""),
            origin=origins.get(row.event_id or ""),
        )
        for row in rows
    ]


def _lead_titles(session: Transaction, who: Identity, lead_ids: set[str]) -> dict[str, str]:
    query = owned(Lead, who.tenant_id).where(col(Lead.id).in_(lead_ids), col(Lead.deleted_at).is_(None))
    found = session.execute(query.with_only_columns(Lead.id, Lead.title)).all()
    return {str(row_id): str(title) for row_id, title in found}


def _conversation_links(session: Transaction, who: Identity, ids: set[str]) -> dict[str, str]:
    query = owned(Conversation, who.tenant_id).where(
        col(Conversation.id).in_(ids), col(Conversation.deleted_at).is_(None)
    )
    return {row.id: conversation_rows.link_of(row) for row in session.exec(query).all()}
