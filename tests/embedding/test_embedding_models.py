"""Embedding models: a tenant's own embedding model answers when all of its vectors are there, and never before."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Forbidden, Invalid, NotFound
from platform_app.jobs import RunningJob
from platform_app.llm.provider_errors import FailureReason
from platform_app.models.embedding_model import EmbeddingModel, EmbeddingState
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Chunk, Source, SourceState
from platform_app.models.person import Identity, Role
from platform_app.rag import embedders, knowledge_state, vector_index
from platform_app.rag.embedders import HASHED, EmbedderSilent
from platform_app.rag.retrieval import retrieve
from platform_app.services.budgets import budgets
from platform_app.services.embedding import embedding_models, embedding_trials, provider_embedder
from platform_app.services.embedding.embedding_requests import OTHER_SIZE
from platform_app.services.jobs import ledger
from platform_app.services.knowledge import index_rebuild, sources
from platform_app.services.providers import providers
from tests.conftest import forget_process_state, make_member
from tests.fake_provider import Answer, FakeProvider, Step, embeds, hangs, refuses, started
from tests.knowledge.test_knowledge import QUESTION, TEXT, source, upload
from tests.providers.connected import FORM, connect
from tests.talking import ELSEWHERE, activities, add_source, call, run_jobs
from worker.tasks import HANDLERS

BUDGET = {
    "name": "Month", "scope": "tenant", "unit": "money", "period": "month", "hard_limit": "1", "soft_percent": "50",
    "sentence": "", "agent_id": "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _chroma(live_chroma: str, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.0/8")
    forget_process_state()
    vector_index._silent_until = 0.0
    provider_embedder._silent_until.clear()


@pytest.fixture
def own() -> Iterator[FakeProvider]:
    yield from started()


def library(who: Identity) -> list[str]:
    """Write a library of sources with their vectors, without jobs; return their ids."""
    texts = {str(number): text for number, text in enumerate(ELSEWHERE[:5])}
    texts["Parking"] = "The code of the gate is 4711. It changes in May."
    ids = [add_source(who, title, text) for title, text in texts.items()]
    with session_scope(who.tenant_id) as session:
        knowledge_state.lock(session, who.tenant_id).embedder = HASHED
        chunks = list(session.exec(owned(Chunk, who.tenant_id)).all())
    for chunk in chunks:
        vector_index.put(who.tenant_id, chunk.source_id, [(chunk.id, chunk.text)], embedder=embedders.configured())
    return ids


def live(who: Identity) -> str:
    with session_scope(who.tenant_id, read_only=True) as session:
        return knowledge_state.live_version(session, who.tenant_id)


def models(who: Identity) -> list[EmbeddingModel]:
    return call(who, embedding_models.list_models)  # type: ignore[no-any-return]


def chunk_ids(who: Identity) -> set[str]:
    """Return the ids of the chunks that are searched."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Chunk, who.tenant_id).join(Source, Source.id == Chunk.source_id)
        query = query.where(Source.tenant_id == who.tenant_id, Source.generation == Chunk.generation)
        return set(session.exec(query.where(Source.deleted_at.is_(None)).with_only_columns(Chunk.id)).all())  # type: ignore[union-attr]


def vectors(who: Identity, version: str) -> list[str]:
    """Return the ids of all vectors of a version."""
    return [one for part in vector_index.stored_ids(who.tenant_id, version) for one in part]


def collections(who: Identity) -> set[str]:
    """Return the versions of a tenant's collections."""
    prefix = vector_index._name(who.tenant_id, "-").removesuffix("-")
    rows = vector_index._collections(vector_index._opened())
    return {row.name.removeprefix(prefix) for row in rows if row.name.startswith(prefix)}


def rebuild_job(who: Identity) -> RunningJob:
    """Claim the job that rebuilds the index."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Job, who.tenant_id).where(Job.kind == "rebuild_index", Job.state == JobState.QUEUED)
        job = ledger.claim(session.exec(query.order_by(Job.id)).first().id)
    assert job is not None
    return job


def with_model(who: Identity, own: FakeProvider) -> str:
    """Let the vectors of a tenant be those of its own provider; return the id of the provider."""
    own.models = ["small", "chat"]
    provider_id: str = connect(who, own).id
    embedding_models.choose(who, provider_id, "small")
    run_jobs(who)
    return provider_id


async def test_the_vectors_of_before_answer_until_the_own_ones_are_whole(
    who: Identity, other: Identity, own: FakeProvider
) -> None:
    library(who)
    library(other)
    provider_id = connect(who, own, input_price="2", output_price="0").id
    trial = embedding_models.attempt(who, provider_id, "text-embedding-9")
    assert (trial.problem, trial.dimensions, trial.chunks, trial.price) == ("", 1024, 6, 0.000002)
    assert trial.milliseconds > 0 and trial.dollars is not None and 0 < trial.dollars < 0.01
    row = embedding_models.choose(who, provider_id, "text-embedding-9")
    before = retrieve(who.tenant_id, QUESTION)
    assert live(who) == HASHED and before.passages[0].source_title == "Parking" and not before.outdated
    budget = call(who, budgets.save, "", BUDGET)

    run_jobs(who)
    (row,) = models(who)
    assert (row.state, row.done, row.total, row.problem) == (EmbeddingState.LIVE, 6, 6, "")
    assert (row.tokens, row.is_priced, round(row.dollars, 6)) == (60, True, 0.00012)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert budgets.spent(session, budget, now()) == (120, 0), "in millionths of a dollar"
    assert live(who) == row.own_version and collections(who) == {row.own_version}
    assert sorted(vectors(who, live(who))) == sorted(chunk_ids(who)), "each chunk once"
    after = retrieve(who.tenant_id, QUESTION)
    assert after.passages[0].source_title == "Parking" and after.passages[0].vector_score > 0.2
    assert (after.degraded, after.outdated, after.lost) == (False, False, False)
    assert (live(other), collections(other)) == (HASHED, {HASHED})
    assert all(asked.headers["authorization"] == f"Bearer {FORM['key']}" for asked in own.embedded)
    told = activities(who)
    assert "Vectors of the knowledge are computed with “{model}”" in told
    assert told[-1] == "Agents search with vectors of “{model}”"
    late = await upload(who, "Bell.md", b"The bell of the yard rings at noon.")
    run_jobs(who)
    assert retrieve(who.tenant_id, "When does the bell ring?").passages[0].source_id == late
    assert sorted(vectors(who, live(who))) == sorted(chunk_ids(who))


async def test_back_to_the_installation(who: Identity, own: FakeProvider) -> None:
    library(who)
    with_model(who, own)
    call(who, embedding_models.return_to_installation)
    assert live(who).startswith("own-") and retrieve(who.tenant_id, QUESTION).passages[0].vector_score > 0
    run_jobs(who)
    assert (live(who), models(who), collections(who)) == (HASHED, [], {HASHED})
    assert sorted(vectors(who, HASHED)) == sorted(chunk_ids(who))
    assert retrieve(who.tenant_id, QUESTION).passages[0].source_title == "Parking"
    with pytest.raises(Conflict):
        call(who, embedding_models.return_to_installation)


async def test_what_is_indexed_replaced_or_deleted_meanwhile_is_right_afterwards(
    who: Identity, own: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, late, put, changes = library(who), list[str](), vector_index.put, list[str]()
    with session_scope(who.tenant_id) as session:
        session.exec(owned(Source, who.tenant_id).where(Source.id == ids[5])).one().file_name = "Parking.md"

    def meanwhile(*given: Any, **named: Any) -> None:
        put(*given, **named)
        if named["embedder"].version.startswith("own-") and not changes:
            changes.append(named["embedder"].version)
            call(who, sources.delete, ids[1])
            run_jobs(who)

    embedding_models.choose(who, connect(who, own).id, "small")
    job = rebuild_job(who)
    late.append(await upload(who, "Bell.md", b"The bell of the yard rings at noon."))
    late.append(await upload(who, "Parking.md", TEXT.replace(b"4711", b"9000")))
    call(who, sources.delete, ids[0])
    monkeypatch.setattr(vector_index, "put", meanwhile)
    HANDLERS[job.kind](job)
    assert changes and live(who).startswith("own-")
    assert set(vectors(who, live(who))) >= chunk_ids(who) and len(chunk_ids(who)) == 5
    titles = [passage.source_id for passage in retrieve(who.tenant_id, QUESTION).considered]
    assert titles.count(late[1]) == 1 and ids[5] not in titles and ids[0] not in titles and ids[1] not in titles
    assert "9000" in retrieve(who.tenant_id, QUESTION).passages[0].text
    assert retrieve(who.tenant_id, "When does the bell ring?").passages[0].source_id == late[0]


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (refuses(401), FailureReason.KEY.value),
        (refuses(402), FailureReason.QUOTA.value),
        (refuses(429, {"error": {"code": "insufficient_quota", "message": "x"}}), FailureReason.QUOTA.value),
        (refuses(200, {"data": [{"embedding": [1.0, 2.0]}]}), OTHER_SIZE),
    ],
)
async def test_a_change_that_fails_leaves_what_was_and_goes_on_when_tried_again(
    who: Identity, own: FakeProvider, step: Step, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_embedder, "BATCH", 1)
    monkeypatch.setattr(vector_index, "FIRST_BATCH", 1)
    library(who)
    row = embedding_models.choose(who, connect(who, own).id, "small")
    own.embeddings = [embeds, embeds, step]
    run_jobs(who)
    (row,) = models(who)
    assert (row.state, row.problem, live(who)) == (EmbeddingState.FAILED, sentence, HASHED)
    assert retrieve(who.tenant_id, QUESTION).passages[0].source_title == "Parking"
    assert "The change of the embedding model failed: {reason} The vectors of before answer." in activities(who)
    index_rebuild.request_outdated()
    run_jobs(who)
    assert models(who)[0].state == EmbeddingState.FAILED, "it is not begun again by itself"
    own.embeddings, own.embedded = [embeds], []
    call(who, embedding_models.retry, row.id)
    run_jobs(who)
    assert live(who) == row.own_version and sorted(vectors(who, live(who))) == sorted(chunk_ids(who))
    assert len(own.embedded) == 4, "two of six were there already"


async def test_a_silent_provider_is_asked_again_then_given_up(who: Identity, own: FakeProvider) -> None:
    library(who)
    embedding_models.choose(who, connect(who, own).id, "small")
    own.embeddings = [refuses(503, retry_after="0")]
    job = rebuild_job(who)
    with pytest.raises(EmbedderSilent):
        HANDLERS[job.kind](job)
    (row,) = models(who)
    assert (row.state, row.problem) == (EmbeddingState.BUILDING, FailureReason.SERVER.value)
    HANDLERS[job.kind](replace(job, attempt=index_rebuild.MAX_ATTEMPTS))
    (row,) = models(who)
    assert (row.state, row.problem, live(who)) == (EmbeddingState.FAILED, FailureReason.SERVER.value, HASHED)


async def test_a_spent_budget_ends_the_change(who: Identity, own: FakeProvider) -> None:
    library(who)
    own.models = [{"id": "small", "pricing": {"prompt": "0.005", "completion": "0"}}]
    provider_id = connect(who, own).id
    call(who, _list, provider_id, own)
    call(who, budgets.save, "", BUDGET | {"hard_limit": "0.01"})
    embedding_models.choose(who, provider_id, "small")
    before = len(own.embedded)
    run_jobs(who)
    (row,) = models(who)
    assert (row.state, row.problem, row.tokens) == (EmbeddingState.FAILED, provider_embedder.BUDGET_SPENT, 0)
    assert len(own.embedded) == before and live(who) == HASHED


def _list(session: Any, who: Identity, provider_id: str, own: FakeProvider) -> None:
    from platform_app.llm.catalogue import _parse_model

    providers.store_models(session, who.tenant_id, provider_id, [_parse_model(row["id"], row) for row in own.models])


async def test_another_choice_replaces_the_one_that_is_building(
    who: Identity, own: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    library(who)
    provider_id, put, chosen = connect(who, own).id, vector_index.put, list[str]()

    def meanwhile(*given: Any, **named: Any) -> None:
        put(*given, **named)
        if not chosen:
            chosen.append(embedding_models.choose(who, provider_id, "large").own_version)

    embedding_models.choose(who, provider_id, "small")
    monkeypatch.setattr(vector_index, "put", meanwhile)
    run_jobs(who)
    assert [live(who)] == chosen and collections(who) == set(chosen)
    assert sorted(vectors(who, live(who))) == sorted(chunk_ids(who))


async def test_a_change_is_canceled(who: Identity, own: FakeProvider) -> None:
    library(who)
    row = embedding_models.choose(who, connect(who, own).id, "small")
    call(who, embedding_models.cancel, row.id)
    run_jobs(who)
    assert (models(who), live(who), collections(who)) == ([], HASHED, {HASHED})
    for service in (embedding_models.cancel, embedding_models.retry):
        with pytest.raises(NotFound):
            call(who, service, row.id)


async def test_a_provider_that_fails_later_leaves_the_words(who: Identity, own: FakeProvider) -> None:
    library(who)
    with_model(who, own)
    own.embeddings = [hangs]
    result = retrieve(who.tenant_id, "Which code opens the gate?")
    assert result.degraded and result.passages[0].source_title == "Parking"
    before = len(own.embedded)
    assert retrieve(who.tenant_id, "Which code has the gate?").degraded and len(own.embedded) == before
    provider_embedder._silent_until.clear()
    own.embeddings = [refuses(401)]
    late = await upload(who, "Bell.md", b"The bell of the yard rings at noon.")
    run_jobs(who)
    row = source(who, late)
    assert (row.state, row.error) == (SourceState.FAILED, FailureReason.KEY.value)
    assert models(who)[0].problem == FailureReason.KEY.value
    own.embeddings = [embeds]
    call(who, sources.retry, late)
    run_jobs(who)
    assert source(who, late).state == SourceState.READY and models(who)[0].problem == ""


async def test_a_provider_stays_while_its_vectors_are_used(who: Identity, own: FakeProvider) -> None:
    library(who)
    provider_id = with_model(who, own)
    for service, given in ((providers.remove, ()), (providers.save, (FORM | {"base_url": "https://other.test/v1"},))):
        with pytest.raises(Conflict) as error:
            call(who, service, provider_id, *given)
        assert error.value.sentence in (providers.IN_USE, providers.ADDRESS_IN_USE)
    call(who, providers.save, provider_id, FORM | {"base_url": own.url, "name": "Renamed"})
    call(who, embedding_models.return_to_installation)
    with pytest.raises(Conflict):
        call(who, providers.remove, provider_id)
    run_jobs(who)
    call(who, providers.remove, provider_id)


def test_only_admins_choose_and_only_what_is_theirs(who: Identity, other: Identity, own: FakeProvider) -> None:
    own.models = ["small"]
    provider_id = connect(who, own).id
    operator = make_member(who, Role.OPERATOR)
    for service in (embedding_models.attempt, embedding_models.choose):
        with pytest.raises(Forbidden):
            service(operator, provider_id, "small")
        with pytest.raises(NotFound):
            service(other, provider_id, "small")
        for wrong in ("", "x" * 201):
            with pytest.raises(Invalid):
                service(who, provider_id, wrong)
    for forbidden, given in (
        (embedding_models.return_to_installation, ()),
        (embedding_models.retry, ("x",)),
        (embedding_models.cancel, ("x",)),
        (embedding_models.offered, (provider_id,)),
    ):
        with pytest.raises(Forbidden):
            call(operator, forbidden, *given)
    own.embeddings = [refuses(404, {"error": {"message": "model not found"}})]
    with pytest.raises(Invalid) as error:
        embedding_models.choose(who, provider_id, "small")
    assert error.value.field == "model" and models(who) == []


def test_a_model_without_knowledge_is_ready_for_the_first_source(who: Identity, own: FakeProvider) -> None:
    with_model(who, own)
    assert models(who)[0].state == EmbeddingState.LIVE and live(who).startswith("own-")


def test_whether_similarity_alone_is_enough_is_measured(
    who: Identity, own: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider_id = connect(who, own).id
    assert not embedding_models.attempt(who, provider_id, "small").knows_meaning, "the fake knows only letters"

    async def understands(answer: Answer) -> None:
        texts = answer.asked.body["input"]
        data = [{"embedding": [0.5, *(float(n == k) for k in range(8))], "index": n} for n in range(len(texts))]
        await refuses(200, {"data": data})(answer)

    own.embeddings = [understands]
    trial = embedding_models.attempt(who, provider_id, "small")
    assert trial.knows_meaning and trial.related == pytest.approx(0.2)
    own.embeddings = [refuses(402)]
    assert embedding_models.attempt(who, provider_id, "small").problem == FailureReason.QUOTA.value
    assert len(embedding_trials.PAIRS) == 8
