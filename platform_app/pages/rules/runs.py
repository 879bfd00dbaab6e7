"""Runs: the log page and the page of one run."""

from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import (
    columns,
    framed_table,
    listing,
    row_filter,
    select_filter,
    turn_pages,
)
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    READ_ONLY,
    empty_state,
    link_button,
    row_link,
    skeleton_rows,
    status,
    time_ago,
)
from platform_app.components.console.text import t
from platform_app.components.rules.conditions import proof
from platform_app.components.rules.rule_trial import smallest_change
from platform_app.components.views.saved_views import saved_views
from platform_app.state.console.base import CurrentUser
from platform_app.state.rules.rule_words import STATES, TRIGGERS
from platform_app.state.rules.run import ActionRunLine, RunPageState
from platform_app.state.rules.runs import FILTER_STATES, RunRow, RunsState
from platform_app.state.views.saved_views import SavedViewsState


def show() -> rx.Component:
    """Return the page on which members look for runs by rule, outcome and kind of event."""
    return frame(
        rx.fragment(
            page_head(t("Run history"), t("Every rule check: what happened and why."), saved_views()),
            _filters(),
            listing(
                loaded=RunsState.loaded,
                total=RunsState.rows.length(),
                filtered=RunsState.is_filtered,
                table=_table(),
                empty=empty_state(
                    t("No runs yet. Turn on a rule, and every check of it will be listed here."),
                    link_button(t("Go to rules"), "/rules"),
                    icon="workflow",
                ),
            ),
        ),
        section="Rules",
    )


def _filters() -> rx.Component:
    state = RunsState
    kinds = [("all", t("All outcomes")), ("fired", t("Ran"))]
    return rx.el.div(
        row_filter(t("Rule"), t("All rules"), state.rules, value=state.rule, on_change=state.filter_rule),
        select_filter(
            t("Result"),
            state.state,
            [*kinds, *((code, t(STATES[code][0])) for code in FILTER_STATES)],
            state.filter_state,
        ),
        select_filter(
            t("Event"),
            state.kind,
            [("all", t("All events")), *((kind, t(words)) for kind, words in TRIGGERS.items())],
            state.filter_kind,
        ),
        class_name="filters",
    )


def _table() -> rx.Component:
    return rx.fragment(
        framed_table(
            columns(t("Rule"), t("Event"), t("Lead or contact"), t("Result"), t("Duration"), t("When")),
            rx.table.body(rx.foreach(RunsState.rows, _row)),
        ),
        turn_pages(RunsState.page, RunsState.has_more, RunsState.go_to_page),
    )


def _row(run: rx.Var[RunRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(row_link(run.rule, f"/manage/{CurrentUser.slug}/rules/runs/{run.id}")),
        rx.table.cell(row_link(run.trigger, f"/manage/{CurrentUser.slug}/events/{run.event_id}")),
        rx.table.cell(run.subject),
        rx.table.cell(status(run.colour, run.words)),
        rx.table.cell(run.took, class_name="figure-small"),
        rx.table.cell(time_ago(run.when, run.exact)),
        align="center",
        key=run.id,
    )


def show_one() -> rx.Component:
    """Return the page of one run."""
    return frame(
        rx.cond(RunPageState.head.id != "", _run(), skeleton_rows(6)),
        section="Rules",
        up=(t("Run history"), "/rules/runs"),
    )


def _run() -> rx.Component:
    head, view = RunPageState.head, RunPageState.view
    retry = rx.button(rx.icon("rotate-ccw", size=16), t("Try again"), on_click=RunPageState.retry)
    held = rx.fragment(
        rx.button(rx.icon("send", size=16), t("Send the held email now"), on_click=RunPageState.release_email),
        rx.button(
            t("Discard the held email"),
            on_click=RunPageState.discard_email,
            variant="soft",
            color_scheme="gray",
            high_contrast=True,
        ),
    )
    actions = rx.el.ol(rx.foreach(view.actions, _action), class_name="plain-list")
    nothing = rx.el.p(t("No actions were run."), class_name="muted small")
    followed = rx.foreach(
        view.caused, lambda event: rx.el.li(row_link(event.words, f"/manage/{CurrentUser.slug}/events/{event.id}"))
    )
    return rx.fragment(
        page_head(
            head.rule,
            rx.fragment(status(head.colour, head.words), " · ", time_ago(head.when, head.exact), " · ", view.version),
            rx.link(t("Rule"), href=f"/manage/{CurrentUser.slug}/rules/{head.rule_id}", size="2", underline="always"),
            rx.cond(view.can_retry & ~READ_ONLY, retry),
            rx.cond(view.has_held_email & ~READ_ONLY, held),
        ),
        rx.el.div(
            _why(),
            _section(t("Actions"), rx.cond(view.actions.length() > 0, actions, nothing)),
            rx.cond(
                view.caused.length() > 0, _section(t("What happened next"), rx.el.ul(followed, class_name="plain-list"))
            ),
            class_name="stack",
        ),
    )


def _why() -> rx.Component:
    head, view = RunPageState.head, RunPageState.view
    return _section(
        t("Why"),
        rx.el.p(row_link(head.trigger, f"/manage/{CurrentUser.slug}/events/{head.event_id}"), " · ", head.subject),
        rx.cond(
            view.proof.length() > 0,
            proof(view.proof),
            rx.el.p(t("No conditions."), class_name="muted small"),
        ),
        smallest_change(view.change),
    )


def _section(title: Any, *parts: rx.Component) -> rx.Component:
    return rx.el.section(rx.el.h2(title), *parts, class_name="card section")


def _action(line: rx.Var[ActionRunLine]) -> rx.Component:
    return rx.el.li(
        rx.flex(
            rx.el.strong(line.number, ". ", line.title),
            status(line.colour, line.state),
            rx.el.span(line.took, class_name="muted small"),
            spacing="3",
            align="center",
            wrap="wrap",
        ),
        rx.cond(line.words != "", rx.el.p(line.words)),
        rx.cond(line.error != "", rx.el.p(line.error, class_name="problem")),
        rx.cond(line.answer != "", rx.el.pre(line.answer, class_name="payload", tab_index=0, aria_label=t("Answer"))),
        rx.cond(line.review != "", rx.el.p(line.review, class_name="muted small")),
        class_name="step-line",
    )


PAGES = [
    tenant_page("/rules/runs", "Run history", show, RunsState.load, RunsState.watch, SavedViewsState.load),
    tenant_page("/rules/runs/[run_id]", "Run", show_one, RunPageState.load, RunPageState.watch),
]
