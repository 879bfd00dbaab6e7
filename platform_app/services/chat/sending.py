"""Sending: the send gate, which alone sends, holds or drops messages to contacts."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col

from platform_app.automation.send_gate import (
    WEEK,
    Decision,
    OutboundMessage,
    SendContext,
    Sender,
    Verdict,
    decide,
)
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, PlatformError
from platform_app.events import Cause, cause_of, emit, set_cause
from platform_app.models.agent import Agent, Channel
from platform_app.models.conversation import Author, Conversation, ConversationState, Message, MessageState, Origin
from platform_app.models.crm import Contact
from platform_app.models.event import ActivityKind, Event, EventKind
from platform_app.models.person import Identity, Tenant
from platform_app.models.sending import Dispatch, GateReason, OverdueApproval, SendingPolicy
from platform_app.services.agents import agents
from platform_app.services.chat import conversation_rows, message_search, outbound_parts
from platform_app.services.chat.conversation_rows import event_links, publish_change, update_last_message
from platform_app.services.chat.gate_sentences import HELD_SENTENCES, REFUSALS
from platform_app.services.notifications import event_notifications

Window = Callable[[Transaction, Conversation, datetime], Decision | None]
WINDOWS: dict[Channel, Window] = {}  # a channel's own decision at a moment, if it has limits
_KINDS = {Origin.RULE: ActivityKind.RULE, Origin.SEQUENCE: ActivityKind.SEQUENCE}


def new_message(session: Transaction, row: Conversation, author: Author, name: str, **values: Any) -> Message:
    """Add a message of an agent or a member; it is not sent until `send` sends it."""
    given: dict[str, Any] = {"state": MessageState.DELAYED, "beat_at": now()} | values
    message = Message(tenant_id=row.tenant_id, conversation_id=row.id, author=author, author_name=name, **given)
    session.add(message)
    return message


def add_internal(
    session: Transaction, row: Conversation, who: Identity, text: str, *, state: MessageState, **values: Any
) -> Message:
    """Add a member's message for other members or the agent; it is never sent."""
    note = new_message(session, row, Author.MEMBER, who.name, text=text, state=state, author_id=who.user_id, **values)
    note.finished_at = note.created_at
    message_search.add(session, note)
    publish_change(session, row)
    return note


def origin_of_act(session: Transaction, who: Identity) -> dict[str, Any]:
    """Return the columns of a message that name the rule or sequence acting in this transaction."""
    cause = cause_of(session)
    if cause is None:
        return {"origin": Origin.RULE, "origin_name": who.name[:200]}
    columns = {"cause_id": cause.event_id or None, "depth": cause.depth, "run_id": cause.run_id}
    if cause.run_id is None and cause.origin_id:
        return columns | {"origin": Origin.SEQUENCE, "origin_name": who.name[:200], "enrollment_id": cause.origin_id}
    return columns | {"origin": Origin.RULE, "origin_name": who.name[:200]}


def outbound(message: Message, *, by: Identity | None = None, despite_opt_out: bool = False) -> OutboundMessage:
    """Return the gate's view of a message. `by` is the member who wrote or released it."""
    if by is not None:
        return OutboundMessage(Sender.MEMBER, despite_opt_out=despite_opt_out)
    sender = Sender.REPLY if message.origin == Origin.CONVERSATION else Sender.AUTOMATION
    return OutboundMessage(sender, is_exempt=message.is_exempt)


def policy_of(session: Transaction, tenant_id: str) -> SendingPolicy:
    """Return a tenant's limits on messages to its contacts."""
    tenant = session.get(Tenant, tenant_id)
    return SendingPolicy.model_validate(tenant.sending if tenant else {})


def check(session: Transaction, row: Conversation, asked: OutboundMessage) -> Decision:
    """Return the gate's decision on a message now, without changing anything."""
    return decide(send_context(session, row, asked), asked, now())


def send(session: Transaction, row: Conversation, message: Message, *, needs_approval: bool = False) -> Decision:
    """Send an automatic message, or hold or drop it and store why; return the decision.

    The conversation must be locked. A message that `needs_approval` waits for a member instead of being sent.
    """
    asked = outbound(message)
    decision = decide(send_context(session, row, asked, lock=True), asked, now())
    if not decision.sends:
        keep_back(session, row, message, decision)
    elif needs_approval:
        _request_approval(session, row, message)
    else:
        _commit(session, row, message, asked=asked)
    return decision


def _request_approval(session: Transaction, row: Conversation, message: Message) -> None:
    """Put a message into state TO_APPROVE; `due_at` is when its approval becomes overdue, if ever."""
    policy = policy_of(session, row.tenant_id)
    is_timed = policy.approval_minutes and policy.approval_overdue != OverdueApproval.WAIT
    message.due_at = now() + timedelta(minutes=policy.approval_minutes) if is_timed else None
    message.state, message.gate = MessageState.TO_APPROVE, {}
    links = event_links(row)
    event = emit(session, row.tenant_id, EventKind.APPROVAL_REQUESTED, message_id=message.id, **links)
    sentence = "Reply in “{title}” waits for approval"
    conversation_rows.record(session, row, ActivityKind.REPLY, sentence, who=None).event_id = event.id
    event_notifications.notify_of_event(session, event)
    publish_change(session, row)


def send_for_member(
    session: Transaction, row: Conversation, message: Message, who: Identity, *, despite_opt_out: bool = False
) -> None:
    """Send a message that a member wrote or released; the conversation must be locked.

    Raises Conflict if the gate does not let it through. `despite_opt_out`: the member confirmed that it is sent to a
    contact who has opted out.
    """
    asked = outbound(message, by=who, despite_opt_out=despite_opt_out)
    decision = decide(send_context(session, row, asked, lock=True), asked, now())
    if decision.reason is not None:
        raise Conflict(REFUSALS[decision.reason])
    _commit(session, row, message, asked=asked)


def review_of(who: Identity, outcome: str, **more: str) -> dict[str, Any]:
    """Return a member's decision on a message, as stored in its `review`."""
    return {"outcome": outcome, "by": who.name, "user_id": who.user_id, "at": now().isoformat()} | more


def keep_back(session: Transaction, row: Conversation, message: Message, decision: Decision) -> None:
    """Hold or drop a message, as a decision says, and store its reason; one that is held now emits an event."""
    assert decision.reason is not None
    is_new = message.gate.get("reason") != decision.reason
    message.gate, message.due_at = decision.as_json(), decision.until
    is_held = decision.verdict == Verdict.HOLD
    message.state, message.finished_at = MessageState.HELD if is_held else MessageState.DISCARDED, now()
    publish_change(session, row)
    if is_new:
        kind = _KINDS.get(message.origin, ActivityKind.REPLY)
        actor = message.origin_name or message.author_name
        sentence = HELD_SENTENCES[decision.reason]
        told = conversation_rows.record(session, row, kind, sentence, who=None, actor=actor)
        told.event_id = _emit_held(session, row, message, decision.reason) if is_held else None


def _emit_held(session: Transaction, row: Conversation, message: Message, reason: GateReason) -> str:
    """Emit the event of a message that is held; return its id."""
    _set_cause(session, message)
    after = {"text": (message.text or message.task)[:2000], "reason": reason.value}
    links = event_links(row)
    event = emit(session, row.tenant_id, EventKind.MESSAGE_HELD, after=after, message_id=message.id, **links)
    event_notifications.notify_of_event(session, event)
    return event.id


def _set_cause(session: Transaction, message: Message) -> None:
    """Let the events of this transaction follow from what led to a message, if it is sent or held later than that."""
    if cause_of(session) is None and (message.cause_id or message.enrollment_id):
        cause = session.get(Event, message.cause_id) if message.cause_id else None
        origin_id = message.enrollment_id or (cause.origin_id if cause else None)
        set_cause(session, Cause(message.cause_id or "", message.depth, message.run_id, origin_id))


def _commit(session: Transaction, row: Conversation, message: Message, *, asked: OutboundMessage) -> None:
    """Mark a message as sent, count it for the caps and emit its event."""
    message.state, message.finished_at, message.gate, message.due_at = MessageState.COMPLETE, now(), {}, None
    if asked.is_counted and row.contact_id and row.channel != Channel.TEST:
        dispatch = Dispatch(tenant_id=row.tenant_id, contact_id=row.contact_id, key=message.id)
        dispatch.at = message.finished_at
        session.add(dispatch)
    _set_cause(session, message)
    after, is_members = {"text": message.text[:2000]}, message.author == Author.MEMBER
    kind = EventKind.MEMBER_REPLIED if is_members else EventKind.REPLY_SENT
    event = emit(session, row.tenant_id, kind, after=after, message_id=message.id, **event_links(row))
    sentence = "Member “{name}” wrote in “{title}”" if is_members else "“{agent}” replied in “{title}”"
    told = {"actor": message.author_name, "user_id": message.author_id}
    told |= {"name" if is_members else "agent": message.author_name}
    conversation_rows.record(session, row, ActivityKind.REPLY, sentence, who=None, **told).event_id = event.id
    update_last_message(session, row, message)
    message_search.add(session, message)
    outbound_parts.add(session, row, message)


def send_context(session: Transaction, row: Conversation, asked: OutboundMessage, *, lock: bool = False) -> SendContext:
    """Return the circumstances of a message. In a test chat only the state and who is in charge count.

    `lock` locks the contact if caps count, so that two messages to one contact are sent in turn.
    """
    is_closed = row.state == ConversationState.CLOSED or row.deleted_at is not None
    is_handed_off = row.state == ConversationState.HANDED_OFF
    in_charge_since = (row.in_charge_since or row.last_message_at) if is_handed_off else None
    talk: dict[str, Any] = {"is_closed": is_closed, "in_charge_since": in_charge_since, "in_charge": row.in_charge}
    if row.channel == Channel.TEST:
        return SendContext(**talk)
    tenant = session.get(Tenant, row.tenant_id)
    assert tenant is not None
    policy, contact = policy_of(session, row.tenant_id), _contact(session, row, lock=lock and asked.is_counted)
    is_on, works_here = (True, True) if asked.sender == Sender.MEMBER else _agent(session, row)
    window = WINDOWS[row.channel](session, row, now()) if row.channel in WINDOWS else None
    return SendContext(
        policy=policy,
        zone=(contact.time_zone if contact else "") or tenant.time_zone,
        is_agent_on=is_on,
        is_on_channel=works_here,
        opted_out_at=contact.opted_out_at if contact else None,
        window=window,
        sent=_sent(session, row) if asked.is_counted and (policy.daily_cap or policy.weekly_cap) else (),
        **talk,
    )


def _contact(session: Transaction, row: Conversation, *, lock: bool) -> Contact | None:
    """Return the contact, locked if caps count, so that two messages to one contact are sent in turn."""
    if not row.contact_id:
        return None
    query = owned(Contact, row.tenant_id).where(Contact.id == row.contact_id)
    contact: Contact | None = session.exec(query.with_for_update(key_share=True) if lock else query).first()
    return contact


def _agent(session: Transaction, row: Conversation) -> tuple[bool, bool]:
    """Return whether the agent is switched on, and whether it works on the channel.

    On a channel account it does: it was chosen there.
    """
    agent: Agent | None = session.exec(owned(Agent, row.tenant_id).where(Agent.id == row.agent_id)).first()
    if agent is None or agent.deleted_at is not None or not agent.active:
        return False, True
    try:
        own, _ = agents.effective_settings(session, row.tenant_id, row.agent_id, draft=row.use_draft)
    except PlatformError:
        return False, True
    return True, row.account_id is not None or row.channel in own.channels


def _sent(session: Transaction, row: Conversation) -> list[datetime]:
    """Return when counted messages were sent to the contact in the last 7 days, oldest first."""
    query = owned(Dispatch, row.tenant_id).where(Dispatch.contact_id == row.contact_id, col(Dispatch.at) > now() - WEEK)
    return list(session.exec(query.with_only_columns(Dispatch.at).order_by(Dispatch.at)).all())
