"""Shadow figures: the answers of agents in shadow mode, counted by their marks, by stage and by tag."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, func
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.conversation import Conversation, ConversationTag, Message, MessageState, Trace
from platform_app.models.person import Identity
from platform_app.models.shadow import ShadowAnswer, ShadowMark

MAX_PARTS = 100  # stages or tags of a breakdown
_WRITING = (MessageState.DELAYED, MessageState.STREAMING)


class Part(StrEnum):
    """What answers are counted by."""

    STAGE = "stage"
    TAG = "tag"


@dataclass(frozen=True)
class ShadowScope:
    """The answers of an account in a period, whose end is exclusive; `stage_id` "" is without a lead, None: of any."""

    account_id: str
    begin: datetime
    end: datetime
    stage_id: str | None = None


@dataclass(frozen=True)
class ShadowFigures:
    """What the answers of a scope are counted as."""

    answers: int = 0  # that are written
    writing: int = 0
    failed: int = 0
    answered: int = 0  # by a person too
    unanswered: int = 0  # the agent had no answer
    marks: Counter[ShadowMark] = field(default_factory=Counter)
    cost: float = 0.0  # US dollars
    unpriced: int = 0  # without a known price

    @property
    def marked(self) -> int:
        """The number of answers with a mark."""
        return sum(self.marks.values())

    def share(self, mark: ShadowMark) -> float:
        """Return the share of a mark in the answers that have one, 0.0 if none has."""
        return self.marks[mark] / self.marked if self.marked else 0.0


@dataclass(frozen=True)
class PartFigures:
    """The answers with a stage or a tag: its id or key, its name if the tag has one, and the marks."""

    key: str
    name: str
    answers: int
    marks: Counter[ShadowMark]


def get_figures(session: Transaction, who: Identity, scope: ShadowScope) -> ShadowFigures:
    """Return the figures of a scope."""
    is_written = col(Message.state) == MessageState.SUGGESTED
    sums = (
        is_written,
        col(Message.state).in_(_WRITING),
        col(Message.state).not_in((MessageState.SUGGESTED, *_WRITING)),
        and_(is_written, col(ShadowAnswer.answered_at).is_not(None)),
        and_(is_written, col(ShadowAnswer.is_unanswered)),
        and_(is_written, col(Trace.id).is_not(None), col(Trace.cost).is_(None)),
    )
    query = answers_query(who.tenant_id, scope).group_by(ShadowAnswer.mark)
    columns = (ShadowAnswer.mark, func.count(), *(_count_if(condition) for condition in sums), func.sum(Trace.cost))
    rows = session.execute(query.with_only_columns(*columns)).all()
    answers, writing, failed, answered, unanswered, unpriced = (
        sum(int(row[place] or 0) for row in rows) for place in range(2, 8)
    )
    return ShadowFigures(
        answers=answers,
        writing=writing,
        failed=failed,
        answered=answered,
        unanswered=unanswered,
        marks=Counter({row[0]: row[1] for row in rows if row[0] is not None}),
        cost=sum(float(row[8] or 0) for row in rows),
        unpriced=unpriced,
    )


def get_breakdown(session: Transaction, who: Identity, scope: ShadowScope, part: Part) -> list[PartFigures]:
    """Return the written answers of a scope by stage or by tag, those with most first, MAX_PARTS at most."""
    query = answers_query(who.tenant_id, scope).where(Message.state == MessageState.SUGGESTED)
    key: Any = ShadowAnswer.stage_id
    name: Any = func.max(ShadowAnswer.stage_id)
    if part == Part.TAG:
        is_its = and_(
            col(ConversationTag.conversation_id) == ShadowAnswer.conversation_id,
            col(ConversationTag.tenant_id) == who.tenant_id,
        )
        query, key, name = query.join(ConversationTag, is_its), ConversationTag.key, func.max(ConversationTag.tag)
    by_mark = [_count_if(col(ShadowAnswer.mark) == mark) for mark in ShadowMark]
    counted = query.with_only_columns(key, name, func.count().label("answers"), *by_mark).group_by(key)
    rows = session.execute(counted.order_by(func.count().desc(), key).limit(MAX_PARTS)).all()
    return [
        PartFigures(
            row[0], "" if part == Part.STAGE else row[1], row[2], Counter(dict(zip(ShadowMark, row[3:], strict=True)))
        )
        for row in rows
    ]


def answers_query(tenant_id: str, scope: ShadowScope) -> Any:
    """Return the query of the answers of a scope with their messages, conversations and traces."""
    query = (
        owned(ShadowAnswer, tenant_id)
        .join(Message, and_(col(Message.id) == ShadowAnswer.answer_id, col(Message.tenant_id) == tenant_id))
        .join(
            Conversation,
            and_(col(Conversation.id) == ShadowAnswer.conversation_id, col(Conversation.tenant_id) == tenant_id),
        )
        .outerjoin(Trace, and_(col(Trace.message_id) == ShadowAnswer.answer_id, col(Trace.tenant_id) == tenant_id))
        .where(
            ShadowAnswer.account_id == scope.account_id,
            ShadowAnswer.asked_at >= scope.begin,
            ShadowAnswer.asked_at < scope.end,
            col(Conversation.deleted_at).is_(None),
        )
    )
    return query if scope.stage_id is None else query.where(ShadowAnswer.stage_id == scope.stage_id)


def _count_if(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))
