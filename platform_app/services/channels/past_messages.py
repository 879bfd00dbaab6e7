"""Past messages: what was said on an account before it was connected, and how its address book calls contacts."""

from sqlmodel import col

from platform_app.channels.push_channel import PastMessage, Update
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.llm.reply_text import to_storable
from platform_app.models.channel import ChannelAccount, ChannelIdentity, InboundMessage, OutboundPart
from platform_app.models.conversation import Author, Conversation, ConversationState, Message, MessageState
from platform_app.models.crm import UNNAMED, Contact
from platform_app.services.channels import attachments, echoes, inbound
from platform_app.services.channels.inbound import ContactDetails, InboundText
from platform_app.services.chat import conversation_rows, message_search
from platform_app.services.chat.conversation_rows import MAX_MESSAGE_CHARS
from platform_app.services.crm import contacts


def store(session: Transaction, account: ChannelAccount, update: Update, texts: list[str]) -> None:
    """Store past messages of a contact, each once: nothing answers them, no event is emitted, nothing is unread.

    `texts` are those of `update.past`, with what is attached named. A conversation that begins so is closed. Media of a
    message that is known without it is added.
    """
    identity = inbound.lock_identity(session, account, update.chat_id)
    known = _known(session, account, identity, update)
    said = [(past, text) for past, text in zip(update.past, texts, strict=True) if past.message_id not in known]
    for past, text in zip(update.past, texts, strict=True):
        if any(file.outside_id for file in past.attachments) and past.message_id in known:
            _add_media(session, account, known[past.message_id], (past, text))
    if not said:
        return
    details = ContactDetails(name=update.name or update.phone, phone=update.phone)
    who = inbound.identity_of(session, account, details)
    is_new = identity.conversation_id is None
    talk = inbound.conversation_of(
        session, who, account, identity=identity, sent=InboundText(update.message_id, "", details)
    )
    row = conversation_rows.lock(session, account.tenant_id, talk.id)
    contact = session.get(Contact, row.contact_id) if row.contact_id else None
    names = {True: echoes.name_of(session, account), False: contact.name if contact else who.name}
    for past, text in said:
        message = _message(row, past, text, names[past.is_own])
        session.add(message)
        session.flush()
        message_search.add(session, message)
        key = f"{identity.id}:{past.message_id}"
        session.add(
            InboundMessage(tenant_id=account.tenant_id, account_id=account.id, outside_id=key, message_id=message.id)
        )
        attachments.add(session, account, message.id, past.attachments)
    _show(row, said, is_new=is_new)
    conversation_rows.publish_change(session, row)


def _known(session: Transaction, account: ChannelAccount, identity: ChannelIdentity, update: Update) -> dict[str, str]:
    """Return the ids of messages that are stored, by their ids at the channel; also of those that we sent."""
    keys = {f"{identity.id}:{past.message_id}": past.message_id for past in update.past}
    came = owned(InboundMessage, account.tenant_id).where(
        InboundMessage.account_id == account.id, col(InboundMessage.outside_id).in_(list(keys))
    )
    sent = owned(OutboundPart, account.tenant_id).where(
        OutboundPart.account_id == account.id, col(OutboundPart.outside_id).in_(list(keys.values()))
    )
    known = {keys[row.outside_id]: row.message_id for row in session.exec(came).all()}
    return known | {part.outside_id: part.message_id for part in session.exec(sent).all()}


def _message(row: Conversation, past: PastMessage, text: str, name: str) -> Message:
    at = min(past.at, now())
    message = Message(
        tenant_id=row.tenant_id,
        conversation_id=row.id,
        author=Author.MEMBER if past.is_own else Author.CONTACT,
        author_name=name[:200],
        text=to_storable(text)[:MAX_MESSAGE_CHARS],
        state=MessageState.COMPLETE,
    )
    message.created_at = message.finished_at = at
    return message


def _show(row: Conversation, said: list[tuple[PastMessage, str]], *, is_new: bool) -> None:
    """Set what lists show of a conversation that begins with past messages, or whose past begins earlier now."""
    last, text = max(said, key=lambda pair: pair[0].at)
    if is_new:
        row.state, row.created_at = ConversationState.CLOSED, min(past.at for past, _ in said)
        row.title = row.title or conversation_rows.first_line(text)[:80]
    if is_new or last.at > row.last_message_at:
        row.last_message_at, row.last_line = min(last.at, now()), conversation_rows.first_line(text)


def _add_media(session: Transaction, account: ChannelAccount, message_id: str, said: tuple[PastMessage, str]) -> None:
    """Add the file of a past message, whose text was a placeholder until now."""
    if attachments.has_any(session, account.tenant_id, message_id):
        return
    past, text = said
    message: Message = session.exec(owned(Message, account.tenant_id).where(Message.id == message_id)).one()
    message.text = to_storable(text)[:MAX_MESSAGE_CHARS]
    message_search.replace(session, message)
    attachments.add(session, account, message_id, past.attachments)


def set_name(session: Transaction, account: ChannelAccount, update: Update) -> None:
    """Store how a contact is called in the address book; a contact who had no name of the own is called so."""
    identity = inbound.lock_identity(session, account, update.chat_id)
    former, identity.name = identity.name, update.name
    contact = session.get(Contact, identity.contact_id) if identity.contact_id else None
    if contact is None or contact.deleted_at is not None or not update.name:
        return
    visitor = inbound.identity_of(session, account, ContactDetails()).name
    if contact.name in (UNNAMED, visitor, former, f"+{update.chat_id}", update.chat_id):
        who = inbound.identity_of(session, account, ContactDetails())
        contacts.save(session, who, contact.id, {"name": update.name})
