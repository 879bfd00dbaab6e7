"""Account parts: what the pages of accounts of messengers have in common: the frame, the agent, and the connection."""

from collections.abc import Sequence
from typing import Any

import reflex as rx

from platform_app.channels.push_channel import PushChannel
from platform_app.components.channels.bot_dialog import access_fields
from platform_app.components.channels.shadow_card import shadow_card
from platform_app.components.console.form import autosaved_field
from platform_app.components.console.parts import IS_ADMIN, form_card, notice, status
from platform_app.components.console.text import t
from platform_app.form_fields import FormField
from platform_app.state.channels.channel_account import ChannelAccountState


def account_page(settings: Sequence[rx.Component], beside: Sequence[rx.Component]) -> rx.Component:
    """Return the cards with settings, which admins change, and those beside them, below what is wrong."""
    state = ChannelAccountState
    return rx.fragment(
        rx.cond(state.problem != "", notice(state.problem)),
        rx.el.div(
            rx.el.fieldset(*settings, disabled=~IS_ADMIN, class_name="stack bare", aria_label=t("Settings")),
            rx.el.div(*beside, shadow_card(), class_name="stack"),
            class_name="grid cols-2",
            key=state.account_key,
        ),
    )


def agent_field(form: dict[str, FormField]) -> rx.Component:
    """Return the select of the agent that answers on the account."""
    agents = [rx.foreach(ChannelAccountState.agents, lambda option: rx.select.item(option.name, value=option.id))]
    return autosaved_field(form["agent_id"], ChannelAccountState, options=agents)


def access_form(push: PushChannel, words: Any, **properties: Any) -> rx.Component:
    """Return the form with which admins replace the access of the account; `words` are those of its button."""
    state = ChannelAccountState
    return rx.form(
        *access_fields(push, lambda name: state.problems.get(name, ""), lambda name: state.shown_access.get(name, "")),
        rx.box(rx.button(words, type="submit", variant="soft", high_contrast=True)),
        on_submit=state.replace_token,
        class_name="form",
        **properties,
    )


def connection_card(what: Any) -> rx.Component:
    """Return the card that says whether the account works; `what` is what the channel calls it, such as a bot."""
    state = ChannelAccountState
    word = rx.cond(
        state.is_refused,
        status("red", t("Rejected by the channel")),
        rx.cond(state.enabled, status("green", t("Connected")), status("", t("Off"))),
    )
    return form_card(
        t("Connection"),
        rx.el.dl(
            rx.el.dt(t("State")),
            rx.el.dd(word),
            rx.el.dt(what),
            rx.el.dd(rx.link(state.outside_name, href=state.bot_link, is_external=True, underline="always")),
            rx.el.dt(t("Incoming")),
            rx.el.dd(state.receives),
            class_name="facts",
        ),
    )
