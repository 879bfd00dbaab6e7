"""Articles in the console: written, published, compared, and the questions that they are written for."""

from typing import Any

from platform_app.db import owned, session_scope
from platform_app.models.article import UnansweredQuestion
from platform_app.models.knowledge import SourceState, Visibility
from platform_app.models.person import Identity, Role
from platform_app.services.knowledge import articles, sources, unanswered_questions
from platform_app.state.knowledge.article import ArticleState
from platform_app.state.knowledge.knowledge import KnowledgeState
from platform_app.state.knowledge.questions import QuestionsState
from platform_app.state.knowledge.source import SourcePageState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.knowledge.test_knowledge import source, upload
from tests.knowledge.test_unanswered_questions import ask
from tests.talking import call

TEXT = "## Gate\n\nThe code of the gate is 4711."


async def opened(tab: Tab, path: str, state: Any, key: str) -> None:
    """Open a page, which goes on watching for changes, and wait until it is drawn."""
    await tab.goto(f"/manage/acme/knowledge{path}", settle=False)
    await tab.until(lambda: tab.seen.get(state.get_full_name()) and tab.get(state, key))


async def opened_article(tab: Tab, article_id: str) -> None:
    """Open the editor of an article."""
    await opened(tab, f"/articles/{article_id}", ArticleState, "article_key")


def draft(who: Identity, article_id: str) -> dict[str, Any]:
    return dict(call(who, articles.get, article_id).draft)


async def test_an_article_is_created_written_published_and_unpublished(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "", KnowledgeState, "loaded")
        await tab.send(KnowledgeState.create_article)
        ((made,), _) = call(who, sources.list_sources)
        assert f"/manage/acme/knowledge/articles/{made.id}" in tab.scripts()
        await opened_article(tab, made.id)
        assert tab.get(ArticleState, "initial") == {"title": "New article", "text": ""}
        await tab.send(ArticleState.publish)
        assert tab.get(ArticleState, "problems") == {"text": "Write the text before you publish."}
        await tab.send(ArticleState.save("title", "Parking"))
        await tab.send(ArticleState.save("text", TEXT))
        assert draft(who, made.id) == {"title": "Parking", "text": TEXT}
        assert (tab.get(ArticleState, "preview"), tab.get(ArticleState, "problems")) == (TEXT, {})
        await tab.send(ArticleState.publish)
        assert tab.get(ArticleState, "is_published") and not tab.get(ArticleState, "can_publish")
        assert tab.get(ArticleState, "source")[0].state == "Queued"
        await tab.send(ArticleState.save("text", "Another code."))
        assert tab.get(ArticleState, "has_changes") and tab.get(ArticleState, "can_publish")
        (version,) = tab.get(ArticleState, "versions")
        await tab.send(ArticleState.compare(version.id))
        assert tab.get(ArticleState, "changes")[0].field == "Text"
        await tab.send(ArticleState.restore(version.id))
        assert draft(who, made.id)["text"] == TEXT and tab.get(ArticleState, "initial")["text"] == TEXT
        await tab.send(ArticleState.unpublish)
        assert source(who, made.id).visibility == Visibility.HIDDEN and not tab.get(ArticleState, "is_published")


async def test_what_another_member_wrote_meanwhile_is_not_overwritten(who: Identity) -> None:
    made = call(who, articles.create, title="Parking", text=TEXT)
    async with Tab(sign_in(who)) as tab:
        await opened_article(tab, made.id)
        call(make_member(who, Role.OPERATOR), articles.save, made.id, {"text": "Theirs"}, revision=1)
        await tab.send(ArticleState.save("text", "Mine"))
        assert tab.get(ArticleState, "conflict") is True and draft(who, made.id)["text"] == "Theirs"
        await tab.send(ArticleState.load_latest)
        assert (tab.get(ArticleState, "initial")["text"], tab.get(ArticleState, "conflict")) == ("Theirs", False)


async def test_an_article_is_deleted_from_the_list_and_brought_back(who: Identity) -> None:
    made = call(who, articles.create, title="Parking", text=TEXT)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "?state=hidden", KnowledgeState, "loaded")
        (row,) = tab.get(KnowledgeState, "rows")
        assert (row.path, row.state, row.is_text) == (f"articles/{made.id}", "Not published", False)
        await tab.send(KnowledgeState.delete(made.id), settle=False)
        await tab.until(lambda: tab.get(KnowledgeState, "undo_sentence"))
        assert tab.get(KnowledgeState, "rows") == []
        await tab.send(KnowledgeState.undo)
        assert [row.id for row in tab.get(KnowledgeState, "rows")] == [made.id]


async def test_a_viewer_changes_nothing(who: Identity) -> None:
    made = call(who, articles.create, title="Parking", text=TEXT)
    async with Tab(sign_in(make_member(who, Role.VIEWER))) as tab:
        await opened_article(tab, made.id)
        assert tab.get(ArticleState, "title") == "Parking"
        for event in (ArticleState.save("text", "Mine"), ArticleState.publish, KnowledgeState.create_article):
            await tab.send(event)
        assert draft(who, made.id)["text"] == TEXT and source(who, made.id).visibility == Visibility.HIDDEN
        assert call(who, sources.list_sources)[1] == 1


async def test_questions_become_an_article_or_are_dismissed(who: Identity) -> None:
    ask(who, "What is the code of the gate?", "What’s the code of the gate", "Do you ship to Kazakhstan?")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/questions", QuestionsState, "loaded")
        gate, shipping = tab.get(QuestionsState, "rows")
        assert (gate.count, gate.question, shipping.count) == ("2", "What’s the code of the gate", "1")
        assert gate.others == ["What is the code of the gate?"] and gate.link.startswith("/")
        await tab.send(QuestionsState.dismiss(shipping.id), settle=False)
        await tab.until(lambda: tab.get(QuestionsState, "undo_sentence"))
        assert [row.id for row in tab.get(QuestionsState, "rows")] == [gate.id]
        assert tab.get(QuestionsState, "undo_sentence") == "Question dismissed."
        await tab.send(QuestionsState.undo)
        assert [row.id for row in tab.get(QuestionsState, "rows")] == [gate.id, shipping.id]
        await tab.send(QuestionsState.write_article("x" * 32))
        await tab.send(QuestionsState.write_article(gate.id))
        ((made,), total) = call(who, sources.list_sources)
        assert (made.title, total) == ("What’s the code of the gate", 1)
        await opened_article(tab, made.id)
        await tab.until(lambda: tab.get(ArticleState, "questions"))
        assert [row.is_answered for row in tab.get(ArticleState, "questions")] == [False, False]
        await opened(tab, "", KnowledgeState, "loaded")
        assert tab.get(KnowledgeState, "questions") == 1
    with session_scope(who.tenant_id, read_only=True) as session:
        rows = session.exec(owned(UnansweredQuestion, who.tenant_id)).all()
    assert sorted(row.source_id == made.id for row in rows) == [False, True, True]
    assert call(who, unanswered_questions.count_open) == 1


async def test_a_source_is_renamed_read_again_and_edited_as_an_article(who: Identity) -> None:
    made = await upload(who, "Parking.md", TEXT.encode())
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/{made}", SourcePageState, "loaded")
        await tab.send(SourcePageState.rename(""))
        assert tab.get(SourcePageState, "problem") == "Enter a title of up to 200 characters."
        await tab.send(SourcePageState.rename("Yard"))
        assert (source(who, made).title, tab.get(SourcePageState, "problem")) == ("Yard", "")
        with session_scope(who.tenant_id) as session:
            sources.get(session, who, made).state = SourceState.FAILED
        await tab.send(SourcePageState.retry)
        assert source(who, made).state == SourceState.QUEUED
        with session_scope(who.tenant_id) as session:
            row = sources.get(session, who, made)
            row.state, row.generation = SourceState.READY, 1
        await tab.send(SourcePageState.refresh)
        assert tab.get(SourcePageState, "rows")[0].is_text
        await tab.send(SourcePageState.edit_as_article)
        assert f"/manage/acme/knowledge/articles/{made}" in tab.scripts()
        assert draft(who, made) == {"title": "Yard", "text": TEXT}
        other = await upload(who, "Gate.txt", TEXT.encode())
        await tab.send(KnowledgeState.edit_as_article(other))
        assert source(who, other).kind == "file", "it is not ready"
