"""Bot account: a connected bot of a messenger: whether it works, its settings, its token, and its link."""

from typing import Any

import reflex as rx

from platform_app.channels.bot_settings import BotSettings
from platform_app.components.channels.bot_dialog import token_field
from platform_app.components.console.copy_field import copyable_line
from platform_app.components.console.form import autosaved_field, autosaved_section
from platform_app.components.console.parts import IS_ADMIN, notice, status
from platform_app.components.console.text import t
from platform_app.form_fields import form_fields
from platform_app.state.channels.channel_account import ChannelAccountState

FORM = form_fields(BotSettings)


def bot_account() -> rx.Component:
    """Return what the page of a bot shows below its heading."""
    state = ChannelAccountState
    return rx.fragment(
        rx.cond(state.problem != "", notice(state.problem)),
        rx.el.div(
            rx.el.fieldset(
                _card(t("Account"), *autosaved_section(FORM, "account", state, {"agent_id": _agent})),
                _card(t("Bot token"), _token()),
                disabled=~IS_ADMIN,
                class_name="stack bare",
                aria_label=t("Settings"),
            ),
            rx.el.div(_connection(), _link(), class_name="stack"),
            class_name="grid cols-2",
            key=state.account_key,
        ),
    )


def _card(title: Any, *parts: rx.Component) -> rx.Component:
    return rx.el.section(rx.el.h2(title), rx.el.div(*parts, class_name="form"), class_name="card section")


def _agent() -> rx.Component:
    agents = [rx.foreach(ChannelAccountState.agents, lambda option: rx.select.item(option.name, value=option.id))]
    return autosaved_field(FORM["agent_id"], ChannelAccountState, options=agents)


def _token() -> rx.Component:
    return rx.form(
        token_field(ChannelAccountState.problems.get("token", "")),
        rx.box(rx.button(t("Replace token"), type="submit", variant="soft", high_contrast=True)),
        on_submit=ChannelAccountState.replace_token,
        reset_on_submit=True,
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
            rx.el.dt(t("Bot")),
            rx.el.dd(rx.link(state.outside_name, href=state.bot_link, is_external=True, underline="always")),
            rx.el.dt(t("Incoming")),
            rx.el.dd(state.receives),
            class_name="facts",
        ),
    )


def _link() -> rx.Component:
    explained = t("Add ?start=… to the link to record where the contact came from, for example ?start=spring.")
    return _card(
        t("Link for customers"),
        copyable_line(ChannelAccountState.bot_link, t("Link to the bot"), name="bot_link"),
        rx.el.p(explained, class_name="muted small"),
    )
