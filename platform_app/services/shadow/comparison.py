"""Comparison: the answers of agents in shadow mode beside those of people, and the marks of members."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, NotFound
from platform_app.models.conversation import (
    Author,
    Conversation,
    Message,
    MessageState,
    Trace,
)
from platform_app.models.person import Identity
from platform_app.models.shadow import ShadowAnswer, ShadowMark
from platform_app.services.chat import shadow_mode
from platform_app.services.shadow.shadow_figures import ShadowScope, answers_query

MAX_PERSON_MESSAGES = 2_000  # of the conversations of one page of answers
_GOES_ON = timedelta(minutes=30)  # what a person writes within it belongs to the first message of the answer


class Selection(StrEnum):
    """Which answers a list has, beside those with one of the marks."""

    ALL = "all"
    UNMARKED = "unmarked"
    UNANSWERED = "unanswered"  # the agent had no answer


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


def list_answers(
    session: Transaction, who: Identity, scope: ShadowScope, selected: str, *, page: int, page_size: int
) -> tuple[list[ComparedAnswer], int]:
    """Return a page of the answers of a scope, those to the newest messages first, and how many there are.

    `selected` is a value of Selection or ShadowMark; `page` counts from 1.
    """
    query = _selected(answers_query(who.tenant_id, scope), selected)
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
