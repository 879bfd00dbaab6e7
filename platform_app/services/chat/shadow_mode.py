"""Shadow mode: whether what an agent writes in a conversation is kept and not sent, and what a person answered."""

from datetime import datetime

from sqlmodel import col

from platform_app import notifier
from platform_app.db import Transaction, owned, owned_update
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount, ChannelIdentity, OutboundPart
from platform_app.models.conversation import Author, Conversation, ConversationTag, Message
from platform_app.models.crm import Lead
from platform_app.models.integration import CrmConnection, CrmKind, CrmLink, RecordKind
from platform_app.models.shadow import ShadowAnswer
from platform_app.services.crm import contact_links

TOO_LATE = "Shadow mode was turned on before this was sent."


def is_in_shadow(session: Transaction, row: Conversation) -> bool:
    """Return whether nothing automatic is sent in a conversation, because its channel account is in shadow mode.

    It is sent where the stage of the lead, or a tag of the conversation, is among those that the account excepts.
    """
    account = session.get(ChannelAccount, row.account_id) if row.account_id else None
    if account is None or not account.is_shadow:
        return False
    if account.live_stages and stage_of(session, row) in account.live_stages:
        return False
    return not (account.live_tags and _has_tag(session, row, account.live_tags))


def late_problem(session: Transaction, account: ChannelAccount | None, part: OutboundPart) -> str:
    """Return that a part of an automatic message has not gone out before shadow mode was turned on, else ""."""
    if account is None or not account.is_shadow:
        return ""
    message, row = session.get_one(Message, part.message_id), session.get_one(Conversation, part.conversation_id)
    is_automatic = message.author == Author.AGENT and not message.review  # else a member released it
    return TOO_LATE if is_automatic and is_in_shadow(session, row) else ""


def _has_tag(session: Transaction, row: Conversation, keys: list[str]) -> bool:
    query = owned(ConversationTag, row.tenant_id).where(
        ConversationTag.conversation_id == row.id, col(ConversationTag.key).in_(keys)
    )
    return any(session.exists_each(query))


def stage_of(session: Transaction, row: Conversation) -> str:
    """Return the id of the stage of a conversation's lead, "" if there is no lead.

    It is the lead that the conversation names, or the one that Kommo names as that of the chat, else the newest lead
    of which the contact is the main one, else the newest of which it is a further one.
    """
    leads = owned(Lead, row.tenant_id).where(col(Lead.deleted_at).is_(None))
    lead_id = row.lead_id or _kommo_lead_id(session, row)
    if lead_id:
        leads = leads.where(Lead.id == lead_id)
    elif row.contact_id:
        order = ((col(Lead.contact_id) == row.contact_id).desc(), col(Lead.created_at).desc(), col(Lead.id).desc())
        leads = leads.where(contact_links.has_contact(row.tenant_id, row.contact_id)).order_by(*order).limit(1)
    else:
        return ""
    lead: Lead | None = session.exec(leads).first()
    return lead.stage_id if lead is not None else ""


def _kommo_lead_id(session: Transaction, row: Conversation) -> str | None:
    """Return the lead in whose chat a Salesbot of Kommo works, None if it is not synchronized."""
    if row.channel != Channel.KOMMO:
        return None
    identities = owned(ChannelIdentity, row.tenant_id).where(ChannelIdentity.conversation_id == row.id)
    identity: ChannelIdentity | None = session.exec(identities).first()
    account = session.get(ChannelAccount, row.account_id) if row.account_id else None
    kind, _, external_id = identity.outside_id.partition(":") if identity is not None else ("", "", "")
    if kind != "lead" or account is None:
        return None
    connections = owned(CrmConnection, row.tenant_id).where(
        CrmConnection.kind == CrmKind.KOMMO, CrmConnection.host == account.outside_name
    )
    links = owned(CrmLink, row.tenant_id).where(
        CrmLink.kind == RecordKind.LEAD,
        CrmLink.external_id == external_id,
        col(CrmLink.connection_id).in_(connections.with_only_columns(CrmConnection.id)),
    )
    link: CrmLink | None = session.exec(links).first()
    return link.row_id if link is not None else None


def note_answer(session: Transaction, row: Conversation, at: datetime, *, message_id: str | None = None) -> None:
    """Store that a person answered at a moment what the contact asked before it, with the message if it is known."""
    if row.account_id is None:
        return
    session.flush()  # the message is referred to
    waiting = owned_update(ShadowAnswer, row.tenant_id).where(
        col(ShadowAnswer.conversation_id) == row.id,
        col(ShadowAnswer.answered_at).is_(None),
        col(ShadowAnswer.asked_at) < at,
    )
    update = waiting.values(answered_at=at, person_message_id=message_id)
    # execute() is typed as Result; an update returns a CursorResult
    if session.execute(update.execution_options(synchronize_session=False)).rowcount:  # type: ignore[attr-defined]
        publish_change(session, row.tenant_id, row.account_id)


def publish_change(session: Transaction, tenant_id: str, account_id: str) -> None:
    """Notify open pages of a change to the answers of an account after the transaction commits."""
    session.after_commit.append(lambda: notifier.publish(tenant_id, "shadow", account_id))
