"""Event log: lists of past events."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import String, column, values
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.errors import NotFound
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Contact, Lead
from platform_app.models.event import Event
from platform_app.models.person import Identity

PAGE_SIZE = 50
BATCH_SIZE = 1_000  # events in memory at a time


def list_events(
    session: Transaction,
    who: Identity,
    *,
    kind: str = "",
    agent_id: str = "",
    led: str = "",
    page: int = 1,
    size: int = PAGE_SIZE,
) -> list[Event]:
    """Return a page of events, newest first, with one event more than `size` if there is a next page.

    `led` is "rules" for events caused by automation, "people" for others, "" for all. Pages count from 1.
    """
    query = owned(Event, who.tenant_id)
    if kind:
        query = query.where(Event.kind == kind)
    if agent_id:
        query = query.where(Event.agent_id == agent_id)
    if led:
        query = query.where(Event.depth > 0 if led == "rules" else Event.depth == 0)
    query = query.order_by(col(Event.at).desc(), col(Event.id).desc())
    return list(session.exec(query.offset((max(page, 1) - 1) * size).limit(size + 1)).all())


def get(session: Transaction, who: Identity, event_id: str) -> Event:
    """Return an event. Raises NotFound if there is none."""
    row: Event | None = session.exec(owned(Event, who.tenant_id).where(Event.id == event_id)).first()
    if row is None:
        raise NotFound("Event not found.")
    return row


def subject_names(session: Transaction, who: Identity, events: list[Event]) -> dict[str, str]:
    """Return the name of each event's lead, else contact, else conversation, by event id; "" without one."""
    leads = names_by_id(session, who, Lead, {event.lead_id for event in events})
    contacts = names_by_id(session, who, Contact, {event.contact_id for event in events})
    talks = names_by_id(session, who, Conversation, {event.conversation_id for event in events})
    return {
        event.id: leads.get(event.lead_id or "")
        or contacts.get(event.contact_id or "")
        or talks.get(event.conversation_id or "", "")
        for event in events
    }


def names_by_id(session: Transaction, who: Identity, model: Any, ids: set[str | None]) -> dict[str, str]:
    """Return the names or titles of leads, contacts or conversations by id.

    It uses a join, not a list of ids: SQLite assumes that a tenant has ten rows, and with more ids it would read all.
    """
    asked = [(row_id,) for row_id in sorted(ids - {None, ""})]  # type: ignore[type-var]  # None is subtracted from the set
    if not asked:
        return {}
    wanted = values(column("id", String), name="wanted").data(asked).cte()
    words = model.name if model is Contact else model.title
    query = owned(model, who.tenant_id).join(wanted, wanted.c.id == model.id)
    return {row_id: name for row_id, name in session.execute(query.with_only_columns(model.id, words))}  # noqa: C416


def iterate_events(
    session: Transaction, who: Identity, kinds: list[str], *, after: datetime, columns: tuple[Any, ...] = ()
) -> Iterator[Any]:
    """Yield the events of some kinds since `after` (aware), oldest first, BATCH_SIZE in memory at a time.

    With `columns`, which have to include `at` and `id`, it yields rows of these columns.
    """
    last: tuple[datetime, str] = (after, "")
    while True:
        query = owned(Event, who.tenant_id).where(col(Event.kind).in_(kinds), Event.at >= last[0])
        query = (query.with_only_columns(*columns) if columns else query).order_by(Event.at, Event.id).limit(BATCH_SIZE)
        page = list(session.execute(query).all() if columns else session.exec(query).all())
        fresh = [event for event in page if (event.at, event.id) > last]
        yield from fresh
        if len(page) < BATCH_SIZE or not fresh:
            return
        last = (fresh[-1].at, fresh[-1].id)
        if not columns:
            session.expunge_all()
