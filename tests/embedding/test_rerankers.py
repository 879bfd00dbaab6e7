"""Rerankers: a model orders the passages of replies within its time; if it fails, they keep their order."""

from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.errors import Forbidden, Invalid, NotFound
from platform_app.llm.provider_errors import FailureReason
from platform_app.models.person import Identity, Role
from platform_app.rag import vector_index
from platform_app.rag.retrieval import retrieve
from platform_app.services.embedding import rerankers
from platform_app.services.embedding.rerankers import NO_RANKING, UNKNOWN_MODEL
from platform_app.services.providers import providers
from platform_app.state.chat.trace_view import trace_facts
from platform_app.state.embedding.reranking import RerankingState
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, Step, hangs, ranks, refuses, says, serving, started
from tests.headless.harness import Tab, sign_in
from tests.providers.connected import FORM, connect
from tests.talking import ELSEWHERE, add_source, answered, begin, call, trace

QUESTION = "What does the gate of the yard cost?"
PAGE = "/manage/acme/knowledge/search"


@pytest.fixture(autouse=True)
def _library(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that the words alone find."""
    monkeypatch.setattr(vector_index, "_silent_until", float("inf"))
    add_source(who, "Yard", "The gate of the yard is blue.")
    add_source(who, "Gate", "A gate costs 4711 rubles.")
    add_source(who, "Elsewhere", *ELSEWHERE)


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.0/8")
    yield from serving(env)


@pytest.fixture
def own() -> Iterator[FakeProvider]:
    yield from started()


def turned_on(who: Identity, own: FakeProvider, **form: Any) -> str:
    """Let a model of an own provider rerank; return the id of the provider."""
    provider_id: str = connect(who, own, **form).id
    call(who, rerankers.turn_on, provider_id, "rerank-v3.5")
    return provider_id


def titles(who: Identity) -> list[str]:
    result = retrieve(who.tenant_id, QUESTION, rerank=rerankers.of_tenant(who.tenant_id))
    return [passage.source_title for passage in result.passages]


@pytest.mark.parametrize(("is_cohere", "dollars"), [(True, 0.002), (False, 0.003)])
def test_the_model_orders_the_passages(
    who: Identity, provider: FakeProvider, own: FakeProvider, is_cohere: bool, dollars: float
) -> None:
    assert titles(who)[0] == "Yard" and rerankers.of_tenant(who.tenant_id) is None
    turned_on(who, own, input_price="3", output_price="0")
    own.rankings = [ranks("4711", is_cohere=is_cohere)]
    assert titles(who)[0] == "Gate"
    asked = own.ranked[0]
    assert asked.headers["authorization"] == f"Bearer {FORM['key']}"
    assert asked.body["query"] == QUESTION and asked.body["top_n"] == len(asked.body["documents"]) > 1
    reranker = rerankers.of_tenant(who.tenant_id)
    assert reranker is not None
    result = retrieve(who.tenant_id, QUESTION, rerank=reranker)
    assert reranker.dollars == pytest.approx(dollars) and [p.rank for p in result.considered][:3] == [1, 2, 3]


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (refuses(401), FailureReason.KEY.value),
        (refuses(404, {"message": "model 'rerank-v3.5' not found"}), UNKNOWN_MODEL),
        (refuses(503), FailureReason.SERVER.value),
        (refuses(200, {"results": []}), NO_RANKING),
        (refuses(200, {"results": [{"index": 99, "relevance_score": 1}]}), NO_RANKING),
        (refuses(200, {"results": [{"index": 0, "relevance_score": "x"}]}), NO_RANKING),
        (refuses(200, {"results": [{"index": 0, "relevance_score": float("nan")}]}), NO_RANKING),
        (refuses(200, [1]), NO_RANKING),
        (hangs, FailureReason.UNREACHABLE.value),
    ],
)
def test_if_it_fails_the_order_stays(
    who: Identity,
    provider: FakeProvider,
    own: FakeProvider,
    step: Step,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rerankers, "SECONDS", 0.5)
    turned_on(who, own)
    own.rankings = [step]
    result = retrieve(who.tenant_id, QUESTION, rerank=rerankers.of_tenant(who.tenant_id))
    assert result.passages[0].source_title == "Yard" and result.rerank_problem == sentence


async def test_a_reply_says_in_its_trace_what_reranked_or_why_not(
    who: Identity, provider: FakeProvider, own: FakeProvider
) -> None:
    turned_on(who, own)
    own.rankings = [ranks("4711", is_cohere=True)]
    provider.will(says("It costs 4711 [1]."))
    why = trace(who, await answered(who, begin(who, knowledge="all"), QUESTION))
    facts = {fact.name: fact.value for fact in trace_facts(why, "en")}
    assert facts["Passages reranked by"] == "rerank-v3.5" and "Passages not reranked" not in facts
    (ranking,) = [one for one in why.data["calls"] if one["purpose"] == "reranking"]
    assert (ranking["provider"], ranking["cost"]) == ("Own", 0.002)
    own.rankings = [refuses(401)]
    why = trace(who, await answered(who, begin(who, knowledge="all"), QUESTION))
    facts = {fact.name: fact.value for fact in trace_facts(why, "en")}
    assert "rejected the API key" in facts["Passages not reranked"] and "Passages reranked by" not in facts


def test_a_provider_that_is_removed_takes_its_reranker_along(
    who: Identity, other: Identity, provider: FakeProvider, own: FakeProvider
) -> None:
    provider_id = turned_on(who, own)
    operator = make_member(who, Role.OPERATOR)
    for service, given in ((rerankers.turn_on, (provider_id, "m")), (rerankers.turn_off, ())):
        with pytest.raises(Forbidden):
            call(operator, service, *given)
    with pytest.raises(NotFound):
        call(other, rerankers.turn_on, provider_id, "m")
    with pytest.raises(Invalid):
        call(who, rerankers.turn_on, provider_id, " ")
    assert rerankers.of_tenant(other.tenant_id) is None
    call(who, providers.remove, provider_id)
    assert rerankers.of_tenant(who.tenant_id) is None


async def test_the_page_shows_both_orders_and_turns_it_on_and_off(
    who: Identity, provider: FakeProvider, own: FakeProvider
) -> None:
    form = {"rerank_provider": connect(who, own).id, "rerank_model": "rerank-v3.5", "rerank_question": QUESTION}
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        for name in form:
            await tab.send(RerankingState.try_model(form | {name: ""}))
            assert tab.get(RerankingState, "problem_field") == name and tab.get(RerankingState, "problem")
        await tab.send(RerankingState.turn_on())
        assert tab.get(RerankingState, "current") == "", "nothing was tried with success"
        own.rankings = [ranks("4711", is_cohere=True)]
        await tab.send(RerankingState.try_model(form))
        before, after = tab.get(RerankingState, "before"), tab.get(RerankingState, "after")
        assert (before[0].title, after[0].title, after[0].move) == ("Yard", "Gate", "+1")
        assert "$0.0020 for the question" in tab.get(RerankingState, "trial_result")
        await tab.send(RerankingState.turn_on())
        assert tab.get(RerankingState, "current") == "rerank-v3.5 · Own"
        await tab.send(RerankingState.turn_off())
        assert tab.get(RerankingState, "current") == "" and tab.errors == []
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await tab.goto(PAGE)
        before_count = len(own.ranked)
        for event in (RerankingState.try_model(form), RerankingState.turn_on(), RerankingState.turn_off()):
            await tab.send(event)
        assert len(own.ranked) == before_count
