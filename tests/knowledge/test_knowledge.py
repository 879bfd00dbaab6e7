"""Knowledge: a source from its upload into answers and out of them again, with a real Chroma."""

from collections.abc import AsyncIterator

import pytest

from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Invalid, LimitReached, NotFound
from platform_app.files import tenant_files
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Chunk, Source, SourceState
from platform_app.models.person import Identity
from platform_app.rag import vector_index
from platform_app.rag.retrieval import retrieve
from platform_app.services.knowledge import categories, index_rebuild, source_changes, sources
from tests.conftest import forget_process_state
from tests.documents import docx, pdf
from tests.stored_files import stored_keys
from tests.talking import ELSEWHERE, activities, add_source, run_jobs

QUESTION = "What is the code of the gate?"
ASIDE = "Elsewhere"
TEXT = b"# Parking\n\nThe code of the gate is 4711. It changes in May."


async def parts(*data: bytes) -> AsyncIterator[bytes]:
    for part in data:
        yield part


async def upload(who: Identity, name: str = "Parking.md", data: bytes = TEXT) -> str:
    return await sources.store_upload(who, name, parts(data))


def source(who: Identity, source_id: str) -> Source:
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Source = session.exec(owned(Source, who.tenant_id).where(Source.id == source_id)).one()
        return found


def found(who: Identity, question: str = QUESTION) -> list[str]:
    """Return the titles of the passages for a question, but for those of the library beside them, which come last."""
    titles = [passage.source_title for passage in retrieve(who.tenant_id, question).passages]
    own = [title for title in titles if title != ASIDE]
    assert titles[: len(own)] == own
    return own


def library(who: Identity) -> None:
    add_source(who, ASIDE, *ELSEWHERE)


@pytest.fixture(autouse=True)
def _chroma(live_chroma: str) -> None:
    vector_index._silent_until = 0.0


async def test_from_the_upload_into_answers(who: Identity, other: Identity) -> None:
    made = await upload(who)
    assert (source(who, made).state, found(who)) == (SourceState.QUEUED, [])
    run_jobs(who)
    row = source(who, made)
    assert (row.state, row.progress, row.chunk_count, row.title) == (SourceState.READY, 100, 1, "Parking")
    library(who)
    result = retrieve(who.tenant_id, QUESTION)
    best = result.passages[0]
    assert (best.source_title, best.number, best.heading, result.degraded) == ("Parking", 1, "Parking", False)
    assert best.vector_score > 0.3 and best.lexical_score > 0.3
    assert retrieve(other.tenant_id, QUESTION).considered == []
    assert activities(who) == ["Source “{title}” uploaded", "Source “{title}” indexed"]


@pytest.mark.parametrize(
    ("name", "data"),
    [("Gate.pdf", pdf("The code of the gate is 4711.")), ("Gate.docx", docx("The code of the gate is 4711."))],
)
async def test_of_other_kinds_too(who: Identity, name: str, data: bytes) -> None:
    made = await upload(who, name, data)
    run_jobs(who)
    library(who)
    assert source(who, made).state == SourceState.READY and found(who) == ["Gate"]


async def test_a_file_that_cannot_be_read_says_why_and_is_tried_again(who: Identity) -> None:
    made = await upload(who, "Gate.pdf", b"%PDF-1.4 broken")
    run_jobs(who)
    assert (source(who, made).state, source(who, made).error) == (
        SourceState.FAILED,
        "The PDF is damaged and can’t be read.",
    )
    mended = tenant_files.save_bytes(who.tenant_id, pdf("The code of the gate is 4711."))
    with session_scope(who.tenant_id) as session:
        source_changes.set_file(session, sources.get(session, who, made), "Gate.pdf", mended)
        sources.retry(session, who, made)
    assert (source(who, made).state, source(who, made).error) == (SourceState.QUEUED, "")
    run_jobs(who)
    assert source(who, made).state == SourceState.READY
    with pytest.raises(Conflict), session_scope(who.tenant_id) as session:
        sources.retry(session, who, made)


@pytest.mark.parametrize("name", ["", "..", "a.exe", "/", "\x00", ".pdf", "a\u202etxt"])
async def test_names_that_are_not_taken_leave_nothing(who: Identity, name: str) -> None:
    with pytest.raises(Invalid):
        await upload(who, name)
    assert stored_keys() == []


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\docs\\price.txt", "price.txt"),
        ("a/b/c.md", "c.md"),
        ("x\x00y.txt", "xy.txt"),
        ("я" * 300 + ".txt", "я" * 196 + ".txt"),
    ],
)
async def test_names_lose_their_folders(who: Identity, name: str, plain: str) -> None:
    made = await upload(who, name)
    row = source(who, made)
    assert row.file_name == plain and row.stored_as not in plain and stored_keys() == [row.stored_as]


async def test_a_body_that_breaks_off_leaves_nothing(who: Identity) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await sources.store_upload(who, "a.txt", broken())
    with pytest.raises(Invalid, match="empty"):
        await upload(who, "a.txt", b"")
    assert stored_keys() == []


async def test_a_file_over_the_limit_leaves_nothing(who: Identity, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_UPLOAD_MAX_MB", "1")
    forget_process_state()
    with pytest.raises(LimitReached, match="larger than"):
        await sources.store_upload(who, "a.txt", parts(*[b"x" * 100_000] * 11))
    assert stored_keys() == []


async def test_the_tenants_room_is_limited(who: Identity, env: pytest.MonkeyPatch) -> None:
    env.setattr(sources, "QUOTA_BYTES", 100)
    await upload(who, "a.txt", b"x" * 60)
    with pytest.raises(LimitReached, match="Storage is full"):
        await upload(who, "b.txt", b"x" * 60)
    assert len(stored_keys()) == 1


async def test_deleted_it_answers_no_more_and_comes_back(who: Identity) -> None:
    made = await upload(who)
    run_jobs(who)
    library(who)
    assert found(who) == ["Parking"]
    with session_scope(who.tenant_id) as session:
        sources.delete(session, who, made)
    assert "Parking" not in found(who)
    with session_scope(who.tenant_id) as session:
        sources.restore(session, who, made)
    assert found(who) == ["Parking"]


def run_late_jobs(who: Identity) -> None:
    """Do what waits for later, as if it were due."""
    with session_scope(who.tenant_id) as session:
        for job in session.exec(owned(Job, who.tenant_id).where(Job.state == JobState.QUEUED)).all():
            job.run_at = job.created_at
    run_jobs(who)


async def test_a_minute_later_its_file_is_left_for_the_bin(who: Identity, env: pytest.MonkeyPatch) -> None:
    made = await upload(who)
    run_jobs(who)
    with session_scope(who.tenant_id) as session:
        sources.delete(session, who, made)
    env.setattr("platform_app.services.knowledge.indexing.UNDO_SECONDS", 0)
    run_late_jobs(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(Chunk, who.tenant_id)).all() == []
    assert stored_keys() == [source(who, made).stored_as]
    assert vector_index.search(who.tenant_id, QUESTION, 5) == []


async def test_restored_while_its_vectors_are_deleted_it_is_indexed_again(
    who: Identity, env: pytest.MonkeyPatch
) -> None:
    made = await upload(who)
    run_jobs(who)
    with session_scope(who.tenant_id) as session:
        sources.delete(session, who, made)
    env.setattr("platform_app.services.knowledge.indexing.UNDO_SECONDS", 0)
    drop = vector_index.drop

    def meanwhile(tenant_id: str, ids: list[str], *, version: str) -> None:
        drop(tenant_id, ids, version=version)
        env.setattr(vector_index, "drop", drop)
        with session_scope(who.tenant_id) as session:
            sources.restore(session, who, made)

    env.setattr(vector_index, "drop", meanwhile)
    run_late_jobs(who)
    library(who)
    assert source(who, made).state == SourceState.READY and found(who) == ["Parking"]


async def test_the_first_deletions_job_spares_what_was_brought_back(who: Identity) -> None:
    made = await upload(who)
    run_jobs(who)
    for act in (sources.delete, sources.restore, sources.delete):
        with session_scope(who.tenant_id) as session:
            act(session, who, made)
    run_late_jobs(who)  # too early for either
    with session_scope(who.tenant_id) as session:
        sources.restore(session, who, made)
    library(who)
    assert found(who) == ["Parking"]


async def test_indexed_again_nothing_is_doubled(who: Identity) -> None:
    made = await upload(who)
    run_jobs(who)
    with session_scope(who.tenant_id) as session:
        sources.get(session, who, made).state = SourceState.FAILED
    with session_scope(who.tenant_id) as session:
        sources.retry(session, who, made)
    run_jobs(who)
    assert (source(who, made).generation, source(who, made).chunk_count) == (2, 1)
    assert [i for i, _ in vector_index.search(who.tenant_id, QUESTION, 5)] == [
        chunk.id for chunk in chunks_of(who, made)
    ]


def chunks_of(who: Identity, source_id: str) -> list[Chunk]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return sources.list_chunks(session, who, source_id)


async def test_another_tenants_source_is_not_there(who: Identity, other: Identity) -> None:
    made = await upload(who)
    run_jobs(who)
    chunk_id = chunks_of(who, made)[0].id
    for act, key in [
        (sources.get, made),
        (sources.list_chunks, made),
        (sources.retry, made),
        (sources.delete, made),
        (sources.restore, made),
        (sources.get_passage, chunk_id),
    ]:
        with pytest.raises(NotFound), session_scope(other.tenant_id) as session:
            act(session, other, key)
    assert source(who, made).deleted_at is None


async def test_the_list_is_searched_filtered_and_cut_into_pages(who: Identity) -> None:
    for name in ("Парковка.md", "Price.txt", "broken.pdf"):
        await upload(who, name, b"%PDF-1 x" if name.endswith("pdf") else TEXT)
    run_jobs(who)
    with session_scope(who.tenant_id, read_only=True) as session:

        def titles(**wanted: object) -> tuple[list[str], int]:
            rows, total = sources.list_sources(session, who, **wanted)  # type: ignore[arg-type]
            return [row.title for row in rows], total

        assert titles() == (["broken", "Price", "Парковка"], 3)
        assert titles(search="ПАРК") == (["Парковка"], 1)
        assert titles(state="failed") == (["broken"], 1)
        assert titles(page=2, page_size=2) == (["Парковка"], 3)


async def test_sources_stand_in_categories(who: Identity) -> None:
    made = [await upload(who, name) for name in ("a.txt", "b.txt", "c.txt")]
    with session_scope(who.tenant_id) as session:
        outer = categories.add(session, who, "Shop")
        inner = categories.add(session, who, "Prices", parent_id=outer.id)
        categories.set_source_category(session, who, made[0], outer.id)
        categories.set_source_category(session, who, made[1], inner.id)
        ids = outer.id, inner.id
    late = await sources.store_upload(who, "d.txt", parts(TEXT), category_id=ids[1])
    assert source(who, late).category_id == ids[1]
    with pytest.raises(NotFound):
        await sources.store_upload(who, "e.txt", parts(TEXT), category_id="f" * 32)
    assert len(stored_keys()) == 4
    with session_scope(who.tenant_id) as session:

        def titles(category: str) -> list[str]:
            return sorted(row.title for row in sources.list_sources(session, who, category=category)[0])

        assert (titles(ids[0]), titles(ids[1]), titles("none")) == (["a", "b", "d"], ["b", "d"], ["c"])
        categories.delete(session, who, ids[1])
        assert (titles(ids[0]), titles("f" * 32)) == (["a", "b", "d"], [])


async def test_a_lost_index_is_built_anew(who: Identity) -> None:
    await upload(who)
    run_jobs(who)
    library(who)
    before = retrieve(who.tenant_id, QUESTION)
    vector_index.clear(who.tenant_id)
    lost = retrieve(who.tenant_id, QUESTION)
    assert (lost.lost, lost.degraded, lost.passages[0].source_title) == (True, True, "Parking")
    index_rebuild.request_rebuild(who.tenant_id)
    index_rebuild.request_rebuild(who.tenant_id)
    run_jobs(who)
    after = retrieve(who.tenant_id, QUESTION)
    assert not after.degraded
    assert [p.chunk_id for p in after.passages] == [p.chunk_id for p in before.passages]
    with session_scope(who.tenant_id, read_only=True) as session:
        rebuilt = session.exec(owned(Job, who.tenant_id).where(Job.kind == "rebuild_index")).all()
    assert len(rebuilt) == 1


async def test_vectors_of_another_size_are_replaced(who: Identity, live_chroma: str) -> None:
    await upload(who)
    run_jobs(who)
    library(who)
    vector_index.clear(who.tenant_id)
    strange = vector_index._client(live_chroma).create_collection(
        vector_index._name(who.tenant_id), embedding_function=None
    )
    strange.upsert(ids=["strange"], embeddings=[[1.0] * 8])
    assert retrieve(who.tenant_id, QUESTION).lost
    await upload(who, "Late.md", b"The bell of the gate is loud.")
    with pytest.raises(vector_index.IndexLost):  # the worker tries it again
        run_jobs(who)
    run_jobs(who)  # what the failure has asked for: a new index
    result = retrieve(who.tenant_id, QUESTION)
    assert not result.degraded and result.passages[0].vector_score > 0.3


def test_a_tenant_without_knowledge_has_lost_nothing(who: Identity) -> None:
    result = retrieve(who.tenant_id, QUESTION)
    assert (result.lost, result.degraded, result.passages) == (False, False, [])
