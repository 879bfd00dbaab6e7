"""Member figures: what each person answered and decided in a period."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import and_, case, func
from sqlmodel import col

from platform_app.models.conversation import Message
from platform_app.models.event import Event, EventKind
from platform_app.services.analytics import selection
from platform_app.services.analytics.selection import IS_ASKED, Scope, first_time

DECISIONS = [EventKind.REPLY_APPROVED, EventKind.REPLY_REJECTED]


@dataclass(frozen=True)
class MemberFigures:
    """What a person did in a period; `name` is that under which they wrote last, "" if they only decided."""

    name: str = ""
    conversations: int = 0  # in which they wrote
    replies: int = 0
    median: float | None = None  # seconds from the contact's first message to their first reply
    longest_90: float | None = None  # nine of ten are not longer
    decisions: int = 0  # replies of agents that they approved or rejected


def count_by_member(scope: Scope) -> dict[str, MemberFigures]:
    """Return the figures by user id; who answered in another program is counted by name."""
    rows = scope.session.execute(_replies(scope)).all()
    people = {row[0]: MemberFigures(row[1], int(row[2]), int(row[3]), row[4], row[5]) for row in rows}
    for user_id, decisions in scope.session.execute(_decisions(scope)).all():
        people[user_id] = replace(people.get(user_id, MemberFigures()), decisions=int(decisions))
    return people


def _replies(scope: Scope) -> Any:
    key = func.coalesce(Message.author_id, Message.author_name, "").label("key")
    answers = scope.events([EventKind.MEMBER_REPLIED]).with_only_columns(
        key,
        col(Event.conversation_id).label("talk"),
        func.max(Message.author_name).label("name"),
        func.count().label("replies"),
        func.min(Event.at).label("at"),
    )
    answers = answers.group_by(key, Event.conversation_id).subquery()
    questions = scope.events([EventKind.MESSAGE_RECEIVED]).with_only_columns(
        col(Event.conversation_id).label("talk"), first_time(IS_ASKED).label("asked")
    )
    questions = questions.group_by(Event.conversation_id).subquery()
    joined = answers.select().outerjoin(questions, questions.c.talk == answers.c.talk)
    seconds = case((answers.c.at >= questions.c.asked, scope.seconds(questions.c.asked, answers.c.at)))
    timed = joined.add_columns(seconds.label("seconds")).subquery()
    rank, number = selection.ranked(timed.c.key, timed.c.seconds)
    ranked = timed.select().add_columns(rank.label("rank"), number.label("number")).subquery()
    c = ranked.c
    times = (c.seconds, c.rank, c.number)
    return (
        ranked.select()
        .with_only_columns(
            c.key,
            func.coalesce(func.max(c.name), ""),
            func.count(),
            func.sum(c.replies),
            selection.median(*times),
            selection.percentile_90(*times),
        )
        .group_by(c.key)
    )


def _decisions(scope: Scope) -> Any:
    decided_by = col(Message.review)["user_id"].as_string()
    query = scope.events(DECISIONS).where(and_(decided_by.is_not(None), decided_by != ""))
    return query.with_only_columns(decided_by.label("by"), func.count()).group_by("by")
