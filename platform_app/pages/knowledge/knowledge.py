"""Knowledge: the page with upload, list of sources and retrieval test."""

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table, listing, row_menu, search_box, select_filter
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    READ_ONLY,
    empty_state,
    link_button,
    pager,
    row_link,
    time_ago,
    undo_bar,
)
from platform_app.components.console.text import t
from platform_app.components.console.upload import upload
from platform_app.components.knowledge.categories import category_panel, category_select
from platform_app.components.knowledge.impact import removal_dialog
from platform_app.components.knowledge.sites import site_list
from platform_app.components.knowledge.source_state import source_state
from platform_app.state.console.base import CurrentUser
from platform_app.state.knowledge.categories import CategoryState
from platform_app.state.knowledge.knowledge import KnowledgeState, PassageRow
from platform_app.state.knowledge.removal import RemovalState
from platform_app.state.knowledge.sites import SitesState
from platform_app.state.knowledge.source_view import STATES, SourceRow


def show() -> rx.Component:
    """Return the page on which operators upload and sort sources, and members try the retrieval."""
    return frame(
        rx.fragment(
            page_head(t("Knowledge"), t("Documents that your agents may read and cite."), _links(), _create()),
            rx.cond(
                CurrentUser.role != "viewer",
                upload(f"/api/uploads/{CurrentUser.slug}", KnowledgeState.upload_category, KnowledgeState.refresh),
            ),
            _filters(),
            listing(
                loaded=KnowledgeState.loaded,
                total=KnowledgeState.total,
                filtered=KnowledgeState.is_filtered,
                table=_table(),
                empty=_empty(),
            ),
            site_list(),
            _retrieval_test(),
            removal_dialog(),
            undo_bar(KnowledgeState.undo_sentence, KnowledgeState.undo),
        ),
        section="Knowledge",
    )


def _filters() -> rx.Component:
    return rx.el.div(
        search_box(t("Search sources"), KnowledgeState.search, KnowledgeState.set_search),
        select_filter(
            t("State"),
            KnowledgeState.state,
            [("all", t("All states")), *((code, t(words)) for code, (words, _) in STATES.items())],
            KnowledgeState.filter_state,
        ),
        category_select(
            t("Category"),
            KnowledgeState.category,
            KnowledgeState.filter_category,
            first=[("all", t("All categories")), ("none", t("Uncategorized"))],
        ),
        rx.cond(~READ_ONLY, category_panel(KnowledgeState.refresh)),
        class_name="filters",
    )


def _empty() -> rx.Component:
    return empty_state(
        t("No files or articles yet. Upload a document or write an article, and your agents answer from it."),
        icon="book-open",
    )


def _links() -> rx.Component:
    look = {"size": "2", "underline": "always"}
    count = rx.cond(KnowledgeState.questions > 0, rx.fragment(": ", KnowledgeState.questions))
    base = f"/manage/{CurrentUser.slug}/knowledge"
    return rx.fragment(
        rx.link(t("Unanswered questions"), count, href=f"{base}/questions", **look),
        rx.link(t("Search settings"), href=f"{base}/search", **look),
    )


def _create() -> rx.Component:
    web = link_button(
        t("Add a web address"),
        "/knowledge/sites/new",
        rx.icon("globe", size=16),
        variant="soft",
        color_scheme="gray",
        high_contrast=True,
    )
    article = rx.button(rx.icon("plus", size=16), t("Create article"), on_click=KnowledgeState.create_article)
    return rx.cond(~READ_ONLY, rx.fragment(web, article))


def _table() -> rx.Component:
    return rx.fragment(
        framed_table(
            columns(t("Source"), t("Category"), t("State"), t("Chunks"), t("Size"), t("Added"), None),
            rx.table.body(rx.foreach(KnowledgeState.rows, _row)),
        ),
        pager(KnowledgeState.page, KnowledgeState.pages, KnowledgeState.total_words, KnowledgeState.go_to_page),
    )


def _row(source: rx.Var[SourceRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(
            row_link(source.title, f"/manage/{CurrentUser.slug}/knowledge/{source.path}"),
            rx.cond(source.is_article, rx.el.div(t("Article"), class_name="muted small")),
            rx.cond(source.is_web, rx.el.div(t("Web page"), class_name="muted small")),
        ),
        rx.table.cell(
            category_select(
                t("Category of “{title}”", title=source.title),
                source.category,
                lambda selected: KnowledgeState.set_category(source.id, selected),
                first=[("none", t("None"))],
                variant="ghost",
                color_scheme="gray",
                max_width="160px",
                disabled=READ_ONLY,
            )
        ),
        rx.table.cell(source_state(source)),
        rx.table.cell(source.chunks),
        rx.table.cell(source.size),
        rx.table.cell(time_ago(source.when, source.exact)),
        rx.table.cell(rx.cond(CurrentUser.role != "viewer", _actions(source))),
        align="center",
    )


def _actions(source: rx.Var[SourceRow]) -> rx.Component:
    return rx.flex(
        rx.cond(
            source.state_code == "failed",
            rx.button(
                t("Retry"),
                on_click=KnowledgeState.retry(source.id),
                size="1",
                variant="soft",
                color_scheme="gray",
                high_contrast=True,
            ),
        ),
        row_menu(
            source.title,
            rx.cond(
                source.is_text,
                rx.menu.item(t("Edit as article"), on_select=KnowledgeState.edit_as_article(source.id)),
            ),
            rx.menu.item(t("Delete"), color_scheme="red", on_select=RemovalState.ask_delete(source.id)),
        ),
        spacing="3",
        justify="end",
        align="center",
    )


def _retrieval_test() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Test search")),
        rx.el.p(t("Ask a question to see what the agent would find."), class_name="muted small"),
        rx.el.form(
            rx.flex(
                rx.input(
                    name="question",
                    id="question",
                    placeholder=t("Question"),
                    aria_label=t("Question"),
                    max_length=2000,
                    flex="1",
                    min_width="200px",
                ),
                rx.button(t("Find"), type="submit", variant="soft"),
                spacing="2",
                wrap="wrap",
            ),
            on_submit=KnowledgeState.search_passages,
        ),
        rx.cond(
            KnowledgeState.without_vectors,
            rx.callout(t("Semantic search is unavailable. These are keyword results."), icon="circle-alert", size="1"),
        ),
        rx.cond(
            KnowledgeState.has_searched & (KnowledgeState.passages.length() == 0),
            rx.el.p(t("No relevant passages found."), class_name="muted"),
        ),
        rx.el.ol(rx.foreach(KnowledgeState.passages, _passage), class_name="passages"),
        class_name="section card",
        margin_top="24px",
    )


def _passage(passage: rx.Var[PassageRow]) -> rx.Component:
    return rx.el.li(
        rx.flex(
            rx.el.strong(passage.title),
            rx.el.span(
                t(
                    "Score {score} · keyword {words} · semantic {vector}",
                    score=passage.score,
                    words=passage.lexical,
                    vector=passage.vector,
                ),
                class_name="muted small",
            ),
            justify="between",
            spacing="3",
            wrap="wrap",
        ),
        rx.cond(passage.heading != "", rx.el.div(passage.heading, class_name="muted small")),
        rx.el.p(passage.text, class_name="passage-text"),
    )


PAGES = [
    tenant_page(
        "/knowledge",
        "Knowledge",
        show,
        CategoryState.load,
        KnowledgeState.load,
        SitesState.load,
        KnowledgeState.watch,
        SitesState.watch,
    )
]
