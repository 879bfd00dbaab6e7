"""Questions: the page with the questions that no reply could answer."""

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table, row_menu
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    READ_ONLY,
    empty_state,
    row_link,
    skeleton_rows,
    time_ago,
    undo_bar,
)
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.knowledge.questions import QuestionRow, QuestionsState


def show() -> rx.Component:
    """Return the page on which members see what agents could not answer, and write articles about it."""
    empty = empty_state(t("No unanswered questions. They appear here when an agent has no answer."), icon="circle-help")
    return frame(
        rx.fragment(
            page_head(
                t("Unanswered questions"),
                t("What agents could not answer. Similar questions are in one row."),
            ),
            rx.cond(QuestionsState.loaded, rx.cond(QuestionsState.rows.length() > 0, _table(), empty), skeleton_rows()),
            undo_bar(QuestionsState.undo_sentence, QuestionsState.undo),
        ),
        section="Knowledge",
    )


def _table() -> rx.Component:
    return rx.fragment(
        framed_table(
            columns(t("Question"), t("Times asked"), t("Last asked"), None),
            rx.table.body(rx.foreach(QuestionsState.rows, _row)),
        ),
        rx.el.p(QuestionsState.total_words, class_name="muted small"),
    )


def _row(row: rx.Var[QuestionRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(
            rx.cond(
                row.link != "",
                row_link(row.question, f"/manage/{CurrentUser.slug}{row.link}"),
                rx.el.span(row.question),
            ),
            rx.foreach(row.others, lambda words: rx.el.div(words, class_name="muted small")),
            class_name="question-cell",
        ),
        rx.table.cell(row.count, class_name="number"),
        rx.table.cell(time_ago(row.when, row.exact)),
        rx.table.cell(rx.cond(~READ_ONLY, _actions(row))),
        align="center",
    )


def _actions(row: rx.Var[QuestionRow]) -> rx.Component:
    return rx.flex(
        rx.button(
            t("Write an article"),
            on_click=QuestionsState.write_article(row.id),
            size="1",
            variant="soft",
            color_scheme="gray",
            high_contrast=True,
        ),
        row_menu(row.question, rx.menu.item(t("Dismiss question"), on_select=QuestionsState.dismiss(row.id))),
        spacing="3",
        justify="end",
        align="center",
    )


PAGES = [tenant_page("/knowledge/questions", "Unanswered questions", show, QuestionsState.load, QuestionsState.watch)]
