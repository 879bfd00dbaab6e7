"""Impact in the console: what a removal or a draft would change, and the question before a removal."""

from platform_app.models.knowledge import Visibility
from platform_app.models.person import Identity, Role
from platform_app.services.knowledge import articles, sources
from platform_app.state.knowledge.article import ArticleState
from platform_app.state.knowledge.impact import ImpactState
from platform_app.state.knowledge.knowledge import KnowledgeState
from platform_app.state.knowledge.removal import RemovalState
from platform_app.state.knowledge.source import SourcePageState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_articles import opened, opened_article
from tests.knowledge.test_impact import DOG, DOG_TEXT, GATE, GATE_TEXT, HOSTILE, cite
from tests.knowledge.test_knowledge import source
from tests.knowledge.test_unanswered_questions import ask
from tests.talking import ELSEWHERE, add_source, begin, call


def library(who: Identity) -> str:
    """Write sources that are found by their words; return the id of one that replies have cited."""
    for number, text in enumerate(ELSEWHERE):
        add_source(who, f"Aside {number}", text)
    gate = add_source(who, "Gate", GATE_TEXT, DOG_TEXT)
    add_source(who, "Dogs", DOG_TEXT + " Tell us before.")
    talk = begin(who)
    for question in (DOG, GATE, HOSTILE):
        cite(who, talk, question, gate)
    return gate


def shown(tab: Tab) -> dict[str, list[tuple[str, str]]]:
    """Return the questions of each group, with the other sources that answer them."""
    groups = tab.get(ImpactState, "groups")
    return {group.label: [(row.question, row.sources) for row in group.rows] for group in groups}


async def test_the_page_of_a_source_shows_what_its_deletion_would_change(who: Identity, other: Identity) -> None:
    gate = library(who)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/{gate}", SourcePageState, "loaded")
        assert tab.get(ImpactState, "change") == ""
        await tab.send(ImpactState.check("removal"))
        assert shown(tab) == {
            "Loses its support: 2": [(HOSTILE, ""), (GATE, "")],
            "Answered from other sources: 1": [(DOG, "Dogs")],
        }
        assert tab.get(ImpactState, "checked_words") == "3 questions checked"
        assert (tab.get(ImpactState, "running"), tab.get(ImpactState, "progress")) == (False, 100)
        (row, _) = tab.get(ImpactState, "groups")[0].rows
        assert row.link.startswith("/test-chat?c=") and tab.get(ImpactState, "without_vectors")
        await tab.send(ImpactState.check("publication"))
        assert "Article not found" in tab.scripts() and not tab.get(ImpactState, "running"), "it is no article"
        await tab.send(ImpactState.check("anything"))
        assert "This value isn’t allowed." in tab.scripts()
    async with Tab(sign_in(other)) as tab:
        await tab.goto(f"/manage/globex/knowledge/{gate}", settle=False)
        await tab.send(ImpactState.check("removal"))
        assert "Source not found" in tab.scripts() and GATE not in f"{tab.seen}"


async def test_a_draft_shows_which_questions_gain_an_answer(who: Identity) -> None:
    library(who)
    ask(who, "Where can I leave a pram?")
    made = call(who, articles.create, title="Prams", text="Leave a pram at the entrance.")
    async with Tab(sign_in(who)) as tab:
        await opened_article(tab, made.id)
        await tab.send(ImpactState.check("publication"))
        assert shown(tab) == {"Gains an answer: 1": [("Where can I leave a pram?", "")]}
        assert source(who, made.id).visibility == Visibility.HIDDEN
        await tab.send(ArticleState.save("text", "Nothing of the kind."))
        await tab.send(ImpactState.check("publication"))
        assert shown(tab) == {} and tab.get(ImpactState, "checked_words") == "4 questions checked"


async def test_a_source_that_was_cited_is_not_deleted_without_a_question(who: Identity) -> None:
    gate = library(who)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "", KnowledgeState, "loaded")
        await tab.send(RemovalState.ask_delete(gate))
        assert tab.get(RemovalState, "is_open") and source(who, gate).deleted_at is None
        words = "In the last 30 days, agents answered 3 questions from it."
        assert (tab.get(RemovalState, "cited_words"), tab.get(RemovalState, "title")) == (words, "Gate")
        await tab.send(RemovalState.show_impact)
        assert f"/manage/acme/knowledge/{gate}?change=removal" in tab.scripts()
        await tab.send(RemovalState.ask_delete(gate))
        await tab.send(RemovalState.close(False))
        assert source(who, gate).deleted_at is None and not tab.get(RemovalState, "is_open")
        await tab.send(RemovalState.ask_delete(gate))
        await tab.send(RemovalState.confirm, settle=False)
        await tab.until(lambda: tab.get(KnowledgeState, "undo_sentence"))
        assert source(who, gate).deleted_at is not None
        aside = call(who, sources.list_sources, search="Aside 3")[0][0].id
        await tab.send(RemovalState.ask_delete(aside), settle=False)
        await tab.until(lambda: source(who, aside).deleted_at is not None)
        assert not tab.get(RemovalState, "is_open"), "no reply cited it"


async def test_the_link_of_the_question_checks_the_removal_at_once(who: Identity) -> None:
    gate = library(who)
    for person, label in ((who, ["Loses its support: 2", "Answered from other sources: 1"]), (None, [])):
        async with Tab(sign_in(person or make_member(who, Role.VIEWER))) as tab:
            await opened(tab, f"/{gate}?change=removal", SourcePageState, "loaded")
            if label:
                await tab.until(lambda tab=tab: tab.get(ImpactState, "groups"))
            assert list(shown(tab)) == label


async def test_a_viewer_checks_and_removes_nothing(who: Identity) -> None:
    gate = library(who)
    async with Tab(sign_in(make_member(who, Role.VIEWER))) as tab:
        await opened(tab, f"/{gate}", SourcePageState, "loaded")
        for event in (ImpactState.check("removal"), RemovalState.ask_delete(gate), RemovalState.ask_unpublish):
            await tab.send(event)
        assert shown(tab) == {} and source(who, gate).deleted_at is None
        assert not tab.seen.get(RemovalState.get_full_name(), {}).get("is_open")
