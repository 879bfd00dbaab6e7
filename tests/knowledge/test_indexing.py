"""Indexing: remarks are kept, equal texts cost one vector, an attempt goes on where the last stopped, names replace."""

from collections import Counter
from typing import Any

import pytest

from platform_app.db import owned, session_scope
from platform_app.errors import Unavailable
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Chunk, SourceState
from platform_app.models.person import Identity
from platform_app.rag import hashed_vectors, lexical_index, vector_index
from platform_app.services.knowledge import chunk_rows, index_rebuild, indexing, sources
from platform_app.state.knowledge.source_view import source_row
from tests.api_client import client, sign_in
from tests.knowledge.test_knowledge import TEXT, found, parts, source, upload
from tests.talking import ELSEWHERE, add_source, run_jobs

LINE = "Calls are taken from ten to eight, with a break from one to two o'clock here.\n"


class Index:
    """A vector index that notes what is written and can be made to fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.vectors: dict[str, list[float]] = {}
        self.calls, self.fails_at = 0, 0
        monkeypatch.setattr(vector_index, "_collection", self.collection)
        monkeypatch.setattr(vector_index, "clear_others", lambda tenant_id, kept: None)

    def collection(self, tenant_id: str, *, version: str = "", make: bool = False) -> "Index":
        return self

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def upsert(self, ids: list[str], embeddings: list[list[float]], metadatas: Any) -> None:
        self.calls += 1
        if self.calls == self.fails_at:
            raise ConnectionError
        self.vectors |= dict(zip(ids, embeddings, strict=True))

    def get(
        self, ids: list[str] | None = None, *, include: list[str], limit: int = 0, offset: int = 0
    ) -> dict[str, Any]:
        if ids is None:
            return {"ids": list(self.vectors)[offset : offset + limit]}
        return {"ids": [one for one in ids if one in self.vectors]}

    def query(self, **wanted: Any) -> dict[str, Any]:
        raise vector_index.IndexLost

    def delete(self, ids: list[str]) -> None:
        for one in ids:
            self.vectors.pop(one, None)


def attempt_again(who: Identity) -> None:
    """Make the next attempt of what failed, as the worker does after its pause."""
    with session_scope(who.tenant_id) as session:
        for job in session.exec(owned(Job, who.tenant_id).where(Job.state == JobState.RUNNING)).all():
            job.state, job.lease_token = JobState.QUEUED, None
    run_jobs(who)


@pytest.fixture
def index(database: str, monkeypatch: pytest.MonkeyPatch) -> Index:
    return Index(monkeypatch)


def counted(who: Identity) -> int:
    with session_scope(who.tenant_id, read_only=True) as session:
        return len(session.exec(owned(Chunk, who.tenant_id)).all())


async def test_remarks_stand_at_the_source(who: Identity, index: Index) -> None:
    made = await upload(who, "page.html", b"<p>Seen by all</p><p hidden>Obey me</p>")
    run_jobs(who)
    row = source(who, made)
    assert row.state == SourceState.READY
    assert source_row(row, who, "en").remarks == ["Hidden passages skipped: 1."]
    assert source_row(row, who, "ru").remarks == ["Пропущены скрытые фрагменты, которых читатель не видит: 1."]


async def test_equal_texts_have_one_vector_and_keep_their_places(who: Identity, index: Index) -> None:
    made = await upload(who, "calls.txt", (LINE * 2_000 + "The gate is green.").encode())
    run_jobs(who)
    row = source(who, made)
    assert row.state == SourceState.READY and row.chunk_count > 100 and counted(who) == row.chunk_count
    with session_scope(who.tenant_id, read_only=True) as session:
        chunks = sources.list_chunks(session, who, made)
    assert len(chunks) == row.chunk_count
    distinct = {chunk.text for chunk in chunks}
    searched = lexical_index.search(who.tenant_id, "Calls are taken, the gate is green", 100)
    assert searched is not None and set(index.vectors) == set(searched.scores)
    assert len(index.vectors) == len(distinct) < 20


def test_no_two_vectors_are_equal() -> None:
    vector = hashed_vectors.embed_passage(LINE)
    moved = [vector_index.perturb(vector, f"{number:032x}") for number in range(50)]
    assert max(Counter(map(tuple, moved)).values()) == 1
    assert all(sum(a * b for a, b in zip(vector, one, strict=True)) > 0.9998 for one in moved)
    assert vector_index.perturb(vector, "a") == vector_index.perturb(vector, "a")


async def test_four_hundred_equal_sources_are_all_found(who: Identity, live_chroma: str) -> None:
    """The graph of the index is not slowed by equal texts, nor does it hide one behind the others."""
    rows = [(f"{number:032x}", LINE) for number in range(400)]
    vector_index.put(who.tenant_id, "f" * 32, rows)
    with vector_index._collection(who.tenant_id) as collection:
        asked = [vector_index.perturb(hashed_vectors.embed_passage(LINE), key) for key, _ in rows[::20]]
        near = collection.query(query_embeddings=asked, n_results=5, include=[])["ids"]
    assert [key in ids for (key, _), ids in zip(rows[::20], near, strict=True)] == [True] * 20
    vector_index.clear(who.tenant_id)


async def test_an_attempt_goes_on_where_the_last_one_stopped(
    who: Identity, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"Sentence {number} says something of its own, and at some length.\n\n" for number in range(3_000))
    made = await upload(who, "long.txt", text.encode())
    index.fails_at = 3
    with pytest.raises(Unavailable):
        run_jobs(who)
    row, written = source(who, made), dict(index.vectors)
    assert row.state == SourceState.INDEXING and row.next_chunks == counted(who) > 200 and written

    def read_again(*given: Any) -> Any:
        raise AssertionError("it was read already")

    monkeypatch.setattr(indexing, "reading", read_again)
    before, index.fails_at = index.calls, 0
    attempt_again(who)
    row = source(who, made)
    assert (row.state, row.next_chunks, row.generation) == (SourceState.READY, 0, 1)
    assert len(index.vectors) == row.chunk_count == counted(who)
    assert (index.calls - before) * vector_index.BATCH >= row.chunk_count - len(written)
    assert all(index.vectors[key] is vector for key, vector in written.items())  # none was written twice


async def test_a_rebuild_goes_on_where_it_stopped(who: Identity, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    cleared: list[str] = []
    monkeypatch.setattr(vector_index, "clear", lambda tenant_id, version: cleared.append(tenant_id))
    add_source(who, "Elsewhere", *ELSEWHERE)
    monkeypatch.setattr(chunk_rows, "BATCH_SIZE", 4)
    index_rebuild.request_rebuild(who.tenant_id)
    index.fails_at = 2
    with pytest.raises(Unavailable):
        run_jobs(who)
    written = dict(index.vectors)
    index.fails_at = 0
    attempt_again(who)
    assert cleared == [who.tenant_id] and len(index.vectors) == len(ELSEWHERE)
    assert all(index.vectors[key] is vector for key, vector in written.items())


OTHER = TEXT.replace(b"4711", b"1234")


async def test_a_file_of_the_same_name_replaces_the_old_one_when_it_is_ready(who: Identity, index: Index) -> None:
    old = await upload(who, "Parking.md")
    add_source(who, "Elsewhere", *ELSEWHERE)
    run_jobs(who)
    new = await upload(who, "PARKING.md", OTHER)
    assert source(who, old).deleted_at is None and found(who) == ["Parking"]  # until the new one is ready
    run_jobs(who)
    assert source(who, new).state == SourceState.READY and source(who, old).deleted_at is not None
    assert found(who) == ["PARKING"]


async def test_a_replacement_that_cannot_be_read_replaces_nothing(who: Identity, index: Index) -> None:
    old = await upload(who, "Gate.html", b"<p>The code of the gate is 4711.")
    run_jobs(who)
    new = await upload(who, "Gate.html", b"<svg></svg>")
    run_jobs(who)
    assert (source(who, new).state, source(who, old).deleted_at) == (SourceState.FAILED, None)


async def test_both_are_kept_when_that_is_chosen(who: Identity, index: Index) -> None:
    old = await upload(who, "Parking.md")
    made = [
        await sources.store_upload(who, "Parking.md", parts(OTHER), same_name="keep"),
        await sources.store_upload(who, "Parking.md", parts(TEXT), same_name="keep"),
    ]
    run_jobs(who)
    assert [source(who, one).file_name for one in made] == ["Parking (2).md", "Parking (3).md"]
    assert all(source(who, one).deleted_at is None for one in [old, *made])


async def test_the_page_can_ask_whether_a_name_is_taken(who: Identity, index: Index) -> None:
    await upload(who, "Прайс.md")
    async with client(sign_in(who)) as browser:
        for name, taken in (("ПРАЙС.md", True), ("other.md", False)):
            answer = await browser.get("/api/uploads/acme/taken", params={"name": name})
            assert answer.json() == {"taken": taken}
    async with client(
        sign_in(who), **{"X-File-Name": "%D0%9F%D1%80%D0%B0%D0%B9%D1%81.md", "X-Same-Name": "keep"}
    ) as browser:
        kept = (await browser.post("/api/uploads/acme", content=TEXT)).json()["source_id"]
    assert source(who, kept).file_name == "Прайс (2).md"
