"""Outgoing list: the outgoing webhooks, and the dialog that creates one."""

import reflex as rx

from platform_app.components.console.copy_field import one_time_secret
from platform_app.components.console.listing import (
    columns,
    framed_table,
    last_time_cell,
    listing,
    row_menu,
    switch_cell,
)
from platform_app.components.console.parts import (
    IS_ADMIN,
    READ_ONLY,
    RETURN_FOCUS,
    empty_state,
    field,
    row_link,
    status,
)
from platform_app.components.console.text import t
from platform_app.models.outgoing_webhook import OUTGOING_FORM
from platform_app.state.console.base import CurrentUser
from platform_app.state.webhooks.outgoing_webhooks import OutgoingWebhookRow, OutgoingWebhooksState


def create_outgoing_button() -> rx.Component:
    """Return the button that opens the dialog for a new outgoing webhook."""
    return rx.button(
        rx.icon("plus", size=16),
        t("Create outgoing webhook"),
        on_click=OutgoingWebhooksState.set_dialog_open(True),
    )


def outgoing_list() -> rx.Component:
    """Return the table of the outgoing webhooks."""
    state = OutgoingWebhooksState
    return listing(
        loaded=state.loaded,
        total=state.rows.length(),
        filtered=False,
        table=rx.fragment(
            framed_table(
                columns(t("Webhook"), t("State"), t("Last delivered"), t("On"), None),
                rx.table.body(rx.foreach(state.rows, _row)),
            ),
            rx.el.p(state.total_words, class_name="muted small"),
        ),
        empty=empty_state(
            t("No outgoing webhooks yet. One sends what happens here to another system: a CRM, a warehouse, a chat."),
            rx.cond(IS_ADMIN, create_outgoing_button()),
            icon="send",
        ),
    )


def _row(webhook: rx.Var[OutgoingWebhookRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(
            row_link(webhook.name, outgoing_address(webhook.id)),
            rx.el.div(webhook.host, class_name="muted small break"),
        ),
        rx.table.cell(status(webhook.colour, webhook.words)),
        last_time_cell(webhook.when, webhook.exact),
        switch_cell(
            webhook.name,
            webhook.enabled,
            lambda enabled: OutgoingWebhooksState.switch(webhook.id, enabled),
            disabled=READ_ONLY,
        ),
        rx.table.cell(rx.cond(IS_ADMIN, _menu(webhook))),
        align="center",
        key=webhook.id,
    )


def outgoing_address(webhook_id: rx.Var[str]) -> rx.Var[str]:
    """Return the path of the page of an outgoing webhook."""
    return rx.Var.create(f"/manage/{CurrentUser.slug}/webhooks/outgoing/{webhook_id}")


def _menu(webhook: rx.Var[OutgoingWebhookRow]) -> rx.Component:
    log = f"/manage/{CurrentUser.slug}/webhooks?tab=sent&target={webhook.id}"
    return rx.flex(
        row_menu(
            webhook.name,
            rx.menu.item(t("Show what was sent"), on_select=rx.redirect(log)),
            rx.menu.separator(),
            rx.menu.item(t("Delete"), color="red", on_select=OutgoingWebhooksState.delete(webhook.id)),
        ),
        justify="end",
    )


def outgoing_dialog() -> rx.Component:
    """Return the dialog that creates an outgoing webhook and shows its secret once."""
    state = OutgoingWebhooksState
    is_new = state.created_id == ""
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(rx.cond(is_new, t("Create outgoing webhook"), t("The webhook is ready")), size="4"),
            rx.cond(is_new, _form(), _made()),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=state.dialog_open,
        on_open_change=state.set_dialog_open,
    )


def _form() -> rx.Component:
    state, address = OutgoingWebhooksState, OUTGOING_FORM["url"]
    name = rx.input(id="outgoing-name", name="name", max_length=120, required=True, auto_focus=True)
    url = rx.input(
        id="outgoing-url", name="url", type="url", max_length=1000, required=True, placeholder=address.placeholder
    )
    return rx.fragment(
        rx.dialog.description(
            t("It is sent every kind of event at first; choose fewer on its page."), size="2", margin_bottom="16px"
        ),
        rx.form(
            field(t("Name"), name, name="outgoing-name", problem=state.problems.get("name", "")),
            field(
                t(address.label),
                url,
                name="outgoing-url",
                help_text=t(address.help_text),
                problem=state.problems.get("url", ""),
            ),
            rx.flex(
                rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
                rx.button(t("Create outgoing webhook"), type="submit"),
                spacing="3",
                justify="end",
            ),
            on_submit=state.create,
            class_name="form",
        ),
    )


def _made() -> rx.Component:
    state = OutgoingWebhooksState
    leave = [state.set_dialog_open(False), rx.redirect(outgoing_address(state.created_id))]
    return rx.el.div(
        rx.dialog.description(
            t("Everything is signed with this secret, in the form of Standard Webhooks. The receiver checks it."),
            size="2",
        ),
        one_time_secret(),
        rx.flex(
            rx.dialog.close(rx.button(t("Close"), variant="soft", color_scheme="gray")),
            rx.button(t("Open the webhook"), on_click=leave),
            spacing="3",
            justify="end",
        ),
        class_name="form",
    )
