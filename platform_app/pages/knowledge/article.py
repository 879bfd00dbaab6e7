"""Article: the editor page of an article."""

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, field, skeleton_rows, status
from platform_app.components.console.text import t
from platform_app.components.console.versioned_editor import conflict
from platform_app.components.knowledge.article_panel import article_panel
from platform_app.components.knowledge.categories import category_select
from platform_app.components.knowledge.impact import removal_dialog
from platform_app.models.article import LABELS, MAX_TEXT_CHARS, MAX_TITLE_CHARS
from platform_app.state.knowledge.article import ArticleState
from platform_app.state.knowledge.categories import CategoryState
from platform_app.state.knowledge.impact import ImpactState
from platform_app.state.knowledge.removal import RemovalState


def show() -> rx.Component:
    """Return the page on which operators write an article, publish it and restore versions."""
    return frame(
        rx.cond(rx.State.is_hydrated & (ArticleState.article_key != ""), _editor(), skeleton_rows(8)),
        section="Knowledge",
    )


def _editor() -> rx.Component:
    return rx.fragment(
        _head(),
        conflict(ArticleState, t("Someone else has changed this article since you opened it.")),
        rx.el.div(_fields(), article_panel(), class_name="grid cols-2-1", key=ArticleState.article_key),
        removal_dialog(),
    )


def _head() -> rx.Component:
    mark = rx.cond(
        ArticleState.is_published,
        rx.cond(
            ArticleState.has_changes, status("amber", t("Unpublished changes")), status("green", t("Published|article"))
        ),
        status("amber", rx.cond(ArticleState.was_published, t("Not published"), t("Draft"))),
    )
    saved = rx.el.span(ArticleState.saved, class_name="muted small")
    return rx.el.div(
        rx.el.div(
            rx.el.h1(ArticleState.title),
            rx.flex(saved, mark, spacing="3", align="center", class_name="small"),
        ),
        rx.cond(~READ_ONLY, _buttons()),
        class_name="page-head",
    )


def _buttons() -> rx.Component:
    return rx.flex(
        rx.cond(
            ArticleState.is_published,
            rx.button(
                t("Unpublish"),
                on_click=RemovalState.ask_unpublish,
                variant="soft",
                color_scheme="gray",
                high_contrast=True,
            ),
        ),
        rx.button(t("Publish"), on_click=ArticleState.publish, disabled=~ArticleState.can_publish),
        spacing="3",
        align="center",
        wrap="wrap",
    )


def _fields() -> rx.Component:
    return rx.el.div(_title(), _category(), _text(), class_name="form")


def _title() -> rx.Component:
    control = rx.input(
        id="title",
        default_value=ArticleState.initial["title"],
        on_change=debounced(lambda value: ArticleState.save("title", value)),
        read_only=READ_ONLY,
        max_length=MAX_TITLE_CHARS,
    )
    return field(t(LABELS["title"]), control, name="title", problem=ArticleState.problems.get("title", ""))


def _category() -> rx.Component:
    control = category_select(
        t("Category"),
        ArticleState.category,
        ArticleState.set_category,
        first=[("none", t("None"))],
        id="category",
        max_width="420px",
        disabled=READ_ONLY,
    )
    return rx.el.div(rx.el.label(t("Category"), html_for="category"), control, class_name="field")


def _text() -> rx.Component:
    control = rx.text_area(
        id="text",
        default_value=ArticleState.initial["text"],
        on_change=debounced(lambda value: ArticleState.save("text", value)),
        read_only=READ_ONLY,
        max_length=MAX_TEXT_CHARS,
        rows="22",
        resize="vertical",
        custom_attrs={"aria-describedby": "text-help"},
    )
    return field(
        t(LABELS["text"]),
        control,
        name="text",
        help_text=t("Markdown. Headings (##) help agents find the right passage. Saved automatically."),
        problem=ArticleState.problems.get("text", ""),
    )


PAGES = [
    tenant_page(
        "/knowledge/articles/[article_id]",
        "Article",
        show,
        CategoryState.load,
        ArticleState.load,
        ImpactState.load,
        ArticleState.watch,
    )
]
