"""Inbox list: the views of the inbox, their conversations in pages, and how many each view holds."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, literal_column, not_, or_
from sqlmodel import col

from platform_app.automation.values import fold
from platform_app.db import Transaction, owned
from platform_app.models.agent import Agent, Channel
from platform_app.models.conversation import (
    CURRENT_CONDITIONS,
    Conversation,
    ConversationRead,
    ConversationState,
    ConversationTag,
    Message,
)
from platform_app.models.crm import Contact
from platform_app.models.person import Identity, Member, User
from platform_app.services.chat import message_search, triage
from platform_app.services.crm import search_text

PAGE_SIZE = 50
MAX_CONTACTS = 50  # whose conversations a search shows
MAX_COUNT = 100  # counting stops here: "99+"
_CURRENT: list[ColumnElement[bool]] = [literal_column(f"conversation.{one}") for one in CURRENT_CONDITIONS]


class View(StrEnum):
    """A view of the inbox."""

    UNREAD = "unread"  # by the member
    MINE = "mine"
    UNASSIGNED = "unassigned"
    PERSON = "person"  # a member is in charge
    APPROVAL = "approval"  # a reply waits for approval
    OPEN = "open"
    SNOOZED = "snoozed"
    CLOSED = "closed"
    ANY = "any"  # of a search


COUNTED = [view for view in View if view != View.ANY]


@dataclass(frozen=True)
class InboxFilter:
    """What a list of the inbox shows; an empty value does not narrow it. Test chats are shown only as a channel."""

    view: View = View.OPEN
    agent_id: str = ""
    channel: Channel | None = None
    tag: str = ""
    search: str = ""  # in all views; the newest conversations that match are one page
    kept_id: str = ""  # a conversation that stays among the unread ones when it has been read: the open one


@dataclass(frozen=True)
class Cursor:
    """The place in a list after which a page begins: the time of the last message, and the conversation's id."""

    at: datetime
    conversation_id: str


@dataclass
class ConversationLine:
    """A conversation in the list, with the names of what it refers to."""

    row: Conversation
    contact: str = ""
    agent: str = ""
    assignee: str = ""
    is_opted_out: bool = False  # the contact
    is_unread: bool = False
    awaits_approval: bool = False
    tags: list[str] = field(default_factory=list)
    excerpt: str = ""  # of the message that a search found


@dataclass(frozen=True)
class InboxPage:
    """A page of a list, and the place at which the next one begins, or None."""

    lines: list[ConversationLine]
    next: Cursor | None


def list_conversations(
    session: Transaction,
    who: Identity,
    wanted: InboxFilter,
    *,
    after: Cursor | None = None,
    limit: int = PAGE_SIZE,
    with_unread: bool = True,
) -> InboxPage:
    """Return a page of the conversations that a filter lets through, the latest message first.

    Without `with_unread` no line says whether it is unread.
    """
    if wanted.search.strip():
        return InboxPage(_search(session, who, wanted, limit), None)
    query = _filtered(who, wanted)
    at, row_id = col(Conversation.last_message_at), col(Conversation.id)
    if after is not None:
        query = query.where(at <= after.at, or_(at < after.at, row_id < after.conversation_id))
    rows: list[Conversation] = list(session.exec(query.order_by(at.desc(), row_id.desc()).limit(limit + 1)).all())
    shown = rows[:limit]
    last = Cursor(shown[-1].last_message_at, shown[-1].id) if len(rows) > limit else None
    return InboxPage(lines_of(session, who, shown, with_unread=with_unread), last)


def _search(session: Transaction, who: Identity, wanted: InboxFilter, limit: int) -> list[ConversationLine]:
    """Return the newest conversations whose contact or messages match a search."""
    excerpts = {hit.conversation_id: hit.text for hit in message_search.find(session, who.tenant_id, wanted.search)}
    kept = owned(Contact, who.tenant_id).where(col(Contact.deleted_at).is_(None)).with_only_columns(Contact.id)
    named = search_text.filter_rows(kept, Contact.search_text, wanted.search).limit(MAX_CONTACTS)
    people = list(session.exec(named).all())
    is_found = or_(col(Conversation.id).in_(excerpts.keys()), col(Conversation.contact_id).in_(people))
    query = _filtered(who, replace(wanted, view=View.ANY)).where(is_found)
    newest = query.order_by(col(Conversation.last_message_at).desc(), col(Conversation.id).desc()).limit(limit)
    lines = lines_of(session, who, list(session.exec(newest).all()))
    for line in lines:
        line.excerpt = excerpts.get(line.row.id, "")
    return lines


def count_views(
    session: Transaction, who: Identity, wanted: InboxFilter, views: Iterable[View] = COUNTED
) -> dict[View, int]:
    """Return how many conversations views hold with the rest of a filter, at most MAX_COUNT."""
    found: dict[View, int] = {}
    for view in views:
        query = _filtered(who, replace(wanted, view=view, kept_id="")).limit(MAX_COUNT)
        found[view] = len(session.execute(query.with_only_columns(Conversation.id)).all())
    return found


def lines_of(
    session: Transaction, who: Identity, rows: list[Conversation], *, with_unread: bool = True
) -> list[ConversationLine]:
    """Return conversations as the list shows them, in the same order; `with_unread` also what is unread."""
    ids = [row.id for row in rows]
    unread, tags, waiting = (
        triage.unread_ids(session, who, rows) if with_unread else set(),
        triage.tags_of(session, who, ids),
        _awaiting_approval(session, who, ids),
    )
    people_of = _contacts(session, who, {row.contact_id for row in rows if row.contact_id})
    agents = _agent_names(session, who, {row.agent_id for row in rows})
    people = _member_names(session, who, {row.assignee_id for row in rows if row.assignee_id})
    return [
        ConversationLine(
            row,
            contact=people_of.get(row.contact_id or "", ("", False))[0],
            is_opted_out=people_of.get(row.contact_id or "", ("", False))[1],
            agent=agents.get(row.agent_id, ""),
            assignee=people.get(row.assignee_id or "", ""),
            is_unread=row.id in unread,
            awaits_approval=row.id in waiting,
            tags=tags[row.id],
        )
        for row in rows
    ]


def _contacts(session: Transaction, who: Identity, contact_ids: set[str]) -> dict[str, tuple[str, bool]]:
    """Return the names of contacts by id, and whether each has opted out."""
    query = owned(Contact, who.tenant_id).where(col(Contact.id).in_(contact_ids))
    found = session.execute(query.with_only_columns(Contact.id, Contact.name, Contact.opted_out_at)).all()
    return {row_id: (name, at is not None) for row_id, name, at in found}


def _agent_names(session: Transaction, who: Identity, agent_ids: set[str]) -> dict[str, str]:
    """Return the names of agents by id, those of deleted ones included."""
    query = owned(Agent, who.tenant_id).where(col(Agent.id).in_(agent_ids))
    found = session.execute(query.with_only_columns(Agent.id, Agent.name)).all()
    return {str(row_id): str(name) for row_id, name in found}


def _member_names(session: Transaction, who: Identity, user_ids: set[str]) -> dict[str, str]:
    """Return the names of members by user id."""
    if not user_ids:
        return {}
    query = owned(Member, who.tenant_id).join(User, User.id == Member.user_id)
    query = query.where(col(Member.user_id).in_(user_ids), col(Member.disabled_at).is_(None))
    found = session.execute(query.with_only_columns(User.id, User.name)).all()
    return {str(row_id): str(name) for row_id, name in found}


def _filtered(who: Identity, wanted: InboxFilter) -> Any:
    """Return the query of the conversations that a filter lets through."""
    query = owned(Conversation, who.tenant_id).where(*_conditions(wanted))
    if wanted.view == View.MINE:
        query = query.where(Conversation.assignee_id == who.user_id)
    elif wanted.view == View.UNREAD:
        unread = _is_unread(who)
        query = query.where(or_(unread, col(Conversation.id) == wanted.kept_id) if wanted.kept_id else unread)
    elif wanted.view == View.UNASSIGNED:
        query = query.where(col(Conversation.assignee_id).is_(None))
    elif wanted.view == View.APPROVAL:
        query = query.where(col(Conversation.id).in_(_approvals(who)))
    if wanted.agent_id:
        query = query.where(Conversation.agent_id == wanted.agent_id)
    if wanted.tag:
        tagged = owned(ConversationTag, who.tenant_id).where(ConversationTag.key == fold(wanted.tag))
        query = query.where(col(Conversation.id).in_(tagged.with_only_columns(ConversationTag.conversation_id)))
    return query


def _conditions(wanted: InboxFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on state and channel; those of current conversations as text, as their index has them."""
    is_not_closed, is_real, is_awake, is_kept = _CURRENT
    found: list[ColumnElement[bool]] = [is_kept]
    if wanted.channel != Channel.TEST:
        found.append(is_real)
    if wanted.channel is not None:
        found.append(col(Conversation.channel) == wanted.channel)
    if wanted.view == View.CLOSED:
        return [*found, col(Conversation.state) == ConversationState.CLOSED]
    if wanted.view == View.SNOOZED:
        return [*found, literal_column("conversation.snoozed_until IS NOT NULL")]
    if wanted.view in (View.APPROVAL, View.ANY):
        return found
    if wanted.view == View.PERSON:
        found.append(col(Conversation.state) == ConversationState.HANDED_OFF)
    return [*found, is_not_closed, is_awake]


def _is_unread(who: Identity) -> ColumnElement[bool]:
    """Return the condition that the contact wrote since the member last read a conversation."""
    is_read = owned(ConversationRead, who.tenant_id).where(
        ConversationRead.user_id == who.user_id,
        ConversationRead.conversation_id == Conversation.id,
        col(ConversationRead.read_at) >= col(Conversation.contact_at),
    )
    return and_(
        col(Conversation.contact_at).is_not(None), not_(is_read.with_only_columns(ConversationRead.id).exists())
    )


def _approvals(who: Identity) -> Any:
    """Return the query of the ids of conversations in which a reply waits for approval."""
    waiting = owned(Message, who.tenant_id).where(
        literal_column("message.state = 'to_approve'"), col(Message.replaced).is_(False)
    )
    return waiting.with_only_columns(Message.conversation_id)


def _awaiting_approval(session: Transaction, who: Identity, ids: list[str]) -> set[str]:
    query = _approvals(who).where(col(Message.conversation_id).in_(ids))
    return set(session.exec(query).all())
