"""WhatsApp account: a connected number: whether it works, its settings, its credentials, and its webhook at Meta."""

from typing import Any

import reflex as rx

from platform_app.channels.whatsapp import WHATSAPP
from platform_app.components.channels.bot_dialog import access_fields
from platform_app.components.console.copy_field import copyable_line
from platform_app.components.console.form import autosaved_field, autosaved_section
from platform_app.components.console.listing import columns, framed_table
from platform_app.components.console.parts import IS_ADMIN, notice, status
from platform_app.components.console.text import t
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.template_list import TemplateListState, TemplateRow

assert WHATSAPP.push is not None
PUSH = WHATSAPP.push


def whatsapp_account() -> rx.Component:
    """Return what the page of a WhatsApp number shows below its heading."""
    state = ChannelAccountState
    return rx.fragment(
        rx.cond(state.problem != "", notice(state.problem)),
        rx.el.div(
            rx.el.fieldset(
                _card(t("Account"), *autosaved_section(WHATSAPP.form, "account", state, {"agent_id": _agent})),
                _card(t("Access"), _credentials()),
                disabled=~IS_ADMIN,
                class_name="stack bare",
                aria_label=t("Settings"),
            ),
            rx.el.div(_connection(), rx.cond(IS_ADMIN, _webhook()), _link(), class_name="stack"),
            class_name="grid cols-2",
            key=state.account_key,
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


def _card(title: Any, *parts: rx.Component) -> rx.Component:
    return rx.el.section(rx.el.h2(title), rx.el.div(*parts, class_name="form"), class_name="card section")


def _agent() -> rx.Component:
    agents = [rx.foreach(ChannelAccountState.agents, lambda option: rx.select.item(option.name, value=option.id))]
    return autosaved_field(WHATSAPP.form["agent_id"], ChannelAccountState, options=agents)


def _credentials() -> rx.Component:
    state = ChannelAccountState
    return rx.form(
        *access_fields(PUSH, lambda name: state.problems.get(name, ""), lambda name: state.shown_access.get(name, "")),
        rx.box(rx.button(t("Replace access"), type="submit", variant="soft", high_contrast=True)),
        on_submit=state.replace_token,
        class_name="form",
    )


def _connection() -> rx.Component:
    state = ChannelAccountState
    word = rx.cond(
        state.is_refused,
        status("red", t("Rejected by the channel")),
        rx.cond(state.enabled, status("green", t("Connected")), status("", t("Off"))),
    )
    return _card(
        t("Connection"),
        rx.el.dl(
            rx.el.dt(t("State")),
            rx.el.dd(word),
            rx.el.dt(t("WhatsApp number")),
            rx.el.dd(rx.link(state.outside_name, href=state.bot_link, is_external=True, underline="always")),
            rx.el.dt(t("Incoming")),
            rx.el.dd(state.receives),
            class_name="facts",
        ),
    )


def _webhook() -> rx.Component:
    explained = t(
        "The platform sends this address to Meta automatically. If no messages arrive, enter both in your app at Meta "
        "under WhatsApp, Configuration, and subscribe to the fields messages and smb_message_echoes."
    )
    return _card(
        t("Webhook at Meta"),
        rx.el.p(explained, class_name="muted small"),
        copyable_line(ChannelAccountState.webhook, t("Callback URL"), name="webhook"),
        copyable_line(ChannelAccountState.verification, t("Verify token"), name="verify_token"),
    )


def _link() -> rx.Component:
    return _card(
        t("Link for customers"),
        copyable_line(ChannelAccountState.bot_link, t("Link to the chat"), name="bot_link"),
    )
