"""Delivery: the page of a delivery."""

import reflex as rx

from platform_app.components.console.copy_field import copy_button
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import skeleton_rows, time_ago
from platform_app.components.console.text import t
from platform_app.components.webhooks.delivery_table import event_link, outcome
from platform_app.state.console.base import CurrentUser
from platform_app.state.webhooks.deliveries import DeliveryState


def show() -> rx.Component:
    """Return the page on which members see what a delivery contained and what it led to."""
    return frame(
        rx.cond(DeliveryState.head.id != "", _delivery(), skeleton_rows(6)),
        section="Webhooks",
        up=(t("Received"), "/webhooks?tab=received"),
    )


def _delivery() -> rx.Component:
    head, base = DeliveryState.head, f"/manage/{CurrentUser.slug}/webhooks"
    return rx.fragment(
        page_head(
            head.webhook,
            time_ago(head.when, head.exact),
            rx.link(t("Webhook"), href=f"{base}/{head.webhook_id}", size="2", underline="always"),
        ),
        rx.el.div(_body(), _about(), class_name="grid cols-2-1"),
    )


def _body() -> rx.Component:
    view = DeliveryState.view
    shown = rx.fragment(
        rx.el.pre(view.body, class_name="payload tall", tab_index=0, aria_label=t("Body")),
        rx.cond(view.is_cut, rx.el.p(t("Only the beginning is stored."), class_name="muted small")),
    )
    nothing = rx.cond(
        view.is_duplicate,
        t("Same webhook-id as an earlier delivery, so nothing changed."),
        t("The body is empty."),
    )
    return rx.el.section(
        rx.flex(
            rx.el.h2(t("Body")),
            rx.cond(view.body != "", copy_button(view.body, t("Copy the body"))),
            justify="between",
        ),
        rx.cond(view.body != "", shown, rx.el.p(nothing, class_name="muted small")),
        class_name="card section",
    )


def _about() -> rx.Component:
    head = DeliveryState.head
    line = rx.foreach(
        DeliveryState.view.headers,
        lambda header: rx.fragment(rx.el.dt(header.id), rx.el.dd(header.name, class_name="break")),
    )
    return rx.el.section(
        rx.el.h2(t("Result")),
        rx.el.div(outcome(head), event_link(head), class_name="outcome"),
        rx.el.dl(
            rx.el.dt(t("Size")),
            rx.el.dd(head.size),
            rx.cond(
                head.message_id != "",
                rx.fragment(rx.el.dt("webhook-id"), rx.el.dd(head.message_id, class_name="break")),
            ),
            line,
            class_name="facts",
        ),
        class_name="card section",
    )


PAGES = [tenant_page("/webhooks/received/[delivery_id]", "Delivery", show, DeliveryState.load)]
