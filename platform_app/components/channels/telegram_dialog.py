"""Telegram dialog: connects a bot by the token that @BotFather gave for it."""

import reflex as rx

from platform_app.channels.telegram import TELEGRAM
from platform_app.components.console.parts import RETURN_FOCUS, field
from platform_app.components.console.text import t
from platform_app.state.channels.channel_accounts import ChannelAccountsState
from platform_app.state.channels.telegram_connection import TelegramConnectionState


def connect_button() -> rx.Component:
    """Return the button that opens the dialog."""
    return rx.button(
        rx.icon("send", size=16),
        t("Connect Telegram bot"),
        on_click=TelegramConnectionState.set_open(True),
        variant="soft",
        high_contrast=True,
    )


def telegram_dialog() -> rx.Component:
    """Return the dialog."""
    explained = t("Create a bot with @BotFather in Telegram and paste the token that it shows.")
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(t("Connect Telegram bot"), size="4"),
            rx.dialog.description(explained, size="2", margin_bottom="16px"),
            _form(),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=TelegramConnectionState.is_open,
        on_open_change=TelegramConnectionState.set_open,
    )


def token_field(problem: rx.Var[str]) -> rx.Component:
    """Return the field in which a bot's token is entered; it is never shown again."""
    control = rx.input(id="token", name="token", type="password", required=True, max_length=200, auto_complete="off")
    help_text = t("Like 123456789:AAE…; it is stored encrypted and not shown again.")
    return field(t("Bot token"), control, name="token", help_text=help_text, problem=problem)


def _form() -> rx.Component:
    agent = rx.el.select(
        rx.el.option(t("Choose an agent"), value=""),
        rx.foreach(ChannelAccountsState.agents, lambda option: rx.el.option(option.name, value=option.id)),
        id="agent_id",
        name="agent_id",
        class_name="native",
    )
    return rx.form(
        token_field(_problem("token")),
        _field("agent_id", agent),
        _field("name", rx.input(id="name", name="name", max_length=120), t("Empty: the bot's own name.")),
        rx.flex(
            rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
            rx.button(t("Connect"), type="submit"),
            spacing="3",
            justify="end",
        ),
        on_submit=TelegramConnectionState.connect,
        class_name="form",
    )


def _problem(name: str) -> rx.Var[str]:
    return rx.cond(TelegramConnectionState.problem_field == name, TelegramConnectionState.problem, "")


def _field(name: str, control: rx.Component, help_text: rx.Component | None = None) -> rx.Component:
    shown = TELEGRAM.form[name]
    words = help_text if help_text is not None else t(shown.help_text)
    return field(t(shown.label), control, name=name, help_text=words, problem=_problem(name))
