"""Approvals: members approve or reject replies that wait to be checked before sending."""

import structlog
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.errors import Conflict
from platform_app.events import emit
from platform_app.llm.reply_text import to_storable
from platform_app.models.conversation import Conversation, Message, MessageState
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.models.sending import OverdueApproval
from platform_app.services.chat import agent_tools, conversation_rows, hand_off, sending, tool_turns
from platform_app.services.chat.conversation_rows import MAX_MESSAGE_CHARS
from platform_app.services.notifications import event_notifications

_logger = structlog.get_logger()
BATCH = 100  # overdue replies handled per run


def list_waiting(session: Transaction, who: Identity, *, limit: int = 100) -> list[Message]:
    """Return the tenant's replies that wait for approval, oldest first."""
    query = owned(Message, who.tenant_id).where(
        Message.state == MessageState.TO_APPROVE, col(Message.replaced).is_(False)
    )
    return list(session.exec(query.order_by(Message.created_at, Message.id).limit(limit)).all())


def approve(session: Transaction, who: Identity, reply_id: str, text: str, *, despite_opt_out: bool = False) -> Message:
    """Send a reply that waits for approval, unchanged or with the member's `text`.

    The agent's original text is kept in `own_text` if the member changed it. An empty `text` changes nothing. Raises
    Conflict if the reply does not wait for approval, or the gate does not let it through. If a tool call waits, `text`
    is its arguments: the call is made and the reply goes on; raises Invalid if they cannot be taken.
    """
    row, reply = _waiting(session, who, reply_id)
    if agent_tools.is_parked(reply):
        is_changed = text.strip() not in ("", reply.text.strip())
        tool_turns.approve(session, who, row, reply, arguments=text)
        return _record_decision(session, who, row, reply, outcome="edited" if is_changed else "approved")
    changed = to_storable(text).strip()[:MAX_MESSAGE_CHARS]
    if changed and changed != reply.text:
        reply.own_text, reply.text = reply.text, changed
        reply.figures = [figure for figure in reply.figures if figure in changed]
    sending.send_for_member(session, row, reply, who, despite_opt_out=despite_opt_out)
    reply.review = sending.review_of(who, "edited" if reply.own_text else "approved")
    _record(session, who, row, reply, kind=EventKind.REPLY_APPROVED, sentence="Reply in “{title}” approved")
    return reply


def reject(session: Transaction, who: Identity, reply_id: str, reason: str = "") -> Message:
    """Discard a reply that waits for approval and store the member's reason. Raises Conflict if it does not wait."""
    row, reply = _waiting(session, who, reply_id)
    if agent_tools.is_parked(reply):
        tool_turns.refuse(session, who, row, reply, reason=reason)
        return _record_decision(session, who, row, reply, outcome="rejected", reason=reason.strip()[:1_000])
    reply.state, reply.finished_at, reply.due_at = MessageState.DISCARDED, now(), None
    reply.review = sending.review_of(who, "rejected", reason=to_storable(reason).strip()[:1_000])
    _record(session, who, row, reply, kind=EventKind.REPLY_REJECTED, sentence="Reply in “{title}” rejected")
    conversation_rows.publish_change(session, row)
    return reply


def _record_decision(
    session: Transaction, who: Identity, row: Conversation, reply: Message, *, outcome: str, reason: str = ""
) -> Message:
    """Record a decision on a tool call; the reply is written on."""
    reply.review = sending.review_of(who, outcome, reason=to_storable(reason))
    is_refused = outcome == "rejected"
    kind = EventKind.REPLY_REJECTED if is_refused else EventKind.REPLY_APPROVED
    sentence = "Tool of the agent in “{title}” refused" if is_refused else "Tool of the agent in “{title}” approved"
    _record(session, who, row, reply, kind=kind, sentence=sentence)
    return reply


def _record(
    session: Transaction, who: Identity, row: Conversation, reply: Message, *, kind: EventKind, sentence: str
) -> None:
    after = {name: str(reply.review.get(name, "")) for name in ("outcome", "reason", "by")}
    links = conversation_rows.event_links(row)
    event = emit(session, row.tenant_id, kind, after=after, message_id=reply.id, **links)
    conversation_rows.record(session, row, ActivityKind.REPLY, sentence, who=who).event_id = event.id
    event_notifications.notify_of_event(session, event, by=who.user_id)


def _waiting(session: Transaction, who: Identity, reply_id: str) -> tuple[Conversation, Message]:
    row, reply = conversation_rows.get_locked(session, who, reply_id)
    if reply.state != MessageState.TO_APPROVE or reply.replaced:
        raise Conflict("This reply doesn’t wait for approval.")
    return row, reply


def handle_overdue() -> bool:
    """Handle replies whose approval is overdue, as each tenant's policy says: notify members, or hand off.

    Returns whether more may be left.
    """
    with session_scope(reason="approvals that are overdue", read_only=True) as session:
        due = unscoped(Message).where(Message.state == MessageState.TO_APPROVE, col(Message.due_at) <= now())
        overdue = session.execute(due.limit(BATCH).with_only_columns(Message.tenant_id, Message.id)).all()
    for tenant_id, message_id in overdue:
        try:
            with session_scope(tenant_id) as session:
                _handle_one(session, tenant_id, message_id)
        except Exception:  # tried again by the next call
            _logger.exception("an overdue approval was not handled", message_id=message_id)
    return len(overdue) == BATCH


def _handle_one(session: Transaction, tenant_id: str, message_id: str) -> None:
    query = owned(Message, tenant_id).where(Message.id == message_id)
    message: Message | None = session.exec(query).first()
    if message is None:
        return
    row = conversation_rows.lock(session, tenant_id, message.conversation_id)
    reply: Message = session.exec(query.with_for_update()).one()
    if reply.state != MessageState.TO_APPROVE or reply.due_at is None or reply.due_at > now():
        return
    wish, reply.due_at = sending.policy_of(session, tenant_id).approval_overdue, None
    if wish == OverdueApproval.WAIT or reply.replaced:
        return
    links = conversation_rows.event_links(row)
    event = emit(session, tenant_id, EventKind.APPROVAL_OVERDUE, message_id=reply.id, **links)
    sentence = "Reply in “{title}” waits for approval too long"
    conversation_rows.record(session, row, ActivityKind.REPLY, sentence, who=None).event_id = event.id
    event_notifications.notify_of_event(session, event)
    if wish == OverdueApproval.HAND_OFF:
        hand_off.hand_off_by_clock(session, row)
