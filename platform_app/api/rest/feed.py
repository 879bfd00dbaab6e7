"""Feed: events, and the activity of people and platform."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from platform_app.api.rest.fields import Id, ListQuery, Page, View, page
from platform_app.api.rest.operations import Call, operation
from platform_app.db import owned
from platform_app.i18n import translate_stored
from platform_app.models.event import Activity, ActivityKind, Event, EventKind
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.feed import event_log


class EventView(View):
    """Something that happened, with the state before and after."""

    id: str
    at: datetime
    kind: EventKind
    agent_id: str | None
    conversation_id: str | None
    message_id: str | None
    contact_id: str | None
    lead_id: str | None
    before: dict[str, Any]
    after: dict[str, Any]
    depth: int
    cause_id: str | None


class EventQuery(ListQuery):
    """What a list of events shows."""

    kind: EventKind | None = None
    agent_id: Id | None = None
    conversation_id: Id | None = None
    contact_id: Id | None = None
    lead_id: Id | None = None


class ActivityView(BaseModel):
    """What people or the platform did, in words, in the language of the key's member."""

    id: str
    at: datetime
    kind: ActivityKind
    text: str
    actor: str
    user_id: str | None
    agent_id: str | None
    event_id: str | None


class ActivityQuery(ListQuery):
    """What a list of activities shows."""

    kind: ActivityKind | None = None
    agent_id: Id | None = None
    user_id: Id | None = None


@operation("GET", "/events", Scope.EVENTS_READ, query=EventQuery, answer=Page[EventView])
def list_events(call: Call) -> Page[EventView]:
    """List events, the newest first."""
    query = owned(Event, call.who.tenant_id)
    for name in ("kind", "agent_id", "conversation_id", "contact_id", "lead_id"):
        if (value := getattr(call.query, name)) is not None:
            query = query.where(getattr(Event, name) == value)
    return page(call.session, query, call.query, model=Event, view=EventView)


@operation("GET", "/events/{event_id}", Scope.EVENTS_READ, answer=EventView)
def get_event(call: Call) -> EventView:
    """Read an event."""
    return EventView.model_validate(event_log.get(call.session, call.who, call.ids["event_id"]))


@operation("GET", "/activity", Scope.ACTIVITY_READ, query=ActivityQuery, answer=Page[ActivityView])
def list_activity(call: Call) -> Page[ActivityView]:
    """List activities, the newest first."""
    query = owned(Activity, call.who.tenant_id)
    for name in ("kind", "agent_id", "user_id"):
        if (value := getattr(call.query, name)) is not None:
            query = query.where(getattr(Activity, name) == value)
    language = call.who.language

    def show(row: Activity) -> ActivityView:
        told = {name: getattr(row, name) for name in ActivityView.model_fields if name != "text"}
        return ActivityView(**told, text=translate_stored(language, row.sentence, row.values))

    return page(call.session, query, call.query, model=Activity, view=ActivityView, show=show)
