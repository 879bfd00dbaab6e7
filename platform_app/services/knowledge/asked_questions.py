"""Asked questions: what was asked in the last days, with the search that was made for it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Text, cast
from sqlalchemy.orm import aliased
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.models.agent import KnowledgeScope
from platform_app.models.article import MAX_QUESTION_CHARS, UnansweredQuestion
from platform_app.models.conversation import Conversation, Message, Trace
from platform_app.models.person import Identity
from platform_app.rag.search_query import Query, query_of
from platform_app.services.knowledge import categories, unanswered_questions

DAYS = 30  # sentences of the console name it
MAX_QUESTIONS = 200  # the newest, each once
_MAX_ROWS = 1_000  # replies that are read for them
_BETWEEN = " ← "  # see Query.shown
_FORMER_WEIGHT = 0.5  # of earlier texts, in traces that do not hold their weights


@dataclass(frozen=True)
class AskedQuestion:
    """A question as it was asked last, and how it was searched for."""

    text: str
    query: Query
    categories: tuple[str, ...] | None  # in which the agent searches; None: all
    conversation_id: str
    asked_at: datetime
    is_unanswered: bool = False
    is_cited: bool = False  # the reply cited the source that is to change
    answered_by: tuple[str, ...] = ()  # ids of the sources that the reply cited, or of the article that was written


def list_cited(session: Transaction, who: Identity, source_id: str) -> list[AskedQuestion]:
    """Return the questions whose replies cited a source, newest first."""
    return _first_ones(_answered(session, who.tenant_id, source_id, cited_only=True))


def count_cited(session: Transaction, who: Identity, source_id: str) -> int:
    """Return the number of questions whose replies cited a source, MAX_QUESTIONS at most."""
    return len(list_cited(session, who, source_id))


def list_all(session: Transaction, who: Identity, article_id: str) -> list[AskedQuestion]:
    """Return the questions that an article may answer, newest first: those without an answer before the others.

    Questions without an answer are those that wait for one and those for which this article was written.
    """
    unanswered = _first_ones(_unanswered(session, who.tenant_id, article_id))
    return _first_ones([*unanswered, *_answered(session, who.tenant_id, article_id, cited_only=False)])


def list_answered(session: Transaction, who: Identity) -> list[AskedQuestion]:
    """Return the questions with the sources that answer them: those with an article of their own first, then newest."""
    written = owned(UnansweredQuestion, who.tenant_id).where(
        col(UnansweredQuestion.source_id).is_not(None), UnansweredQuestion.created_at >= now() - timedelta(days=DAYS)
    )
    rows = session.exec(written.order_by(col(UnansweredQuestion.created_at).desc()).limit(MAX_QUESTIONS)).all()
    questions = [replace(_of_unanswered(row), answered_by=(row.source_id,)) for row in rows]
    return _first_ones([*questions, *_answered(session, who.tenant_id, "", cited_only=False)])


def _first_ones(questions: Iterable[AskedQuestion]) -> list[AskedQuestion]:
    """Return up to MAX_QUESTIONS questions, of equal ones the first."""
    distinct: dict[tuple[str, str, tuple[str, ...] | None], AskedQuestion] = {}
    for question in questions:
        earlier = " ".join(text for text, _ in question.query.before)
        if question.query.text and len(distinct) < MAX_QUESTIONS:
            distinct.setdefault((question.query.text.casefold(), earlier, question.categories), question)
    return list(distinct.values())


def _unanswered(session: Transaction, tenant_id: str, article_id: str) -> list[AskedQuestion]:
    conversations = owned(Conversation, tenant_id).where(col(Conversation.deleted_at).is_(None))
    of_article = owned(UnansweredQuestion, tenant_id).where(
        UnansweredQuestion.source_id == article_id,
        col(UnansweredQuestion.dismissed_at).is_(None),
        col(UnansweredQuestion.conversation_id).in_(conversations.with_only_columns(Conversation.id)),
    )
    rows: list[UnansweredQuestion] = []
    for query in (of_article, unanswered_questions.open_questions(tenant_id)):
        recent = query.where(UnansweredQuestion.created_at >= now() - timedelta(days=DAYS))
        rows += session.exec(recent.order_by(col(UnansweredQuestion.created_at).desc()).limit(MAX_QUESTIONS)).all()
    rows = sorted({row.id: row for row in rows}.values(), key=lambda row: row.created_at, reverse=True)
    return [_of_unanswered(row) for row in rows]


def _of_unanswered(row: UnansweredQuestion) -> AskedQuestion:
    return AskedQuestion(
        text=row.question,
        query=query_of(row.question, []),
        categories=None,
        conversation_id=row.conversation_id,
        asked_at=row.created_at,
        is_unanswered=True,
    )


def _answered(session: Transaction, tenant_id: str, source_id: str, *, cited_only: bool) -> list[AskedQuestion]:
    """Return the questions whose replies cited this source, or any source, newest first."""
    readable = dict[tuple[str, ...], tuple[str, ...]]()
    questions = []
    rows = session.execute(_replies(tenant_id, source_id, cited_only=cited_only)).all()
    for text, asked_at, conversation_id, search, before, settings, is_cited, cited in rows:
        chosen = _chosen_categories(settings)
        if chosen is not None and chosen not in readable:
            readable[chosen] = tuple(categories.with_descendants(session, tenant_id, chosen))
        questions.append(
            AskedQuestion(
                text=" ".join(text.split())[:MAX_QUESTION_CHARS],
                query=_query(text, search, before),
                categories=None if chosen is None else readable[chosen],
                conversation_id=conversation_id,
                asked_at=asked_at,
                is_cited=bool(is_cited),
                answered_by=tuple(dict.fromkeys(str(source.get("source_id")) for source in cited)),
            )
        )
    return questions


def _replies(tenant_id: str, source_id: str, *, cited_only: bool) -> Any:
    """Return the query of the newest replies that cited this source, or any source, with what they answered."""
    said: Any = aliased(Message)
    data, sources = col(Trace.data), cast(Message.sources, Text)
    is_cited = sources.contains(f'"{source_id}"', autoescape=True)
    query = owned(Trace, tenant_id).with_only_columns(
        said.text,
        said.created_at,
        Message.conversation_id,
        data["search"],
        data["search_before"],
        data["settings"],
        is_cited,
        Message.sources,
    )
    query = query.join(Message, Message.id == Trace.message_id).join(said, said.id == Message.answers_id)
    conversations = owned(Conversation, tenant_id).where(col(Conversation.deleted_at).is_(None))
    query = query.where(
        Trace.created_at >= now() - timedelta(days=DAYS),
        Message.tenant_id == tenant_id,
        said.tenant_id == tenant_id,
        is_cited if cited_only else sources != "[]",
        col(Message.replaced).is_(False),
        col(Message.is_suggestion).is_(False),
        col(Message.conversation_id).in_(conversations.with_only_columns(Conversation.id)),
    )
    return query.order_by(col(Trace.created_at).desc()).limit(_MAX_ROWS)


def _chosen_categories(settings: Any) -> tuple[str, ...] | None:
    """Return the categories that the agent of a trace was given, None if it reads all."""
    if not isinstance(settings, dict) or settings.get("knowledge") != KnowledgeScope.CHOSEN:
        return None
    return tuple(map(str, settings.get("categories") or ()))


def _query(text: str, search: Any, before: Any) -> Query:
    """Return the query of a trace; if there is none, that of the message alone."""
    if not isinstance(search, str) or not search:
        return query_of(text, [])
    if isinstance(before, list):
        earlier = tuple((str(words), float(weight)) for words, weight in before)
        return Query(search.removesuffix("".join(_BETWEEN + words for words, _ in earlier)), earlier)
    own, *others = search.split(_BETWEEN)
    return Query(own, tuple((words, _FORMER_WEIGHT) for words in others))
