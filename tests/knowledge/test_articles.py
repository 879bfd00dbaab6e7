"""Articles: found when published and only then, with versions, from a draft or a text file."""

from typing import Any

import pytest

from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.models.article import Article, ArticleVersion
from platform_app.models.knowledge import Chunk, SourceState, Visibility
from platform_app.models.person import Identity
from platform_app.rag import vector_index
from platform_app.services.bin import bin_entries, row_removal
from platform_app.services.knowledge import articles, categories, indexing, sources
from platform_app.services.knowledge.articles import ARTICLES
from tests.knowledge.test_knowledge import ASIDE, found, library, source, upload
from tests.talking import activities, call, run_jobs

TEXT = "## Gate\n\nThe code of the gate is 4711. It changes in May."


@pytest.fixture(autouse=True)
def _chroma(live_chroma: str) -> None:
    vector_index._silent_until = 0.0


def write(who: Identity, **fields: Any) -> str:
    """Create an article with a draft; return its id."""
    return str(call(who, articles.create, **({"title": "Parking", "text": TEXT} | fields)).id)


def index(who: Identity) -> None:
    """Run the jobs, and write the library beside what they indexed, if it is not there."""
    run_jobs(who)
    if call(who, sources.list_sources, search=ASIDE)[1] == 0:
        library(who)


def change(who: Identity, article_id: str, **fields: Any) -> Article:
    row: Article = call(who, articles.save, article_id, fields, revision=call(who, articles.get, article_id).revision)
    return row


def test_a_draft_is_not_found_until_it_is_published_and_never_after_it_is_unpublished(who: Identity) -> None:
    made = write(who)
    run_jobs(who)
    assert found(who) == [] and source(who, made).visibility == Visibility.HIDDEN
    call(who, articles.publish, made)
    assert (source(who, made).state, found(who)) == (SourceState.QUEUED, [])
    index(who)
    assert (source(who, made).state, source(who, made).visibility) == (SourceState.READY, Visibility.VISIBLE)
    assert found(who) == ["Parking"]
    assert [chunk.heading for chunk in call(who, sources.list_chunks, made)] == ["Gate"]
    call(who, articles.unpublish, made)
    assert found(who) == [], "at once, without a job"
    with pytest.raises(Conflict, match="published"):
        call(who, articles.unpublish, made)
    call(who, articles.publish, made)
    assert found(who) == ["Parking"], "what has not changed needs no indexing"
    assert [words for words in activities(who) if "Article" in words] == [
        "Article “{title}” created",
        "Article “{title}” published",
        "Article “{title}” unpublished",
        "Article “{title}” published",
    ]


def test_what_was_published_before_answers_until_the_new_text_is_indexed(who: Identity) -> None:
    made = write(who)
    call(who, articles.publish, made)
    index(who)
    change(who, made, title="Yard", text="The code of the gate is 4800.")
    assert found(who) == ["Parking"] and call(who, sources.list_chunks, made)[0].text.endswith("in May.")
    call(who, articles.publish, made)
    assert found(who) == ["Yard"] and call(who, sources.list_chunks, made)[0].text.endswith("in May.")
    index(who)
    assert found(who) == ["Yard"]
    (chunk,) = call(who, sources.list_chunks, made)
    assert chunk.text == "The code of the gate is 4800."


def test_an_old_text_is_not_found_again_when_an_unpublished_article_is_published_with_another(who: Identity) -> None:
    made = write(who)
    call(who, articles.publish, made)
    index(who)
    call(who, articles.unpublish, made)
    change(who, made, text="The code of the gate is 4800.")
    call(who, articles.publish, made)
    assert found(who) == [] and source(who, made).visibility == Visibility.PENDING
    index(who)
    assert found(who) == ["Parking"]


def test_unpublishing_while_it_is_indexed_is_obeyed(who: Identity) -> None:
    made = write(who)
    call(who, articles.publish, made)
    call(who, articles.unpublish, made)
    index(who)
    assert (source(who, made).state, found(who)) == (SourceState.READY, [])
    call(who, articles.publish, made)
    assert found(who) == ["Parking"]


def test_a_text_that_was_replaced_while_it_was_read_never_answers(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write(who)
    call(who, articles.publish, made)
    write_vectors, replaced = indexing._write_vectors, list[bool]()

    def publish_another(*given: Any, **named: Any) -> None:
        write_vectors(*given, **named)
        if not replaced:
            replaced.append(True)
            change(who, made, text="The code of the gate is 4800.")
            call(who, articles.publish, made)

    monkeypatch.setattr(indexing, "_write_vectors", publish_another)
    index(who)
    assert [chunk.text for chunk in call(who, sources.list_chunks, made)] == ["The code of the gate is 4800."]
    assert source(who, made).state == SourceState.READY and found(who) == ["Parking"]
    with session_scope(who.tenant_id, read_only=True) as session:
        kept = [chunk for chunk in session.exec(owned(Chunk, who.tenant_id)).all() if chunk.source_id == made]
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": "x" * 201}, "title"),
        ({"title": "  "}, "title"),
        ({"text": "x" * 40_001}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"text": 1}, "text"),
        ({"category": "x"}, "category"),
    ],
)
def test_wrong_values_are_refused_with_their_field(who: Identity, fields: dict[str, Any], field: str) -> None:
    made = write(who)
    with pytest.raises(Invalid) as problem:
        change(who, made, **fields)
    assert problem.value.field == field


def test_an_article_without_a_text_is_not_published(who: Identity) -> None:
    made = write(who, title="", text=" ")
    assert call(who, articles.get, made).draft["title"] == "New article"
    with pytest.raises(Invalid) as problem:
        call(who, articles.publish, made)
    assert problem.value.field == "text" and source(who, made).visibility == Visibility.HIDDEN


def test_versions_are_compared_and_restored(who: Identity) -> None:
    made = write(who)
    call(who, articles.publish, made)
    with pytest.raises(Conflict, match="Nothing has changed"):
        call(who, articles.publish, made)
    change(who, made, text="## Gate\n\nThe code of the gate is 4800.")
    call(who, articles.publish, made)
    second, first = call(who, ARTICLES.versions, made)
    assert (first.number, second.number) == (1, 2)
    (difference,) = call(who, ARTICLES.compare_versions, made, first.id)
    assert difference.field == "text" and "-The code of the gate is 4711. It changes in May." in difference.lines
    call(who, ARTICLES.restore_version, made, first.id)
    assert call(who, articles.get, made).draft["text"] == TEXT
    row = call(who, articles.get, made)
    with pytest.raises(Conflict):
        call(who, articles.save, made, {"title": "Yard"}, revision=row.revision - 1)


def test_a_deleted_article_is_not_found_and_restored_as_it_was(who: Identity) -> None:
    made, draft = write(who), write(who, title="Breakfast")
    call(who, articles.publish, made)
    index(who)
    for article_id in (made, draft):
        call(who, sources.delete, article_id)
        with pytest.raises(NotFound):
            call(who, articles.get, article_id)
    assert found(who) == []
    for article_id in (made, draft):
        call(who, sources.restore, article_id)
    index(who)
    assert found(who) == ["Parking"] and source(who, draft).visibility == Visibility.HIDDEN
    assert call(who, articles.get, draft).draft["title"] == "Breakfast"


def test_for_good_goes_what_belongs_to_it(who: Identity) -> None:
    made = write(who)
    call(who, articles.publish, made)
    index(who)
    call(who, sources.delete, made)
    with session_scope(who.tenant_id) as session:
        row_removal.remove(session, who.tenant_id, bin_entries.kind_of(sources_row(who, made)), [made])
    index(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        for model in (Article, ArticleVersion):
            assert list(session.exec(owned(model, who.tenant_id)).all()) == []


def sources_row(who: Identity, source_id: str) -> Any:
    return source(who, source_id)


async def test_a_text_file_is_edited_as_an_article(who: Identity) -> None:
    made = await upload(who, "Parking.md", TEXT.encode())
    with pytest.raises(Conflict):
        call(who, articles.read_text, made)
    index(who)
    text = call(who, articles.read_text, made)
    call(who, articles.edit_as_article, made, text=text)
    row = call(who, articles.get, made)
    assert (row.draft, row.published_number) == ({"title": "Parking", "text": TEXT}, 1)
    assert found(who) == ["Parking"] and not call(who, _can_publish, made)
    with pytest.raises(Conflict):
        call(who, articles.edit_as_article, made, text=text)
    again = await upload(who, "Parking.md", b"A file of the same name does not replace an article about the gate.")
    index(who)
    assert source(who, made).deleted_at is None and source(who, again).state == SourceState.READY


def _can_publish(session: Any, who: Identity, article_id: str) -> bool:
    return articles.can_publish(session, articles.get(session, who, article_id))


def test_a_list_shows_what_is_not_published_by_itself(who: Identity) -> None:
    made = write(who)
    category = call(who, categories.add, "Visitors").id
    filed = write(who, title="Yard", category_id=category)

    def titles(**wanted: Any) -> list[str]:
        return [row.title for row in call(who, sources.list_sources, **wanted)[0]]

    assert titles(state="hidden") == ["Yard", "Parking"] and titles(state="hidden", category=category) == ["Yard"]
    assert "Yard" not in titles(state="ready")
    assert {made, filed} <= {row.id for row in call(who, sources.list_sources)[0]}


def test_another_tenant_reaches_no_article(who: Identity, other: Identity) -> None:
    made = write(who)
    for service in (articles.get, articles.publish, articles.unpublish, articles.read_text):
        with pytest.raises(NotFound):
            call(other, service, made)
    with pytest.raises(NotFound):
        call(other, articles.save, made, {"text": "Mine"}, revision=1)
