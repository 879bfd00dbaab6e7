"""Webhooks: the page with the list of incoming webhooks and the log of deliveries."""

import reflex as rx

from platform_app.components.console.copy_field import copyable_line, one_time_secret
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import (
    columns,
    framed_table,
    last_time_cell,
    listing,
    row_menu,
    switch_cell,
)
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    IS_ADMIN,
    READ_ONLY,
    RETURN_FOCUS,
    empty_state,
    field,
    row_link,
    status,
    undo_bar,
)
from platform_app.components.console.text import t
from platform_app.components.webhooks.delivery_table import received_log
from platform_app.components.webhooks.outgoing_list import create_outgoing_button, outgoing_dialog, outgoing_list
from platform_app.components.webhooks.rule_secret import rule_secret_card
from platform_app.components.webhooks.sent_table import sent_log
from platform_app.state.console.base import CurrentUser
from platform_app.state.webhooks.deliveries import DeliveriesState
from platform_app.state.webhooks.outgoing_webhooks import OutgoingWebhooksState
from platform_app.state.webhooks.rule_secret import RuleSecretState
from platform_app.state.webhooks.sent import SentState
from platform_app.state.webhooks.webhooks import WebhookRow, WebhooksState

_IS_OUTGOING = (WebhooksState.tab == "outgoing") | (WebhooksState.tab == "sent")


def show() -> rx.Component:
    """Return the page with the incoming and outgoing webhooks, which admins change, and the logs of deliveries."""
    return frame(
        rx.fragment(
            page_head(
                t("Webhooks"),
                t("Receive events from other systems, trigger rules, and send your own events."),
                rx.cond(IS_ADMIN, rx.cond(_IS_OUTGOING, create_outgoing_button(), _create_button())),
            ),
            rx.tabs.root(
                rx.tabs.list(
                    rx.tabs.trigger(t("Incoming"), value="incoming"),
                    rx.tabs.trigger(t("Received"), value="received"),
                    rx.tabs.trigger(t("Outgoing"), value="outgoing"),
                    rx.tabs.trigger(t("Sent"), value="sent"),
                ),
                rx.tabs.content(_incoming(), value="incoming", padding_top="20px"),
                rx.tabs.content(received_log(), value="received", padding_top="20px"),
                rx.tabs.content(
                    rx.el.div(outgoing_list(), rule_secret_card(), class_name="stack"),
                    value="outgoing",
                    padding_top="20px",
                ),
                rx.tabs.content(sent_log(), value="sent", padding_top="20px"),
                value=WebhooksState.tab,
                on_change=WebhooksState.show_tab,
            ),
            _creation(),
            outgoing_dialog(),
            undo_bar(WebhooksState.undo_sentence, WebhooksState.undo),
            undo_bar(OutgoingWebhooksState.undo_sentence, OutgoingWebhooksState.undo),
        ),
        section="Webhooks",
    )


def _create_button() -> rx.Component:
    return rx.button(rx.icon("plus", size=16), t("Create webhook"), on_click=WebhooksState.set_dialog_open(True))


def _incoming() -> rx.Component:
    return listing(
        loaded=WebhooksState.loaded,
        total=WebhooksState.rows.length(),
        filtered=False,
        table=rx.fragment(
            framed_table(
                columns(t("Webhook"), t("Signature"), t("Last delivery"), t("On"), None),
                rx.table.body(rx.foreach(WebhooksState.rows, _row)),
            ),
            rx.el.p(WebhooksState.total_words, class_name="muted small"),
        ),
        empty=empty_state(
            t("No webhooks yet. A webhook is a URL where your store, form or POS sends events."),
            rx.cond(IS_ADMIN, _create_button()),
            icon="webhook",
        ),
    )


def _row(webhook: rx.Var[WebhookRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(
            row_link(webhook.name, f"/manage/{CurrentUser.slug}/webhooks/{webhook.id}"),
            rx.cond(webhook.agent != "", rx.el.div(webhook.agent, class_name="muted small")),
        ),
        rx.table.cell(
            rx.cond(webhook.signed, status("green", t("Required")), status("amber", t("Not required"))),
        ),
        last_time_cell(webhook.when, webhook.exact),
        switch_cell(
            webhook.name,
            webhook.enabled,
            lambda enabled: WebhooksState.switch(webhook.id, enabled),
            disabled=READ_ONLY,
        ),
        rx.table.cell(rx.cond(IS_ADMIN, _menu(webhook))),
        align="center",
        key=webhook.id,
    )


def _menu(webhook: rx.Var[WebhookRow]) -> rx.Component:
    copied = [rx.set_clipboard(webhook.address), rx.toast.success(t("Copied"))]
    log = f"/manage/{CurrentUser.slug}/webhooks?tab=received&webhook={webhook.id}"
    return rx.flex(
        row_menu(
            webhook.name,
            rx.menu.item(t("Copy the address"), on_select=copied),
            rx.menu.item(t("Show what was received"), on_select=rx.redirect(log)),
            rx.menu.separator(),
            rx.menu.item(t("Delete"), color_scheme="red", on_select=WebhooksState.delete(webhook.id)),
        ),
        justify="end",
    )


def _creation() -> rx.Component:
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(
                rx.cond(WebhooksState.created_id == "", t("Create webhook"), t("The webhook is ready")), size="4"
            ),
            rx.cond(WebhooksState.created_id == "", _form(), _made()),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=WebhooksState.dialog_open,
        on_open_change=WebhooksState.set_dialog_open,
    )


def _form() -> rx.Component:
    name = rx.input(id="webhook-name", name="name", max_length=120, required=True, auto_focus=True)
    return rx.fragment(
        rx.dialog.description(t("You’ll get a private URL."), size="2", margin_bottom="16px"),
        rx.form(
            field(
                t("Name"),
                name,
                name="webhook-name",
                help_text=t("What sends to it: “Online shop”, “Booking form”."),
                problem=WebhooksState.problem,
            ),
            rx.el.div(
                rx.el.label(
                    rx.switch(checked=WebhooksState.new_signed, on_change=WebhooksState.set_new_signed),
                    t("Accept only signed deliveries"),
                    class_name="status",
                ),
                rx.el.span(
                    rx.cond(
                        WebhooksState.new_signed,
                        t("Signed with a secret, following the Standard Webhooks spec."),
                        t("For systems that can’t sign. Anyone with the address can send, so keep it private."),
                    ),
                    class_name="help",
                ),
                class_name="field",
            ),
            rx.flex(
                rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
                rx.button(t("Create webhook"), type="submit"),
                spacing="3",
                justify="end",
            ),
            on_submit=WebhooksState.create,
            class_name="form",
        ),
    )


def _made() -> rx.Component:
    page = f"/manage/{CurrentUser.slug}/webhooks/{WebhooksState.created_id}"
    leave = [WebhooksState.set_dialog_open(False), rx.redirect(page)]
    return rx.el.div(
        rx.dialog.description(t("Enter these in the sending system."), size="2"),
        copyable_line(WebhooksState.created_address, t("URL"), name="made-address"),
        rx.cond(WebhooksState.new_signed, one_time_secret()),
        rx.flex(
            rx.dialog.close(rx.button(t("Close"), variant="soft", color_scheme="gray")),
            rx.button(t("Open the webhook"), on_click=leave),
            spacing="3",
            justify="end",
        ),
        class_name="form",
    )


PAGES = [
    tenant_page(
        "/webhooks",
        "Webhooks",
        show,
        WebhooksState.load,
        DeliveriesState.load,
        OutgoingWebhooksState.load,
        RuleSecretState.load,
        SentState.load,
        WebhooksState.watch,
        DeliveriesState.watch,
        OutgoingWebhooksState.watch,
        SentState.watch,
    )
]
