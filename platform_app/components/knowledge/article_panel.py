"""Article panel: preview, indexing, questions and history beside the form of an article."""

import reflex as rx

from platform_app.components.chat.composer import prose
from platform_app.components.console.parts import READ_ONLY, status
from platform_app.components.console.text import t
from platform_app.components.console.versioned_editor import history, small_button
from platform_app.components.knowledge.impact import article_impact
from platform_app.components.knowledge.source_state import source_state
from platform_app.state.console.base import CurrentUser
from platform_app.state.knowledge.article import ArticleQuestion, ArticleState
from platform_app.state.knowledge.source_view import SourceRow


def article_panel() -> rx.Component:
    """Return what is beside the form: preview, how the published text is indexed, questions, impact and history."""
    impact = article_impact(can_publish=ArticleState.can_publish, is_published=ArticleState.is_published)
    return rx.el.div(_preview(), _indexing(), _questions(), impact, history(ArticleState), class_name="script-side")


def _preview() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Preview")),
        rx.cond(
            ArticleState.preview != "",
            rx.el.div(
                prose(ArticleState.preview),
                id="preview",
                role="region",
                aria_label=t("Preview"),
                tab_index=0,
                class_name="article-preview",
            ),
            rx.el.p(t("No text yet."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _indexing() -> rx.Component:
    """Return how far the published text is indexed, once it was published."""
    return rx.cond(ArticleState.was_published & ArticleState.is_published, rx.foreach(ArticleState.source, _state))


def _state(source: rx.Var[SourceRow]) -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("In search")),
        rx.flex(source_state(source), rx.el.span(source.chunks, class_name="muted small"), spacing="3", wrap="wrap"),
        rx.flex(
            rx.link(
                t("Passages as stored"),
                href=f"/manage/{CurrentUser.slug}/knowledge/{source.id}",
                size="2",
                underline="always",
            ),
            rx.cond(
                (source.state_code == "failed") & ~READ_ONLY,
                small_button(t("Retry"), on_click=ArticleState.retry),
            ),
            spacing="3",
            align="center",
            margin_top="8px",
        ),
        class_name="card section",
    )


def _questions() -> rx.Component:
    return rx.cond(
        ArticleState.questions.length() > 0,
        rx.el.section(
            rx.el.h2(t("Questions")),
            rx.el.p(t("Whether agents find this article for each question."), class_name="muted small"),
            rx.el.ul(rx.foreach(ArticleState.questions, _question), class_name="plain-list", id="questions"),
            class_name="card section",
        ),
    )


def _question(row: rx.Var[ArticleQuestion]) -> rx.Component:
    return rx.el.li(
        rx.el.div(row.question),
        rx.cond(row.is_answered, status("green", t("Found")), status("", t("Not found yet"))),
        class_name="parted",
    )
