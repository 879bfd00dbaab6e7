"""E-mail limits: how many e-mails an address gets in an hour that no person has written, so that no loop goes on."""

from datetime import timedelta

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount, OutboundPart, OutboundState
from platform_app.models.conversation import Author, Message

MAX_AUTOMATIC = 10  # e-mails to one address in an hour
HOUR = timedelta(hours=1)
TOO_MANY = "Not sent: this address got 10 automatic emails within an hour. A teammate can write to it."


def is_automatic(session: Transaction, part: OutboundPart) -> bool:
    """Return whether no person has written or released a message."""
    message = session.exec(owned(Message, part.tenant_id).where(Message.id == part.message_id)).one()
    return _is_automatic(message)


def _is_automatic(message: Message) -> bool:
    return message.author == Author.AGENT and not message.review


def problem(session: Transaction, account: ChannelAccount | None, part: OutboundPart) -> str:
    """Return why a part may not be sent by e-mail now, or ""; what a person has written always may."""
    if account is None or account.kind != Channel.EMAIL or not is_automatic(session, part):
        return ""
    query = owned(Message, part.tenant_id).join(OutboundPart, col(OutboundPart.message_id) == Message.id)
    recent = query.where(
        OutboundPart.identity_id == part.identity_id,
        col(OutboundPart.sent_at) > now() - HOUR,
        col(OutboundPart.state) != OutboundState.WAITING,
        Message.author == Author.AGENT,
    )
    sent = session.exec(recent.limit(10 * MAX_AUTOMATIC)).all()
    return TOO_MANY if sum(_is_automatic(message) for message in sent) >= MAX_AUTOMATIC else ""
