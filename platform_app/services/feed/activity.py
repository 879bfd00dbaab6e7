"""Activity: what people and the platform did, in sentences for people."""

import re
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import col

from platform_app import notifier
from platform_app.db import Transaction, owned, unscoped
from platform_app.events import cause_of
from platform_app.models.agent import Agent
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Contact, Lead
from platform_app.models.event import Activity, ActivityKind, Event
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity, User
from platform_app.models.rule import Rule
from platform_app.models.script import Script
from platform_app.models.sequence import Sequence
from platform_app.models.webhook import IncomingWebhook
from platform_app.services.notifications import event_notifications


def record(
    session: Transaction,
    tenant_id: str,
    kind: ActivityKind,
    sentence: str,
    *,
    actor: str = "",
    user_id: str | None = None,
    agent_id: str | None = None,
    link: str = "",
    **values: Any,
) -> Activity:
    """Add an activity to this transaction; open dashboards are notified after the commit.

    `sentence` is a message id whose {placeholders} `values` fill; `link` is a path below /manage/{tenant}. The caller
    sets `event_id` if the activity is about an event. Owners and admins are notified of a FAILURE.
    """
    row = Activity(
        tenant_id=tenant_id,
        kind=kind,
        sentence=sentence,
        values=values,
        actor=actor,
        user_id=user_id,
        agent_id=agent_id,
        link=link,
    )
    session.add(row)
    session.after_commit.append(lambda: notifier.publish(tenant_id, "activity", row.id))
    if kind == ActivityKind.FAILURE:
        event_notifications.notify_of_failure(session, row)
    return row


def record_by(session: Transaction, who: Identity, kind: ActivityKind, sentence: str, **values: Any) -> Activity:
    """Add an activity of the acting identity, as `record` does."""
    return record(session, who.tenant_id, kind, sentence, actor=who.name, user_id=who.user_id or None, **values)


def record_crm(session: Transaction, who: Identity, event: Event, sentence: str, **values: Any) -> Activity:
    """Add an activity about the contact, lead or task of an event, as `record` does.

    Its kind is PERSON for a user, RULE in a transaction that automation acts in, else INTEGRATION.
    """
    kind = ActivityKind.PERSON if who.user_id else ActivityKind.RULE if cause_of(session) else ActivityKind.INTEGRATION
    subject = f"/leads/{event.lead_id}" if event.lead_id else f"/contacts/{event.contact_id}"
    row = record_by(session, who, kind, sentence, link=subject, **values)
    row.event_id = event.id
    return row


@dataclass
class FeedRow:
    """Activities of one kind about one subject on one day: the newest, their number, values with current names."""

    newest: Activity
    count: int
    values: dict[str, Any]
    actor: str


def list_feed(
    session: Transaction,
    tenant_id: str,
    *,
    kind: str = "",
    agent_id: str = "",
    user_id: str = "",
    limit: int = 30,
    zone: str = "UTC",
) -> list[FeedRow]:
    """Return the newest activities with current names.

    Those repeated about one subject on one day of a time zone are one row.
    """
    options = {"kind": kind, "agent_id": agent_id, "user_id": user_id}
    grouped: dict[Any, FeedRow] = {}
    for row in list_activities(session, tenant_id, **options, limit=limit * _READ_FACTOR):
        day = row.at.astimezone(ZoneInfo(zone)).date()
        key = (day, row.kind, row.sentence, row.link, row.actor) if row.link else row.id
        if key in grouped:
            grouped[key].count += 1
        elif len(grouped) < limit:
            grouped[key] = FeedRow(row, 1, dict(row.values), row.actor)
    _use_current_names(session, tenant_id, list(grouped.values()))
    return list(grouped.values())


_READ_FACTOR = 5  # activities read for each row of the feed
# By the first part of a link: the column with the current name, and the value of the sentence that holds the name.
_SUBJECTS: dict[str, tuple[Any, str]] = {
    "agents": (Agent.name, "name"),
    "contacts": (Contact.name, "name"),
    "leads": (Lead.title, "title"),
    "knowledge": (Source.title, "title"),
    "rules": (Rule.name, "name"),
    "sequences": (Sequence.name, "name"),
    "webhooks": (IncomingWebhook.name, "name"),
    "scripts": (Script.title, "title"),
    "test-chat": (Conversation.title, "title"),
    "inbox": (Conversation.title, "title"),
}
_LINK = re.compile(r"/(?:agents/[0-9a-f]{32}/)?(\w[\w-]*)(?:/|\?c=)([0-9a-f]{32})$")


def _use_current_names(session: Transaction, tenant_id: str, rows: list[FeedRow]) -> None:
    """Replace the recorded names by current ones; a deleted subject keeps its recorded name."""
    wanted: dict[str, set[str]] = {"agents": {row.newest.agent_id for row in rows if row.newest.agent_id}}
    subjects: dict[int, tuple[str, str]] = {}
    for place, row in enumerate(rows):
        match = _LINK.fullmatch(row.newest.link)
        if match and match[1] in _SUBJECTS:
            subjects[place] = (match[1], match[2])
            wanted.setdefault(match[1], set()).add(match[2])
    names = {noun: _names(session, tenant_id, _SUBJECTS[noun][0], ids) for noun, ids in wanted.items() if ids}
    people = _people(session, {row.newest.user_id for row in rows if row.newest.user_id})
    for place, row in enumerate(rows):
        noun, subject_id = subjects.get(place, ("", ""))
        if name := names.get(noun, {}).get(subject_id):
            value = next((key for key in (_SUBJECTS[noun][1], "title", "name") if key in row.values), "")
            row.values |= {value: name[:80]} if value else {}
        agent = names.get("agents", {}).get(row.newest.agent_id or "")
        if agent and "agent" in row.values:
            row.actor = agent if row.actor == row.values["agent"] else row.actor
            row.values["agent"] = agent
        row.actor = people.get(row.newest.user_id or "", row.actor)


def _names(session: Transaction, tenant_id: str, column: Any, ids: set[str]) -> dict[str, str]:
    model = column.class_
    query = owned(model, tenant_id).where(model.id.in_(ids)).with_only_columns(model.id, column)
    return dict(iter(session.execute(query)))


def _people(session: Transaction, ids: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    query = unscoped(User).where(col(User.id).in_(ids)).with_only_columns(User.id, User.name)
    return dict(iter(session.execute(query)))


def list_activities(
    session: Transaction, tenant_id: str, *, kind: str = "", agent_id: str = "", user_id: str = "", limit: int = 30
) -> list[Activity]:
    """Return the newest activities, filtered by kind, agent and user where given."""
    query = owned(Activity, tenant_id).order_by(col(Activity.at).desc(), col(Activity.id).desc()).limit(limit)
    if kind:
        query = query.where(Activity.kind == kind)
    if agent_id:
        query = query.where(Activity.agent_id == agent_id)
    if user_id:
        query = query.where(Activity.user_id == user_id)
    return list(session.exec(query).all())
