"""Shop questions: however a thing is asked, its passage reaches the model, and what is absent is not answered."""

import math
from collections.abc import Iterator

import pytest

from platform_app.db import session_scope
from platform_app.demo import articles, shop
from platform_app.llm import offline_model, prompts
from platform_app.models.agent import AgentSettings
from platform_app.models.knowledge import Chunk, Source, SourceState
from platform_app.models.person import Identity
from platform_app.rag import knowledge_state, vector_index
from platform_app.rag.chunking import cut
from platform_app.rag.parsing import clean
from platform_app.rag.retrieval import Retrieval, retrieve
from platform_app.rag.search_query import query_of
from tests.fake_provider import FakeProvider, serving
from tests.obedient_provider import obeys
from tests.shop_questions import ABSENT, NAMED, POLITE, QUESTIONS
from tests.talking import answered, begin, trace

History = list[tuple[str, str]]


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


@pytest.fixture(params=["ru", "en"])
def language(request: pytest.FixtureRequest, who: Identity, monkeypatch: pytest.MonkeyPatch) -> str:
    """The library of the demo in a language, indexed by words; the vector index is known to be away."""
    monkeypatch.setattr(vector_index, "_silent_until", math.inf)
    spoken = str(request.param)
    index_library(who, spoken)
    return spoken


def index_library(who: Identity, spoken: str) -> None:
    """Index the demo's library in a language by words."""
    with session_scope(who.tenant_id) as session:
        indexed = []
        for path in articles(spoken):
            source = Source(tenant_id=who.tenant_id, title=path.stem, file_name=path.name, stored_as=path.name)
            source.state, source.generation = SourceState.READY, 1
            session.add(source)
            indexed.append(source)
            session.flush()
            own = {"tenant_id": who.tenant_id, "source_id": source.id, "generation": 1}
            for number, piece in enumerate(cut(clean(path.read_text()))):
                session.add(Chunk(**own, number=number, heading=piece.heading, text=piece.text))
        knowledge_state.increment_revision(session, who.tenant_id, *indexed)


def found(who: Identity, message: str, history: History) -> Retrieval:
    """Search as a reply does."""
    query = query_of(message, history)
    return retrieve(who.tenant_id, query.text, before=query.before)


def wordings(language: str) -> Iterator[tuple[str, str, History, str]]:
    """Return every wording: its kind, the message, what was said before it, and the words that answer it."""
    for one in QUESTIONS[language]:
        yield "bare", one.question, [], one.answer
        yield "typo", one.typo, [], one.answer
        yield "follow-up", one.then, [("user", one.before), ("assistant", "…")], one.then_answer
        for wrap in POLITE[language]:
            yield "polite", wrap.format(one.question), [], one.answer
        for wrap in NAMED[language]:
            yield "named", wrap.format(one.question), [], one.answer


def test_the_right_passage_reaches_the_model(who: Identity, language: str) -> None:
    missed: dict[str, list[str]] = {}
    asked = 0
    for kind, message, history, answer in wordings(language):
        asked += 1
        if not any(answer in passage.text for passage in found(who, message, history).passages):
            missed.setdefault(kind, []).append(message)
    assert asked == 90
    assert sum(map(len, missed.values())) <= 0.05 * asked, missed
    assert all(
        len(messages) <= 0.1 * 10 * (3 if kind in ("polite", "named") else 1) for kind, messages in missed.items()
    )


def test_a_follow_up_is_searched_with_what_it_follows(who: Identity, language: str) -> None:
    alone = together = 0
    for one in QUESTIONS[language]:
        before: History = [
            ("user", one.before),
            ("assistant", "…"),
            ("user", POLITE[language][0].format("")),
            ("assistant", "!"),
        ]
        (alone_first, *_), (first, *_) = found(who, one.then, []).considered, found(who, one.then, before).considered
        alone += one.then_answer in alone_first.text
        together += one.then_answer in first.text
    assert together > alone
    for other in QUESTIONS[language][1:4]:  # a question that stands alone is not drowned by what was said before it
        history: History = [("user", QUESTIONS[language][0].before), ("assistant", QUESTIONS[language][0].answer)]
        assert any(other.answer in passage.text for passage in found(who, other.question, history).passages[:3])


async def test_a_provider_that_obeys_says_when_there_is_no_answer(
    provider: FakeProvider, who: Identity, language: str
) -> None:
    knows = {message: answer for _, message, _, answer in wordings(language)}
    provider.will(obeys(provider, knows))
    told = shop(language).agent.no_answer_text
    silent = 0
    for question in ABSENT[language]:
        reply = await answered(who, begin(who, knowledge="all", no_answer_text=told), question)
        silent += reply.text == told and reply.sources == []
    assert silent >= 19
    for wrap in ("{}", POLITE[language][0], NAMED[language][1]):
        one = QUESTIONS[language][1]
        reply = await answered(who, begin(who, knowledge="all", no_answer_text=told), wrap.format(one.question))
        assert one.answer in reply.text
        assert [one.answer in source["text"] for source in reply.sources] == [True]


async def test_the_trace_tells_what_was_searched_for_given_and_cited(
    provider: FakeProvider, who: Identity, language: str
) -> None:
    one = QUESTIONS[language][1]
    provider.will(obeys(provider, {one.before: "…", one.then: one.then_answer}))
    opened = begin(who, knowledge="all")
    await answered(who, opened, POLITE[language][0].format(one.before))
    why = trace(who, await answered(who, opened, one.then)).data
    assert why["search"].startswith(f"{one.then} ← {one.before}")
    given = [passage for passage in why["passages"] if passage["used"]]
    numbers = {passage["number"] for passage in given}
    assert numbers == set(range(1, len(numbers) + 1)) and len(given) > 3  # neighbours share the number of the whole
    assert sum(one.then_answer in passage["text"] for passage in given if passage["cited"]) == 1
    assert not any(passage["cited"] for passage in why["passages"] if not passage["used"])


def test_what_is_told_around_a_question_does_not_drown_it(who: Identity, language: str) -> None:
    around = {
        "ru": "Мы с мужем недавно переехали в ваш город из деревни, звонили вчера. {} Очень жду ответа от магазина!",
        "en": "My husband and I have just moved to your town, I called yesterday. {} Looking forward to your reply!",
    }[language]
    for one in QUESTIONS[language]:
        query = query_of(around.format(one.question), [])
        assert query.text == one.question and query.before
        assert any(one.answer in passage.text for passage in found(who, around.format(one.question), []).passages)
    told = query_of(around.format("").replace("?", "."), [])
    assert told.text and not told.before, "a message that asks nothing is searched for as it is"


def test_a_courtesy_is_not_searched_for(who: Identity, language: str) -> None:
    for wrap in POLITE[language]:
        assert query_of(wrap.format(""), [("user", QUESTIONS[language][0].question)]).text == ""
    query = query_of("Ok?", [("user", QUESTIONS[language][0].question)])
    assert (query.text, len(query.before)) == ("Ok?", 1), (
        "a question of courtesies is searched for with what it follows"
    )


def offline_says(who: Identity, message: str, history: History) -> str:
    """Return what the offline model says with the passages found."""
    facts = prompts.PromptContext(settings=AgentSettings(name="Vera"), question=message, history=history)
    passages = found(who, message, history).passages
    facts.passages = [(p.number, p.source_title, p.heading, p.text) for p in passages]
    return offline_model.generate(prompts.build_messages(facts))


def test_the_offline_model_keeps_a_check_of_its_own(who: Identity, language: str) -> None:
    bare, polite = (
        sum(one.answer[:15] in offline_says(who, wrap.format(one.question), []) for one in QUESTIONS[language])
        for wrap in ("{}", POLITE[language][1])
    )
    assert bare >= 7 and polite >= bare - 1
    silent = [prompts.NO_ANSWER[language] in offline_says(who, question, []) for question in ABSENT[language]]
    assert sum(silent[10:]) >= 9, "what is far from the library is not answered"
    assert sum(silent) >= 15, "of near misses some share all their words with it: only a model can tell"
