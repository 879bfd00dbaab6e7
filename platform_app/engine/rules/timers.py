"""Timers: emits the events of schedules that are due, and of contacts whom nobody answered."""

import time
from bisect import bisect_left
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import exists
from sqlalchemy.orm import aliased
from sqlmodel import col

from platform_app.automation.rules import RuleDefinition, parse_rule
from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.engine.rules.rules import next_schedule
from platform_app.errors import Invalid
from platform_app.events import emit, start_action
from platform_app.models.conversation import Author, Conversation, ConversationState, Message, MessageState
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Tenant
from platform_app.models.rule import Rule
from platform_app.services.chat import conversations

_logger = structlog.get_logger()
_MAX_AGE = timedelta(days=1)  # older silences, beyond the rule's own time, are ignored
BATCH_SIZE = 100  # conversations per transaction
MAX_SECONDS = 10.0  # seconds per call
_resume_at = ("", 0)  # tenant and minutes at which the next call continues
LOCK_TIMEOUT = 0.3  # seconds to wait for a locked row; writers go first


def emit_due_schedules() -> None:
    """Emit the events of schedules that are due."""
    with session_scope(reason="schedules that are due", read_only=True) as session:
        due = unscoped(Rule).where(col(Rule.next_at).is_not(None), col(Rule.next_at) <= now()).order_by(Rule.next_at)
        due_rules = [(row.tenant_id, row.id) for row in session.exec(due.limit(100)).all()]
    for tenant_id, rule_id in due_rules:
        try:
            with session_scope(tenant_id) as session:
                _emit_schedule(session, tenant_id, rule_id)
        except Exception:  # the next second tries again
            _logger.exception("a schedule was not rung", tenant_id=tenant_id, rule_id=rule_id)


def _emit_schedule(session: Transaction, tenant_id: str, rule_id: str) -> None:
    query = owned(Rule, tenant_id).where(Rule.id == rule_id).with_for_update(key_share=True, skip_locked=True)
    row: Rule | None = session.exec(query).first()
    if row is None or row.next_at is None or row.next_at > now():
        return  # handled by another worker
    compiled = _parse_published(row)
    if compiled is None:
        row.next_at = None  # until it is published again
        return
    zone = session.exec(unscoped(Tenant).where(Tenant.id == tenant_id)).one().time_zone
    row.next_at = next_schedule(compiled, zone, now())
    emit(session, tenant_id, EventKind.SCHEDULE, after={"rule_id": row.id}, agent_id=row.agent_id)


def _parse_published(row: Rule) -> RuleDefinition | None:
    try:
        return parse_rule(row.published)
    except Invalid:
        _log_unreadable(row.tenant_id, row.id, row.published_number)
        return None


@lru_cache(maxsize=4_096)
def _log_unreadable(tenant_id: str, rule_id: str, number: int) -> None:
    """Log once per process that a rule cannot be parsed."""
    _logger.error("a rule cannot be read", tenant_id=tenant_id, rule_id=rule_id, version=number)


def emit_no_replies() -> None:
    """Emit a `no_reply` event for each contact whom nobody answered for a rule's number of minutes.

    Tenants take turns for at most MAX_SECONDS; the next call continues where this one stopped.
    """
    global _resume_at
    with session_scope(reason="rules on silence", read_only=True) as session:
        heard = unscoped(Rule).where(Rule.trigger == EventKind.NO_REPLY, col(Rule.enabled).is_(True))
        read = [(row.tenant_id, _parse_published(row)) for row in session.exec(heard).all()]
    wanted = sorted({(tenant_id, compiled.minutes) for tenant_id, compiled in read if compiled})
    start, end = bisect_left(wanted, _resume_at), time.monotonic() + MAX_SECONDS
    left = wanted[start:] + wanted[:start]
    while left:
        more = []
        for rule in left:
            _resume_at = rule
            if time.monotonic() > end:
                return
            if _emit_and_check_more(*rule):
                more.append(rule)
        left = more


def _emit_and_check_more(tenant_id: str, minutes: int) -> bool:
    """Emit some `no_reply` events of a tenant; return whether there may be more."""
    try:
        return _emit_no_replies(tenant_id, minutes) == BATCH_SIZE
    except Exception:  # the next second tries again
        _logger.exception("silences of a tenant were not told", tenant_id=tenant_id)
        return False


def _emit_no_replies(tenant_id: str, minutes: int) -> int:
    """Emit the `no_reply` events that are due longest; return how many. Locked conversations are skipped."""
    latest = now() - timedelta(minutes=minutes)
    with session_scope(tenant_id, read_only=True) as session:
        if not session.execute(_unanswered(tenant_id, minutes, latest).limit(1)).all():
            return 0
    with session_scope(tenant_id, lock_timeout=LOCK_TIMEOUT) as session:
        query = _unanswered(tenant_id, minutes, latest).limit(BATCH_SIZE)
        locked = query.with_for_update(key_share=True, skip_locked=True, of=Conversation)
        ids = [conversation.id for conversation, _ in session.execute(locked).all()]
        again = _unanswered(tenant_id, minutes, latest).where(col(Conversation.id).in_(ids))  # locked now
        silent = session.execute(again.execution_options(populate_existing=True)).all()
        for conversation, last in silent:
            start_action(session)
            after = {"minutes": minutes, "text": last.text[:2000]}
            emit(
                session,
                tenant_id,
                EventKind.NO_REPLY,
                after=after,
                message_id=last.id,
                **conversations.event_links(conversation),
            )
    return len(ids)


def _unanswered(tenant_id: str, minutes: int, latest: datetime) -> Any:
    """Return the select of conversations with an unanswered last message and no event about it yet."""
    later: Any = aliased(Message)
    is_answered = exists().where(
        later.tenant_id == tenant_id,
        later.conversation_id == Conversation.id,
        *_is_shown_message(later),
        (later.created_at > Message.created_at) | ((later.created_at == Message.created_at) & (later.id > Message.id)),
    )
    is_told = exists().where(
        col(Event.tenant_id) == tenant_id,
        col(Event.message_id) == Message.id,
        col(Event.kind) == EventKind.NO_REPLY,
        col(Event.after)["minutes"].as_integer() == minutes,
    )
    query = owned(Conversation, tenant_id).where(
        col(Conversation.deleted_at).is_(None),
        Conversation.state != ConversationState.CLOSED,
        col(Conversation.is_live).is_(True),
        Conversation.last_message_at <= latest,
        Conversation.last_message_at > latest - _MAX_AGE,
    )
    last = query.join(Message, col(Message.conversation_id) == Conversation.id).add_columns(Message)
    is_last = (Message.tenant_id == tenant_id, Message.author == Author.CONTACT, *_is_shown_message(Message))
    return last.where(*is_last, ~is_answered, ~is_told).order_by(Conversation.last_message_at, Conversation.id)


def _is_shown_message(model: Any) -> tuple[Any, ...]:
    return (col(model.replaced).is_(False), model.state == MessageState.COMPLETE)
