"""Unanswered questions: questions that no reply could answer, grouped by similarity, and the articles for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import func
from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import NotFound, Unavailable
from platform_app.models.article import MAX_QUESTION_CHARS, MAX_TITLE_CHARS, Article, UnansweredQuestion
from platform_app.models.conversation import Conversation
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity
from platform_app.rag import embedders
from platform_app.rag.retrieval import retrieve
from platform_app.services.knowledge import articles

MAX_LISTED = 300  # the newest questions, which are grouped
MAX_CHECKED = 20  # questions of an article that are searched for
SIMILAR = {embedders.HASHED: 0.65, embedders.ENCODER: 0.58}  # by embedder: cosine from which questions are one


@dataclass(frozen=True)
class QuestionGroup:
    """Questions that ask for the same, the newest first."""

    questions: list[UnansweredQuestion]

    @property
    def last(self) -> UnansweredQuestion:
        """The question that was asked last."""
        return self.questions[0]

    @property
    def last_asked(self) -> datetime:
        """When it was asked last."""
        return self.last.created_at

    @property
    def others(self) -> list[str]:
        """The other wordings, without repetitions."""
        said = dict.fromkeys(row.question for row in self.questions)
        return [question for question in said if question != self.last.question]


@dataclass(frozen=True)
class CheckedQuestion:
    """A question of an article, and whether a search for it finds the article."""

    question: str
    is_answered: bool


def add(session: Transaction, conversation: Conversation, question: str) -> None:
    """Store a question that a reply could not answer; a retry of the reply does not repeat it."""
    question = " ".join(question.split())[:MAX_QUESTION_CHARS]
    if not question:
        return
    query = owned(UnansweredQuestion, conversation.tenant_id).where(
        UnansweredQuestion.conversation_id == conversation.id, UnansweredQuestion.question == question
    )
    if session.exec(query.limit(1)).first() is None:
        row = UnansweredQuestion(tenant_id=conversation.tenant_id, question=question, conversation_id=conversation.id)
        session.add(row)
        tenant_id, row_id = row.tenant_id, row.id
        session.after_commit.append(lambda: notifier.publish(tenant_id, "question", row_id))


def open_questions(tenant_id: str) -> Any:
    """Return the query of the questions that are neither dismissed nor have an article that is not deleted."""
    live = owned(Source, tenant_id).where(col(Source.deleted_at).is_(None)).with_only_columns(Source.id)
    conversations = owned(Conversation, tenant_id).where(col(Conversation.deleted_at).is_(None))
    return owned(UnansweredQuestion, tenant_id).where(
        col(UnansweredQuestion.dismissed_at).is_(None),
        col(UnansweredQuestion.source_id).is_(None) | col(UnansweredQuestion.source_id).not_in(live),
        col(UnansweredQuestion.conversation_id).in_(conversations.with_only_columns(Conversation.id)),
    )


def list_open(session: Transaction, who: Identity) -> list[UnansweredQuestion]:
    """Return the newest MAX_LISTED questions that wait for an answer, newest first."""
    newest_first = (col(UnansweredQuestion.created_at).desc(), col(UnansweredQuestion.id).desc())
    newest = open_questions(who.tenant_id).order_by(*newest_first)
    return list(session.exec(newest.limit(MAX_LISTED)).all())


def count_open(session: Transaction, who: Identity) -> int:
    """Return the number of questions that wait for an answer."""
    return int(session.exec(open_questions(who.tenant_id).with_only_columns(func.count())).one())


def group(rows: Sequence[UnansweredQuestion]) -> list[QuestionGroup]:
    """Return questions, given newest first, as groups by similarity; the group that was asked most comes first.

    Does not need a transaction: the embedder may be another process. If it does not answer, letters are compared.
    """
    if not rows:
        return []
    embedder = embedders.configured()
    try:
        vectors = np.asarray(embedder.questions([row.question for row in rows]))
        limit = SIMILAR[embedder.version]
    except Unavailable:
        hashed = embedders.of_version(embedders.HASHED)
        assert hashed is not None
        vectors, limit = np.asarray(hashed.questions([row.question for row in rows])), SIMILAR[embedders.HASHED]
    groups: list[list[int]] = []
    for number in range(len(rows)):
        scores = [float(np.mean(vectors[members] @ vectors[number])) for members in groups]
        best = int(np.argmax(scores)) if scores else -1
        if best >= 0 and scores[best] >= limit:
            groups[best].append(number)
        else:
            groups.append([number])
    made = [QuestionGroup([rows[number] for number in members]) for members in groups]
    return sorted(made, key=lambda one: (len(one.questions), one.last_asked), reverse=True)


def dismiss(session: Transaction, who: Identity, ids: Sequence[str]) -> None:
    """Take questions out of the list. Raises NotFound if none of them waits for an answer."""
    for row in _some(session, who, ids):
        row.dismissed_at = now()


def restore(session: Transaction, who: Identity, ids: Sequence[str]) -> None:
    """Put dismissed questions back into the list."""
    query = owned(UnansweredQuestion, who.tenant_id).where(col(UnansweredQuestion.id).in_(ids[:MAX_LISTED]))
    for row in session.exec(query).all():
        row.dismissed_at = None


def write_article(session: Transaction, who: Identity, ids: Sequence[str]) -> Article:
    """Create the draft of an article for questions, the first of which is its title.

    Raises NotFound if none of them waits for an answer, and what `articles.create` raises.
    """
    rows = _some(session, who, ids)
    article = articles.create(session, who, title=rows[0].question[:MAX_TITLE_CHARS])
    for row in rows:
        row.source_id = article.id
    return article


def _some(session: Transaction, who: Identity, ids: Sequence[str]) -> list[UnansweredQuestion]:
    query = open_questions(who.tenant_id).where(col(UnansweredQuestion.id).in_(ids[:MAX_LISTED]))
    rows = {row.id: row for row in session.exec(query).all()}
    if not rows:
        raise NotFound("Question not found. It may have been dismissed or answered.")
    return [rows[row_id] for row_id in ids if row_id in rows]


def check_article(who: Identity, article_id: str) -> list[CheckedQuestion]:
    """Return the questions for which an article was written, and whether a reply to each would now read it.

    Runs the retrieval of a reply for each of MAX_CHECKED questions, outside of any transaction.
    """
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(UnansweredQuestion, who.tenant_id).where(UnansweredQuestion.source_id == article_id)
        newest = query.order_by(col(UnansweredQuestion.created_at).desc()).with_only_columns(
            UnansweredQuestion.question
        )
        questions = list(dict.fromkeys(session.exec(newest.limit(MAX_LISTED)).all()))[:MAX_CHECKED]
        source = session.exec(owned(Source, who.tenant_id).where(Source.id == article_id)).first()
        is_searched = source is not None and source.is_searched
    return [CheckedQuestion(one, is_searched and _finds(who.tenant_id, one, article_id)) for one in questions]


def _finds(tenant_id: str, question: str, article_id: str) -> bool:
    return any(passage.source_id == article_id for passage in retrieve(tenant_id, question).passages)
