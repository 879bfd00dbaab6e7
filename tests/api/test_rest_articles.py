"""Articles by the API: drafts, publishing, versions, pages, repeats, what a change would do; AI programs propose."""

import pytest

from platform_app.models.article import MAX_TEXT_CHARS, Article
from platform_app.models.person import Identity
from platform_app.rag import vector_index
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.knowledge import articles, categories
from tests.api.keys import a_key, ask
from tests.api.test_mcp import called, session
from tests.api.test_rest_resources import good
from tests.knowledge.test_impact import cite, indexed
from tests.talking import ELSEWHERE, add_source, call, real_talk, run_jobs
from tests.visiting import rows

PATH = "/knowledge/articles"
TEXT = "A full tune-up costs 40 euros and takes one day."


async def searched(key: str) -> list[str]:
    """Return the titles of what is found for a question."""
    answer = await good(key, "POST", "/knowledge/search", {"question": "How much is a full tune-up?", "limit": 1})
    return [passage["source_title"] for passage in answer["data"]]


@pytest.fixture
def library(live_chroma: str, who: Identity) -> None:
    """Other texts around those of the tests."""
    vector_index._silent_until = 0.0
    indexed(who, "Else.md", *ELSEWHERE)


@pytest.mark.usefixtures("library")
async def test_a_draft_is_published_changed_restored_and_taken_back(who: Identity) -> None:
    key = a_key(who)
    made = await good(key, "POST", PATH, {"title": "Prices", "text": TEXT})
    assert (made["visibility"], made["published_number"], made["changed_since_publish"]) == ("hidden", 0, True)
    assert "Prices" not in await searched(key)
    own = f"{PATH}/{made['id']}"
    published = await good(key, "POST", f"{own}/publish", {"revision": made["revision"]})
    assert (published["visibility"], published["published_text"]) == ("pending", TEXT)
    run_jobs(who)
    assert await searched(key) == ["Prices"]
    assert (await good(key, "GET", own))["visibility"] == "visible"

    draft = await good(key, "PUT", f"{own}/draft", {"text": "Ask us.", "revision": published["revision"]})
    assert (draft["draft_text"], draft["published_text"], draft["draft_title"]) == ("Ask us.", TEXT, "Prices")
    stale = await ask(key, "PUT", f"{own}/draft", {"text": "No", "revision": published["revision"]})
    assert stale.status_code == 409
    assert (await ask(key, "POST", f"{own}/publish", {"revision": 1})).status_code == 409
    await good(key, "POST", f"{own}/publish", {})
    assert (await ask(key, "POST", f"{own}/publish", {})).status_code == 409  # nothing has changed
    second, first = (await good(key, "GET", f"{own}/versions"))["data"]
    assert (second["number"], first["number"]) == (2, 1)
    assert (await good(key, "GET", f"{own}/versions/{first['id']}"))["text"] == TEXT
    restored = await good(key, "POST", f"{own}/versions/{first['id']}/restore")
    assert (restored["draft_text"], restored["published_text"]) == (TEXT, "Ask us.")

    run_jobs(who)
    hidden = await good(key, "POST", f"{own}/unpublish")
    assert hidden["visibility"] == "hidden" and "Prices" not in await searched(key)
    assert (await ask(key, "POST", f"{own}/unpublish")).status_code == 409
    await good(key, "DELETE", own)
    assert (await ask(key, "GET", own)).status_code == 404 and (await good(key, "GET", PATH))["data"] == []


async def test_pages_filters_and_repeats(who: Identity) -> None:
    key, category = a_key(who), call(who, categories.add, "Prices").id
    sent = {"title": "First", "text": TEXT, "category_id": category}
    made = [await ask(key, "POST", PATH, sent, idempotency_key="one") for _ in range(2)]
    assert made[0].json() == made[1].json() and len(rows(who, Article)) == 1
    for title in ("Second", "Third"):
        await good(key, "POST", PATH, {"title": title, "text": TEXT})
    page = await good(key, "GET", f"{PATH}?limit=2")
    assert [row["title"] for row in page["data"]] == ["Third", "Second"]
    rest = await good(key, "GET", f"{PATH}?limit=2&cursor={page['next_cursor']}")
    assert ([row["title"] for row in rest["data"]], rest["next_cursor"]) == (["First"], None)
    assert [row["title"] for row in (await good(key, "GET", f"{PATH}?category_id={category}"))["data"]] == ["First"]
    assert (await good(key, "GET", f"{PATH}?visibility=visible"))["data"] == []
    for wrong in (
        {"title": " "},
        {"title": "x", "text": "x" * (MAX_TEXT_CHARS + 1)},
        {"title": "x", "visibility": "visible"},
    ):
        assert (await ask(key, "POST", PATH, wrong)).status_code == 422
    empty = await good(key, "POST", PATH, {"title": "Empty"})
    answer = await ask(key, "POST", f"{PATH}/{empty['id']}/publish", {})
    assert answer.status_code == 409 and "Write the text" in answer.text


async def test_a_file_is_no_article(who: Identity) -> None:
    key, file = a_key(who), add_source(who, "Else.md", *ELSEWHERE)
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/unpublish", None),
        ("DELETE", "", None),
        ("GET", "/impact", None),
    ):
        assert (await ask(key, method, f"{PATH}/{file}{path}", body)).status_code == 404, path


@pytest.mark.usefixtures("library")
async def test_what_taking_it_away_would_change_is_told_as_far_as_the_key_may_read(who: Identity) -> None:
    key, weak = a_key(who), a_key(who, scopes=[Scope.KNOWLEDGE_READ])
    made = await good(key, "POST", PATH, {"title": "Prices", "text": TEXT})
    await good(key, "POST", f"{PATH}/{made['id']}/publish", {})
    run_jobs(who)
    cite(who, real_talk(who), "How much is a full tune-up?", made["id"])
    told = await good(key, "GET", f"{PATH}/{made['id']}/impact?change=removal")
    assert (told["searched"], told["counts"]["lost"]) == (1, 1)
    assert [row["question"] for row in told["data"]] == ["How much is a full tune-up?"]
    (row,) = (await good(weak, "GET", f"{PATH}/{made['id']}/impact?change=removal"))["data"]
    assert (row["effect"], row["question"], row["conversation_id"]) == ("lost", None, None)


@pytest.mark.usefixtures("database")
async def test_an_ai_program_reads_articles_and_proposes_drafts(who: Identity) -> None:
    article_id = call(who, articles.create, title="Prices", text=TEXT).id
    call(who, articles.publish, article_id)
    async with session(a_key(who)) as opened:
        _, told = await called(opened, "list_articles")
        assert [row["title"] for row in told["data"]] == ["Prices"]
        failed, told = await called(opened, "propose_article_change", article_id=article_id, text="It is free.")
        assert not failed and (told["draft_text"], told["published_text"]) == ("It is free.", TEXT)
        failed, told = await called(opened, "propose_article", title="Delivery", text="It takes a day.")
        assert not failed and (told["visibility"], told["published_number"]) == ("hidden", 0)
        _, told = await called(opened, "get_article", article_id=told["id"])
        assert told["draft_text"] == "It takes a day."
        failed, _ = await called(opened, "propose_article_change", article_id=article_id, text="x", revision=1)
        assert failed
        failed, _ = await called(opened, "publish_article", article_id=article_id)
        assert failed
