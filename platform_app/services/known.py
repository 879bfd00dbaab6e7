"""Known: what is known of a conversation, its contact and its lead, as facts."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import func

from platform_app.automation.facts import Catalogue, Facts, Named, Value, catalogue
from platform_app.clock import now
from platform_app.db import Transaction, everywhere, owned
from platform_app.models.agent import Agent
from platform_app.models.conversation import Author, Conversation, Message
from platform_app.models.crm import Contact, CustomField, Holder, Lead, Pipeline, Stage
from platform_app.models.person import Member, Tenant, User
from platform_app.services import contacts, fields


def facts_of_talk(
    session: Transaction, conversation: Conversation, agent_name: str, said: str
) -> tuple[Facts, str | None]:
    """Return what is known when a reply is written, and the stage that counts: the one played in, else the lead's."""
    tenant_id = conversation.tenant_id
    lead = _lead(session, conversation)
    stage_id = conversation.stage_id or (lead.stage_id if lead else None)
    tenant: Tenant = session.exec(everywhere(Tenant).where(Tenant.id == tenant_id)).one()
    values: dict[str, Value] = {
        "agent.name": Named(conversation.agent_id, agent_name),
        "tenant.name": tenant.name,
        "message.text": said,
        **_clock(now(), tenant.time_zone),
        **_talk(session, conversation),
        **_stage(session, tenant_id, stage_id),
    }
    contact = _contact(session, conversation)
    held = fields.of_tenant(session, tenant_id) if contact or lead else []
    if contact is not None:
        values |= _of_contact(contact, held, tenant.time_zone)
    if lead is not None:
        values |= _of_lead(session, lead, held, tenant.time_zone)
    return Facts(values, zone=tenant.time_zone, language=tenant.language), stage_id


def facts_of_lead(session: Transaction, tenant_id: str, lead_id: str, agent: Named) -> Facts:
    """Return what would be known in a conversation with a lead, for looking at a text before it is used."""
    lead: Lead | None = session.exec(owned(Lead, tenant_id).where(Lead.id == lead_id)).first()
    talk = Conversation(tenant_id=tenant_id, agent_id=agent.id, lead_id=lead.id if lead else None)
    talk.contact_id = lead.contact_id if lead else None
    return facts_of_talk(session, talk, agent.name, "")[0]


def catalogue_of(session: Transaction, tenant_id: str) -> Catalogue:
    """Return every fact that a tenant can use, its own fields among them."""
    return catalogue(fields.facts(fields.of_tenant(session, tenant_id)))


def names(session: Transaction, tenant_id: str) -> dict[str, str]:
    """Return the names of what conditions hold by id: stages, pipelines, agents, members."""
    found: dict[str, str] = {}
    for model in (Stage, Pipeline, Agent):
        query = owned(model, tenant_id).with_only_columns(model.id, model.name)
        found |= {row_id: name for row_id, name in session.execute(query)}  # noqa: C416
    query = (
        owned(Member, tenant_id).with_only_columns(User.id, User.name, Member.id).join(User, User.id == Member.user_id)
    )
    return found | {user_id: name for user_id, name, _ in session.execute(query)}


def _clock(at: datetime, zone: str) -> dict[str, Value]:
    there = at.astimezone(ZoneInfo(zone))
    weekday = str(there.isoweekday())
    return {"now": at, "clock.time": there.time().replace(microsecond=0), "clock.weekday": Named(weekday, weekday)}


def _talk(session: Transaction, conversation: Conversation) -> dict[str, Value]:
    query = owned(Message, conversation.tenant_id).where(
        Message.conversation_id == conversation.id,
        Message.replaced.is_(False),  # type: ignore[attr-defined]
        Message.author == Author.CONTACT,
    )
    count, last = session.execute(query.with_only_columns(func.count(), func.max(Message.created_at))).one()
    return {
        "conversation.messages": Decimal(count),
        "conversation.started": conversation.created_at,
        "conversation.last_message": last,
    }


def _lead(session: Transaction, conversation: Conversation) -> Lead | None:
    if not conversation.lead_id:
        return None
    found: Lead | None = session.exec(
        owned(Lead, conversation.tenant_id).where(Lead.id == conversation.lead_id)
    ).first()
    return found


def _contact(session: Transaction, conversation: Conversation) -> Contact | None:
    if not conversation.contact_id:
        return None
    query = owned(Contact, conversation.tenant_id).where(Contact.id == conversation.contact_id)
    found: Contact | None = session.exec(query).first()
    return found


def _of_contact(row: Contact, held: list[CustomField], zone: str) -> dict[str, Value]:
    return {
        "contact.name": None if row.name == contacts.UNNAMED else row.name,
        "contact.phone": row.phone or None,
        "contact.email": row.email or None,
        "contact.language": Named(row.language, row.language) if row.language else None,
        "contact.tags": tuple(row.tags),
        "contact.created": row.created_at,
        **fields.typed(held, row.fields, Holder.CONTACT, zone),
    }


def _of_lead(session: Transaction, row: Lead, held: list[CustomField], zone: str) -> dict[str, Value]:
    return {
        "lead.title": row.title,
        "lead.budget": row.budget,
        "lead.responsible": _member(session, row),
        "lead.source": row.source or None,
        "lead.tags": tuple(row.tags),
        "lead.created": row.created_at,
        "lead.in_stage_since": row.in_stage_since,
        **fields.typed(held, row.fields, Holder.LEAD, zone),
    }


def _member(session: Transaction, row: Lead) -> Named | None:
    if not row.responsible_id:
        return None
    user: User | None = session.exec(everywhere(User).where(User.id == row.responsible_id)).first()
    return Named(user.id, user.name) if user else None


def _stage(session: Transaction, tenant_id: str, stage_id: str | None) -> dict[str, Value]:
    if not stage_id:
        return {}
    stage: Stage | None = session.exec(owned(Stage, tenant_id).where(Stage.id == stage_id)).first()
    if stage is None:
        return {}
    pipeline: Pipeline = session.exec(owned(Pipeline, tenant_id).where(Pipeline.id == stage.pipeline_id)).one()
    return {"lead.stage": Named(stage.id, stage.name), "lead.pipeline": Named(pipeline.id, pipeline.name)}
