"""Fact snapshots: the facts about a conversation, its contact and its lead, at a reply or an event."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import col

from platform_app import attached_texts, custom_fields
from platform_app.automation import fact_json, values
from platform_app.automation.facts import Catalogue, Facts, NamedValue, Value, catalogue
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.models.agent import Agent
from platform_app.models.base import Owned
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.crm import UNNAMED, Contact, CustomField, Holder, Lead, LeadContact, Pipeline, Stage
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Member, Tenant, User
from platform_app.models.sequence import Sequence
from platform_app.models.webhook import IncomingWebhook

OwnedRow = TypeVar("OwnedRow", bound=Owned)


class PromptMessage(NamedTuple):
    """The columns of a message that prompts use."""

    author: Author
    text: str
    created_at: datetime
    state: MessageState
    id: str
    is_read: bool = False  # a program has turned a recording or picture of it into text


class RecentMessages(NamedTuple):
    """The newest messages of a conversation, and counts of all messages of the contact."""

    messages: list[PromptMessage]  # oldest first
    contact_count: int  # messages of the contact
    last_contact_at: datetime | None  # when the contact last wrote


def recent_messages(session: Transaction, conversation: Conversation, *, limit: int) -> RecentMessages:
    """Return the newest `limit` messages of a conversation, without those that were deleted at the channel or replaced.

    Their texts hold what was said in recordings and what pictures show.
    """
    kept = current_messages(conversation).where(col(Message.revoked_at).is_(None))
    newest_first = kept.order_by(col(Message.created_at).desc(), col(Message.id).desc())
    other: Any = aliased(Message)
    theirs = owned(other, conversation.tenant_id).where(
        other.conversation_id == conversation.id, other.replaced.is_(False), other.author == Author.CONTACT
    )
    counted = [
        theirs.with_only_columns(of).scalar_subquery() for of in (func.count(other.id), func.max(other.created_at))
    ]
    columns = (Message.author, Message.text, Message.created_at, Message.state, Message.id, *counted)
    rows = session.execute(newest_first.limit(limit).with_only_columns(*columns)).all()
    if not rows:
        return RecentMessages([], 0, None)
    messages = [PromptMessage(*row[:5]) for row in reversed(rows)]
    texts = {row.id: row.text for row in messages if row.author == Author.CONTACT}
    texts = attached_texts.with_texts(session, conversation.tenant_id, texts)
    read = {row.id for row in messages if texts.get(row.id, row.text) != row.text}
    messages = [row._replace(text=texts[row.id], is_read=True) if row.id in read else row for row in messages]
    return RecentMessages(messages, rows[0][5], rows[0][6])


def current_messages(conversation: Conversation) -> Any:
    """Return the query of a conversation's messages without suggestions and those replaced by an edit or a retry."""
    return owned(Message, conversation.tenant_id).where(
        Message.conversation_id == conversation.id,
        col(Message.replaced).is_(False),
        col(Message.is_suggestion).is_(False),
    )


def conversation_facts(
    session: Transaction,
    conversation: Conversation,
    agent_name: str,
    text: str,
    *,
    recent: RecentMessages | None = None,
) -> tuple[Facts, str | None]:
    """Return the facts for a reply, and the id of the stage: the conversation's own, else the lead's.

    `recent` are the conversation's messages if they are read already.
    """
    tenant = _tenant(session, conversation.tenant_id)
    lead = _row(session, Lead, conversation.lead_id)
    contact = _row(session, Contact, conversation.contact_id)
    stage_id = conversation.stage_id or (lead.stage_id if lead else None)
    values: dict[str, Value] = {
        "agent.name": NamedValue(conversation.agent_id, agent_name),
        "tenant.name": tenant.name,
        "message.text": text,
        **clock_facts(now(), tenant.time_zone),
        **(
            _conversation_values(conversation, recent.contact_count, recent.last_contact_at)
            if recent
            else _message_counts(session, conversation)
        ),
        **_stage_values(session, stage_id),
        **_contact_and_lead(session, tenant, contact, lead),
    }
    return Facts(values, zone=tenant.time_zone, language=tenant.language), stage_id


def lead_facts(session: Transaction, tenant_id: str, lead_id: str, agent: NamedValue) -> Facts:
    """Return the facts that a conversation with a lead would have, for the preview of a text."""
    lead: Lead | None = session.exec(owned(Lead, tenant_id).where(Lead.id == lead_id)).first()
    talk = Conversation(tenant_id=tenant_id, agent_id=agent.id, lead_id=lead.id if lead else None)
    talk.contact_id = lead.contact_id if lead else None
    return conversation_facts(session, talk, agent.name, "")[0]


def snapshot(session: Transaction, event: Event) -> dict[str, Any]:
    """Return, as JSON values, the facts at an event that has just happened, and the former values it changed."""
    tenant, talk, lead, contact = event_subjects(session, event)
    agent = _row(session, Agent, event.agent_id)
    stage_id = (talk.stage_id if talk else None) or (lead.stage_id if lead else None)
    found: dict[str, Value] = {
        "tenant.name": tenant.name,
        "agent.name": NamedValue(agent.id, agent.name) if agent else None,
        **(_message_counts(session, talk) if talk else {}),
        **_stage_values(session, stage_id),
        **_contact_and_lead(session, tenant, contact, lead),
        **custom_fields.delivery_values(session, event, tenant.time_zone),
        **{name: str(event.after.get(key) or "") or None for name, key in _EVENT_TEXTS.get(event.kind, ())},
    }
    if event.kind == EventKind.CONVERSATION_RATED:
        found["rating.stars"] = Decimal(event.after["stars"])
    before = fact_json.to_json(_previous_values(session, event, tenant.time_zone), with_unknown=True)
    return {
        "values": fact_json.to_json(found),
        "before": before,
        "zone": tenant.time_zone,
        "language": tenant.language,
    }


def event_subjects(
    session: Transaction, event: Event
) -> tuple[Tenant, Conversation | None, Lead | None, Contact | None]:
    """Return the tenant, conversation, lead and contact that an event is about."""
    talk = _row(session, Conversation, event.conversation_id)
    lead = _row(session, Lead, event.lead_id or (talk.lead_id if talk else None))
    contact = _row(session, Contact, event.contact_id or (talk.contact_id if talk else None))
    return _tenant(session, event.tenant_id), talk, lead, contact


_CLOCK = frozenset(("now", "clock.time", "clock.weekday"))
_EVENT_TEXTS: Mapping[EventKind, tuple[tuple[str, str], ...]] = {
    EventKind.MESSAGE_RECEIVED: (("message.text", "text"),),
    EventKind.REPLY_SENT: (("reply.text", "text"),),
    EventKind.MESSAGE_HELD: (("held.text", "text"),),
    EventKind.CONVERSATION_RATED: (("rating.comment", "comment"),),
    EventKind.NOTE_ADDED: (("note.text", "text"),),
    EventKind.TASK_CREATED: (("task.text", "text"),),
    EventKind.TASK_COMPLETED: (("task.text", "text"),),
    EventKind.TASK_DUE: (("task.text", "text"),),
    EventKind.TAG_ADDED: (("event.tag", "tag"),),
}


def event_facts(event: Event, names: Mapping[str, str] | None = None, *, only: Collection[str] | None = None) -> Facts:
    """Return the facts stored with an event, all or those named in `only`.

    `names` are the names of entities by id.
    """
    kept = event.facts
    zone = str(kept.get("zone") or "UTC")
    held, before = kept.get("values", {}), kept.get("before", {})
    if only is not None:
        held, before = ({name: side[name] for name in only if name in side} for side in (held, before))
    return Facts(
        fact_json.from_json(held)
        | ({} if only is not None and _CLOCK.isdisjoint(only) else clock_facts(event.at, zone)),
        fact_json.from_json(before),
        zone=zone,
        language=str(kept.get("language") or "en"),
        names=names or {},
    )


def _previous_values(session: Transaction, event: Event, zone: str) -> dict[str, Value]:
    """Return the former values of what an event changed, by the names of facts."""
    if event.kind == EventKind.STAGE_CHANGED and event.before:
        return {"lead.stage": NamedValue(event.before["stage_id"], event.before["stage"])}
    if event.kind not in (EventKind.CONTACT_UPDATED, EventKind.LEAD_UPDATED):
        return {}
    holder = Holder.CONTACT if event.kind == EventKind.CONTACT_UPDATED else Holder.LEAD
    found = {
        f"{holder}.{_FACT_NAMES.get(name, name)}": _previous_value(session, name, value)
        for name, value in event.before.items()
        if name in _RECORDED_FIELDS
    }
    if "fields" in event.before:
        held = custom_fields.list_custom_fields(session, event.tenant_id, holder)
        old, new = event.before["fields"], event.after["fields"]
        changed = [row for row in held if old.get(row.key) != new.get(row.key)]
        found |= custom_fields.custom_field_values(changed, old, holder, zone)
    return found


_FACT_NAMES = {"emails": "email", "phones": "phone", "responsible_id": "responsible"}
_RECORDED_FIELDS = frozenset(
    ("name", "emails", "phones", "language", "tags", "title", "budget", "responsible_id", "source")
)


def _previous_value(session: Transaction, name: str, value: Any) -> Value:
    if name == "tags":
        return tuple(value)
    if name in ("emails", "phones"):
        return value[0] if value else None
    if name == "budget":
        return values.parse_exact_number(str(value))
    if name == "language":
        return NamedValue(value, value) if value else None
    return _member(session, value) if name == "responsible_id" else value or None


def fact_catalogue(session: Transaction, tenant_id: str) -> Catalogue:
    """Return the catalogue of all facts of a tenant, with its custom fields."""
    return session.cached("catalogue", lambda: _build_catalogue(session, tenant_id))


def _build_catalogue(session: Transaction, tenant_id: str) -> Catalogue:
    of_webhooks = custom_fields.webhook_field_facts(custom_fields.list_webhook_fields(session, tenant_id))
    return catalogue(
        [*custom_fields.custom_field_facts(custom_fields.list_custom_fields(session, tenant_id)), *of_webhooks]
    )


def entity_names(session: Transaction, tenant_id: str) -> dict[str, str]:
    """Return the names of what conditions refer to by id: stages, pipelines, agents, sequences, webhooks, members."""
    return session.cached("names", lambda: _read_entity_names(session, tenant_id))


def _read_entity_names(session: Transaction, tenant_id: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for model in (Stage, Pipeline, Agent, Sequence, IncomingWebhook):
        query = owned(model, tenant_id).with_only_columns(model.id, model.name)
        found |= {row_id: name for row_id, name in session.execute(query)}  # noqa: C416
    query = (
        owned(Member, tenant_id).with_only_columns(User.id, User.name, Member.id).join(User, User.id == Member.user_id)
    )
    return found | {user_id: name for user_id, name, _ in session.execute(query)}


def clock_facts(at: datetime, zone: str) -> dict[str, Value]:
    """Return the facts that follow from a moment in a time zone."""
    there = at.astimezone(ZoneInfo(zone))
    weekday = str(there.isoweekday())
    return {"now": at, "clock.time": there.time().replace(microsecond=0), "clock.weekday": NamedValue(weekday, weekday)}


def _tenant(session: Transaction, tenant_id: str) -> Tenant:
    tenant = session.get(Tenant, tenant_id)
    assert tenant is not None
    return tenant


def _row(session: Transaction, model: type[OwnedRow], row_id: str | None) -> OwnedRow | None:
    """Return a row of the transaction's tenant; one that the transaction has read is not read again."""
    return session.get(model, row_id) if row_id else None


def _contact_and_lead(
    session: Transaction, tenant: Tenant, contact: Contact | None, lead: Lead | None
) -> dict[str, Value]:
    held = custom_fields.list_custom_fields(session, tenant.id) if contact or lead else []
    found: dict[str, Value] = {}
    if contact is not None:
        found |= _contact_values(contact, held, tenant.time_zone)
    if lead is not None:
        found |= _lead_values(session, lead, held, tenant.time_zone)
    return found


def _message_counts(session: Transaction, conversation: Conversation) -> dict[str, Value]:
    query = current_messages(conversation).where(Message.author == Author.CONTACT)
    count, last = session.execute(query.with_only_columns(func.count(), func.max(Message.created_at))).one()
    return _conversation_values(conversation, count, last)


def _conversation_values(conversation: Conversation, count: int, last: datetime | None) -> dict[str, Value]:
    return {
        "conversation.messages": Decimal(count),
        "conversation.started": conversation.created_at,
        "conversation.last_message": last,
    }


def _contact_values(row: Contact, held: list[CustomField], zone: str) -> dict[str, Value]:
    return {
        "contact.name": None if row.name == UNNAMED else row.name,
        "contact.phone": row.phone or None,
        "contact.email": row.email or None,
        "contact.language": NamedValue(row.language, row.language) if row.language else None,
        "contact.tags": tuple(row.tags),
        "contact.created": row.created_at,
        "contact.source": row.source or None,
        **custom_fields.custom_field_values(held, row.fields, Holder.CONTACT, zone),
    }


def _lead_values(session: Transaction, row: Lead, held: list[CustomField], zone: str) -> dict[str, Value]:
    return {
        "lead.title": row.title,
        "lead.budget": row.budget,
        "lead.responsible": _member(session, row.responsible_id),
        "lead.source": row.source or None,
        "lead.tags": tuple(row.tags),
        "lead.other_contacts": _other_contacts(session, row),
        "lead.created": row.created_at,
        "lead.in_stage_since": row.in_stage_since,
        **custom_fields.custom_field_values(held, row.fields, Holder.LEAD, zone),
    }


def _other_contacts(session: Transaction, row: Lead) -> tuple[str, ...]:
    """Return the names of the further contacts of a lead in the order in which they were added."""
    linked = owned(LeadContact, row.tenant_id).where(LeadContact.lead_id == row.id)
    known = linked.join(Contact, Contact.id == LeadContact.contact_id).where(
        col(Contact.deleted_at).is_(None), Contact.name != UNNAMED
    )
    return tuple(session.exec(known.order_by(LeadContact.id).with_only_columns(Contact.name)).all())


def _member(session: Transaction, user_id: str | None) -> NamedValue | None:
    user = session.get(User, user_id) if user_id else None
    return NamedValue(user.id, user.name) if user else None


def _stage_values(session: Transaction, stage_id: str | None) -> dict[str, Value]:
    stage = _row(session, Stage, stage_id)
    pipeline = _row(session, Pipeline, stage.pipeline_id if stage else None)
    if stage is None or pipeline is None:
        return {}
    return {"lead.stage": NamedValue(stage.id, stage.name), "lead.pipeline": NamedValue(pipeline.id, pipeline.name)}
