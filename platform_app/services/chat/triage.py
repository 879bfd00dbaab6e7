"""Triage: assignment, snoozes and tags of conversations, and what each member has read."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import structlog
from sqlmodel import col

from platform_app.automation.availability import Availability
from platform_app.automation.values import fold
from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.errors import Invalid, LimitReached, NotFound
from platform_app.events import emit
from platform_app.models.conversation import Conversation, ConversationRead, ConversationTag
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity, Member, Role, User
from platform_app.services.accounts import availability
from platform_app.services.chat import conversation_rows
from platform_app.services.crm import crm_values
from platform_app.services.notifications import event_notifications, notifications

_logger = structlog.get_logger()
MAX_TAGS = 20
BATCH = 100  # ended snoozes per run


def assign(session: Transaction, who: Identity, conversation_id: str, user_id: str | None) -> Conversation:
    """Assign a conversation to a member, or to nobody. Raises NotFound if there is no such member."""
    row = conversation_rows.get(session, who, conversation_id, lock=True)
    user = _member_user(session, who, user_id) if user_id else None
    if row.assignee_id == (user.id if user else None):
        return row
    row.assignee_id = user.id if user else None
    after = {"user_id": row.assignee_id, "name": user.name if user else ""}
    links = conversation_rows.event_links(row)
    event = emit(session, row.tenant_id, EventKind.CONVERSATION_ASSIGNED, after=after, **links)
    sentence = "“{title}” assigned to {name}" if user else "“{title}” is unassigned"
    values = {"name": user.name} if user else {}
    told = conversation_rows.record(session, row, ActivityKind.CONVERSATION, sentence, who=who, **values)
    told.event_id = event.id
    event_notifications.notify_of_event(session, event, by=who.user_id)
    conversation_rows.publish_change(session, row)
    return row


def assign_in_turn(
    session: Transaction, who: Identity, conversation_id: str
) -> tuple[User | None, Counter[Availability]]:
    """Assign a conversation to the available member who was assigned one longest ago.

    Viewers and disabled members are not assigned conversations. If nobody is available the conversation stays
    as it is. Returns the member's user, if any, and how many of those before them are not available for which
    reason.
    """
    query = owned(Member, who.tenant_id).join(User, User.id == Member.user_id)
    can_answer = query.where(Member.role != Role.VIEWER, col(User.disabled_at).is_(None))
    can_answer = can_answer.where(col(Member.disabled_at).is_(None))
    order = can_answer.order_by(col(Member.assigned_at).is_not(None), Member.assigned_at, Member.id)
    zone, at = availability.tenant_zone(session, who.tenant_id), now()
    reasons: Counter[Availability] = Counter()
    for member in session.exec(order.with_for_update(of=Member)).all():
        state = availability.availability_of(member, zone, at)
        if state == Availability.AVAILABLE:
            member.assigned_at = at
            assign(session, who, conversation_id, member.user_id)
            return session.get(User, member.user_id), reasons
        reasons[state] += 1
    row = conversation_rows.get(session, who, conversation_id)
    sentence = "“{title}” not assigned: nobody is available"
    conversation_rows.record(session, row, ActivityKind.CONVERSATION, sentence, who=who)
    event_notifications.notify_unassigned(session, row)
    return None, reasons


def _member_user(session: Transaction, who: Identity, user_id: str) -> User:
    query = owned(Member, who.tenant_id).where(Member.user_id == user_id)
    user = session.get(User, user_id) if session.exec(query).first() is not None else None
    if user is None:
        raise NotFound("Member not found.")
    return user


def snooze(session: Transaction, who: Identity, conversation_id: str, until: datetime) -> Conversation:
    """Hide a conversation until a moment, or until the contact writes.

    Raises Invalid if `until` is not in the future.
    """
    if until <= now():
        raise Invalid("Choose a time in the future.", field="until")
    row = conversation_rows.get(session, who, conversation_id, lock=True)
    row.snoozed_until = until
    links = conversation_rows.event_links(row)
    event = emit(session, row.tenant_id, EventKind.CONVERSATION_SNOOZED, after={"until": until.isoformat()}, **links)
    told = conversation_rows.record(session, row, ActivityKind.CONVERSATION, "“{title}” snoozed", who=who)
    told.event_id = event.id
    conversation_rows.publish_change(session, row)
    return row


def end_snooze(session: Transaction, who: Identity, conversation_id: str) -> Conversation:
    """Show a snoozed conversation again; does nothing if it is not snoozed."""
    row = conversation_rows.get(session, who, conversation_id, lock=True)
    if row.snoozed_until is not None:
        _end_snooze(session, row, who)
    return row


def _end_snooze(session: Transaction, row: Conversation, who: Identity | None) -> None:
    row.snoozed_until = None
    event = emit(session, row.tenant_id, EventKind.SNOOZE_ENDED, **conversation_rows.event_links(row))
    sentence = "“{title}” is no longer snoozed" if who else "“{title}” is back: the snooze is over"
    told = conversation_rows.record(session, row, ActivityKind.CONVERSATION, sentence, who=who)
    told.event_id = event.id
    if who is None:
        event_notifications.notify_of_event(session, event)
    conversation_rows.publish_change(session, row)


def end_snoozes() -> bool:
    """End the snoozes whose moment has passed, some of them; return whether more may be left."""
    with session_scope(reason="snoozes that are over", read_only=True) as session:
        due = unscoped(Conversation).where(col(Conversation.snoozed_until) <= now()).limit(BATCH)
        due_rows = session.execute(due.with_only_columns(Conversation.tenant_id, Conversation.id)).all()
    for tenant_id, conversation_id in due_rows:
        try:
            with session_scope(tenant_id) as session:
                row = conversation_rows.lock(session, tenant_id, conversation_id)
                if row.snoozed_until is not None and row.snoozed_until <= now():
                    _end_snooze(session, row, None)
        except Exception:  # tried again by the next call
            _logger.exception("a snooze was not ended", conversation_id=conversation_id)
    return len(due_rows) == BATCH


def set_tags(session: Transaction, who: Identity, conversation_id: str, tags: list[str]) -> list[str]:
    """Replace the tags of a conversation; return them as stored, in order.

    Raises LimitReached if there are more than MAX_TAGS.
    """
    row = conversation_rows.get(session, who, conversation_id, lock=True)
    wanted = {fold(tag): tag for tag in crm_values.parse_tags(tags)}
    if len(wanted) > MAX_TAGS:
        raise LimitReached("A conversation can have up to {count} tags.", count=MAX_TAGS)
    query = owned(ConversationTag, who.tenant_id).where(ConversationTag.conversation_id == row.id)
    held = {row.key: row for row in session.exec(query).all()}
    for key in held.keys() - wanted.keys():
        session.delete(held[key])
    for key, tag in wanted.items():
        if key not in held:
            session.add(ConversationTag(tenant_id=row.tenant_id, conversation_id=row.id, tag=tag, key=key))
    conversation_rows.publish_change(session, row)
    return list(wanted.values())


def tags_of(session: Transaction, who: Identity, conversation_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the tags of conversations by id, in the order in which they were added."""
    ids = list(conversation_ids)
    query = owned(ConversationTag, who.tenant_id).where(col(ConversationTag.conversation_id).in_(ids))
    tags: dict[str, list[str]] = {conversation_id: [] for conversation_id in ids}
    for row in session.exec(query.order_by(ConversationTag.id)).all():
        tags[row.conversation_id].append(row.tag)
    return tags


def mark_read(session: Transaction, who: Identity, conversation_id: str) -> None:
    """Store that a member has read a conversation up to now, and the notifications that lead to it."""
    row = conversation_rows.get(session, who, conversation_id, lock=True)
    query = owned(ConversationRead, who.tenant_id).where(
        ConversationRead.conversation_id == row.id, ConversationRead.user_id == who.user_id
    )
    held: ConversationRead | None = session.exec(query).first()
    if held is None:
        held = ConversationRead(tenant_id=row.tenant_id, conversation_id=row.id, user_id=who.user_id)
        session.add(held)
    held.read_at = now()
    notifications.mark_link_read(session, who, conversation_rows.link_of(row))


def unread_ids(session: Transaction, who: Identity, rows: Iterable[Conversation]) -> set[str]:
    """Return the ids of those conversations in which the contact wrote since the member last read them."""
    written = {row.id: row.contact_at for row in rows if row.contact_at is not None}
    reads = owned(ConversationRead, who.tenant_id).where(
        ConversationRead.user_id == who.user_id, col(ConversationRead.conversation_id).in_(written.keys())
    )
    columns = reads.with_only_columns(ConversationRead.conversation_id, ConversationRead.read_at)
    read_at: dict[str, datetime] = dict(iter(session.execute(columns)))
    return {row_id for row_id, at in written.items() if row_id not in read_at or at > read_at[row_id]}
