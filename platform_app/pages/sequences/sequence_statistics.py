"""Sequence statistics: the page of a sequence's statistics."""

from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import empty_state, skeleton_rows
from platform_app.components.console.text import t
from platform_app.state.sequences.sequence_statistics import CountLine, SequenceStatisticsState, StepStatisticsLine

STATE = SequenceStatisticsState


def show() -> rx.Component:
    """Return the page on which members see how many entered, what each step led to and why people left."""
    return frame(
        rx.fragment(
            page_head(t("Analytics"), t("Based on all enrollments.")),
            rx.cond(STATE.loaded, _numbers(), skeleton_rows(6)),
        ),
        section="Sequences",
        up=(STATE.name, f"/sequences/{STATE.address}"),
    )


def _numbers() -> rx.Component:
    return rx.el.div(
        rx.el.div(rx.foreach(STATE.cards, _card), class_name="grid cols-4"),
        rx.cond(
            STATE.steps.length() > 0,
            framed_table(
                columns(
                    t("Step"),
                    t("Version"),
                    t("Branch"),
                    t("Completed"),
                    t("Replies after it"),
                    t("Stage changes after"),
                    t("Failed"),
                ),
                rx.table.body(rx.foreach(STATE.steps, _step)),
            ),
            empty_state(t("No steps run yet."), icon="route"),
        ),
        rx.el.div(
            _list(t("Exit reasons"), STATE.reasons, t("No early exits.")),
            _list(t("By version"), STATE.versions, t("No enrollments yet.")),
            class_name="grid cols-2",
        ),
        class_name="stack",
    )


def _card(card: rx.Var[CountLine]) -> rx.Component:
    return rx.el.div(
        rx.el.div(card.words, class_name="muted small"),
        rx.el.div(card.count, class_name="figure"),
        rx.el.div(card.share, class_name="muted small"),
        class_name="card",
    )


def _step(step: rx.Var[StepStatisticsLine]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(step.words),
        rx.table.cell(step.version),
        rx.table.cell(step.branch),
        rx.table.cell(step.taken),
        rx.table.cell(step.replies),
        rx.table.cell(step.stages),
        rx.table.cell(step.failed),
    )


def _list(title: Any, counts: Any, empty: Any) -> rx.Component:
    return rx.el.section(
        rx.el.h2(title),
        rx.cond(
            counts.length() > 0,
            rx.el.ul(rx.foreach(counts, _count), class_name="plain-list"),
            rx.el.p(empty, class_name="muted small"),
        ),
        class_name="card section",
    )


def _count(line: rx.Var[CountLine]) -> rx.Component:
    return rx.el.li(
        rx.el.span(line.words, class_name="grow"),
        rx.el.strong(line.count),
        rx.el.span(line.share, class_name="muted small"),
        class_name="card-line",
    )


PAGES = [tenant_page("/sequences/[sequence_id]/numbers", "Analytics", show, STATE.load, STATE.watch)]
