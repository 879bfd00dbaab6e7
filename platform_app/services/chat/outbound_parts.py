"""Outbound parts: the ledger of what goes out on channels whose server is called, written with the message itself."""

import re
from dataclasses import dataclass
from typing import Any

from sqlmodel import col

from platform_app.channels.message_parts import split_text
from platform_app.channels.push_channel import PushChannel
from platform_app.channels.quick_replies import with_list
from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.db import Transaction, owned
from platform_app.errors import PlatformError
from platform_app.jobs import DeliverMessage, enqueue
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelIdentity, OutboundPart, OutboundState
from platform_app.models.conversation import Author, Conversation, Message
from platform_app.models.email import EmailThread
from platform_app.services.agents import agents

_ORDER = (  # the state of a message is that of the part which comes first here
    OutboundState.FAILED,
    OutboundState.UNCERTAIN,
    OutboundState.SENDING,
    OutboundState.WAITING,
    OutboundState.SENT,
    OutboundState.DELIVERED,
    OutboundState.READ,
)
_CITATION = re.compile(r"[ ]?\[(\d{1,3})\](?!\()")


@dataclass(frozen=True)
class DeliveryState:
    """How far a message has come on its way to the contact, and why no further."""

    state: OutboundState
    error: str = ""  # a message id whose placeholders `values` fill
    values: dict[str, Any] | None = None


def add(session: Transaction, row: Conversation, message: Message, *, template: dict[str, Any] | None = None) -> None:
    """Write the parts of a message that is sent now and enqueue the job that sends them, if its channel has a server.

    A message that is sent as a `template` has one part. The messages of a conversation are sent one after another.
    """
    kind = CHANNEL_KINDS.get(row.channel)
    if kind is None or kind.push is None or row.account_id is None:
        return
    session.flush()  # parts refer to the message
    identity, is_markdown = find_identity(session, row), _is_markdown(session, row, message)
    texts, titles = [message.text], list[str]()
    if not template:
        texts, titles = _split(kind.push, _without_citations(message), message.quick_replies)
    for place, text in enumerate(texts):
        part = OutboundPart(
            tenant_id=row.tenant_id,
            message_id=message.id,
            conversation_id=row.id,
            account_id=row.account_id,
            identity_id=identity.id if identity else None,
            place=place,
            text=text,
        )
        part.is_markdown, part.template = is_markdown, template or {}
        part.quick_replies = titles if place == len(texts) - 1 else []
        session.add(part)
    enqueue_delivery(session, row, message.id)


def _split(push: PushChannel, text: str, titles: list[str]) -> tuple[list[str], list[str]]:
    """Return a text in parts, and the titles of the quick replies that the last part has.

    Those which the channel does not show as buttons are a list at the end of the text.
    """
    form = push.quick_reply_form(titles) if titles else None
    if form is None:
        return push.split(with_list(text, titles) if titles else text), []
    *before, last = push.split(text)
    return [*before, *(split_text(last, form.text_chars) if form.text_chars else [last])], titles


def has_open_quick_replies(session: Transaction, part: OutboundPart) -> bool:
    """Return whether the part that was sent to the contact before this one has quick replies."""
    query = owned(OutboundPart, part.tenant_id).where(
        OutboundPart.identity_id == part.identity_id,
        OutboundPart.id < part.id,
        col(OutboundPart.sent_at).is_not(None),
    )
    before: OutboundPart | None = session.exec(query.order_by(col(OutboundPart.id).desc()).limit(1)).first()
    return before is not None and bool(before.quick_replies)


def enqueue_delivery(session: Transaction, row: Conversation, message_id: str) -> None:
    """Enqueue the job that sends the waiting parts of a message, after those of earlier messages."""
    enqueue(session, row.tenant_id, DeliverMessage(message_id=message_id), lock_key=f"outbound:{row.id}")


def find_identity(session: Transaction, row: Conversation) -> ChannelIdentity | None:
    """Return who a conversation reaches on its account, or None if that is not known."""
    query = owned(ChannelIdentity, row.tenant_id).where(ChannelIdentity.account_id == row.account_id)
    if row.channel == Channel.EMAIL:  # somebody may write in several threads
        threads = owned(EmailThread, row.tenant_id).where(EmailThread.conversation_id == row.id)
        thread: EmailThread | None = session.exec(threads).first()
        if thread is not None:
            return session.get(ChannelIdentity, thread.identity_id)
    by_conversation: ChannelIdentity | None = session.exec(
        query.where(ChannelIdentity.conversation_id == row.id)
    ).first()
    if by_conversation is not None or row.contact_id is None:
        return by_conversation
    by_contact: ChannelIdentity | None = session.exec(
        query.where(ChannelIdentity.contact_id == row.contact_id).order_by(ChannelIdentity.id)
    ).first()
    return by_contact


def delivery_states(session: Transaction, tenant_id: str, message_ids: list[str]) -> dict[str, DeliveryState]:
    """Return how far messages have come, by id; those that go out on no channel with a server are left out."""
    query = owned(OutboundPart, tenant_id).where(col(OutboundPart.message_id).in_(message_ids))
    rows: list[OutboundPart] = list(session.exec(query.order_by(OutboundPart.place)).all()) if message_ids else []
    states: dict[str, DeliveryState] = {}
    for part in rows:
        before = states.get(part.message_id)
        if before is None or _ORDER.index(part.state) < _ORDER.index(before.state):
            states[part.message_id] = DeliveryState(part.state, part.error, part.error_values)
    return states


def _is_markdown(session: Transaction, row: Conversation, message: Message) -> bool:
    if message.author != Author.AGENT:
        return False
    try:
        own, _ = agents.effective_settings(session, row.tenant_id, row.agent_id, draft=row.use_draft)
    except PlatformError:  # the agent is deleted
        return False
    return own.markdown


def _without_citations(message: Message) -> str:
    """Return the text without the numbers of its sources, which the contact cannot open."""
    numbers = {str(source.get("number")) for source in message.sources}
    return (
        _CITATION.sub(lambda match: "" if match[1] in numbers else match[0], message.text) if numbers else message.text
    )
