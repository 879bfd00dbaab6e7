"""Confirmation: a dialog that a state opens, which asks before something irreversible is done."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import RETURN_FOCUS, confirm_buttons


def confirmation(
    *content: rx.Component,
    title: Any,
    sentence: Any,
    verb: Any,
    on_confirm: Any,
    is_open: Any,
    on_close: Any,
    max_width: str = "440px",
) -> rx.Component:
    """Return the dialog, open while `is_open`, with the focus on Cancel; `content` stands below the sentence.

    `on_close` receives whether the dialog is open now.
    """
    return rx.alert_dialog.root(
        rx.alert_dialog.content(
            rx.alert_dialog.title(title, size="4"),
            rx.alert_dialog.description(sentence, size="2"),
            *content,
            confirm_buttons(verb, on_confirm),
            max_width=max_width,
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=is_open,
        on_open_change=on_close,
    )
