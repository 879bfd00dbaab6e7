"""Bot dialog: connects a bot or a number of a messenger by what the messenger gave for it."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from platform_app.channels.channel_kind import ChannelKind
from platform_app.channels.push_channel import AccessField, PushChannel
from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.components.channels.mail_sign_in import sign_in_choice
from platform_app.components.console.parts import RETURN_FOCUS, field
from platform_app.components.console.text import t
from platform_app.models.agent import Channel
from platform_app.state.channels.bot_connection import BotConnectionState
from platform_app.state.channels.channel_accounts import ChannelAccountsState

BOT_KINDS = tuple(kind for kind in CHANNEL_KINDS.values() if kind.push is not None)


def connect_buttons() -> list[rx.Component]:
    """Return the buttons that open the dialogs, one for each messenger."""
    return [
        rx.button(
            rx.icon("send", size=16),
            _connect_words(kind),
            on_click=BotConnectionState.open_dialog(kind.kind.value),
            variant="soft",
            high_contrast=True,
        )
        for kind in BOT_KINDS
    ]


def connect_items() -> list[rx.Component]:
    """Return the same as entries of a menu."""
    return [
        rx.menu.item(
            rx.icon("send", size=16),
            _connect_words(kind),
            on_select=BotConnectionState.open_dialog(kind.kind.value),
        )
        for kind in BOT_KINDS
    ]


def _connect_words(kind: ChannelKind) -> rx.Component:
    assert kind.push is not None
    return t(kind.push.connect_label, channel=kind.label)


def bot_dialogs() -> rx.Component:
    """Return the dialogs."""
    return rx.fragment(*(_dialog(kind) for kind in BOT_KINDS))


def _dialog(kind: ChannelKind) -> rx.Component:
    assert kind.push is not None
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(_connect_words(kind), size="4"),
            rx.dialog.description(t(kind.push.setup_help), size="2", margin_bottom="16px"),
            sign_in_choice(_form(kind)) if kind.kind == Channel.EMAIL else _form(kind),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=BotConnectionState.channel == kind.kind.value,
        on_open_change=lambda _: BotConnectionState.open_dialog(""),
    )


def access_fields(
    push: PushChannel, problem: Callable[[str], Any], present: Callable[[str], Any] | None = None
) -> list[rx.Component]:
    """Return the fields in which the access of an account is entered; secrets are never shown again.

    `problem` and `present` return the problem and the present value of a field by its name.
    """
    return [_access_field(shown, problem(shown.name), present) for shown in push.access_fields]


def _access_field(shown: AccessField, problem: Any, present: Callable[[str], Any] | None) -> rx.Component:
    value = {"default_value": present(shown.name)} if present is not None and not shown.is_secret else {}
    value = value or ({"default_value": shown.default} if shown.default else {})
    control = _choice(shown, value) if shown.options else _line(shown, value)
    help_text = t(shown.help_text) if shown.help_text else None
    return field(t(shown.label), control, name=shown.name, help_text=help_text, problem=problem)


def _line(shown: AccessField, value: dict[str, Any]) -> rx.Component:
    return rx.input(
        id=shown.name,
        name=shown.name,
        type="password" if shown.is_secret else "text",
        required=shown.is_required,
        max_length=shown.max_length,
        auto_complete="off",
        **value,
    )


def _choice(shown: AccessField, value: dict[str, Any]) -> rx.Component:
    options = [rx.el.option(t(label), value=code) for code, label in shown.options.items()]
    return rx.el.select(*options, id=shown.name, name=shown.name, class_name="native", **value)


def _form(kind: ChannelKind) -> rx.Component:
    assert kind.push is not None
    agent = rx.el.select(
        rx.el.option(t("Choose an agent"), value=""),
        rx.foreach(ChannelAccountsState.agents, lambda option: rx.el.option(option.name, value=option.id)),
        id="agent_id",
        name="agent_id",
        class_name="native",
    )
    return rx.form(
        *access_fields(kind.push, _problem),
        _field(kind, "agent_id", agent),
        _field(
            kind,
            "name",
            rx.input(id="name", name="name", max_length=120),
            t("Leave empty to use its name in the channel."),
        ),
        rx.flex(
            rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
            rx.button(t("Connect"), type="submit"),
            spacing="3",
            justify="end",
        ),
        on_submit=BotConnectionState.connect,
        class_name="form",
    )


def _problem(name: str) -> rx.Var[str]:
    return rx.cond(BotConnectionState.problem_field == name, BotConnectionState.problem, "")


def _field(kind: ChannelKind, name: str, control: rx.Component, help_text: rx.Component | None = None) -> rx.Component:
    shown = kind.form[name]
    words = help_text if help_text is not None else t(shown.help_text)
    return field(t(shown.label), control, name=name, help_text=words, problem=_problem(name))
