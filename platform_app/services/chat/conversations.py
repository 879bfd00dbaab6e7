"""Conversations: create, list and change conversations, and receive what contacts and testers write."""

from sqlmodel import col

from platform_app.automation.send_gate import Decision, OutboundMessage, Sender
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update
from platform_app.errors import Conflict, Invalid, NotFound, PlatformError
from platform_app.events import emit
from platform_app.fact_snapshots import current_messages
from platform_app.llm.reply_text import to_storable
from platform_app.models.agent import AgentSettings, Channel
from platform_app.models.conversation import (
    Author,
    Conversation,
    ConversationState,
    Message,
    MessageState,
    Trace,
)
from platform_app.models.crm import Contact, Lead, Stage
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.models.sending import GateReason
from platform_app.services.agents import agents
from platform_app.services.bin import bin_entries
from platform_app.services.chat import conversation_rows, message_search, opt_outs, sending, shadow_answers
from platform_app.services.chat.conversation_rows import (
    checked_text,
    event_links,
    first_line,
    get,
    get_locked,
    get_message,
    link_of,
    publish_change,
    update_last_message,
)
from platform_app.services.chat.pending_replies import PENDING, agent_settings, cancel_pending_replies, start_reply
from platform_app.services.chat.reply_context import check_channel
from platform_app.services.feed import activity

__all__ = [
    "PENDING",
    "cancel_pending_replies",
    "event_links",
    "first_line",
    "get",
    "get_message",
    "publish_change",
    "update_last_message",
]
SEARCH_LIMIT = 1_000  # newest test conversations that a search covers


def create(
    session: Transaction, who: Identity, agent_id: str, *, use_draft: bool = True, is_live: bool = False
) -> Conversation:
    """Create a conversation in the test chat; see `set_is_live`. Raises NotFound if there is no such agent."""
    agents.effective_settings(session, who.tenant_id, agent_id, draft=use_draft)
    row = Conversation(tenant_id=who.tenant_id, agent_id=agent_id, use_draft=use_draft, created_by=who.user_id)
    row.is_live = is_live
    session.add(row)
    session.flush()
    publish_change(session, row)
    return row


def create_for_contact(
    session: Transaction,
    who: Identity,
    agent_id: str,
    contact_id: str,
    *,
    channel: Channel,
    lead_id: str | None = None,
) -> Conversation:
    """Create a conversation of a contact with the published version of an agent.

    Raises Invalid for the test channel, and NotFound if there is no such agent, lead or contact.
    """
    if channel == Channel.TEST:
        raise Invalid("This value isn’t allowed.", field="channel")
    agents.get(session, who, agent_id)
    _check_people(session, who, lead_id=lead_id, contact_id=contact_id)
    row = Conversation(tenant_id=who.tenant_id, agent_id=agent_id, use_draft=False, channel=channel)
    row.contact_id, row.lead_id = contact_id, lead_id
    session.add(row)
    session.flush()
    publish_change(session, row)
    return row


def list_test_conversations(
    session: Transaction, who: Identity, *, search: str = "", limit: int = 100
) -> list[Conversation]:
    """Return up to `limit` conversations of the test chat that match `search`, newest first."""
    query = owned(Conversation, who.tenant_id).where(
        Conversation.channel == Channel.TEST,
        col(Conversation.deleted_at).is_(None),
    )
    query = query.order_by(col(Conversation.last_message_at).desc(), col(Conversation.id).desc())
    wanted = search.strip().casefold()
    if not wanted:
        return list(session.exec(query.limit(limit)).all())
    columns = query.with_only_columns(Conversation.id, Conversation.title, Conversation.last_line)
    lines = session.execute(columns.limit(SEARCH_LIMIT)).all()
    ids = [row_id for row_id, title, last in lines if wanted in f"{title}\n{last}".casefold()]
    return some(session, who, ids[:limit])


def some(session: Transaction, who: Identity, conversation_ids: list[str]) -> list[Conversation]:
    """Return the conversations with these ids in this order, without the deleted ones."""
    query = owned(Conversation, who.tenant_id).where(
        col(Conversation.id).in_(conversation_ids),
        col(Conversation.deleted_at).is_(None),
    )
    by_id = {row.id: row for row in session.exec(query).all()}
    return [by_id[row_id] for row_id in conversation_ids if row_id in by_id]


def is_plain(session: Transaction, who: Identity, conversation_id: str) -> bool:
    """Return whether the agent of a conversation writes without Markdown; False if its agent cannot be used."""
    row = get(session, who, conversation_id)
    try:
        settings, _ = agents.effective_settings(session, who.tenant_id, row.agent_id, draft=row.use_draft)
    except PlatformError:  # the agent is deleted
        return False
    return not settings.markdown


def list_messages(session: Transaction, who: Identity, conversation_id: str) -> list[Message]:
    """Return the messages of a conversation, oldest first, without those replaced by an edit or a retry."""
    query = current_messages(get(session, who, conversation_id))
    return list(session.exec(query.order_by(Message.created_at, Message.id)).all())


def newest_messages(
    session: Transaction, who: Identity, conversation_id: str, *, limit: int
) -> tuple[list[Message], bool]:
    """Return the newest `limit` messages, oldest first, and whether there are earlier ones."""
    query = current_messages(get(session, who, conversation_id))
    order = query.order_by(col(Message.created_at).desc(), col(Message.id).desc())
    messages = list(session.exec(order.limit(limit + 1)).all())
    return messages[:limit][::-1], len(messages) > limit


def get_trace(session: Transaction, who: Identity, message_id: str) -> Trace | None:
    """Return the trace of a reply, or None while the reply is being written."""
    row: Trace | None = session.exec(owned(Trace, who.tenant_id).where(Trace.message_id == message_id)).first()
    return row


def receive(
    session: Transaction, who: Identity, conversation_id: str, text: str, *, is_automatic: bool = False
) -> tuple[Message, Message | None]:
    """Store a message of a contact or tester; return it and the row of the reply, or None if no reply is sent.

    The caller streams a reply in state STREAMING; a reply in state DELAYED has a job. Pending replies to earlier
    messages are replaced, so that a burst of messages is answered once. A message that `is_automatic` gets no reply and
    emits no event. Raises Invalid if the text is empty or too long, NotFound if there is no such conversation, Conflict
    if a test conversation is closed.
    """
    text = checked_text(text)
    session.enable_cache()  # fact snapshots are written from the same rows
    row = get(session, who, conversation_id, lock=True)  # concurrent messages are received one after another
    if row.state == ConversationState.CLOSED and not is_automatic:
        if row.channel == Channel.TEST:
            raise Conflict("This conversation is closed.")
        reopen_locked(session, row, None)
    settings = agent_settings(session, row)
    is_first = not row.last_line and not _has_messages(session, row)
    name = _author_name(session, who, row)
    said = Message(tenant_id=who.tenant_id, conversation_id=row.id, author=Author.CONTACT, author_name=name, text=text)
    session.add(said)
    message_search.add(session, said)
    row.title = row.title or first_line(text)[:80]
    if is_automatic:
        update_last_message(session, row, said)
        return said, None
    row.contact_at, row.snoozed_until = said.created_at, None
    if is_first:
        _record_start(session, who, row, settings)
    links = event_links(row)
    emit(session, who.tenant_id, EventKind.MESSAGE_RECEIVED, after={"text": text[:2000]}, message_id=said.id, **links)
    _apply_opt_out(session, who, row, text)
    decision = sending.check(session, row, OutboundMessage(Sender.REPLY))
    if not decision.sends:
        _leave_unanswered(session, row, said, decision=decision, settings=settings)
        return said, None
    return said, start_reply(session, row, said=said, settings=settings)


def _leave_unanswered(
    session: Transaction, row: Conversation, said: Message, *, decision: Decision, settings: AgentSettings
) -> None:
    """Store why a message gets no reply; in shadow mode the agent's answer to it is written and kept."""
    said.gate = decision.as_json()
    update_last_message(session, row, said)
    if decision.reason == GateReason.SHADOW:
        shadow_answers.start(session, row, said, settings)


def _apply_opt_out(session: Transaction, who: Identity, row: Conversation, text: str) -> None:
    """Opt the contact out if the message is one of the tenant's opt-out words."""
    if row.contact_id and row.channel != Channel.TEST:
        word = opt_outs.word_in(sending.policy_of(session, row.tenant_id), text)
        if word:
            opt_outs.opt_out(session, who, row.contact_id, word=word)


def reopen_locked(session: Transaction, row: Conversation, who: Identity | None) -> None:
    """Reopen a closed conversation, already locked; the member who was in charge is in charge again."""
    row.state = ConversationState.HANDED_OFF if row.in_charge_since else ConversationState.OPEN
    event = emit(session, row.tenant_id, EventKind.CONVERSATION_REOPENED, **event_links(row))
    conversation_rows.record(session, row, ActivityKind.CONVERSATION, "“{title}” reopened", who=who).event_id = event.id
    publish_change(session, row)


def _author_name(session: Transaction, who: Identity, row: Conversation) -> str:
    """Return the name of the author: the tester, or the contact of a conversation on a channel."""
    contact = session.get(Contact, row.contact_id) if row.channel != Channel.TEST and row.contact_id else None
    return contact.name if contact else who.name


def _has_messages(session: Transaction, row: Conversation) -> bool:
    (has_messages,) = session.exists_each(owned(Message, row.tenant_id).where(Message.conversation_id == row.id))
    return has_messages


def _record_start(session: Transaction, who: Identity, row: Conversation, settings: AgentSettings) -> None:
    event = emit(session, who.tenant_id, EventKind.CONVERSATION_STARTED, **event_links(row))
    told = activity.record_by(
        session,
        who,
        ActivityKind.CONVERSATION,
        "Conversation with “{agent}” started",
        agent_id=row.agent_id,
        link=link_of(row),
        agent=settings.name,
    )
    told.event_id = event.id


def skip_delay(session: Transaction, who: Identity, reply_id: str) -> Message:
    """Put a delayed reply into state STREAMING, to be streamed now. Raises Conflict if it is not delayed."""
    reply = get_message(session, who, reply_id, lock=True)
    if reply.state != MessageState.DELAYED:
        raise Conflict("This reply isn’t pending.")
    reply.state, reply.due_at, reply.beat_at = MessageState.STREAMING, None, now()
    publish_change(session, get(session, who, reply.conversation_id))
    return reply


def retry(session: Transaction, who: Identity, reply_id: str) -> Message:
    """Create another reply to the same message; the old one is kept, marked as replaced.

    Raises Conflict if the message is not a finished reply of the agent, Forbidden if the agent is switched off or does
    not work on the channel.
    """
    row, old = get_locked(session, who, reply_id)
    if old.author != Author.AGENT or old.answers_id is None or old.state in PENDING or old.replaced:
        raise Conflict("This message can’t be retried now.")
    settings, _ = agents.effective_settings(session, who.tenant_id, row.agent_id, draft=row.use_draft)
    check_channel(session, row, settings)
    _replace_from(session, row, old)
    said = get_message(session, who, old.answers_id)
    return start_reply(session, row, said=said, settings=settings)


def edit_and_resend(session: Transaction, who: Identity, message_id: str, text: str) -> tuple[Message, Message | None]:
    """Replace an earlier message by a new text and receive that; return the same as `receive`.

    The old message and those after it are kept, marked as replaced. Raises Conflict if it is not the tester's own
    message or is already replaced, and what `receive` raises.
    """
    row, old = get_locked(session, who, message_id)
    if old.author != Author.CONTACT or old.replaced:
        raise Conflict("Only your own message can be edited.")
    _replace_from(session, row, old)
    return receive(session, who, old.conversation_id, text)


def _replace_from(session: Transaction, row: Conversation, first: Message | None = None) -> None:
    """Mark the messages from one on, or all of a conversation, as replaced."""
    cancel_pending_replies(session, row)
    session.flush()
    query = owned_update(Message, row.tenant_id).where(col(Message.conversation_id) == row.id)
    if first is not None:
        query = query.where(col(Message.created_at) >= first.created_at)
    session.execute(query.values(replaced=True))


def stop(session: Transaction, who: Identity, reply_id: str) -> Message:
    """Stop a pending reply, keeping the text so far; a finished reply is returned unchanged."""
    reply = get_message(session, who, reply_id, lock=True)
    if reply.state in PENDING:
        reply.state, reply.finished_at, reply.due_at = MessageState.STOPPED, now(), None
        publish_change(session, get(session, who, reply.conversation_id))
    return reply


def rename(session: Transaction, who: Identity, conversation_id: str, title: str) -> Conversation:
    """Change the title of a conversation. Raises Invalid if it is empty."""
    row = get(session, who, conversation_id)
    if not to_storable(title).strip():
        raise Invalid("Enter a title.", field="title")
    row.title = to_storable(title).strip()[:200]
    publish_change(session, row)
    return row


def set_test_context(
    session: Transaction,
    who: Identity,
    conversation_id: str,
    *,
    lead_id: str | None,
    contact_id: str | None,
    stage_id: str | None = None,
) -> Conversation:
    """Set the lead, contact and stage of a test conversation; without a stage, the lead's own applies.

    Raises NotFound if there is no such lead, contact or stage.
    """
    row = get(session, who, conversation_id)
    _check_people(session, who, lead_id=lead_id, contact_id=contact_id)
    if stage_id and session.exec(owned(Stage, who.tenant_id).where(Stage.id == stage_id)).first() is None:
        raise NotFound("Stage not found.")
    row.lead_id, row.contact_id, row.stage_id = lead_id, contact_id, stage_id
    publish_change(session, row)
    return row


def set_is_live(session: Transaction, who: Identity, conversation_id: str, *, is_live: bool) -> Conversation:
    """Set whether a test conversation has events: rules and sequences run on them, and statistics count them.

    What happens in it while it is not live is never made up for. Raises Invalid if it is not a test conversation.
    """
    row = get(session, who, conversation_id, lock=True)
    if row.channel != Channel.TEST:
        raise Invalid("This value isn’t allowed.", field="is_live")
    row.is_live = is_live
    publish_change(session, row)
    return row


def _check_people(session: Transaction, who: Identity, *, lead_id: str | None, contact_id: str | None) -> None:
    """Raise NotFound if the tenant has no such lead or contact."""
    if lead_id and session.exec(owned(Lead, who.tenant_id).where(Lead.id == lead_id)).first() is None:
        raise NotFound("Lead not found. It may have been deleted.")
    if contact_id and session.exec(owned(Contact, who.tenant_id).where(Contact.id == contact_id)).first() is None:
        raise NotFound("Contact not found. It may have been deleted.")


def set_agent(
    session: Transaction, who: Identity, conversation_id: str, agent_id: str, *, use_draft: bool
) -> Conversation:
    """Set the agent, and its draft or published version, that replies from now on.

    Raises NotFound if there is no such conversation or agent.
    """
    row = get(session, who, conversation_id)
    agents.effective_settings(session, who.tenant_id, agent_id, draft=use_draft)
    row.agent_id, row.use_draft = agent_id, use_draft
    publish_change(session, row)
    return row


def clear(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Mark all messages of a conversation as replaced; they are kept but no longer shown."""
    row = get(session, who, conversation_id, lock=True)
    _replace_from(session, row)
    row.last_line = ""
    publish_change(session, row)
    return row


def delete(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Delete a conversation and stop its pending replies; it can be restored."""
    row = get(session, who, conversation_id, lock=True)
    cancel_pending_replies(session, row)
    row.deleted_at = now()
    bin_entries.put(session, row, by=who.name)
    publish_change(session, row)
    return row


def restore(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Restore a deleted conversation. Raises NotFound if there is no such deleted conversation."""
    query = owned(Conversation, who.tenant_id).where(Conversation.id == conversation_id)
    row: Conversation | None = session.exec(query).first()
    if row is None or row.deleted_at is None:
        raise NotFound("Conversation not found.")
    row.deleted_at = None
    bin_entries.remove_restored(session, who, row)
    publish_change(session, row)
    return row
