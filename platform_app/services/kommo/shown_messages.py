"""Shown messages: shows messages of other channels in Kommo, each once, and says there how answers were delivered."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlmodel import col

from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update, session_scope, unscoped
from platform_app.errors import PlatformError
from platform_app.integrations.kommo import chats, errors
from platform_app.integrations.kommo.chats import ChatsClient, Person
from platform_app.models.channel import ChannelAccount, OutboundState
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.event import Event, EventKind
from platform_app.models.kommo_chats import KommoChatMessage, KommoChats, ShownState
from platform_app.services.chat import outbound_parts
from platform_app.services.kommo import chat_messages, own_chats

log = structlog.get_logger()
EVERY = timedelta(seconds=1)
LEASE = timedelta(seconds=90)  # of one look, with its requests
OVERLAP = timedelta(seconds=30)  # by which events may be stored after they happened
RETRY = timedelta(seconds=30)
BATCH = 20
MIRRORED = tuple(kind.kind for kind in CHANNEL_KINDS.values() if kind.is_mirrored)
KINDS = (EventKind.MESSAGE_RECEIVED, EventKind.REPLY_SENT, EventKind.MEMBER_REPLIED)
TYPING_SECONDS = 5.0
MAX_TYPING = 1_000  # conversations of which it is known when it was shown
_typing_at: dict[str, float] = {}  # monotonic seconds, by the conversation's id
NOT_DELIVERED = "The message wasn’t delivered."


@dataclass(frozen=True)
class _Work:
    """A channel whose messages are looked at, and what calls need."""

    tenant_id: str
    chats_id: str
    scope: str
    bot_id: str
    client: ChatsClient


def show_due() -> None:
    """Show what was said in other channels; called every second by each worker."""
    for tenant_id, chats_id in _claim():
        try:
            _work_on(tenant_id, chats_id)
        except errors.KommoError as error:
            _finish(tenant_id, chats_id, RETRY, error)
        except PlatformError as error:
            _finish(tenant_id, chats_id, RETRY, error)
        except Exception:
            log.exception("messages are not shown in Kommo", chats_id=chats_id)
            _finish(tenant_id, chats_id, RETRY, None)


def _claim() -> list[tuple[str, str]]:
    """Return channels that are due, which other workers leave alone for a while."""
    due = unscoped(KommoChats).where(col(KommoChats.due_at) <= now())
    with session_scope(reason="channels of our own in Kommo", read_only=True) as session:
        if session.exec(due.limit(1)).first() is None:
            return []
    with session_scope(reason="channels of our own in Kommo") as session:
        rows = session.exec(due.order_by(KommoChats.due_at).limit(5).with_for_update(skip_locked=True)).all()
        for row in rows:
            row.due_at = now() + LEASE
        return [(row.tenant_id, row.id) for row in rows]


def _work_on(tenant_id: str, chats_id: str) -> None:
    began = now()
    with session_scope(tenant_id, read_only=True) as session:
        row: KommoChats | None = session.get(KommoChats, chats_id)
        account = session.get(ChannelAccount, row.account_id) if row is not None else None
        if row is None or account is None:
            return
        is_on = account.enabled and account.deleted_at is None
        work = _Work(
            tenant_id, chats_id, row.scope, row.bot_id, ChatsClient(own_chats.channel_of(session, account, row))
        )
        message_ids = _unshown(session, row) if is_on else []
        answers = _undelivered(session, row) if is_on else []
        writing = _being_written(session, row) if is_on else []
    for message_id in message_ids:
        _show(work, message_id)
    for shown_id, outside_id, status, error in answers:
        work.client.set_delivery(work.scope, outside_id, status, error)
        _set(tenant_id, shown_id, ShownState.REPORTED)
    for conversation_id, agent_id, name in writing:
        _show_typing(work, conversation_id, Person(f"writer-{agent_id}", name, ref_id=work.bot_id))
    is_full = len(message_ids) == BATCH
    _finish(tenant_id, chats_id, timedelta(0) if is_full else EVERY, None, since=None if is_full else began - OVERLAP)


def _unshown(session: Transaction, row: KommoChats) -> list[str]:
    """Return the messages of newer events that are not shown yet, the oldest first."""
    shown = owned(KommoChatMessage, row.tenant_id).where(
        KommoChatMessage.chats_id == row.id, KommoChatMessage.state != ShownState.PARTIAL
    )
    query = owned(Event, row.tenant_id).where(
        col(Event.at) >= row.since,
        col(Event.kind).in_(KINDS),
        col(Event.message_id).not_in(shown.with_only_columns(KommoChatMessage.message_id)),
    )
    query = query.join(Conversation, col(Conversation.id) == Event.conversation_id).where(
        col(Conversation.channel).in_(MIRRORED)
    )
    columns = query.order_by(Event.at, Event.id).limit(BATCH).with_only_columns(Event.message_id)
    return [message_id for (message_id,) in session.execute(columns).all()]


def _show(work: _Work, message_id: str) -> None:
    """Show a message with its files; each part is recorded before it is sent, so that it is never sent twice."""
    with session_scope(work.tenant_id) as session:
        message = session.get(Message, message_id)
        talk = session.get(Conversation, message.conversation_id) if message is not None else None
        if message is None or talk is None:
            return
        shown = _started(session, work, message_id)
        shown_id, done = shown.id, shown.parts
        parts = chat_messages.build(session, talk, message, bot_id=work.bot_id)
    state = ShownState.SHOWN
    for place, part in enumerate(parts[done:], done):
        if place:
            _set(work.tenant_id, shown_id, ShownState.SENDING, parts=place)
        try:
            work.client.send(work.scope, part)
        except errors.Uncertain:
            state = ShownState.UNCERTAIN
        except (errors.RefusedFields, errors.EntityNotFound) as error:
            log.warning("a message is not shown in Kommo", message_id=message_id, reason=str(error))
            state = ShownState.FAILED
        except errors.KommoError:  # nothing was done: it is shown later
            _postpone(work.tenant_id, shown_id, place)
            raise
    _set(work.tenant_id, shown_id, state, parts=len(parts))


def _started(session: Transaction, work: _Work, message_id: str) -> KommoChatMessage:
    """Return the row of a message that is being shown: a new one, or that of one whose other parts follow."""
    query = owned(KommoChatMessage, work.tenant_id).where(
        KommoChatMessage.chats_id == work.chats_id, KommoChatMessage.message_id == message_id
    )
    row: KommoChatMessage = session.exec(query.with_for_update()).first() or KommoChatMessage(
        tenant_id=work.tenant_id, chats_id=work.chats_id, message_id=message_id, state=ShownState.SENDING
    )
    row.state = ShownState.SENDING
    session.add(row)
    session.flush()
    return row


def _postpone(tenant_id: str, shown_id: str, place: int) -> None:
    """Let the parts of a message from a place on be sent later."""
    with session_scope(tenant_id) as session:
        row = session.get(KommoChatMessage, shown_id)
        if row is not None and place == 0:
            session.delete(row)
        elif row is not None:
            row.state, row.parts = ShownState.PARTIAL, place


def _undelivered(session: Transaction, row: KommoChats) -> list[tuple[str, str, int, str]]:
    """Return what came from Kommo and has been delivered, or has failed: row, id there, status and reason."""
    query = owned(KommoChatMessage, row.tenant_id).where(
        KommoChatMessage.chats_id == row.id, KommoChatMessage.state == ShownState.RECEIVED
    )
    rows: list[KommoChatMessage] = list(session.exec(query.order_by(KommoChatMessage.id).limit(BATCH)).all())
    states = outbound_parts.delivery_states(session, row.tenant_id, [received.message_id for received in rows])
    answers = []
    for received in rows:
        delivery = states.get(received.message_id)
        state = delivery.state if delivery is not None else OutboundState.DELIVERED  # a visitor fetches it
        if state in (OutboundState.SENT, OutboundState.DELIVERED, OutboundState.READ):
            answers.append((received.id, received.outside_id or "", chats.DELIVERED, ""))
        elif state in (OutboundState.FAILED, OutboundState.UNCERTAIN):
            answers.append((received.id, received.outside_id or "", chats.NOT_DELIVERED, NOT_DELIVERED))
    return answers


def _being_written(session: Transaction, row: KommoChats) -> list[tuple[str, str, str]]:
    """Return the conversations in which a reply is being written, with the agent's id and name."""
    query = owned(Message, row.tenant_id).where(
        Message.state == MessageState.STREAMING,
        Message.author == Author.AGENT,
        col(Message.is_suggestion).is_(False),
    )
    query = query.join(Conversation, col(Conversation.id) == Message.conversation_id).where(
        col(Conversation.channel).in_(MIRRORED)
    )
    columns = query.limit(BATCH).with_only_columns(Conversation.id, Conversation.agent_id, Message.author_name)
    return [(talk_id, agent_id, name) for talk_id, agent_id, name in session.execute(columns).all()]


def _show_typing(work: _Work, conversation_id: str, writer: Person) -> None:
    """Show that a reply is being written, every few seconds; that it is not shown is no failure."""
    if time.monotonic() - _typing_at.get(conversation_id, float("-inf")) < TYPING_SECONDS:
        return
    if len(_typing_at) > MAX_TYPING:
        _typing_at.clear()
    _typing_at[conversation_id] = time.monotonic()
    try:
        work.client.show_typing(work.scope, conversation_id, writer)
    except errors.KommoError as error:
        log.info("typing was not shown in Kommo", reason=error.sentence)


def _set(tenant_id: str, shown_id: str, state: ShownState, *, parts: int = 1) -> None:
    with session_scope(tenant_id) as session:
        mine = owned_update(KommoChatMessage, tenant_id).where(col(KommoChatMessage.id) == shown_id)
        changes = {"state": state, "parts": parts}
        session.execute(mine.values(**changes).execution_options(synchronize_session=False))


def _finish(
    tenant_id: str, chats_id: str, pause: timedelta, error: PlatformError | None, *, since: datetime | None = None
) -> None:
    """Store when to look again, why nothing is shown, and from when on messages are looked at."""
    with session_scope(tenant_id) as session:
        query = owned(KommoChats, tenant_id).where(KommoChats.id == chats_id)
        row: KommoChats | None = session.exec(query.with_for_update()).first()
        if row is None:
            return
        row.due_at = now() + pause
        row.since = max(row.since, since) if since is not None else row.since
        row.problem = error.sentence if error is not None else ""
        row.problem_values = {name: str(value)[:300] for name, value in error.values.items()} if error else {}
