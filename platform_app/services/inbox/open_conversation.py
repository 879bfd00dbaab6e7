"""Open conversation: its messages, and its contact with what belongs to it."""

from dataclasses import dataclass, field

from sqlmodel import col

from platform_app.automation.send_gate import ServiceWindow
from platform_app.automation.values import fold
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.models.agent import Channel
from platform_app.models.channel import Attachment, InboundMessage, MessageTemplate
from platform_app.models.conversation import Message
from platform_app.models.crm import Contact, Holder
from platform_app.models.email import EmailDetails
from platform_app.models.person import Identity
from platform_app.services.accounts import members
from platform_app.services.chat import (
    conversation_rows,
    conversations,
    member_messages,
    message_templates,
    outbound_parts,
    service_windows,
)
from platform_app.services.chat.outbound_parts import DeliveryState
from platform_app.services.crm import cards
from platform_app.services.crm.cards import Card
from platform_app.services.inbox import inbox_list
from platform_app.services.inbox.inbox_list import ConversationLine
from platform_app.services.notifications import notifications


@dataclass(frozen=True)
class OpenConversation:
    """A conversation with its newest messages, oldest first."""

    line: ConversationLine
    messages: list[Message]
    has_earlier: bool
    is_plain: bool  # its agent writes without Markdown
    deliveries: dict[str, DeliveryState]  # of messages that go out on a channel with a server, by id
    edited: frozenset[str]  # ids of messages that the contact has changed
    is_unread: bool  # by the member: what the contact wrote, or a notification that leads to it
    attachments: dict[str, list[Attachment]]  # by the message's id
    window: ServiceWindow | None = None  # in which its channel takes free text; None: always
    emails: dict[str, EmailDetails] = field(default_factory=dict)  # what e-mails say beside their text, by message
    templates: list[MessageTemplate] = field(default_factory=list)  # that can be sent where the window is closed


@dataclass(frozen=True)
class ContactPanel:
    """The contact of a conversation, with leads, tasks and other conversations; without a contact it is empty."""

    contact: Contact | None = None
    card: Card = field(default_factory=Card)
    rating: int | None = None  # of the conversation, by the contact
    rating_comment: str = ""


def read(session: Transaction, who: Identity, conversation_id: str, *, limit: int) -> OpenConversation:
    """Return a conversation with its newest `limit` messages. Raises NotFound if it does not exist or is deleted."""
    row = conversation_rows.get(session, who, conversation_id)
    (line,) = inbox_list.lines_of(session, who, [row])
    messages, has_earlier = conversations.newest_messages(session, who, row.id, limit=limit)
    ids = [message.id for message in messages]
    window = service_windows.window_of(session, row)
    is_closed = window is not None and not window.is_open(now()) and row.account_id is not None
    return OpenConversation(
        line,
        messages,
        has_earlier,
        is_plain=conversations.is_plain(session, who, row.id),
        deliveries=outbound_parts.delivery_states(session, who.tenant_id, ids),
        edited=_edited(session, who, ids),
        is_unread=line.is_unread or notifications.is_link_unread(session, who, conversation_rows.link_of(row)),
        attachments=_attachments(session, who, ids),
        window=window,
        emails=_emails(session, who, ids) if row.channel == Channel.EMAIL else {},
        templates=message_templates.list_usable(session, who.tenant_id, row.account_id) if is_closed else [],
    )


def _attachments(session: Transaction, who: Identity, message_ids: list[str]) -> dict[str, list[Attachment]]:
    query = owned(Attachment, who.tenant_id).where(col(Attachment.message_id).in_(message_ids))
    attached: dict[str, list[Attachment]] = {}
    for row in session.exec(query.order_by(Attachment.id)).all():
        attached.setdefault(row.message_id, []).append(row)
    return attached


def _emails(session: Transaction, who: Identity, message_ids: list[str]) -> dict[str, EmailDetails]:
    query = owned(EmailDetails, who.tenant_id).where(col(EmailDetails.message_id).in_(message_ids))
    return {row.message_id: row for row in session.exec(query).all()}


def _edited(session: Transaction, who: Identity, message_ids: list[str]) -> frozenset[str]:
    """Return the ids of those messages that the contact has changed after sending them."""
    query = owned(InboundMessage, who.tenant_id).where(
        col(InboundMessage.message_id).in_(message_ids), col(InboundMessage.edited_at).is_not(None)
    )
    return frozenset(session.exec(query.with_only_columns(InboundMessage.message_id)).all())


def read_contact(session: Transaction, who: Identity, conversation_id: str) -> ContactPanel:
    """Return what is known of the contact of a conversation.

    Raises NotFound if the conversation does not exist or is deleted.
    """
    row = conversation_rows.get(session, who, conversation_id)
    query = owned(Contact, who.tenant_id).where(Contact.id == row.contact_id)
    contact: Contact | None = session.exec(query).first() if row.contact_id else None
    if contact is None:
        return ContactPanel(rating=row.rating, rating_comment=row.rating_comment)
    card = cards.get_card(session, who, Holder.CONTACT, contact.id)
    card.conversations = [one for one in card.conversations if one.id != row.id]
    return ContactPanel(contact, card, row.rating, row.rating_comment)


def add_note(session: Transaction, who: Identity, conversation_id: str, text: str) -> Message:
    """Add a note for members, in which @ and a member's name mentions them.

    Raises what `member_messages.add_note` raises.
    """
    said = fold(text)
    named = [user.id for user, _ in members.list_members(session, who) if f"@{fold(user.name)}" in said]
    mentions = named[: member_messages.MAX_MENTIONS]
    return member_messages.add_note(session, who, conversation_id, text, mentions=mentions)
