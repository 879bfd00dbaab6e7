"""Sending: the send gate, which alone sends, holds or drops messages to contacts."""

from datetime import timedelta
from typing import Any

from platform_app.automation.send_gate import (
    Decision,
    OutboundMessage,
    Sender,
    Verdict,
    decide,
)
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Conflict
from platform_app.events import Cause, cause_of, emit, set_cause
from platform_app.models.agent import Channel
from platform_app.models.channel import MessageTemplate
from platform_app.models.conversation import Author, Conversation, Message, MessageState, Origin
from platform_app.models.event import ActivityKind, Event, EventKind
from platform_app.models.person import Identity
from platform_app.models.sending import Dispatch, GateReason, OverdueApproval
from platform_app.services.chat import conversation_rows, message_search, message_templates, outbound_parts, shadow_mode
from platform_app.services.chat.conversation_rows import event_links, publish_change, update_last_message
from platform_app.services.chat.gate_sentences import HELD_SENTENCES, REFUSALS
from platform_app.services.chat.send_contexts import policy_of, send_context
from platform_app.services.notifications import event_notifications

__all__ = ["policy_of", "send_context"]
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


def outbound(
    message: Message, *, by: Identity | None = None, despite_opt_out: bool = False, has_template: bool = False
) -> OutboundMessage:
    """Return the gate's view of a message. `by` is the member who wrote or released it."""
    if by is not None:
        return OutboundMessage(Sender.MEMBER, despite_opt_out=despite_opt_out, has_template=has_template)
    sender = Sender.REPLY if message.origin == Origin.CONVERSATION else Sender.AUTOMATION
    return OutboundMessage(sender, is_exempt=message.is_exempt, has_template=has_template)


def check(session: Transaction, row: Conversation, asked: OutboundMessage) -> Decision:
    """Return the gate's decision on a message now, without changing anything."""
    return decide(send_context(session, row, asked), asked, now())


def send(session: Transaction, row: Conversation, message: Message, *, needs_approval: bool = False) -> Decision:
    """Send an automatic message, or hold or drop it and store why; return the decision.

    The conversation must be locked. A message that `needs_approval` waits for a member instead of being sent.
    """
    template = message_templates.find(session, row, message.template)
    asked = outbound(message, has_template=template is not None)
    decision = decide(send_context(session, row, asked, lock=True), asked, now())
    if not decision.sends:
        keep_back(session, row, message, decision)
    elif needs_approval:
        request_approval(session, row, message)
    else:
        _commit(session, row, message, asked=asked, template=template if decision.as_template else None)
    return decision


def request_approval(session: Transaction, row: Conversation, message: Message) -> None:
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
    template = message_templates.find(session, row, message.template)
    asked = outbound(message, by=who, despite_opt_out=despite_opt_out, has_template=template is not None)
    decision = decide(send_context(session, row, asked, lock=True), asked, now())
    if decision.reason is not None:
        raise Conflict(REFUSALS[decision.reason])
    _commit(session, row, message, asked=asked, template=template if decision.as_template else None)


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


def _commit(
    session: Transaction,
    row: Conversation,
    message: Message,
    *,
    asked: OutboundMessage,
    template: MessageTemplate | None = None,
) -> None:
    """Mark a message as sent, count it for the caps, emit its event and let it go out, as the template if one is given.

    The text of the message is then that of the template, since the contact gets no other.
    """
    if template is not None:
        message.template = message_templates.with_names(template, message.template)
        message.text = message_templates.fill(template, message.template["values"])
        message.quick_replies = []
    if asked.is_counted and row.contact_id and row.channel != Channel.TEST:
        session.add(Dispatch(tenant_id=row.tenant_id, contact_id=row.contact_id, key=message.id, at=now()))
    note_sent_elsewhere(session, row, message)
    outbound_parts.add(session, row, message, template=message.template if template is not None else {})


def note_sent_elsewhere(session: Transaction, row: Conversation, message: Message) -> None:
    """Mark a message as sent, by whatever way it went, and emit its event."""
    message.state, message.finished_at, message.gate, message.due_at = MessageState.COMPLETE, now(), {}, None
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
    if is_members:
        shadow_mode.note_answer(session, row, message.created_at, message_id=message.id)
