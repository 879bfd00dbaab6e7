"""Impact: the section with the questions that lose or gain an answer, and the question before a removal."""

from typing import Any

import reflex as rx

from platform_app.components.console.confirmation import confirmation
from platform_app.components.console.parts import READ_ONLY, status, time_ago
from platform_app.components.console.text import t
from platform_app.components.console.versioned_editor import small_button
from platform_app.services.knowledge.impact import Change
from platform_app.state.console.base import CurrentUser
from platform_app.state.knowledge.impact import SECTION, ImpactGroup, ImpactRow, ImpactState
from platform_app.state.knowledge.removal import RemovalState
from platform_app.state.knowledge.source_view import SourceRow


def article_impact(*, can_publish: Any, is_published: Any) -> rx.Component:
    """Return the section of an article, whose draft may be published and which may be unpublished."""
    return _section(
        rx.cond(can_publish, _check(t("Check publishing"), Change.PUBLICATION)),
        rx.cond(is_published, _check(t("Check unpublishing"), Change.REMOVAL)),
        is_shown=can_publish | is_published,
        heading=rx.cond(
            ImpactState.change == Change.PUBLICATION.value,
            t("If the draft is published"),
            t("If the article is unpublished"),
        ),
    )


def source_impact(source: rx.Var[SourceRow]) -> rx.Component:
    """Return the section of a file or a web page, which may be deleted; an article has its own."""
    check = _check(t("Check deletion"), Change.REMOVAL)
    section = _section(check, is_shown=~source.is_article, heading=t("If the source is deleted"))
    return rx.box(section, margin_y="16px")


def _section(*buttons: rx.Component, is_shown: Any, heading: Any) -> rx.Component:
    return rx.cond(
        ~READ_ONLY & is_shown,
        rx.el.section(
            rx.el.h2(t("What this would change")),
            rx.el.p(
                t("Searches again for the questions of the last 30 days. Nothing is changed."),
                class_name="muted small",
            ),
            rx.flex(*buttons, spacing="2", wrap="wrap", margin_top="8px"),
            rx.cond(ImpactState.change != "", _result(heading)),
            id=SECTION,
            tab_index=-1,
            class_name="card section",
        ),
    )


def _check(label: Any, change: Change) -> rx.Component:
    return small_button(label, on_click=ImpactState.check(change.value), disabled=ImpactState.running)


def _result(heading: Any) -> rx.Component:
    progress = rx.progress(
        value=ImpactState.progress, size="1", max_width="160px", aria_label=t("Searching for the questions")
    )
    nothing = rx.el.p(t("No question of the last 30 days would change."))
    return rx.el.div(
        rx.el.h3(heading, class_name="outcome-head"),
        rx.cond(ImpactState.running, progress),
        rx.cond(
            ImpactState.checked_words != "",
            rx.fragment(
                rx.el.p(ImpactState.checked_words, class_name="muted small"),
                rx.cond(
                    ImpactState.without_vectors,
                    rx.callout(
                        t("Semantic search is unavailable. These are keyword results."), icon="circle-alert", size="1"
                    ),
                ),
                rx.cond(ImpactState.groups.length() == 0, nothing),
            ),
        ),
        rx.foreach(ImpactState.groups, _group),
        aria_live="polite",
    )


def _group(group: rx.Var[ImpactGroup]) -> rx.Component:
    return rx.el.div(
        rx.el.h4(status(group.colour, group.label), class_name="outcome-head"),
        rx.el.ul(rx.foreach(group.rows, _row), class_name="plain-list"),
    )


def _row(row: rx.Var[ImpactRow]) -> rx.Component:
    return rx.el.li(
        rx.cond(
            row.link != "",
            rx.link(row.question, href=f"/manage/{CurrentUser.slug}{row.link}", underline="always"),
            rx.el.span(row.question),
        ),
        rx.el.div(
            time_ago(row.when, row.exact),
            rx.cond(row.sources != "", rx.el.span(" · ", row.sources, class_name="muted small")),
        ),
        class_name="parted question-cell",
    )


def removal_dialog() -> rx.Component:
    """Return the question before a source is deleted or unpublished that replies have cited."""
    title = rx.cond(
        RemovalState.unpublishes,
        t("Unpublish “{title}”?", title=RemovalState.title),
        t("Delete “{title}”?", title=RemovalState.title),
    )
    verb = rx.cond(RemovalState.unpublishes, t("Unpublish"), t("Delete"))
    return confirmation(
        rx.box(small_button(t("See what this would change"), on_click=RemovalState.show_impact), margin_top="8px"),
        title=title,
        sentence=RemovalState.cited_words,
        verb=verb,
        on_confirm=RemovalState.confirm,
        is_open=RemovalState.is_open,
        on_close=RemovalState.close,
    )
