"""Unanswered questions: stored by replies, grouped by similarity, and answered by articles."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from platform_app.db import owned, session_scope
from platform_app.errors import NotFound, Unavailable
from platform_app.models.article import UnansweredQuestion
from platform_app.models.conversation import Conversation
from platform_app.models.person import Identity
from platform_app.rag import embedders, vector_index
from platform_app.services.chat import conversations
from platform_app.services.knowledge import articles, sources, unanswered_questions
from platform_app.services.knowledge.unanswered_questions import CheckedQuestion
from tests.fake_provider import FakeProvider, serving
from tests.knowledge.test_articles import TEXT, index
from tests.talking import answered, begin, call, trace


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider that says what a test tells it to."""
    yield from serving(env)


def ask(who: Identity, *questions: str) -> str:
    """Store questions that no reply could answer, one after another; return the id of their conversation."""
    opened = begin(who)
    for question in questions:
        with session_scope(who.tenant_id) as session:
            talk = session.exec(owned(Conversation, who.tenant_id).where(Conversation.id == opened)).one()
            unanswered_questions.add(session, talk, question)
        with session_scope(who.tenant_id) as session:
            for row in session.exec(owned(UnansweredQuestion, who.tenant_id)).all():
                row.created_at -= timedelta(seconds=1)
    return opened


def listed(who: Identity) -> list[list[str]]:
    """Return the questions of each group."""
    groups = unanswered_questions.group(call(who, unanswered_questions.list_open))
    return [[row.question for row in group.questions] for group in groups]


async def test_a_reply_without_an_answer_stores_its_question_once(provider: FakeProvider, who: Identity) -> None:
    opened = begin(who, knowledge="all", no_answer_text="Call 555.")
    reply = await answered(who, opened, "What is a  zebra?")
    assert listed(who) == [["What is a zebra?"]]
    assert trace(who, reply).is_unanswered
    await answered(who, opened, "What is a zebra?")
    assert listed(who) == [["What is a zebra?"]]
    call(who, conversations.delete, opened)
    assert listed(who) == [], "those of deleted conversations are not shown"


async def test_a_reply_with_an_answer_stores_nothing(provider: FakeProvider, who: Identity) -> None:
    reply = await answered(who, begin(who, knowledge="none"), "Hello")
    assert not trace(who, reply).is_unanswered and listed(who) == []


def test_similar_questions_are_one_group_and_the_most_asked_comes_first(who: Identity) -> None:
    ask(
        who,
        "Сколько стоит доставка в Казань?",
        "How much is the repair of a wheel?",
        "доставка в Казань сколько стоит",
        "Сколько стоит ремонт колеса?",
    )
    first, *others = listed(who)
    assert first == ["доставка в Казань сколько стоит", "Сколько стоит доставка в Казань?"]
    assert others == [["Сколько стоит ремонт колеса?"], ["How much is the repair of a wheel?"]]


def test_without_the_embedder_letters_are_compared(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(texts: object) -> list[list[float]]:
        raise Unavailable("The embedding model isn’t responding. Retrying.")

    configured = embedders.configured()
    silent = embedders.Embedder("use3", configured.calibration, fail, fail)
    monkeypatch.setattr(embedders, "configured", lambda: silent)
    ask(who, "When do you open?", "when do you open")
    assert listed(who) == [["when do you open", "When do you open?"]]
    assert unanswered_questions.group([]) == []


def test_an_article_shows_which_questions_it_answers(who: Identity, live_chroma: str) -> None:
    vector_index._silent_until = 0.0
    ask(who, "Can I bring a dog?", "What is the code of the gate?")
    ids = [row.id for row in call(who, unanswered_questions.list_open)]
    made = call(who, unanswered_questions.write_article, ids)
    assert made.draft == {"title": "What is the code of the gate?", "text": ""} and listed(who) == []
    call(who, articles.save, made.id, {"text": TEXT}, revision=1)
    call(who, articles.publish, made.id)
    assert [one.is_answered for one in unanswered_questions.check_article(who, made.id)] == [False, False]
    index(who)
    assert unanswered_questions.check_article(who, made.id) == [
        CheckedQuestion("What is the code of the gate?", True),
        CheckedQuestion("Can I bring a dog?", False),
    ]
    call(who, sources.delete, made.id)
    assert [one.is_answered for one in unanswered_questions.check_article(who, made.id)] == [False, False]
    assert sorted(sum(listed(who), [])) == ["Can I bring a dog?", "What is the code of the gate?"]


def test_another_tenant_sees_and_dismisses_nothing(who: Identity, other: Identity) -> None:
    ask(who, "When do you open?")
    (row,) = call(who, unanswered_questions.list_open)
    assert call(other, unanswered_questions.list_open) == []
    for service in (unanswered_questions.dismiss, unanswered_questions.write_article):
        with pytest.raises(NotFound):
            call(other, service, [row.id])
    call(other, unanswered_questions.restore, [row.id])
    call(who, unanswered_questions.dismiss, [row.id])
    assert listed(who) == []
    call(other, unanswered_questions.restore, [row.id])
    assert listed(who) == []
    call(who, unanswered_questions.restore, [row.id])
    assert listed(who) == [["When do you open?"]]
