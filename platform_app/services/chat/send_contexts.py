"""Send contexts: the circumstances of a message, as the send gate judges them."""

from datetime import datetime
from typing import Any

from sqlmodel import col

from platform_app.automation.send_gate import WEEK, OutboundMessage, SendContext, Sender
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import PlatformError
from platform_app.models.agent import Agent, Channel
from platform_app.models.conversation import Conversation, ConversationState
from platform_app.models.crm import Contact
from platform_app.models.person import Tenant
from platform_app.models.sending import Dispatch, SendingPolicy
from platform_app.services.agents import agents
from platform_app.services.chat import service_windows, shadow_mode


def policy_of(session: Transaction, tenant_id: str) -> SendingPolicy:
    """Return a tenant's limits on messages to its contacts."""
    tenant = session.get(Tenant, tenant_id)
    return SendingPolicy.model_validate(tenant.sending if tenant else {})


def send_context(session: Transaction, row: Conversation, asked: OutboundMessage, *, lock: bool = False) -> SendContext:
    """Return the circumstances of a message. In a test chat only the state and who is in charge count.

    `lock` locks the contact if caps count, so that two messages to one contact are sent in turn.
    """
    is_closed = row.state == ConversationState.CLOSED or row.deleted_at is not None
    is_handed_off = row.state == ConversationState.HANDED_OFF
    in_charge_since = (row.in_charge_since or row.last_message_at) if is_handed_off else None
    talk: dict[str, Any] = {"is_closed": is_closed, "in_charge_since": in_charge_since, "in_charge": row.in_charge}
    if row.channel == Channel.TEST:
        return SendContext(**talk)
    tenant = session.get(Tenant, row.tenant_id)
    assert tenant is not None
    policy, contact = policy_of(session, row.tenant_id), _contact(session, row, lock=lock and asked.is_counted)
    is_on, works_here = (True, True) if asked.sender == Sender.MEMBER else _agent(session, row)
    return SendContext(
        policy=policy,
        zone=(contact.time_zone if contact else "") or tenant.time_zone,
        is_agent_on=is_on,
        is_on_channel=works_here,
        is_shadow=asked.sender != Sender.MEMBER and shadow_mode.is_in_shadow(session, row),
        opted_out_at=contact.opted_out_at if contact else None,
        window=service_windows.window_of(session, row),
        sent=_sent(session, row) if asked.is_counted and (policy.daily_cap or policy.weekly_cap) else (),
        **talk,
    )


def _contact(session: Transaction, row: Conversation, *, lock: bool) -> Contact | None:
    """Return the contact, locked if caps count, so that two messages to one contact are sent in turn."""
    if not row.contact_id:
        return None
    query = owned(Contact, row.tenant_id).where(Contact.id == row.contact_id)
    contact: Contact | None = session.exec(query.with_for_update(key_share=True) if lock else query).first()
    return contact


def _agent(session: Transaction, row: Conversation) -> tuple[bool, bool]:
    """Return whether the agent is switched on, and whether it works on the channel.

    On a channel account it does: it was chosen there.
    """
    agent: Agent | None = session.exec(owned(Agent, row.tenant_id).where(Agent.id == row.agent_id)).first()
    if agent is None or agent.deleted_at is not None or not agent.active:
        return False, True
    try:
        own, _ = agents.effective_settings(session, row.tenant_id, row.agent_id, draft=row.use_draft)
    except PlatformError:
        return False, True
    return True, row.account_id is not None or row.channel in own.channels


def _sent(session: Transaction, row: Conversation) -> list[datetime]:
    """Return when counted messages were sent to the contact in the last 7 days, oldest first."""
    query = owned(Dispatch, row.tenant_id).where(Dispatch.contact_id == row.contact_id, col(Dispatch.at) > now() - WEEK)
    return list(session.exec(query.with_only_columns(Dispatch.at).order_by(Dispatch.at)).all())
