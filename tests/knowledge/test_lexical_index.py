"""Lexical index: one on disk for all processes, changed by the source, repaired by itself, and never in the way."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from platform_app import db, table_statistics
from platform_app.config import settings
from platform_app.db import owned, session_scope
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity
from platform_app.rag import knowledge_state, lexical_files, lexical_index, lexical_updates, vector_index
from platform_app.rag.retrieval import retrieve
from platform_app.services.knowledge import categories, index_rebuild, sources
from tests.sequences.test_sequence_query_plans import plans
from tests.talking import ELSEWHERE, add_source, run_jobs

QUESTION = "Which gate has the code 4711?"
GATE = "The code of the gate is 4711."


@pytest.fixture(autouse=True)
def _no_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_index, "_silent_until", float("inf"))


def titles(who: Identity, question: str = QUESTION, **how: Any) -> list[str]:
    return list(dict.fromkeys(p.source_title for p in retrieve(who.tenant_id, question, **how).considered))


def count_added(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of the titles of sources whose chunks are added from now on."""
    added, add = list[str](), lexical_updates._add

    def counted(session: Any, writer: Any, source: Source, generation: int) -> None:
        added.append(source.title)
        add(session, writer, source, generation)

    monkeypatch.setattr(lexical_updates, "_add", counted)
    return added


def test_a_change_touches_its_source_alone(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, text in enumerate(ELSEWHERE):
        add_source(who, f"S{number}", text)
    assert titles(who, "Is the frame under warranty?")[0] == "S2"
    added = count_added(monkeypatch)
    gate = add_source(who, "Gate", GATE)
    assert titles(who)[0] == "Gate" and titles(who)[0] == "Gate"
    assert added == ["Gate"]
    with session_scope(who.tenant_id) as session:
        sources.delete(session, who, gate)
    assert "Gate" not in titles(who)
    with session_scope(who.tenant_id) as session:
        sources.restore(session, who, gate)
    assert titles(who)[0] == "Gate" and added == ["Gate", "Gate"]


def test_what_is_deleted_is_hidden_before_the_index_knows(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    add_source(who, "Elsewhere", *ELSEWHERE)
    gate = add_source(who, "Gate", GATE)
    assert titles(who)[0] == "Gate"
    monkeypatch.setattr(lexical_updates, "catch_up", lambda session, tenant_id: None)
    with session_scope(who.tenant_id) as session:
        sources.delete(session, who, gate)
    assert "Gate" not in titles(who)


def test_a_category_is_searched_alone_however_much_else_there_is(who: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        shop, yard = (categories.add(session, who, name).id for name in ("Shop", "Yard"))
    for number in range(60):
        add_source(who, f"Shop {number}", f"The code of the gate number {number} is 4711.", category_id=shop)
    add_source(who, "Yard", "There is a gate.", category_id=yard)
    assert titles(who, categories=[yard]) == ["Yard"] and titles(who, categories=[]) == []
    with session_scope(who.tenant_id) as session:
        source = session.exec(owned(Source, who.tenant_id).where(Source.title == "Yard")).one()
        categories.set_source_category(session, who, source.id, shop)
    assert titles(who, categories=[yard]) == []


def damage_file() -> None:
    for file in (settings().data_dir / "lexical").glob("*/v*/meta.json"):
        file.write_text("{")


@pytest.mark.parametrize("damage", [lambda: shutil.rmtree(settings().data_dir / "lexical"), damage_file])
def test_a_damaged_index_is_built_anew(who: Identity, damage: Callable[[], None]) -> None:
    add_source(who, "Elsewhere", *ELSEWHERE)
    add_source(who, "Gate", GATE)
    assert titles(who)[0] == "Gate"
    damage()
    lexical_files._open.clear()
    add_source(who, "Late", "The bell of the gate is loud.")
    assert titles(who)[0] == "Gate" and titles(who, "How loud is the bell?")[0] == "Late"


def test_a_large_index_is_left_to_a_job(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical_updates, "AT_ONCE", 5)
    monkeypatch.setattr(vector_index, "put", lambda *given, **named: None)
    monkeypatch.setattr(vector_index, "clear", lambda *given: None)
    monkeypatch.setattr(vector_index, "clear_others", lambda *given: None)
    monkeypatch.setattr(vector_index, "stored_ids", lambda *given: iter(()))
    monkeypatch.setattr(index_rebuild, "_has_vectors", lambda *given: True)
    add_source(who, "Elsewhere", *ELSEWHERE)
    before = retrieve(who.tenant_id, "Is the frame under warranty?")
    assert (before.passages, before.lost, before.degraded) == ([], True, True)
    index_rebuild.request_rebuild(who.tenant_id)
    run_jobs(who)
    after = retrieve(who.tenant_id, "Is the frame under warranty?")
    assert after.considered[0].text == ELSEWHERE[2] and not after.lost


def test_a_search_waits_for_no_writer(who: Identity) -> None:
    add_source(who, "Elsewhere", *ELSEWHERE)
    assert titles(who, "Is the frame under warranty?")
    add_source(who, "Gate", GATE)
    with lexical_files.locked(who.tenant_id):
        assert "Gate" not in titles(who), "what is there already answers"
    assert titles(who)[0] == "Gate"


def test_what_is_written_before_it_is_live_is_found_at_once(who: Identity) -> None:
    add_source(who, "Elsewhere", *ELSEWHERE)
    assert titles(who)
    gate = add_source(who, "Gate", GATE)
    with session_scope(who.tenant_id, read_only=True) as session:
        source = session.exec(owned(Source, who.tenant_id).where(Source.id == gate)).one()
        lexical_updates.write_source(session, source, source.generation)
    with lexical_files.locked(who.tenant_id):  # its writer has yet to store that it is at this revision
        assert titles(who)[0] == "Gate"


def test_what_another_process_has_written_is_not_written_again(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    add_source(who, "Gate", GATE)
    assert titles(who) == ["Gate"]
    added = count_added(monkeypatch)
    lexical_files._open.clear()  # as in a process that has just begun
    assert titles(who) == ["Gate"] and added == []


def test_a_disk_that_cannot_be_written_leaves_what_there_is(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    add_source(who, "Elsewhere", *ELSEWHERE)
    assert titles(who, "Is the frame under warranty?") == ["Elsewhere"]
    add_source(who, "Gate", GATE)

    def is_full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lexical_files, "store_revision", is_full)
    result = retrieve(who.tenant_id, "Is the frame under warranty?")
    assert result.degraded and result.passages[0].source_title == "Elsewhere"


def test_tenants_share_nothing(who: Identity, other: Identity) -> None:
    add_source(who, "Gate", GATE)
    add_source(other, "Elsewhere", *ELSEWHERE)
    assert (titles(who), titles(other)) == (["Gate"], ["Elsewhere"])
    matches = lexical_index.search(other.tenant_id, QUESTION, 50)
    assert matches is not None and matches.worth > 0
    assert lexical_index.search("0" * 32, QUESTION, 5) is None


def pretend_size(**rows: int) -> None:
    """Sample the tables as the worker does, then let SQLite believe that one tenant has so many chunks and sources."""
    table_statistics.update_statistics()
    with db.engine().begin() as connection:
        for table in ("chunk", "source"):
            count = rows[f"{table}s"]
            indexes = connection.exec_driver_sql("SELECT idx, stat FROM sqlite_stat1 WHERE tbl = ?", (table,)).all()
            for index, stat in indexes:
                columns = len(stat.split()) - 1
                last = count if index.endswith("tenant_id") else 20 if index.endswith("category_id") else 1
                depth = [count] * (columns - 1) + [last]
                said = " ".join(map(str, (count, *depth)))
                connection.exec_driver_sql("UPDATE sqlite_stat1 SET stat = ? WHERE idx = ?", (said, index))
    db.engine().dispose()  # new connections read what is stored


def test_no_search_reads_all_chunks_or_sources(who: Identity) -> None:
    if db.engine().dialect.name != "sqlite":
        pytest.skip("PostgreSQL counts what is there before it plans")
    with session_scope(who.tenant_id) as session:
        shop = categories.add(session, who, "Shop").id
    add_source(who, "Elsewhere", *ELSEWHERE, category_id=shop)
    assert titles(who, "Is the frame under warranty?") == ["Elsewhere"]
    pretend_size(chunks=100_000, sources=2_000)
    said: list[tuple[str, Any]] = []

    def keep(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        said.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", keep)
    try:
        for inside in (None, [shop]):
            assert titles(who, "Is the frame under warranty?", categories=inside) == ["Elsewhere"]
        with session_scope(who.tenant_id, read_only=True) as session:
            knowledge_state.revision(session, who.tenant_id)
    finally:
        event.remove(db.engine(), "before_cursor_execute", keep)
    reads = plans([one for one in said if one[0].startswith("SELECT")])
    assert len(reads) > 5
    bad = ("SCAN chunk", "SCAN source", "INDEX ix_chunk_tenant_id ", "INDEX ix_source_tenant_id ")
    assert [line for line in reads if any(part in line for part in bad)] == []
