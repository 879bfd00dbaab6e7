"""Conversation views: conversations and messages as the API shows them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from platform_app.api.rest.fields import View
from platform_app.models.agent import Channel
from platform_app.models.conversation import Author, ConversationState, Message, MessageState, Origin


class ConversationView(View):
    """A conversation of a contact with an agent on a channel."""

    id: str
    created_at: datetime
    channel: Channel
    account_id: str | None
    agent_id: str
    contact_id: str | None
    lead_id: str | None
    title: str
    state: ConversationState
    assignee_id: str | None
    last_message_at: datetime
    last_line: str


class SourceView(BaseModel):
    """A passage that a reply cites by its number."""

    number: int
    title: str
    heading: str
    source_id: str
    address: str  # of a web page; empty for other sources


class MessageView(View):
    """A message, also one that was not sent: see `state`."""

    id: str
    created_at: datetime
    conversation_id: str
    author: Author
    author_name: str
    origin: Origin
    text: str
    state: MessageState
    error: str
    answers_id: str | None
    finished_at: datetime | None
    quick_replies: list[str] = Field(description="What the contact is offered to answer, as buttons or a list.")
    sources: list[SourceView] = Field(default_factory=list)


class ReceiptView(BaseModel):
    """What became of a contact's message: a reply follows if `reply_id` is not null."""

    conversation: ConversationView
    message: MessageView
    reply_id: str | None
    is_repeat: bool


def message_view(row: Message) -> MessageView:
    """Return the view of a message."""
    return MessageView(
        **{name: getattr(row, name) for name in MessageView.model_fields if name != "sources"},
        sources=[source_view(one) for one in row.sources],
    )


def source_view(passage: dict[str, Any]) -> SourceView:
    """Return the view of a stored passage."""
    return SourceView(
        number=int(passage.get("number", 0)),
        title=str(passage.get("source_title", "")),
        heading=str(passage.get("heading", "")),
        source_id=str(passage.get("source_id", "")),
        address=str(passage.get("source_address", "")),
    )
