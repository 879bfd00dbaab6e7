"""New secret: the button that creates a secret in place of the one before, and the dialog that shows it once."""

from typing import Any

import reflex as rx

from platform_app.components.console.copy_field import one_time_secret
from platform_app.components.console.parts import RETURN_FOCUS, confirm
from platform_app.components.console.text import t


def new_secret_button(
    verb: Any, *, title: Any, sentence: Any, on_confirm: Any, icon: str = "rotate-ccw"
) -> rx.Component:
    """Return a button that asks before `on_confirm` creates a secret; `sentence` says what becomes of the old one."""
    button = rx.button(rx.icon(icon, size=14), verb, size="1", variant="soft", color_scheme="gray")
    return confirm(button, title=title, sentence=sentence, verb=verb, on_confirm=on_confirm)


def new_secret_dialog(sentence: Any, *, is_open: Any, on_open_change: Any) -> rx.Component:
    """Return the dialog that shows a new secret; it is filled by `state.console.one_time_secret.reveal_once`."""
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(t("The new secret"), size="4"),
            rx.el.div(
                rx.dialog.description(sentence, size="2"),
                one_time_secret(),
                rx.flex(rx.dialog.close(rx.button(t("Close"))), justify="end"),
                class_name="form",
            ),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=is_open,
        on_open_change=on_open_change,
    )
