"""Media events: lets rules, sequences and the search of messages see the texts of recordings and pictures.

A message comes in before a model has read what is attached to it. If a reply will read it, the event waits for the
texts, for a while; then rules and sequences look at it once.
"""

from datetime import datetime, timedelta

from sqlmodel import col, or_

from platform_app import attached_texts
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.events import lock_of
from platform_app.jobs import make_due
from platform_app.models.channel import Attachment, AttachmentKind
from platform_app.models.conversation import Message, Origin
from platform_app.models.event import Event, EventKind
from platform_app.models.rule import RuleRun
from platform_app.services.chat import message_search
from platform_app.services.chat.pending_replies import PENDING

MAX_WAIT = timedelta(minutes=10)  # after which an event is handled with what is known
RETRY_SECONDS = 10.0  # between two looks whether a reply still reads the files
WAITS = "Waiting for the text of a recording or picture."
_MAX_CHARS = 2_000  # of a text in an event


def is_waiting(session: Transaction, event: Event) -> bool:
    """Return whether the files of an event's message are about to be read by a reply that is pending."""
    until = event.at + MAX_WAIT
    if event.kind != EventKind.MESSAGE_RECEIVED or "[" not in str(event.after.get("text", "")) or now() >= until:
        return False
    unread = owned(Attachment, event.tenant_id).where(
        Attachment.message_id == event.message_id,
        Attachment.kind != AttachmentKind.FILE,
        col(Attachment.text_at).is_(None),
    )
    return session.exec(unread).first() is not None and _is_read_before(session, event, until)


def _is_read_before(session: Transaction, event: Event, until: datetime) -> bool:
    """Return whether a reply is being written, or will be before `until`; also a secret one of shadow mode."""
    query = owned(Message, event.tenant_id).where(
        Message.conversation_id == event.conversation_id,
        col(Message.state).in_(PENDING),
        or_(col(Message.is_suggestion).is_(False), col(Message.origin) == Origin.SHADOW),
        or_(col(Message.due_at).is_(None), col(Message.due_at) < until),
    )
    return session.exec(query).first() is not None


def text_added(session: Transaction, tenant_id: str, message_id: str) -> None:
    """Show the texts of a message's files to the search, and to its event unless rules have looked at it already."""
    session.flush()
    message = session.exec(owned(Message, tenant_id).where(Message.id == message_id)).first()
    if message is None:
        return
    message_search.replace(session, message)
    received = owned(Event, tenant_id).where(Event.kind == EventKind.MESSAGE_RECEIVED, Event.message_id == message_id)
    event: Event | None = session.exec(received.with_for_update()).first()
    if event is None:
        return
    runs = owned(RuleRun, tenant_id).where(RuleRun.event_id == event.id)
    if session.exec(runs).first() is None:
        said = str(event.after.get("text", ""))
        read = attached_texts.readable(session, tenant_id, {message_id: said})[message_id][:_MAX_CHARS]
        values = event.facts.get("values", {})
        event.facts = event.facts | {"values": values | {"message.text": read}}
    make_due(session, tenant_id, lock_of(event))
