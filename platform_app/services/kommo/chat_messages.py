"""Chat messages: what a message of another channel is in Kommo: its text and its files."""

from dataclasses import replace
from datetime import datetime

from platform_app.channels.quick_replies import with_list
from platform_app.db import Transaction, owned
from platform_app.integrations.kommo import chat_files
from platform_app.integrations.kommo.chats import ChatFile, ChatMessage, Person
from platform_app.models.channel import Attachment
from platform_app.models.conversation import Author, Conversation, Message
from platform_app.models.crm import Contact
from platform_app.services.channels import media_links

MAX_TEXT = 10_000


def build(session: Transaction, talk: Conversation, message: Message, *, bot_id: str) -> list[ChatMessage]:
    """Return a message as it is shown in Kommo: the text with the first file, and one for each further file.

    Without an address at which Kommo could fetch them, the text alone says what was attached.
    """
    first = _text_message(session, talk, message, bot_id)
    query = owned(Attachment, message.tenant_id).where(Attachment.message_id == message.id)
    files = [
        ChatFile(chat_files.type_of(row.label), address, row.name, row.size)
        for row in session.exec(query.order_by(Attachment.id)).all()
        if (address := media_links.link(message.tenant_id, row.id))
    ]
    shown = [replace(first, file=file, id=f"{message.id}-{place}", text="") for place, file in enumerate(files)]
    return [replace(shown[0], id=first.id, text=first.text), *shown[1:]] if shown else [first]


def _text_message(session: Transaction, talk: Conversation, message: Message, bot_id: str) -> ChatMessage:
    contact = session.get(Contact, talk.contact_id) if talk.contact_id else None
    customer = Person(
        f"contact-{talk.contact_id or talk.id}",
        (contact.name if contact else "") or talk.title,
        phone=contact.phones[0] if contact and contact.phones else "",
        email=contact.emails[0] if contact and contact.emails else "",
    )
    at: datetime = message.finished_at or message.created_at
    writer = Person(f"writer-{message.author_id or talk.agent_id}", message.author_name, ref_id=bot_id)
    is_customers = message.author == Author.CONTACT
    return ChatMessage(
        id=message.id,
        conversation_id=talk.id,
        sender=customer if is_customers else writer,
        text=with_list(message.text, message.quick_replies)[:MAX_TEXT],
        milliseconds=int(at.timestamp() * 1000),
        receiver=None if is_customers else customer,
    )
