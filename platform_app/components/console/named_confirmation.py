"""Named confirmation: a dialog in which a name is typed before the thing of that name is deleted."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import RETURN_FOCUS, field
from platform_app.components.console.text import t


def named_confirmation(
    *sentences: rx.Component,
    title: Any,
    lead: Any,
    name: Any,
    verb: Any,
    problem: Any,
    is_open: Any,
    on_close: Any,
    on_confirm: Any,
) -> rx.Component:
    """Return the dialog, open while `is_open`; `on_confirm` receives the form with the field `name`.

    `lead` and `sentences` say what will be gone. Without a name nothing has to be typed.
    """
    form = rx.el.form(
        rx.cond(name != "", _name_field(name, problem)),
        rx.flex(
            rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", type="button")),
            rx.button(verb, type="submit", color_scheme="red", high_contrast=True),
            spacing="3",
            justify="end",
        ),
        on_submit=on_confirm,
        class_name="form",
        margin_top="16px",
    )
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(title, size="4"),
            rx.dialog.description(lead, size="2"),
            rx.el.div(*sentences, class_name="stack-small"),
            form,
            max_width="480px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=is_open,
        on_open_change=on_close,
    )


def _name_field(name: Any, problem: Any) -> rx.Component:
    return field(
        t("Type “{name}” to confirm.", name=name),
        rx.input(id="confirmed_name", name="name", auto_complete="off", max_length=400),
        name="confirmed_name",
        problem=problem,
    )
