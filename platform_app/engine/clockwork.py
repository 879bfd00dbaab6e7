"""Clockwork: events that only the clock brings: schedules that are due, and contacts that nobody answered."""

from datetime import timedelta

from platform_app.automation.rules import definition
from platform_app.clock import now
from platform_app.db import Transaction, everywhere, owned, session_scope
from platform_app.engine.rules import next_time
from platform_app.events import emit
from platform_app.models.conversation import Author, Conversation, ConversationState, Message, MessageState
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Tenant
from platform_app.models.rule import Rule
from platform_app.services import conversations

_LATE = timedelta(days=1)  # silences that began longer ago than this and the rule's own time are let be
_MOST = 500  # conversations that are looked at for a rule at once


def run_schedules() -> None:
    """Write the events of the rules whose time has come."""
    with session_scope(reason="schedules that are due", reading=True) as session:
        due = everywhere(Rule).where(Rule.next_at.is_not(None), Rule.next_at <= now())  # type: ignore[union-attr, operator]
        found = [(row.tenant_id, row.id) for row in session.exec(due.limit(100)).all()]
    for tenant_id, rule_id in found:
        with session_scope(tenant_id) as session:
            _ring(session, tenant_id, rule_id)


def _ring(session: Transaction, tenant_id: str, rule_id: str) -> None:
    row: Rule = session.exec(owned(Rule, tenant_id).where(Rule.id == rule_id).with_for_update()).one()
    if row.next_at is None or row.next_at > now():
        return  # another worker was quicker
    zone = session.exec(everywhere(Tenant).where(Tenant.id == tenant_id)).one().time_zone
    row.next_at = next_time(definition(row.published), zone, now())
    emit(session, tenant_id, EventKind.SCHEDULE, after={"rule_id": row.id}, agent_id=row.agent_id)


def find_silences() -> None:
    """Write an event for each contact whom nobody has answered for as long as a rule says."""
    with session_scope(reason="rules on silence", reading=True) as session:
        heard = everywhere(Rule).where(Rule.trigger == EventKind.NO_REPLY, Rule.enabled.is_(True))  # type: ignore[attr-defined]
        found = {(row.tenant_id, definition(row.published).minutes) for row in session.exec(heard).all()}
    for tenant_id, minutes in sorted(found):
        with session_scope(tenant_id) as session:
            for talk in _quiet(session, tenant_id, minutes):
                _tell(session, talk, minutes)


def _quiet(session: Transaction, tenant_id: str, minutes: int) -> list[Conversation]:
    latest = now() - timedelta(minutes=minutes)
    query = owned(Conversation, tenant_id).where(
        Conversation.deleted_at.is_(None),  # type: ignore[union-attr]
        Conversation.state != ConversationState.CLOSED,
        Conversation.last_message_at <= latest,
        Conversation.last_message_at > latest - _LATE,
    )
    return list(session.exec(query.order_by(Conversation.last_message_at.desc()).limit(_MOST)).all())  # type: ignore[attr-defined]


def _tell(session: Transaction, talk: Conversation, minutes: int) -> None:
    said = owned(Message, talk.tenant_id).where(
        Message.conversation_id == talk.id,
        Message.replaced.is_(False),  # type: ignore[attr-defined]
        Message.state == MessageState.COMPLETE,
    )
    last: Message | None = session.exec(said.order_by(Message.created_at.desc(), Message.id.desc())).first()  # type: ignore[attr-defined]
    if last is None or last.author != Author.CONTACT:
        return
    told = owned(Event, talk.tenant_id).where(Event.kind == EventKind.NO_REPLY, Event.message_id == last.id)
    if any(event.after.get("minutes") == minutes for event in session.exec(told).all()):
        return
    after = {"minutes": minutes, "text": last.text[:2000]}
    emit(session, talk.tenant_id, EventKind.NO_REPLY, after=after, message_id=last.id, **conversations.links(talk))
