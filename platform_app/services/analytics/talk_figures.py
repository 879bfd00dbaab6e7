"""Talk figures: conversations, replies, hand-overs and first response times, in all or by a dimension."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, String, and_, case, cast, func, literal
from sqlmodel import col

from platform_app.models.conversation import Conversation, ConversationTag
from platform_app.models.event import Event, EventKind
from platform_app.services.analytics import selection
from platform_app.services.analytics.periods import Period
from platform_app.services.analytics.selection import (
    IS_ASKED,
    IS_AUTOMATIC,
    IS_HAND_OVER,
    IS_MEMBERS,
    IS_REPLY,
    Dimension,
    Scope,
    first_time,
    total,
)

MESSAGES = [EventKind.MESSAGE_RECEIVED, EventKind.REPLY_SENT, EventKind.MEMBER_REPLIED]
KINDS = [*MESSAGES, EventKind.HANDED_OFF, EventKind.TAKEN_OVER]


@dataclass(frozen=True)
class TalkFigures:
    """What was said in a period. Times are in seconds, None if there is nothing to measure.

    A conversation counts if it has a message in the period. It was answered without a person if, in the period, an
    agent replied, no person did, and it was neither handed over nor taken over. A reply that a person approved is the
    agent's. The first response time is measured from the contact's first message in the period to the first reply of
    an agent, or of a person, if that came after it.
    """

    conversations: int = 0
    replies: int = 0  # of agents
    automatic: int = 0  # messages of rules and sequences
    member_replies: int = 0
    without_person: int = 0
    handed_over: int = 0  # conversations
    agent_median: float | None = None
    agent_90: float | None = None  # nine of ten are not longer
    member_median: float | None = None
    member_90: float | None = None


def count(scope: Scope) -> TalkFigures:
    """Return the figures of everything in a scope."""
    return _read(scope, None).get("", TalkFigures())


def count_by(scope: Scope, dimension: Dimension) -> dict[str, TalkFigures]:
    """Return the figures by agent id, channel or tag; "" is a conversation that was deleted permanently."""
    return _read(scope, dimension)


def series(scope: Scope, period: Period) -> list[tuple[int, int]]:
    """Return the replies of agents and those of people in each part of a period."""
    part = selection.bucket(col(Event.at), period.borders)
    query = scope.events([EventKind.REPLY_SENT, EventKind.MEMBER_REPLIED])
    query = query.with_only_columns(cast(part, Integer).label("part"), total(IS_REPLY), total(IS_MEMBERS))
    counts = [(0, 0)] * len(period.parts)
    for number, replies, member_replies in scope.session.execute(query.group_by("part")).all():
        counts[number] = (int(replies), int(member_replies))
    return counts


def _key(dimension: Dimension | None) -> Any:
    if dimension is None:
        return literal("")
    columns: dict[Dimension, Any] = {
        Dimension.AGENT: Event.agent_id,
        Dimension.CHANNEL: cast(Conversation.channel, String),
        Dimension.TAG: ConversationTag.tag,
    }
    return func.coalesce(columns[dimension], "")


def _read(scope: Scope, dimension: Dimension | None) -> dict[str, TalkFigures]:
    key = _key(dimension).label("key")
    query = scope.events(KINDS, has_channel=dimension == Dimension.CHANNEL)
    if dimension == Dimension.TAG:
        query = scope.with_tags(query, Event.conversation_id)
    talks = query.with_only_columns(
        key,
        total(col(Event.kind).in_(MESSAGES)).label("messages"),
        total(IS_REPLY).label("replies"),
        total(IS_AUTOMATIC).label("automatic"),
        total(IS_MEMBERS).label("member_replies"),
        total(IS_HAND_OVER).label("hand_overs"),
        first_time(IS_ASKED).label("asked"),
        first_time(IS_REPLY).label("agent_at"),
        first_time(IS_MEMBERS).label("member_at"),
    )
    grouping = [Event.conversation_id] if dimension is None else [key, Event.conversation_id]
    timed = _with_times(scope, talks.group_by(*grouping).subquery())
    rows = scope.session.execute(_sums(_ranked(timed))).all()
    return {row[0]: TalkFigures(*(int(number or 0) for number in row[1:7]), *row[7:]) for row in rows}


def _with_times(scope: Scope, talks: Any) -> Any:
    """Return the conversations with the seconds to the first reply of an agent and of a person."""
    c = talks.c
    answers = {
        "agent_s": case((c.agent_at >= c.asked, scope.seconds(c.asked, c.agent_at))),
        "member_s": case((c.member_at >= c.asked, scope.seconds(c.asked, c.member_at))),
    }
    return talks.select().add_columns(*(column.label(name) for name, column in answers.items())).subquery()


def _ranked(timed: Any) -> Any:
    """Return the conversations with the rank of each of their times."""
    c = timed.c
    agent_rank, agent_count = selection.ranked(c.key, c.agent_s)
    member_rank, member_count = selection.ranked(c.key, c.member_s)
    more = {"agent_r": agent_rank, "agent_n": agent_count, "member_r": member_rank, "member_n": member_count}
    return timed.select().add_columns(*(column.label(name) for name, column in more.items())).subquery()


def _sums(ranked: Any) -> Any:
    c = ranked.c
    agent, member = (c.agent_s, c.agent_r, c.agent_n), (c.member_s, c.member_r, c.member_n)
    columns = (
        c.key,
        total(c.messages > 0),
        func.sum(c.replies),
        func.sum(c.automatic),
        func.sum(c.member_replies),
        total(and_(c.replies > 0, c.member_replies == 0, c.hand_overs == 0)),
        total(c.hand_overs > 0),
        selection.median(*agent),
        selection.percentile_90(*agent),
        selection.median(*member),
        selection.percentile_90(*member),
    )
    return ranked.select().with_only_columns(*columns).group_by(c.key)
