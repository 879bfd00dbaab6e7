"""Word weights: what part of the sources that answered is found, by the share of the words, and the choice of one."""

from collections.abc import Iterator

import pytest

from platform_app.errors import Forbidden, Invalid
from platform_app.models.person import Identity, Role
from platform_app.rag.retrieval import retrieve
from platform_app.services.knowledge import word_weights
from platform_app.services.knowledge.word_weights import Recall
from platform_app.state.embedding.word_weight import WordWeightState
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, serving
from tests.headless.harness import Tab, sign_in
from tests.knowledge.test_impact import DOG, DOG_TEXT, GATE, GATE_TEXT, _library, cite, indexed
from tests.talking import begin, call

__all__ = ["_library"]
PAGE = "/manage/acme/knowledge/search"


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


def questions(who: Identity) -> None:
    """Let two questions be answered, one from two sources of which one has nothing to do with it."""
    gate, dog, other = (indexed(who, *row) for row in (("Gate", GATE_TEXT), ("Dog", DOG_TEXT), ("Other", "Xylophone.")))
    opened = begin(who)
    cite(who, opened, GATE, gate)
    cite(who, opened, DOG, dog, other)
    cite(who, opened, "Hello?")


def test_recall_is_the_part_of_the_cited_sources_among_the_first(who: Identity, provider: FakeProvider) -> None:
    questions(who)
    asked = word_weights.questions_to_measure(who)
    assert sorted(question.text for question in asked) == sorted([GATE, DOG])
    recalls = [Recall(None), Recall(1.0), Recall(0.0)]
    word_weights.measure(who, asked, recalls)
    assert [recall.questions for recall in recalls] == [2, 2, 2] and recalls[1].recall == 0.75
    assert not any(recall.is_degraded for recall in recalls)


def test_the_chosen_share_mixes_the_scores(who: Identity, provider: FakeProvider) -> None:
    questions(who)
    for share, mixed in ((1.0, 1.0), (0.3, 0.3), (None, 0.8)):
        call(who, word_weights.set_share, share)
        assert retrieve(who.tenant_id, GATE).word_share == pytest.approx(mixed)
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(Invalid):
            call(who, word_weights.set_share, wrong)
    with pytest.raises(Forbidden):
        call(make_member(who, Role.OPERATOR), word_weights.set_share, 0.5)


async def test_the_page_measures_and_chooses(who: Identity, provider: FakeProvider) -> None:
    questions(who)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        rows = tab.get(WordWeightState, "rows")
        assert [(row.recall, row.is_chosen) for row in rows] == [("", True), *[("", False)] * 6]
        await tab.send(WordWeightState.measure())
        rows = {row.value: row for row in tab.get(WordWeightState, "rows")}
        assert tab.get(WordWeightState, "measured_words") == "Measured on 2 questions."
        assert rows["100"].recall == "75%" and rows["100"].is_best
        await tab.send(WordWeightState.choose("60"))
        rows = {row.value: row for row in tab.get(WordWeightState, "rows")}
        assert rows["60"].is_chosen and not rows["usual"].is_chosen and tab.errors == []
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await tab.goto(PAGE)
        for event in (WordWeightState.choose("0"), WordWeightState.measure()):
            await tab.send(event)
        assert tab.get(WordWeightState, "measured_words") == ""
        assert {row.value for row in tab.get(WordWeightState, "rows") if row.is_chosen} == {"60"}
