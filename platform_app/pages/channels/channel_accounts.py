"""Channel accounts: the page with the list of connected channels."""

import reflex as rx

from platform_app.channels.web_chat import WEB_CHAT
from platform_app.components.channels.bot_dialog import bot_dialogs, connect_buttons, connect_items
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
    RETURN_FOCUS,
    empty_state,
    field,
    notice,
    row_link,
    undo_bar,
)
from platform_app.components.console.text import t
from platform_app.state.channels.channel_accounts import ChannelAccountRow, ChannelAccountsState
from platform_app.state.channels.mail_sign_in import MailSignInState
from platform_app.state.console.base import CurrentUser


def show() -> rx.Component:
    """Return the page on which admins connect, switch and delete the channels on which customers write."""
    return frame(
        rx.fragment(
            page_head(
                t("Channels"),
                t("Where customers write and which agent replies there."),
                rx.cond(
                    IS_ADMIN & (ChannelAccountsState.rows.length() > 0),
                    _connect_menu(),
                ),
            ),
            rx.cond(MailSignInState.ended != "", notice(MailSignInState.ended)),
            _table(),
            _creation(),
            bot_dialogs(),
            undo_bar(ChannelAccountsState.undo_sentence, ChannelAccountsState.undo),
        ),
        section="Settings",
    )


def _connect_menu() -> rx.Component:
    """Return the button that lists the kinds of channels, each of which opens its dialog."""
    create, use_api = ChannelAccountsState.connect("web_chat"), ChannelAccountsState.connect("api")
    return rx.menu.root(
        rx.menu.trigger(rx.button(rx.icon("plus", size=16), t("Connect a channel"), rx.icon("chevron-down", size=14))),
        rx.menu.content(
            rx.menu.item(rx.icon("globe", size=16), t("Create web chat"), on_select=create),
            *connect_items(),
            rx.menu.separator(),
            rx.menu.item(rx.icon("code-xml", size=16), t("Connect by API"), on_select=use_api),
        ),
    )


def _create_button() -> rx.Component:
    return rx.button(rx.icon("plus", size=16), t("Create web chat"), on_click=ChannelAccountsState.connect("web_chat"))


def _api_button() -> rx.Component:
    return rx.button(
        t("Connect by API"),
        on_click=ChannelAccountsState.connect("api"),
        variant="soft",
        color_scheme="gray",
        high_contrast=True,
    )


def _table() -> rx.Component:
    return listing(
        loaded=ChannelAccountsState.loaded,
        total=ChannelAccountsState.rows.length(),
        filtered=False,
        table=framed_table(
            columns(t("Name"), t("Agent"), t("Last message"), t("On"), None),
            rx.table.body(rx.foreach(ChannelAccountsState.rows, _row)),
        ),
        empty=empty_state(
            t(
                "No channels yet. Add a web chat to your site or connect a messenger bot, and your "
                "agent will reply there."
            ),
            rx.cond(IS_ADMIN, rx.flex(_create_button(), *connect_buttons(), _api_button(), spacing="3", wrap="wrap")),
            icon="messages-square",
        ),
    )


def _row(account: rx.Var[ChannelAccountRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(
            row_link(account.name, f"/manage/{CurrentUser.slug}/settings/channels/{account.id}"),
            rx.el.p(
                account.kind, rx.cond(account.is_shadow, rx.fragment(" · ", t("Shadow mode"))), class_name="muted small"
            ),
            rx.cond(account.problem != "", rx.el.p(account.problem, class_name="small reason")),
        ),
        rx.table.cell(rx.cond(account.agent != "", account.agent, rx.el.span(t("No agent"), class_name="muted small"))),
        last_time_cell(account.when, account.exact),
        switch_cell(
            account.name,
            account.enabled,
            lambda enabled: ChannelAccountsState.switch(account.id, enabled),
            disabled=~IS_ADMIN,
        ),
        rx.table.cell(rx.cond(IS_ADMIN, _menu(account))),
        align="center",
        key=account.id,
    )


def _menu(account: rx.Var[ChannelAccountRow]) -> rx.Component:
    delete = rx.menu.item(t("Delete"), color_scheme="red", on_select=ChannelAccountsState.delete(account.id))
    return rx.flex(row_menu(account.name, delete), justify="end")


def _creation() -> rx.Component:
    is_api = ChannelAccountsState.new_kind == "api"
    explained = rx.cond(
        is_api,
        t("Your own system sends customers’ messages with an API key and shows them the replies."),
        t("Next, you’ll add the allowed sites and paste one line into their pages."),
    )
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(rx.cond(is_api, t("Connect by API"), t("Create web chat")), size="4"),
            rx.dialog.description(explained, size="2", margin_bottom="16px"),
            _form(),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=ChannelAccountsState.dialog_open,
        on_open_change=ChannelAccountsState.set_dialog_open,
    )


def _form() -> rx.Component:
    agent = rx.el.select(
        rx.el.option(t("Choose an agent"), value=""),
        rx.foreach(ChannelAccountsState.agents, lambda one: rx.el.option(one.name, value=one.id)),
        id="agent_id",
        name="agent_id",
        class_name="native",
    )
    return rx.form(
        _field("name", rx.input(id="name", name="name", max_length=120, required=True, auto_focus=True)),
        _field("agent_id", agent),
        rx.flex(
            rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
            rx.button(
                rx.cond(ChannelAccountsState.new_kind == "api", t("Connect"), t("Create web chat")), type="submit"
            ),
            spacing="3",
            justify="end",
        ),
        on_submit=ChannelAccountsState.create,
        class_name="form",
    )


def _field(name: str, control: rx.Component) -> rx.Component:
    """Return a control with label, help and problem of a field of the class."""
    shown = WEB_CHAT.form[name]
    problem = rx.cond(ChannelAccountsState.problem_field == name, ChannelAccountsState.problem, "")
    return field(t(shown.label), control, name=name, help_text=t(shown.help_text), problem=problem)


PAGES = [
    tenant_page(
        "/settings/channels",
        "Channels",
        show,
        ChannelAccountsState.load,
        MailSignInState.load,
        ChannelAccountsState.watch,
    ),
]
