"""Echoes: what somebody of the company wrote to a contact in the channel's own app counts as a member's word."""

from platform_app.channels.push_channel import Update
from platform_app.db import Transaction, owned
from platform_app.i18n import translate
from platform_app.models.channel import ChannelAccount, InboundMessage, OutboundPart
from platform_app.models.conversation import Author
from platform_app.models.person import Tenant
from platform_app.services.channels import attachments, channel_accounts, inbound
from platform_app.services.channels.inbound import ContactDetails, InboundText
from platform_app.services.chat import conversation_rows, hand_off, sending


def receive(session: Transaction, account: ChannelAccount, update: Update, text: str) -> None:
    """Store an echo once; the agent is silent until the conversation is handed back.

    It opens no window of the channel: it is not the contact who wrote. The echo of a message that the platform itself
    has sent is ignored.
    """
    identity = inbound.lock_identity(session, account, update.chat_id)
    key = f"{identity.id}:{update.message_id}"
    known = owned(InboundMessage, account.tenant_id).where(
        InboundMessage.account_id == account.id, InboundMessage.outside_id == key
    )
    sent = owned(OutboundPart, account.tenant_id).where(
        OutboundPart.account_id == account.id, OutboundPart.outside_id == update.message_id
    )
    if any(session.exists_each(known, sent)):
        return
    details = ContactDetails(name=update.name or update.phone, phone=update.phone)
    contact = inbound.identity_of(session, account, details)
    asked = InboundText(update.message_id, text, details)
    talk = inbound.conversation_of(session, contact, account, identity=identity, sent=asked)
    row = conversation_rows.lock(session, account.tenant_id, talk.id)
    name = name_of(session, account)
    message = sending.new_message(session, row, Author.MEMBER, name, text=conversation_rows.checked_text(text))
    row.title = row.title or conversation_rows.first_line(message.text)[:80]
    session.flush()
    link = InboundMessage(tenant_id=account.tenant_id, account_id=account.id, outside_id=key, message_id=message.id)
    session.add(link)
    attachments.add(session, account, message.id, update.attachments)
    sending.note_sent_elsewhere(session, row, message)
    hand_off.take_over_elsewhere(session, row, name)


def name_of(session: Transaction, account: ChannelAccount) -> str:
    """Return how whoever wrote in the channel's own app is called, in the tenant's language."""
    tenant = session.get(Tenant, account.tenant_id)
    label = channel_accounts.kind_of(account).label
    return translate(tenant.language if tenant else "en", "Teammate in the {channel} app", channel=label)
