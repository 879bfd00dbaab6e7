"""Source changes: a new file or title keeps the source, and the former passages answer until it is indexed again."""

import pytest

from platform_app.errors import Conflict, Invalid, LimitReached, NotFound
from platform_app.models.knowledge import SourceState
from platform_app.models.person import Identity
from platform_app.rag import vector_index
from platform_app.services.knowledge import articles, source_changes, sources
from tests.knowledge.test_knowledge import found, library, parts, source, upload
from tests.stored_files import stored_keys
from tests.talking import call, run_jobs


@pytest.fixture(autouse=True)
def _chroma(live_chroma: str) -> None:
    vector_index._silent_until = 0.0


async def test_a_file_is_replaced_under_the_same_source(who: Identity) -> None:
    made = await upload(who)
    run_jobs(who)
    library(who)
    await source_changes.replace_file(who, made, "Parking 2027.txt", parts(b"The code of the gate is 4800."))
    row = source(who, made)
    assert (row.state, row.file_name, row.title) == (SourceState.QUEUED, "Parking 2027.txt", "Parking")
    assert found(who) == ["Parking"] and "4711" in call(who, sources.list_chunks, made)[0].text
    run_jobs(who)
    assert found(who) == ["Parking"] and "4800" in call(who, sources.list_chunks, made)[0].text


async def test_passages_stay_when_the_new_file_cannot_be_read(who: Identity) -> None:
    made = await upload(who)
    run_jobs(who)
    library(who)
    await source_changes.replace_file(who, made, "Parking.pdf", parts(b"%PDF-1.4 broken"))
    run_jobs(who)
    row = source(who, made)
    assert (row.state, row.error) == (SourceState.FAILED, "The PDF is damaged and can’t be read.")
    assert found(who) == ["Parking"] and "4711" in call(who, sources.list_chunks, made)[0].text
    await source_changes.replace_file(who, made, "Parking.md", parts(b"The code of the gate is 4800."))
    run_jobs(who)
    assert "4800" in call(who, sources.list_chunks, made)[0].text


async def test_what_cannot_replace_leaves_nothing(
    who: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await upload(who)
    run_jobs(who)
    before = stored_keys()
    with pytest.raises(Invalid):
        await source_changes.replace_file(who, made, "virus.exe", parts(b"MZ"))
    with pytest.raises(NotFound):
        await source_changes.replace_file(other, made, "Parking.md", parts(b"Mine"))
    article = call(who, articles.create, title="Breakfast").id
    with pytest.raises(Conflict):
        await source_changes.replace_file(who, article, "Breakfast.md", parts(b"From seven to ten"))
    monkeypatch.setattr(sources, "QUOTA_BYTES", 100)
    with pytest.raises(LimitReached):
        await source_changes.replace_file(who, made, "Parking.md", parts(b"x" * 200))
    assert stored_keys() == before and source(who, made).state == SourceState.READY


async def test_a_source_is_found_by_its_new_title(who: Identity) -> None:
    made = await upload(who)
    run_jobs(who)
    library(who)
    call(who, source_changes.rename, made, "  Visitors’   cars ")
    assert (source(who, made).title, source(who, made).state) == ("Visitors’ cars", SourceState.QUEUED)
    run_jobs(who)
    assert found(who) == ["Visitors’ cars"] and found(who, "Where do visitors leave their cars?") == ["Visitors’ cars"]
    for title in ("", " ", "x" * 201, "a\u202eb"):
        with pytest.raises(Invalid):
            call(who, source_changes.rename, made, title)
