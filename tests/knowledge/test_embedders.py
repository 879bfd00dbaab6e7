"""Embedders: meaning across words and languages, the change of an embedder while it answers, servers that fail."""

import base64
import json
import struct
from collections.abc import Callable, Iterator

import httpx
import pytest

from platform_app.db import session_scope
from platform_app.errors import Unavailable
from platform_app.models.knowledge import SourceState
from platform_app.models.person import Identity
from platform_app.rag import embedders, knowledge_state, vector_index
from platform_app.rag.embedders import ENCODER, HASHED, Embedder
from platform_app.rag.retrieval import retrieve
from platform_app.services.knowledge import index_rebuild
from tests.conftest import forget_process_state
from tests.knowledge.test_knowledge import TEXT, source, upload
from tests.talking import ELSEWHERE, _due, run_jobs

OWN_WORDS = (  # a customer's words, and the sentence of the library that answers, without a word in common
    ("Как быстро вы привезёте заказ?", ELSEWHERE[0]),
    ("When do you close at weekends?", ELSEWHERE[1]),
    ("¿Cuánto dura la garantía del cuadro?", ELSEWHERE[2]),
    ("Нужен ли ребёнку шлем?", ELSEWHERE[5]),
)


@pytest.fixture(autouse=True)
def _chroma(live_chroma: str) -> None:
    vector_index._silent_until = 0.0


@pytest.fixture
def encoder(offline_url: str, env: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the offline model embed from now on."""

    def begin() -> None:
        env.setenv("PLATFORM_OFFLINE_URL", offline_url)
        forget_process_state()

    embedders._encoder(offline_url).passages(["It is loaded before a question waits for it."])
    return begin


def live(who: Identity) -> str:
    with session_scope(who.tenant_id, read_only=True) as session:
        return knowledge_state.live_version(session, who.tenant_id)


async def library(who: Identity) -> None:
    for number, text in enumerate(ELSEWHERE):
        await upload(who, f"{number}.txt", text.encode())
    run_jobs(who)


async def test_a_question_in_other_words_or_another_language_finds_its_text(
    who: Identity, encoder: Callable[[], None]
) -> None:
    encoder()
    await library(who)
    assert live(who) == ENCODER
    for question, text in OWN_WORDS:
        passages = retrieve(who.tenant_id, question).passages
        assert text in [passage.text for passage in passages[:2]], (question, passages)
    result = retrieve(who.tenant_id, "And the price?", before=[("Нужен ли ребёнку шлем?", 1.0)])
    assert result.passages[0].text == ELSEWHERE[5], "what is asked before is understood as well"


async def test_the_vectors_of_before_answer_until_the_new_ones_are_whole(
    who: Identity, encoder: Callable[[], None]
) -> None:
    await library(who)
    assert live(who) == HASHED
    encoder()
    before = retrieve(who.tenant_id, "Are frames under warranty?")
    assert (before.outdated, before.degraded, before.lost) == (True, False, False)
    assert before.passages[0].vector_score > 0.2
    late = await upload(who, "Parking.md", TEXT)
    run_jobs(who)
    assert source(who, late).state == SourceState.READY and live(who) == HASHED
    index_rebuild.request_outdated()
    run_jobs(who)
    assert live(who) == ENCODER
    after = retrieve(who.tenant_id, "Какой код у ворот?")
    assert not after.outdated and after.passages[0].source_id == late
    with pytest.raises(vector_index.IndexLost):
        vector_index.search(who.tenant_id, "?", 1, embedder=embedders.of_version(HASHED))
    index_rebuild.request_outdated()
    assert _due(who) == [], "nothing is outdated any more"


async def test_a_source_that_is_indexed_during_the_change_is_found_after_it(
    who: Identity, encoder: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    await library(who)
    encoder()
    put, versions = vector_index.put, list[str]()

    def meanwhile(
        tenant_id: str, source_id: str, rows: list[tuple[str, str]], *, embedder: Embedder, **how: bool
    ) -> None:
        put(tenant_id, source_id, rows, embedder=embedder, **how)
        if source_id == late and not versions:
            versions.append(embedder.version)
            index_rebuild.request_rebuild(tenant_id)
            run_jobs(who)
        elif source_id == late:
            versions.append(embedder.version)

    late = await upload(who, "Parking.md", TEXT)
    monkeypatch.setattr(vector_index, "put", meanwhile)
    run_jobs(who)
    assert versions == [HASHED, ENCODER] and source(who, late).state == SourceState.READY
    result = retrieve(who.tenant_id, "Какой код у ворот?")
    assert [p.source_id for p in result.considered].count(late) == 1 and result.passages[0].source_id == late


@pytest.fixture
def server(env: pytest.MonkeyPatch) -> Iterator[list[httpx.Response]]:
    """A server of embeddings that gives these answers in turn."""
    answers: list[httpx.Response] = []
    client = httpx.Client(transport=httpx.MockTransport(lambda request: answers.pop(0)), base_url="http://model.test/")
    env.setattr(embedders, "_client", lambda address: client)
    yield answers


def embedded(*vectors: object) -> httpx.Response:
    return httpx.Response(200, text=json.dumps({"data": [{"embedding": vector} for vector in vectors]}))


def test_vectors_come_as_numbers_or_base64(server: list[httpx.Response]) -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()
    server += [embedded([1, 2.5], packed)]
    assert embedders._request_passages("x", "m", ["a", "b"]) == [[1.0, 2.5], [0.5, -1.0]]


def test_a_busy_server_is_asked_again_a_wrong_answer_is_refused(server: list[httpx.Response]) -> None:
    busy = [httpx.Response(429, headers={"retry-after": "0"}), httpx.Response(503, headers={"retry-after": "0"})]
    server += [*busy, embedded([1.0])]
    assert embedders._request_passages("x", "m", ["a"]) == [[1.0]]
    server += [httpx.Response(429, headers={"retry-after": "0"}) for _ in range(embedders.ATTEMPTS)]
    wrong = (
        embedded([1.0], [1.0]),
        embedded("?"),
        embedded(None),
        httpx.Response(401),
        httpx.Response(200, text="<p>"),
    )
    server += wrong
    for _ in range(1 + len(wrong)):
        with pytest.raises(Unavailable):
            embedders._request_passages("x", "m", ["a"])
    assert server == []


def test_a_question_is_asked_once_and_kept(server: list[httpx.Response]) -> None:
    embedders._kept.clear()
    server += [httpx.Response(503), embedded([1.0])]
    with pytest.raises(Unavailable):
        embedders._request_questions("x", "m", ["a"])
    vectors = [embedders._request_questions("x", "m", ["a", "a"]) for _ in range(2)]
    assert vectors == [[[1.0], [1.0]]] * 2
