"""WhatsApp account: a connected number: whether it works, its settings, its credentials, and its webhook at Meta."""

import reflex as rx

from platform_app.channels.whatsapp import WHATSAPP
from platform_app.components.channels.account_parts import access_form, account_page, agent_field, connection_card
from platform_app.components.console.copy_field import copyable_line
from platform_app.components.console.form import autosaved_section
from platform_app.components.console.listing import columns, framed_table
from platform_app.components.console.parts import IS_ADMIN, form_card, status
from platform_app.components.console.text import t
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.template_list import TemplateListState, TemplateRow

assert WHATSAPP.push is not None
PUSH = WHATSAPP.push


def whatsapp_account() -> rx.Component:
    """Return what the page of a WhatsApp number shows below its heading."""
    form = WHATSAPP.form
    own = autosaved_section(form, "account", ChannelAccountState, {"agent_id": lambda: agent_field(form)})
    return rx.fragment(
        account_page(
            [form_card(t("Account"), *own), form_card(t("Access"), access_form(PUSH, t("Replace access")))],
            [connection_card(t("WhatsApp number")), rx.cond(IS_ADMIN, _webhook()), _link()],
        ),
        _templates(),
    )


def _templates() -> rx.Component:
    state = TemplateListState
    explained = t(
        "Approved by Meta and can be sent at any time. Rules, sequences and teammates use them 24 hours after the "
        "contact’s last message."
    )
    refresh = rx.button(
        rx.icon("refresh-cw", size=16),
        t("Refresh templates"),
        on_click=state.refresh,
        loading=state.is_loading,
        disabled=~IS_ADMIN,
        variant="soft",
        high_contrast=True,
        type="button",
    )
    return rx.el.section(
        rx.flex(rx.el.h2(t("Templates")), refresh, justify="between", align="center", wrap="wrap", spacing="3"),
        rx.el.p(explained, class_name="muted small"),
        rx.cond(
            state.rows.length() > 0,
            framed_table(columns(t("Name"), t("Text"), t("State")), rx.table.body(rx.foreach(state.rows, _template))),
            rx.el.p(t("No templates yet. Create them in WhatsApp Manager, then refresh."), class_name="muted small"),
        ),
        class_name="card section stack-small",
        on_mount=state.load,
    )


def _template(row: rx.Var[TemplateRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(row.name, rx.el.p(row.about, class_name="muted small")),
        rx.table.cell(rx.el.div(row.text, class_name="plain")),
        rx.table.cell(
            rx.cond(row.is_usable, status("green", row.state), status("amber", row.state)),
            rx.cond(row.problem != "", rx.el.p(row.problem, class_name="small reason")),
        ),
        key=row.id,
    )


def _webhook() -> rx.Component:
    explained = t(
        "The platform sends this address to Meta automatically. If no messages arrive, enter both in your app at Meta "
        "under WhatsApp, Configuration, and subscribe to the fields messages, smb_message_echoes, history and "
        "smb_app_state_sync."
    )
    return form_card(
        t("Webhook at Meta"),
        rx.el.p(explained, class_name="muted small"),
        copyable_line(ChannelAccountState.webhook, t("Callback URL"), name="webhook"),
        copyable_line(ChannelAccountState.verification, t("Verify token"), name="verify_token"),
    )


def _link() -> rx.Component:
    return form_card(
        t("Link for customers"),
        copyable_line(ChannelAccountState.bot_link, t("Link to the chat"), name="bot_link"),
    )
