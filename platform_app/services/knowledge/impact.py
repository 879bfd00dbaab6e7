"""Impact: which questions lose or gain an answer when a source is taken away or the draft of an article is published.

Each question is searched for twice, as the knowledge is and as it would be. What an answer needs is a passage about as
close to the question as the one that is lost: `retrieve` gives a model also what is far less close.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from platform_app.db import session_scope
from platform_app.models.person import Identity
from platform_app.rag import changed_source, tenant_embedders
from platform_app.rag.changed_source import ChangedSource
from platform_app.rag.passages import Passage
from platform_app.rag.retrieval import Retrieval, retrieve
from platform_app.services.knowledge import articles, asked_questions, sources
from platform_app.services.knowledge.asked_questions import AskedQuestion

NEARLY = 0.8  # of the closeness of a passage, from which another one can replace it
LEAST = 0.2  # closeness from which a passage is taken for an answer, of 1


class Change(StrEnum):
    """What may be done to a source."""

    REMOVAL = "removal"  # it is deleted, or an article is unpublished
    PUBLICATION = "publication"  # of the draft of an article


class Effect(StrEnum):
    """What a change does to a question."""

    LOST = "lost"  # no other passage is about as close
    REPLACED = "replaced"  # passages of other sources are
    GAINED = "gained"  # it had no answer
    ADDED = "added"  # it has an answer, and the changed source would be one too


@dataclass(frozen=True)
class Impact:
    """What a change does to a question."""

    question: AskedQuestion
    effect: Effect | None  # None: nothing
    sources: tuple[str, ...] = ()  # titles of the other sources that answer it
    is_degraded: bool = False  # the vector index was down


@dataclass(frozen=True)
class Replay:
    """A change, and the questions to be searched for again."""

    tenant_id: str
    changed: ChangedSource
    questions: list[AskedQuestion]


def prepare(who: Identity, source_id: str, change: Change) -> Replay:
    """Return what has to be searched for to see what a change does; outside of any transaction.

    Raises NotFound if there is no such source, or no such article.
    """
    with session_scope(who.tenant_id, read_only=True) as session:
        if change == Change.REMOVAL:
            sources.get(session, who, source_id)
            return Replay(who.tenant_id, ChangedSource(source_id), asked_questions.list_cited(session, who, source_id))
        draft, source = articles.get(session, who, source_id).draft, sources.get(session, who, source_id)
        usual = changed_source.usual_terms(session, who.tenant_id)
        questions = asked_questions.list_all(session, who, source_id)
    draft_of = changed_source.with_text(
        source, tenant_embedders.live(who.tenant_id)[0], title=draft["title"], text=draft["text"], usual_terms=usual
    )
    return Replay(who.tenant_id, draft_of, questions)


def evaluate(replay: Replay, questions: Sequence[AskedQuestion]) -> list[Impact]:
    """Return what the change does to some of its questions; outside of any transaction."""
    return [_evaluate(replay, question) for question in questions]


def _evaluate(replay: Replay, question: AskedQuestion) -> Impact:
    source_id = replay.changed.source_id
    before = _search(replay.tenant_id, question, None)
    after = _search(replay.tenant_id, question, replay.changed)
    effect, titles = _effect(question, before, after, source_id)
    return Impact(question, effect, titles, before.degraded or after.degraded)


def _search(tenant_id: str, question: AskedQuestion, changed: ChangedSource | None) -> Retrieval:
    chosen = None if question.categories is None else list(question.categories)
    query = question.query
    return retrieve(tenant_id, query.text, before=query.before, categories=chosen, changed=changed)


def _effect(
    question: AskedQuestion, before: Retrieval, after: Retrieval, source_id: str
) -> tuple[Effect | None, tuple[str, ...]]:
    """Return what happens to a question, and the titles of the other sources that answer it afterwards."""
    own = _closest(before, before.word_share, source_id)
    was_answer = _answers(before, source_id)
    if question.is_unanswered:
        return (Effect.GAINED if not was_answer and _answers(after, source_id) else None), ()
    if own and (question.is_cited or was_answer):
        needed = NEARLY * own
        if _closest(after, before.word_share, source_id) >= needed:
            return None, ()
        near = [p for p in after.passages if _closeness(p, before.word_share) >= needed and p.source_id != source_id]
        titles = tuple(dict.fromkeys(passage.source_title for passage in near))
        return (Effect.REPLACED if titles else Effect.LOST), titles
    if _answers(after, source_id):
        others = (passage for passage in after.passages if passage.source_id != source_id)
        near = [passage for passage in others if _answers(after, passage.source_id)]
        return Effect.ADDED, tuple(dict.fromkeys(passage.source_title for passage in near))
    return None, ()


def _answers(result: Retrieval, source_id: str) -> bool:
    """Return whether a passage of a source is among those closest to the question, and close enough for an answer."""
    own, best = (_closest(result, result.word_share, key) for key in (source_id, ""))
    return own >= max(LEAST, NEARLY * best)


def _closest(result: Retrieval, word_share: float, source_id: str) -> float:
    """Return the closeness of the closest passage in the prompt that is of a source, "" means any; 0 without one."""
    own = [passage for passage in result.considered if passage.used and source_id in ("", passage.source_id)]
    return max((_closeness(passage, word_share) for passage in own), default=0.0)


def _closeness(passage: Passage, word_share: float) -> float:
    return word_share * passage.lexical_score + (1 - word_share) * passage.vector_score
