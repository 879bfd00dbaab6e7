"""Selection: the events that analytics counts, narrowed to an agent or a channel, and the functions of SQL for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, func
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.agent import Channel
from platform_app.models.conversation import Conversation, ConversationTag, Message, Origin
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.analytics.periods import Range


class Dimension(StrEnum):
    """What a breakdown has a row for."""

    AGENT = "agent"
    CHANNEL = "channel"
    MEMBER = "member"
    TAG = "tag"


@dataclass(frozen=True)
class Narrowing:
    """Which conversations are counted: "" for those of every agent or channel."""

    agent_id: str = ""
    channel: str = ""


@dataclass(frozen=True)
class Scope:
    """What is counted: whose, in which time, and narrowed to what."""

    session: Transaction
    who: Identity
    range: Range
    narrowing: Narrowing

    def during(self, column: Any) -> Any:
        """Return the condition that a time is in the range."""
        return and_(column >= self.range[0], column < self.range[1])

    def events(self, kinds: Sequence[EventKind], *, has_channel: bool = False) -> Any:
        """Return the query of events of these kinds with their messages, for `with_only_columns`.

        With `has_channel` it is joined with conversations too.
        """
        tenant, agent_id, channel = self.who.tenant_id, self.narrowing.agent_id, self.narrowing.channel
        query = owned(Event, tenant).where(col(Event.kind).in_(kinds), self.during(col(Event.at)))
        query = query.where(col(Event.conversation_id).is_not(None))
        query = query.outerjoin(Message, and_(col(Message.id) == Event.message_id, col(Message.tenant_id) == tenant))
        if agent_id:
            query = query.where(Event.agent_id == agent_id)
        if has_channel or channel:
            joined = and_(col(Conversation.id) == Event.conversation_id, col(Conversation.tenant_id) == tenant)
            query = query.outerjoin(Conversation, joined)
        return query.where(Conversation.channel == Channel(channel)) if channel else query

    def with_tags(self, query: Any, conversation_id: Any) -> Any:
        """Return a query with a row for each tag of the conversation."""
        tags = and_(
            col(ConversationTag.conversation_id) == conversation_id,
            col(ConversationTag.tenant_id) == self.who.tenant_id,
        )
        return query.join(ConversationTag, tags)

    def seconds(self, begin: Any, end: Any) -> Any:
        """Return the seconds between two times as a column."""
        if self.session.get_bind().dialect.name == "sqlite":
            return (func.julianday(end) - func.julianday(begin)) * 86_400
        return func.date_part("epoch", end - begin)


IS_REPLY = and_(
    col(Event.kind) == EventKind.REPLY_SENT,
    func.coalesce(col(Message.origin), Origin.CONVERSATION) == Origin.CONVERSATION,
)
IS_AUTOMATIC = and_(col(Event.kind) == EventKind.REPLY_SENT, col(Message.origin) != Origin.CONVERSATION)
IS_MEMBERS = col(Event.kind) == EventKind.MEMBER_REPLIED
IS_HAND_OVER = col(Event.kind).in_([EventKind.HANDED_OFF, EventKind.TAKEN_OVER])
IS_ASKED = col(Event.kind) == EventKind.MESSAGE_RECEIVED


def total(condition: Any) -> Any:
    """Return the number of rows for which a condition holds, as a column."""
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def first_time(condition: Any) -> Any:
    """Return the earliest time of an event for which a condition holds, as a column."""
    return func.min(case((condition, col(Event.at))))


def bucket(column: Any, borders: Sequence[datetime], first: int = 0) -> Any:
    """Return the number of the part that a time is in, from 0, as nested comparisons: seven for a hundred parts."""
    if not borders:
        return first
    middle = len(borders) // 2
    return case(
        (column < borders[middle], bucket(column, borders[:middle], first)),
        else_=bucket(column, borders[middle + 1 :], first + middle + 1),
    )


def ranked(key: Any, seconds: Any) -> tuple[Any, Any]:
    """Return the rank of a duration among those of its key, from 1, and their number; unknown ones come last."""
    rank = func.row_number().over(partition_by=key, order_by=(seconds.is_(None), seconds))
    return rank, func.count(seconds).over(partition_by=key)


def median(seconds: Any, rank: Any, count: Any) -> Any:
    """Return the median of ranked durations as a column, None if there are none."""
    return func.avg(case((and_(seconds.is_not(None), rank.in_([(count + 1) // 2, count // 2 + 1])), seconds)))


def percentile_90(seconds: Any, rank: Any, count: Any) -> Any:
    """Return the duration that nine of ten do not exceed, as a column, None if there are none."""
    return func.max(case((and_(seconds.is_not(None), rank == (count * 9 + 9) // 10), seconds)))
