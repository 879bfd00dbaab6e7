"""Comparison: the answers of agents in shadow mode beside those of people, their figures, and the marks of members."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, func
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, NotFound
from platform_app.models.conversation import (
    Author,
    Conversation,
    ConversationTag,
    Message,
    MessageState,
    Trace,
)
from platform_app.models.person import Identity
from platform_app.models.shadow import ShadowAnswer, ShadowMark
from platform_app.services.chat import shadow_mode

MAX_PARTS = 100  # stages or tags of a breakdown
MAX_PERSON_MESSAGES = 2_000  # of the conversations of one page of answers
_GOES_ON = timedelta(minutes=30)  # what a person writes within it belongs to the first message of the answer
_WRITING = (MessageState.DELAYED, MessageState.STREAMING)


class Selection(StrEnum):
    """Which answers a list has, beside those with one of the marks."""

    ALL = "all"
    UNMARKED = "unmarked"
    UNANSWERED = "unanswered"  # the agent had no answer


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


@dataclass(frozen=True)
class ComparedAnswer:
    """An answer with the message that it answers, what a person answered, and its cost in US dollars if known."""

    row: ShadowAnswer
    title: str  # of the conversation
    question: Message
    answer: Message
    cost: float | None
    person: list[str]  # the texts of a person, in order
    person_name: str = ""


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
    query = _joined(who.tenant_id, scope).group_by(ShadowAnswer.mark)
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
    query = _joined(who.tenant_id, scope).where(Message.state == MessageState.SUGGESTED)
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


def list_answers(
    session: Transaction, who: Identity, scope: ShadowScope, selected: str, *, page: int, page_size: int
) -> tuple[list[ComparedAnswer], int]:
    """Return a page of the answers of a scope, those to the newest messages first, and how many there are.

    `selected` is a value of Selection or ShadowMark; `page` counts from 1.
    """
    query = _selected(_joined(who.tenant_id, scope), selected)
    total = int(session.exec(query.with_only_columns(func.count())).one())
    newest = (col(ShadowAnswer.asked_at).desc(), col(ShadowAnswer.id).desc())
    columns = query.with_only_columns(ShadowAnswer, Message, Conversation.title, Trace.cost).order_by(*newest)
    rows = session.execute(columns.offset((page - 1) * page_size).limit(page_size)).all()
    questions = _messages(session, who, [row.question_id for row, *_ in rows])
    said = _said_by_people(session, who, [row for row, *_ in rows])
    return [
        ComparedAnswer(row, title, questions[row.question_id], answer, cost, *said.get(row.id, ([], "")))
        for row, answer, title, cost in rows
    ], total


def set_mark(session: Transaction, who: Identity, answer_id: str, mark: ShadowMark | None) -> ShadowAnswer:
    """Set or take away the mark of an answer, by the id of its comparison.

    Raises NotFound if there is none, Conflict if the answer is not written.
    """
    query = owned(ShadowAnswer, who.tenant_id).where(ShadowAnswer.id == answer_id)
    row: ShadowAnswer | None = session.exec(query.with_for_update()).first()
    if row is None:
        raise NotFound("Answer not found. Its conversation may have been deleted.")
    answer = _messages(session, who, [row.answer_id])[row.answer_id]
    if answer.state != MessageState.SUGGESTED:
        raise Conflict("This answer isn’t written yet.")
    row.mark, row.marked_at = mark, now() if mark is not None else None
    row.marked_by, row.marked_by_id = (who.name[:200], who.user_id) if mark is not None else ("", None)
    shadow_mode.publish_change(session, row.tenant_id, row.account_id)
    return row


def _joined(tenant_id: str, scope: ShadowScope) -> Any:
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


def _selected(query: Any, selected: str) -> Any:
    if selected in list(ShadowMark):
        return query.where(ShadowAnswer.mark == ShadowMark(selected))
    if selected == Selection.UNMARKED:
        return query.where(col(ShadowAnswer.mark).is_(None))
    return query.where(col(ShadowAnswer.is_unanswered)) if selected == Selection.UNANSWERED else query


def _messages(session: Transaction, who: Identity, ids: Sequence[str]) -> dict[str, Message]:
    return {row.id: row for row in session.exec(owned(Message, who.tenant_id).where(col(Message.id).in_(ids))).all()}


def _said_by_people(
    session: Transaction, who: Identity, rows: Sequence[ShadowAnswer]
) -> dict[str, tuple[list[str], str]]:
    """Return the texts and the name of the person who answered, by comparison: until the contact wrote again."""
    begun = [row.answered_at for row in rows if row.answered_at is not None and row.person_message_id is not None]
    if not begun:
        return {}
    query = owned(Message, who.tenant_id).where(
        col(Message.conversation_id).in_({row.conversation_id for row in rows}),
        col(Message.author).in_((Author.CONTACT, Author.MEMBER)),
        Message.state == MessageState.COMPLETE,
        Message.created_at >= min(begun),
        Message.created_at < max(begun) + _GOES_ON,
    )
    messages = session.exec(query.order_by(Message.created_at, Message.id).limit(MAX_PERSON_MESSAGES)).all()
    return {row.id: _answer_of(row, messages) for row in rows if row.person_message_id is not None}


def _answer_of(row: ShadowAnswer, messages: Sequence[Message]) -> tuple[list[str], str]:
    texts: list[str] = []
    name = ""
    assert row.answered_at is not None
    for message in messages:
        if message.conversation_id != row.conversation_id or message.created_at < row.answered_at:
            continue
        if message.author == Author.CONTACT or message.created_at >= row.answered_at + _GOES_ON:
            break
        texts.append(message.text)
        name = name or message.author_name
    return texts, name
