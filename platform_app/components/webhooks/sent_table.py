"""Sent table: the log of what was sent to outgoing webhooks."""

from typing import Any

import reflex as rx

from platform_app.components.console.listing import (
    columns,
    framed_table,
    listing,
    row_filter,
    select_filter,
    turn_pages,
)
from platform_app.components.console.parts import empty_state, row_link, status, time_ago
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.webhooks.sent import STATES, TYPES, SentRow, SentState


def sent_log() -> rx.Component:
    """Return the log with its filters."""
    return rx.fragment(
        _filters(),
        listing(
            loaded=SentState.loaded,
            total=SentState.rows.length(),
            filtered=SentState.is_filtered,
            table=rx.fragment(
                framed_table(
                    columns(t("Event"), t("Webhook"), t("Result"), t("Attempts"), t("When")),
                    rx.table.body(rx.foreach(SentState.rows, _row)),
                ),
                turn_pages(SentState.page, SentState.has_more, SentState.go_to_page),
            ),
            empty=empty_state(t("Nothing has been sent yet."), icon="send"),
        ),
    )


def _filters() -> rx.Component:
    state, everything = SentState, ("all", t("All outcomes"))
    states = [everything, *((code, t(words)) for code, (words, _) in STATES.items())]
    types = [("all", t("All events")), *((code, t(words)) for code, words in TYPES.items())]
    return rx.el.div(
        row_filter(t("Webhook"), t("All webhooks"), state.webhooks, value=state.target, on_change=state.filter_target),
        select_filter(t("Result"), state.state, states, state.filter_state),
        select_filter(t("Event"), state.type, types, state.filter_type),
        class_name="filters",
    )


def _row(delivery: rx.Var[SentRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(row_link(delivery.kind, sent_address(delivery))),
        rx.table.cell(delivery.webhook),
        rx.table.cell(sent_outcome(delivery)),
        rx.table.cell(delivery.attempts, class_name="figure-small"),
        rx.table.cell(time_ago(delivery.when, delivery.exact)),
        align="center",
        key=delivery.id,
    )


def sent_address(delivery: Any) -> Any:
    """Return the path of a delivery's page."""
    return f"/manage/{CurrentUser.slug}/webhooks/sent/{delivery.id}"


def sent_outcome(delivery: Any) -> rx.Component:
    """Return the state of a delivery, with the reason of a failure and the time of the next attempt."""
    return rx.fragment(
        status(delivery.colour, delivery.words),
        rx.cond(delivery.why != "", rx.el.div(delivery.why, class_name="muted small")),
        rx.cond(delivery.next_words != "", rx.el.div(delivery.next_words, class_name="muted small")),
    )
