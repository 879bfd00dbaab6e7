"""Conversations: list and read them, pass on what contacts write, answer as a member, hand over and close."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field
from sqlmodel import col

from platform_app.api.rest.conversation_views import ConversationView, MessageView, ReceiptView, message_view
from platform_app.api.rest.fields import (
    Email,
    Id,
    ListQuery,
    MessageText,
    Name,
    Page,
    QuickReply,
    Reference,
    Tag,
    page,
)
from platform_app.api.rest.operations import Call, Input, operation
from platform_app.channels.quick_replies import MAX_QUICK_REPLIES
from platform_app.clock import new_id
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, NotFound
from platform_app.fact_snapshots import current_messages
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount, ChannelIdentity
from platform_app.models.conversation import Conversation, ConversationState, Message
from platform_app.models.person import Identity
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.channels import channel_accounts, inbound
from platform_app.services.channels.inbound import ContactDetails, InboundText
from platform_app.services.chat import conversations, hand_off, member_messages, reply_streams, triage

READ, WRITE = Scope.CONVERSATIONS_READ, Scope.CONVERSATIONS_WRITE


class ConversationQuery(ListQuery):
    """What a list of conversations shows; test chats are not part of it."""

    state: ConversationState | None = None
    channel: Channel | None = None
    agent_id: Id | None = None
    contact_id: Id | None = None


class Writer(StrEnum):
    """Who writes a message."""

    CONTACT = "contact"
    MEMBER = "member"


class ContactReference(Input):
    """The contact who writes, by an id of your own; what is said of them is stored with a new contact only."""

    reference: Reference
    name: Name | None = None
    email: Email | None = None
    language: Annotated[str, Field(pattern="^(ru|en)$")] | None = None


class NewConversation(Input):
    """The message of a contact on an account of the API channel; their conversation goes on if there is one."""

    account_id: Id
    contact: ContactReference
    text: MessageText
    message_id: Reference | None = Field(None, description="Your id of the message: a repeat is stored once.")


class NewMessage(Input):
    """A message: of the contact, on the API channel alone, or of the member for whom the key acts."""

    author: Writer
    text: MessageText
    message_id: Reference | None = None
    quick_replies: list[QuickReply] = Field(
        default_factory=list,
        max_length=MAX_QUICK_REPLIES,
        description="Answers that a member offers; the contact’s choice comes in as a message with that text.",
    )


class NewNote(Input):
    """A note for members."""

    text: MessageText


class Assignment(Input):
    """Who is to answer a conversation."""

    user_id: Id | None


class ConversationTags(Input):
    """The tags of a conversation; they replace those that it has."""

    tags: Annotated[list[Tag], Field(max_length=20)]


class TagsView(Input):
    """The tags of a conversation as stored."""

    tags: list[str]


@operation("GET", "/conversations", READ, query=ConversationQuery, answer=Page[ConversationView])
def list_conversations(call: Call) -> Page[ConversationView]:
    """List conversations, the newest first."""
    wanted: ConversationQuery = call.query
    query = owned(Conversation, call.who.tenant_id).where(
        col(Conversation.deleted_at).is_(None), Conversation.channel != Channel.TEST
    )
    for name in ("state", "channel", "agent_id", "contact_id"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(getattr(Conversation, name) == value)
    return page(call.session, query, wanted, model=Conversation, view=ConversationView)


@operation("POST", "/conversations", WRITE, body=NewConversation, answer=ReceiptView, status=201)
def receive(call: Call) -> ReceiptView:
    """Pass on a message of a contact; the agent of the account answers it."""
    sent: NewConversation = call.body
    account = _account(call.session, call.who, sent.account_id)
    details = ContactDetails(sent.contact.name or "", sent.contact.email or "", sent.contact.language or "")
    return _receive(call, account, sent.contact.reference, InboundText(sent.message_id or new_id(), sent.text, details))


def _account(session: Transaction, who: Identity, account_id: str) -> ChannelAccount:
    account = channel_accounts.get(session, who, account_id)
    if account.kind != Channel.API:
        raise NotFound("Channel account not found. It may have been deleted.")
    if not account.enabled or account.agent_id is None:
        raise Conflict("This channel account is turned off.")
    return account


def _receive(call: Call, account: ChannelAccount, outside_id: str, sent: InboundText) -> ReceiptView:
    receipt = inbound.receive(call.session, account, outside_id, sent)
    tenant_id, reply_id, conversation_id = call.who.tenant_id, receipt.reply_id, receipt.message.conversation_id
    if reply_id:
        call.after.append(lambda: reply_streams.start(tenant_id, reply_id, conversation_id))
    call.session.flush()
    row = conversations.get(call.session, call.who, receipt.message.conversation_id)
    return ReceiptView(
        conversation=ConversationView.model_validate(row),
        message=message_view(receipt.message),
        reply_id=reply_id or _reply_to(call, receipt.message),
        is_repeat=receipt.is_repeat,
    )


def _reply_to(call: Call, said: Message) -> str | None:
    """Return the id of the reply to a message that is written later, or was written before."""
    query = owned(Message, call.who.tenant_id).where(Message.answers_id == said.id, col(Message.replaced).is_(False))
    row: Message | None = call.session.exec(query.order_by(col(Message.id).desc()).limit(1)).first()
    return row.id if row else None


@operation("GET", "/conversations/{conversation_id}", READ, answer=ConversationView)
def get_conversation(call: Call) -> ConversationView:
    """Read a conversation."""
    return ConversationView.model_validate(_get(call))


def _get(call: Call) -> Conversation:
    """Return the conversation in the path. Raises NotFound also for a test chat."""
    row = conversations.get(call.session, call.who, call.ids["conversation_id"])
    if row.channel == Channel.TEST:
        raise NotFound("Conversation not found.")
    return row


@operation("GET", "/conversations/{conversation_id}/messages", READ, query=ListQuery, answer=Page[MessageView])
def list_messages(call: Call) -> Page[MessageView]:
    """List the messages of a conversation, the newest first."""
    query = current_messages(_get(call))
    return page(call.session, query, call.query, model=Message, view=MessageView, show=message_view)


@operation("POST", "/conversations/{conversation_id}/messages", WRITE, body=NewMessage, answer=ReceiptView, status=201)
def write_message(call: Call) -> ReceiptView:
    """Write a message as the contact, or as the member, who takes the conversation over.

    Raises Conflict for a contact of another channel.
    """
    row, sent = _get(call), call.body
    if sent.author == Writer.CONTACT:
        query = owned(ChannelIdentity, row.tenant_id).where(ChannelIdentity.conversation_id == row.id)
        identity: ChannelIdentity | None = call.session.exec(query).first()
        if row.channel != Channel.API or row.account_id is None or identity is None:
            raise Conflict("You can write as the contact only on the API channel.")
        account = _account(call.session, call.who, row.account_id)
        return _receive(call, account, identity.outside_id, InboundText(sent.message_id or new_id(), sent.text))
    message = member_messages.send(call.session, call.who, row.id, sent.text, quick_replies=sent.quick_replies)
    call.session.flush()
    shown = ConversationView.model_validate(row)
    return ReceiptView(conversation=shown, message=message_view(message), reply_id=None, is_repeat=False)


@operation("POST", "/conversations/{conversation_id}/notes", WRITE, body=NewNote, answer=MessageView, status=201)
def add_note(call: Call) -> MessageView:
    """Add a note that only members see."""
    note = member_messages.add_note(call.session, call.who, _get(call).id, call.body.text)
    call.session.flush()
    return message_view(note)


@operation("POST", "/conversations/{conversation_id}/take-over", WRITE, answer=ConversationView)
def take_over(call: Call) -> ConversationView:
    """Put the member in charge: nothing automatic is sent until the conversation is handed back."""
    return ConversationView.model_validate(hand_off.take_over(call.session, call.who, _get(call).id))


@operation("POST", "/conversations/{conversation_id}/hand-back", WRITE, answer=ConversationView)
def hand_back(call: Call) -> ConversationView:
    """Hand a conversation back to the agent."""
    return ConversationView.model_validate(hand_off.hand_back(call.session, call.who, _get(call).id))


@operation("POST", "/conversations/{conversation_id}/close", WRITE, answer=ConversationView)
def close(call: Call) -> ConversationView:
    """Close a conversation."""
    return ConversationView.model_validate(hand_off.close(call.session, call.who, _get(call).id))


@operation("POST", "/conversations/{conversation_id}/reopen", WRITE, answer=ConversationView)
def reopen(call: Call) -> ConversationView:
    """Reopen a closed conversation."""
    return ConversationView.model_validate(hand_off.reopen(call.session, call.who, _get(call).id))


@operation("PUT", "/conversations/{conversation_id}/assignee", WRITE, body=Assignment, answer=ConversationView)
def assign(call: Call) -> ConversationView:
    """Assign a conversation to a member, or to nobody."""
    return ConversationView.model_validate(triage.assign(call.session, call.who, _get(call).id, call.body.user_id))


@operation("PUT", "/conversations/{conversation_id}/tags", WRITE, body=ConversationTags, answer=TagsView)
def set_tags(call: Call) -> TagsView:
    """Replace the tags of a conversation."""
    return TagsView(tags=triage.set_tags(call.session, call.who, _get(call).id, call.body.tags))
