"""Delivery table: the log of deliveries."""

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
from platform_app.state.webhooks.deliveries import OUTCOMES, DeliveriesState, DeliveryRow


def received_log() -> rx.Component:
    """Return the log with its filters."""
    return rx.fragment(
        _filters(),
        listing(
            loaded=DeliveriesState.loaded,
            total=DeliveriesState.rows.length(),
            filtered=DeliveriesState.is_filtered,
            table=rx.fragment(
                framed_table(
                    columns(t("Webhook"), t("Result"), "webhook-id", t("Size"), t("Event"), t("When")),
                    rx.table.body(rx.foreach(DeliveriesState.rows, _row)),
                ),
                turn_pages(DeliveriesState.page, DeliveriesState.has_more, DeliveriesState.go_to_page),
            ),
            empty=empty_state(t("Nothing has come in yet."), icon="inbox"),
        ),
    )


def _filters() -> rx.Component:
    state = DeliveriesState
    outcomes = [("all", t("All outcomes")), *((code, t(words)) for code, (words, _) in OUTCOMES.items())]
    return rx.el.div(
        row_filter(
            t("Webhook"), t("All webhooks"), state.webhooks, value=state.webhook, on_change=state.filter_webhook
        ),
        select_filter(t("Result"), state.outcome, outcomes, state.filter_outcome),
        class_name="filters",
    )


def _row(delivery: rx.Var[DeliveryRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(row_link(delivery.webhook, delivery_address(delivery))),
        rx.table.cell(outcome(delivery)),
        rx.table.cell(rx.el.span(delivery.message_id, class_name="small break")),
        rx.table.cell(delivery.size, class_name="figure-small"),
        rx.table.cell(event_link(delivery)),
        rx.table.cell(time_ago(delivery.when, delivery.exact)),
        align="center",
        key=delivery.id,
    )


def delivery_address(delivery: Any) -> Any:
    """Return the path of a delivery's page."""
    return f"/manage/{CurrentUser.slug}/webhooks/received/{delivery.id}"


def outcome(delivery: Any) -> rx.Component:
    """Return the outcome of a delivery with the reason for a refusal."""
    return rx.fragment(
        status(delivery.colour, delivery.words),
        rx.cond(delivery.why != "", rx.el.div(delivery.why, class_name="muted small")),
    )


def event_link(delivery: Any) -> rx.Component:
    """Return the link to the event of a delivery."""
    href = f"/manage/{CurrentUser.slug}/events/{delivery.event_id}"
    return rx.cond(delivery.event_id != "", rx.link(t("Event"), href=href, size="2", underline="always"))
