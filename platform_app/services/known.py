"""Known: what is known of a conversation, its contact and its lead, as facts."""

from platform_app.automation.facts import Facts, Value
from platform_app.clock import now
from platform_app.db import Transaction, everywhere, owned
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Contact, Lead, Pipeline, Stage
from platform_app.models.person import Tenant


def facts_of_talk(
    session: Transaction, conversation: Conversation, agent_name: str, said: str
) -> tuple[Facts, str | None]:
    """Return what is known when a reply is written, and the stage that counts: the one played in, else the lead's."""
    tenant_id = conversation.tenant_id
    lead = _lead(session, conversation)
    stage_id = conversation.stage_id or (lead.stage_id if lead else None)
    tenant: Tenant = session.exec(everywhere(Tenant).where(Tenant.id == tenant_id)).one()
    values: dict[str, Value] = {
        "agent.name": agent_name,
        "tenant.name": tenant.name,
        "message.text": said,
        "now": now(),
        **_contact(session, conversation),
        **_stage(session, tenant_id, stage_id),
    }
    if lead is not None:
        values |= {"lead.title": lead.title, "lead.budget": lead.budget}
    return Facts(values), stage_id


def facts_of_lead(session: Transaction, tenant_id: str, lead_id: str, agent_name: str) -> Facts:
    """Return what would be known in a conversation with a lead, for looking at a text before it is used."""
    lead: Lead | None = session.exec(owned(Lead, tenant_id).where(Lead.id == lead_id)).first()
    talk = Conversation(tenant_id=tenant_id, agent_id="", lead_id=lead.id if lead else None)
    talk.contact_id = lead.contact_id if lead else None
    return facts_of_talk(session, talk, agent_name, "")[0]


def _lead(session: Transaction, conversation: Conversation) -> Lead | None:
    if not conversation.lead_id:
        return None
    found: Lead | None = session.exec(
        owned(Lead, conversation.tenant_id).where(Lead.id == conversation.lead_id)
    ).first()
    return found


def _contact(session: Transaction, conversation: Conversation) -> dict[str, Value]:
    if not conversation.contact_id:
        return {}
    query = owned(Contact, conversation.tenant_id).where(Contact.id == conversation.contact_id)
    contact: Contact | None = session.exec(query).first()
    if contact is None:
        return {}
    names = ("name", "phone", "email", "language")
    return {f"contact.{name}": getattr(contact, name) or None for name in names}


def _stage(session: Transaction, tenant_id: str, stage_id: str | None) -> dict[str, Value]:
    if not stage_id:
        return {}
    stage: Stage | None = session.exec(owned(Stage, tenant_id).where(Stage.id == stage_id)).first()
    if stage is None:
        return {}
    pipeline: Pipeline = session.exec(owned(Pipeline, tenant_id).where(Pipeline.id == stage.pipeline_id)).one()
    return {"lead.stage": stage.name, "lead.pipeline": pipeline.name}
