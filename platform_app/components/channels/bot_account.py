"""Bot account: a connected bot of a messenger: whether it works, its settings, its token, and its link."""

from typing import Any

import reflex as rx

from platform_app.channels.bot_settings import BotSettings
from platform_app.channels.kommo_bridge import KOMMO
from platform_app.channels.push_channel import PushChannel
from platform_app.channels.telegram import TELEGRAM
from platform_app.components.channels.bot_dialog import access_fields
from platform_app.components.channels.kommo_chats import own_chats_card
from platform_app.components.console.copy_field import copyable_line
from platform_app.components.console.form import autosaved_field, autosaved_section
from platform_app.components.console.parts import IS_ADMIN, notice, status
from platform_app.components.console.text import t
from platform_app.form_fields import form_fields
from platform_app.state.channels.channel_account import ChannelAccountState

FORM = form_fields(BotSettings)
assert TELEGRAM.push is not None and KOMMO.push is not None
_BOT, _SALESBOT = TELEGRAM.push, KOMMO.push


def bot_account() -> rx.Component:
    """Return what the page of a bot shows below its heading."""
    state = ChannelAccountState
    return rx.fragment(
        rx.cond(state.problem != "", notice(state.problem)),
        rx.el.div(
            rx.el.fieldset(
                _card(t("Account"), *autosaved_section(FORM, "account", state, {"agent_id": _agent})),
                _card(t("Bot token"), _access(_BOT)),
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


def kommo_account() -> rx.Component:
    """Return what the page of a Salesbot of Kommo shows below its heading."""
    state = ChannelAccountState
    return rx.fragment(
        rx.cond(state.problem != "", notice(state.problem)),
        rx.el.div(
            rx.el.fieldset(
                _card(t("Account"), *autosaved_section(KOMMO.form, "account", state, {"agent_id": _agent})),
                _card(t("Access"), _access(_SALESBOT)),
                disabled=~IS_ADMIN,
                class_name="stack bare",
                aria_label=t("Settings"),
            ),
            rx.el.div(_connection(), _widget(), own_chats_card(), class_name="stack"),
            class_name="grid cols-2",
            key=state.account_key,
        ),
    )


def _widget() -> rx.Component:
    steps = (
        t("Upload the widget written by “gpt-agents kommo widget” to your private integration and install it."),
        t("In the Salesbot, add the widget as a step after the contact’s message and enter this address there."),
    )
    return _card(
        t("In the Salesbot"),
        *(rx.el.p(step, class_name="muted small") for step in steps),
        copyable_line(ChannelAccountState.webhook, t("Address for the bot"), name="webhook"),
        rx.cond(
            ChannelAccountState.is_public,
            rx.fragment(),
            rx.el.p(
                t("Kommo reaches public https addresses only. Set PLATFORM_PUBLIC_URL."), class_name="small reason"
            ),
        ),
    )


def _access(push: PushChannel) -> rx.Component:
    return rx.form(
        *access_fields(push, lambda name: ChannelAccountState.problems.get(name, "")),
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
