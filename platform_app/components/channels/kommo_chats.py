"""Kommo chats: the card that shows conversations of other channels in Kommo."""

import reflex as rx

from platform_app.components.console.copy_field import copyable_line
from platform_app.components.console.parts import IS_ADMIN, confirm, field, notice, status
from platform_app.components.console.text import t
from platform_app.state.channels.kommo_chats import KommoChatsState


def own_chats_card() -> rx.Component:
    """Return the card in which a channel of our own is connected, or disconnected once it is."""
    state = KommoChatsState
    explained = t(
        "Conversations of web chat and messengers are shown in Kommo, and managers answer them there. "
        "Kommo support registers the channel with the address below and gives you its IDs and secret."
    )
    return rx.el.section(
        rx.el.h2(t("Other channels in Kommo")),
        rx.el.div(
            rx.el.p(explained, class_name="muted small"),
            copyable_line(state.hook, t("Address for Kommo support"), name="hook"),
            rx.cond(state.problem != "", notice(state.problem)),
            rx.cond(state.connected, _connected(), _form()),
            class_name="form",
        ),
        class_name="card section",
    )


def _connected() -> rx.Component:
    trigger = rx.button(t("Disconnect"), variant="soft", color_scheme="red", high_contrast=True, disabled=~IS_ADMIN)
    return rx.el.div(
        status("green", t("Connected")),
        confirm(
            trigger,
            title=t("Disconnect the channel?"),
            sentence=t("New messages won’t appear in Kommo. What is there stays there but can’t be answered any more."),
            verb=t("Disconnect"),
            on_confirm=KommoChatsState.disconnect,
        ),
        class_name="form",
    )


def _form() -> rx.Component:
    return rx.form(
        _field("channel_id", t("Channel ID")),
        _field("channel_secret", t("Channel secret"), is_secret=True),
        _field("bot_id", t("Bot ID of the channel")),
        rx.box(rx.button(t("Connect the channel"), type="submit", disabled=~IS_ADMIN)),
        on_submit=KommoChatsState.connect,
        reset_on_submit=False,
        class_name="form",
    )


def _field(name: str, label: rx.Var[str], *, is_secret: bool = False) -> rx.Component:
    control = rx.input(
        id=name,
        name=name,
        type="password" if is_secret else "text",
        required=True,
        max_length=64,
        auto_complete="off",
        disabled=~IS_ADMIN,
    )
    return field(label, control, name=name, problem=KommoChatsState.problems.get(name, ""))
