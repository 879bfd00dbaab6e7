"""Sent delivery: the page of what was sent to an outgoing webhook."""

import reflex as rx

from platform_app.components.console.copy_field import copy_button
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, skeleton_rows, status, time_ago
from platform_app.components.console.text import t
from platform_app.components.webhooks.delivery_table import event_link
from platform_app.components.webhooks.sent_table import sent_outcome
from platform_app.state.console.base import CurrentUser
from platform_app.state.webhooks.sent import AttemptLine, SentDeliveryState


def show() -> rx.Component:
    """Return the page on which members see what was sent, how it was answered, and send it again."""
    return frame(
        rx.cond(SentDeliveryState.head.id != "", _delivery(), skeleton_rows(6)),
        section="Webhooks",
        up=(t("Sent"), "/webhooks?tab=sent"),
    )


def _delivery() -> rx.Component:
    head, base = SentDeliveryState.head, f"/manage/{CurrentUser.slug}/webhooks"
    again = rx.button(
        rx.icon("rotate-cw", size=16),
        t("Resend"),
        on_click=SentDeliveryState.send_again,
        disabled=~head.can_resend,
    )
    return rx.fragment(
        page_head(
            head.kind,
            time_ago(head.when, head.exact),
            rx.link(head.webhook, href=f"{base}/outgoing/{head.webhook_id}", size="2", underline="always"),
            rx.cond(~READ_ONLY, again),
        ),
        rx.el.div(_body(), rx.el.div(_about(), _attempts(), class_name="stack"), class_name="grid cols-2-1"),
    )


def _body() -> rx.Component:
    view = SentDeliveryState.view
    return rx.el.section(
        rx.flex(
            rx.el.h2(t("Body")),
            rx.cond(view.body != "", copy_button(view.body, t("Copy the body"))),
            justify="between",
        ),
        rx.cond(
            view.body != "",
            rx.el.pre(view.body, class_name="payload tall", tab_index=0, aria_label=t("Body")),
            rx.el.p(t("Its event was deleted permanently."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _about() -> rx.Component:
    head, view = SentDeliveryState.head, SentDeliveryState.view
    return rx.el.section(
        rx.el.h2(t("Result")),
        rx.el.div(sent_outcome(head), event_link(head), class_name="outcome"),
        rx.el.dl(
            rx.el.dt("webhook-id"),
            rx.el.dd(view.message_id, class_name="break"),
            rx.el.dt("type"),
            rx.el.dd(view.type, class_name="break"),
            class_name="facts",
        ),
        class_name="card section",
    )


def _attempts() -> rx.Component:
    attempts = SentDeliveryState.view.attempts
    return rx.el.section(
        rx.el.h2(t("Attempts")),
        rx.cond(
            attempts.length() > 0,
            rx.el.ul(rx.foreach(attempts, _attempt), class_name="plain-list"),
            rx.el.p(t("No attempts yet."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _attempt(line: rx.Var[AttemptLine]) -> rx.Component:
    answer = rx.el.pre(line.answer, class_name="payload", tab_index=0, aria_label=t("Answer"))
    return rx.el.li(
        rx.el.div(
            status(line.colour, line.words),
            rx.el.div(line.when, " · ", line.seconds, class_name="muted small"),
            rx.cond(line.answer != "", answer),
            class_name="grow stack-small",
        ),
        class_name="card-line",
        key=line.when,
    )


PAGES = [tenant_page("/webhooks/sent/[sent_id]", "Sent event", show, SentDeliveryState.load, SentDeliveryState.watch)]
