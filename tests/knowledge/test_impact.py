"""Impact: questions that lose or gain an answer when a source is removed or a draft is published."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.errors import NotFound
from platform_app.models.agent import KnowledgeScope
from platform_app.models.conversation import Message, MessageState, Trace
from platform_app.models.person import Identity
from platform_app.rag import vector_index
from platform_app.rag.retrieval import retrieve
from platform_app.services.chat import conversations
from platform_app.services.knowledge import articles, asked_questions, categories, impact, sources
from platform_app.services.knowledge.chunk_rows import distinct_chunks
from platform_app.services.knowledge.impact import Change, Effect
from tests.fake_provider import FakeProvider, serving
from tests.knowledge.test_unanswered_questions import ask
from tests.talking import ELSEWHERE, add_source, answered, begin, call, row, run_jobs, say

GATE = "What is the code of the gate?"
DOG = "Can I bring a dog to the workshop?"
GATE_TEXT = "The code of the gate is 4711. It changes in May."
DOG_TEXT = "A dog may come to the workshop on a leash."
HOSTILE = "<img src=x onerror=alert(1)> what is the code of the gate? " + "’; DROP TABLE source; --"


@pytest.fixture(autouse=True)
def _library(live_chroma: str, who: Identity) -> None:
    """Other texts around those of the tests."""
    vector_index._silent_until = 0.0
    for number, text in enumerate(ELSEWHERE):
        indexed(who, f"Aside {number}", text)


def indexed(who: Identity, title: str, *texts: str, **fields: Any) -> str:
    """Write a source that both searches find; return its id."""
    source_id = add_source(who, title, *texts, **fields)
    for batch in distinct_chunks(call(who, sources.get, source_id), 1):
        vector_index.put(who.tenant_id, source_id, batch)
    return source_id


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


def cite(who: Identity, opened: str, question: str, *source_ids: str, **data: Any) -> Message:
    """Write a question and a reply to it that cites sources."""
    reply = say(who, opened, question)
    with session_scope(who.tenant_id) as session:
        stored = session.exec(owned(Message, who.tenant_id).where(Message.id == reply.id)).one()
        stored.state = MessageState.COMPLETE
        stored.sources = [{"source_id": source_id, "source_title": "…"} for source_id in source_ids]
        own = {"settings": {"knowledge": "all"}, "search": question, "search_before": []} | data
        session.add(Trace(tenant_id=who.tenant_id, message_id=reply.id, agent_id="a", data=own))
    return reply


def effects(who: Identity, source_id: str, change: Change) -> dict[str, tuple[Effect | None, tuple[str, ...]]]:
    """Return what a change does to each question."""
    replay = impact.prepare(who, source_id, change)
    return {one.question.text: (one.effect, one.sources) for one in impact.evaluate(replay, replay.questions)}


def publish(who: Identity, text: str, title: str = "Parking") -> str:
    """Publish an article and index it; return its id."""
    made = str(call(who, articles.create, title=title, text=text).id)
    call(who, articles.publish, made)
    run_jobs(who)
    return made


def rewrite(who: Identity, article_id: str, text: str) -> None:
    revision = call(who, articles.get, article_id).revision
    call(who, articles.save, article_id, {"text": text}, revision=revision)


def test_a_removal_shows_what_loses_its_support_and_what_others_answer(who: Identity) -> None:
    gate = indexed(who, "Gate", GATE_TEXT, DOG_TEXT)
    dog = indexed(who, "Dogs", "On dogs: a dog may come to the workshop, if it is on a leash.")
    opened = begin(who)
    for question in (GATE, GATE, DOG):
        cite(who, opened, question, gate)
    cite(who, opened, "When do you open?", dog)
    assert effects(who, gate, Change.REMOVAL) == {
        DOG: (Effect.REPLACED, ("Dogs",)),
        GATE: (Effect.LOST, ()),
    }
    assert call(who, asked_questions.count_cited, gate) == 2
    assert [p.source_id for p in retrieve(who.tenant_id, GATE).passages][0] == gate, "nothing was changed"
    call(who, sources.delete, dog)
    assert effects(who, gate, Change.REMOVAL)[DOG] == (Effect.LOST, ())


def test_another_article_in_categories_that_the_agent_does_not_read_is_no_support(who: Identity) -> None:
    shelf, aside = (call(who, categories.add, name).id for name in ("Shelf", "Aside"))
    gate = indexed(who, "Gate", GATE_TEXT, category_id=shelf)
    indexed(who, "The same", GATE_TEXT + " Ask us.", category_id=aside)
    settings = {"knowledge": KnowledgeScope.CHOSEN.value, "categories": [shelf]}
    cite(who, begin(who), GATE, gate, settings=settings)
    assert effects(who, gate, Change.REMOVAL) == {GATE: (Effect.LOST, ())}
    cite(who, begin(who), GATE.upper(), gate)
    assert [one[0] for one in effects(who, gate, Change.REMOVAL).values()] == [Effect.REPLACED, Effect.LOST]


async def test_a_follow_up_is_searched_with_what_it_followed(provider: FakeProvider, who: Identity) -> None:
    gate = indexed(who, "Gate", "The code of the gate is 4711.", "The code of the gate changes in May.")
    opened = begin(who, knowledge="all")
    for question in (GATE, "And when in May?"):
        reply = await answered(who, opened, question)
        with session_scope(who.tenant_id) as session:
            stored = session.exec(owned(Message, who.tenant_id).where(Message.id == reply.id)).one()
            stored.sources = [{"source_id": gate}]
    last, first = call(who, asked_questions.list_cited, gate)
    assert (first.text, first.query.before) == (GATE, ())
    assert last.query.text == "And when in May?" and (GATE, 0.7) in last.query.before
    assert set(effects(who, gate, Change.REMOVAL).values()) == {(Effect.LOST, ())}


def test_old_replaced_and_deleted_replies_do_not_count(who: Identity) -> None:
    gate = indexed(who, "Gate", GATE_TEXT)
    opened, gone = begin(who), begin(who)
    old, replaced = (cite(who, opened, question, gate) for question in (GATE, DOG))
    cite(who, gone, "The code?", gate)
    call(who, conversations.delete, gone)
    with session_scope(who.tenant_id) as session:
        session.exec(owned(Message, who.tenant_id).where(Message.id == replaced.id)).one().replaced = True
    assert [one.text for one in call(who, asked_questions.list_cited, gate)] == [GATE]
    with session_scope(who.tenant_id) as session:
        trace = session.exec(owned(Trace, who.tenant_id).where(Trace.message_id == old.id)).one()
        trace.created_at = now() - timedelta(days=31)
    assert call(who, asked_questions.count_cited, gate) == 0 and row(who, old).sources


def test_a_draft_shows_what_gains_an_answer_without_being_published(who: Identity) -> None:
    ask(who, GATE, "Do you sell zebras?")
    shop = indexed(who, "Dogs", DOG_TEXT)
    cite(who, begin(who), DOG, shop)
    made = str(call(who, articles.create, title="Yard", text=f"## Gate\n\n{GATE_TEXT}").id)
    assert effects(who, made, Change.PUBLICATION) == {
        GATE: (Effect.GAINED, ()),
        "Do you sell zebras?": (None, ()),
        DOG: (None, ()),
    }
    assert all(p.source_id != made for p in retrieve(who.tenant_id, GATE).considered), "nothing was published"
    rewrite(who, made, "A dog may come to the workshop, on a leash. Tell us before.")
    assert effects(who, made, Change.PUBLICATION)[DOG] == (Effect.ADDED, ("Dogs",))


def test_a_draft_shows_what_the_published_text_answers_and_it_no_longer_does(who: Identity) -> None:
    made = publish(who, f"## Gate\n\n{GATE_TEXT}\n\n## Dogs\n\n{DOG_TEXT}")
    opened = begin(who)
    for question in (GATE, DOG):
        cite(who, opened, question, made)
    assert {one[0] for one in effects(who, made, Change.PUBLICATION).values()} == {None}
    rewrite(who, made, f"## Dogs\n\n{DOG_TEXT}")
    assert effects(who, made, Change.PUBLICATION) == {GATE: (Effect.LOST, ()), DOG: (None, ())}
    indexed(who, "Gates", GATE_TEXT)
    assert effects(who, made, Change.PUBLICATION)[GATE] == (Effect.REPLACED, ("Gates",))


def test_a_draft_is_scored_as_it_will_be_once_it_is_indexed(who: Identity) -> None:
    made = str(call(who, articles.create, title="Yard", text=f"## Gate\n\n{GATE_TEXT}").id)
    cite(who, begin(who), GATE, made)
    replay = impact.prepare(who, made, Change.PUBLICATION)
    draft = retrieve(who.tenant_id, GATE, changed=replay.changed).considered[0]
    call(who, articles.publish, made)
    run_jobs(who)
    stored = retrieve(who.tenant_id, GATE).considered[0]
    assert draft.source_id == stored.source_id == made and draft.text == stored.text
    assert draft.vector_score == pytest.approx(stored.vector_score, abs=0.01)
    again = impact.prepare(who, made, Change.PUBLICATION)
    assert retrieve(who.tenant_id, GATE, changed=again.changed).considered[0].lexical_score == pytest.approx(
        stored.lexical_score, abs=0.02
    )


def test_the_first_article_of_a_company_gains_answers(other: Identity) -> None:
    ask(other, GATE)
    made = str(call(other, articles.create, title="Yard", text=GATE_TEXT).id)
    assert effects(other, made, Change.PUBLICATION) == {GATE: (Effect.GAINED, ())}


def test_hostile_questions_are_searched_as_texts(who: Identity) -> None:
    gate = indexed(who, "Gate", GATE_TEXT)
    cite(who, begin(who), HOSTILE, gate)
    cite(who, begin(who), "%_\\", gate, search=" ← ", search_before=[["x", 1]])
    assert effects(who, gate, Change.REMOVAL)[HOSTILE] == (Effect.LOST, ())


def test_another_tenant_sees_nothing(who: Identity, other: Identity) -> None:
    gate = indexed(who, "Gate", GATE_TEXT)
    cite(who, begin(who), GATE, gate)
    cite(other, begin(other), GATE, gate)
    ask(who, "What is the code of the gate of the yard?")
    for change in Change:
        with pytest.raises(NotFound):
            impact.prepare(other, gate, change)
    theirs = str(call(other, articles.create, title="Yard", text=GATE_TEXT).id)
    assert call(who, asked_questions.list_all, theirs) != call(other, asked_questions.list_all, theirs)
    assert list(effects(other, theirs, Change.PUBLICATION)) == [GATE]
    assert list(effects(who, gate, Change.REMOVAL)) == [GATE] and call(who, asked_questions.count_cited, gate) == 1
