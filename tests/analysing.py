"""Analysing: conversations with messages and events at chosen times, and what analytics says of them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from platform_app.db import session_scope
from platform_app.models.conversation import (
    Author,
    Conversation,
    ConversationTag,
    Message,
    MessageState,
    Origin,
    Trace,
)
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.analytics import analytics, periods
from platform_app.services.analytics.analytics import BreakdownRow, Report
from platform_app.services.analytics.selection import Dimension, Narrowing

KINDS = {
    Author.CONTACT: EventKind.MESSAGE_RECEIVED,
    Author.AGENT: EventKind.REPLY_SENT,
    Author.MEMBER: EventKind.MEMBER_REPLIED,
}


class Talk:
    """A conversation of a tenant; what is said in it has its message and its event."""

    def __init__(self, who: Identity, agent_id: str, *, tags: Sequence[str] = (), **columns: Any) -> None:
        self.who, self.agent_id, self.lead_id = who, agent_id, columns.get("lead_id")
        with session_scope(who.tenant_id) as session:
            row = Conversation(tenant_id=who.tenant_id, agent_id=agent_id, **({"channel": "api"} | columns))
            session.add(row)
            session.flush()
            self.id = row.id
            for tag in tags:
                session.add(ConversationTag(tenant_id=who.tenant_id, conversation_id=row.id, tag=tag, key=tag.lower()))

    def say(self, author: Author, at: datetime, **columns: Any) -> str:
        """Say something at a time; return the message's id. `member` is who wrote, the others are columns."""
        member: Identity | None = columns.pop("member", None)
        if author == Author.MEMBER:
            member = member or self.who
            columns |= {"author_id": member.user_id or None, "author_name": member.name}
        with session_scope(self.who.tenant_id) as session:
            message = Message(
                tenant_id=self.who.tenant_id, conversation_id=self.id, author=author, created_at=at, **columns
            )
            session.add(message)
            session.flush()
            session.add(self._event(KINDS[author], at, message_id=message.id))
            return message.id

    def asked(self, at: datetime) -> str:
        """Let the contact write."""
        return self.say(Author.CONTACT, at)

    def answered(self, at: datetime, **columns: Any) -> str:
        """Let the agent reply."""
        return self.say(Author.AGENT, at, **columns)

    def automatic(self, at: datetime) -> str:
        """Let a rule send something."""
        return self.say(Author.AGENT, at, origin=Origin.RULE)

    def helped(self, at: datetime, member: Identity | None = None) -> str:
        """Let a member reply."""
        return self.say(Author.MEMBER, at, member=member)

    def note(self, kind: EventKind, at: datetime, **columns: Any) -> None:
        """Write an event of the conversation."""
        with session_scope(self.who.tenant_id) as session:
            session.add(self._event(kind, at, **columns))

    def approved(self, asked_at: datetime, at: datetime, member: Identity, kind: str = "reply_approved") -> None:
        """Let a reply wait for approval and a member decide on it."""
        with session_scope(self.who.tenant_id) as session:
            reply = Message(tenant_id=self.who.tenant_id, conversation_id=self.id, author=Author.AGENT)
            reply.state, reply.review = MessageState.COMPLETE, {"user_id": member.user_id, "by": member.name}
            session.add(reply)
            session.flush()
            session.add(self._event(EventKind.APPROVAL_REQUESTED, asked_at, message_id=reply.id))
            session.add(self._event(EventKind(kind), at, message_id=reply.id))

    def used(self, at: datetime, reply_id: str, **columns: Any) -> None:
        """Write the trace of a reply."""
        with session_scope(self.who.tenant_id) as session:
            trace = Trace(tenant_id=self.who.tenant_id, message_id=reply_id, agent_id=self.agent_id, **columns)
            trace.created_at = at
            session.add(trace)

    def _event(self, kind: EventKind, at: datetime, **columns: Any) -> Event:
        links = {"conversation_id": self.id, "agent_id": self.agent_id, "lead_id": self.lead_id}
        return Event(tenant_id=self.who.tenant_id, kind=kind, at=at, **links, **columns)


def report(who: Identity, first: date, last: date, now: datetime, **narrowing: str) -> Report:
    """Return what analytics says of the days from one to another."""
    with session_scope(who.tenant_id, read_only=True) as session:
        period = periods.between(first, last, who.time_zone, now)
        return analytics.get_report(session, who, period, Narrowing(**narrowing))


def breakdown(who: Identity, dimension: str, days: tuple[date, date], now: datetime) -> dict[str, BreakdownRow]:
    """Return the rows of a dimension by name, or by key where there is none."""
    with session_scope(who.tenant_id, read_only=True) as session:
        period = periods.between(*days, who.time_zone, now)
        rows = analytics.get_breakdown(session, who, period, Narrowing(), dimension=Dimension(dimension))
        return {row.name or row.key: row for row in rows}
