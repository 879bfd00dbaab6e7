"""Copy field: texts to copy to another system, such as an address or a secret shown once."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import icon_button
from platform_app.components.console.text import t
from platform_app.state.console.one_time_secret import COPY_SCRIPT, FIELD_ID


def copy_button(text: Any, label: Any) -> rx.Component:
    """Return a small button that copies a text."""
    return icon_button("copy", label, [rx.set_clipboard(text), rx.toast.success(t("Copied"))], small=True)


def copyable_line(text: Any, label: Any, *, name: str) -> rx.Component:
    """Return a text with its label and a copy button."""
    box = rx.el.input(value=text, read_only=True, id=name, class_name="native grow code")
    return rx.el.div(
        rx.el.label(label, html_for=name),
        rx.flex(box, copy_button(text, t("Copy")), spacing="2", align="center"),
        class_name="field",
    )


def one_time_secret() -> rx.Component:
    """Return the field in which a new secret is shown once, by `state.console.one_time_secret.reveal_once`."""
    help_text = t("Copy it now. You won’t see it again.")
    return one_time_field(t("Secret"), t("Copy the secret"), help_text)


def one_time_link(label: Any, help_text: Any) -> rx.Component:
    """Return the field in which a new link is shown once, by `state.console.one_time_secret.reveal_once`."""
    return one_time_field(label, t("Copy the link"), help_text)


def one_time_lines(label: Any, help_text: Any, *, name: str, count: int) -> rx.Component:
    """Return the field in which a new list of `count` lines is shown once, by `reveal_once` with its `name`."""
    copied = [rx.call_script(COPY_SCRIPT), rx.toast.success(t("Copied"))]
    return rx.el.div(
        rx.el.label(label, html_for=name),
        rx.el.textarea(
            read_only=True, id=name, rows=str(count), auto_complete="off", class_name="native code shown-once"
        ),
        rx.el.span(help_text, class_name="help"),
        rx.box(
            rx.button(
                rx.icon("copy", size=16),
                t("Copy"),
                on_click=copied,
                type="button",
                variant="soft",
                color_scheme="gray",
                high_contrast=True,
            )
        ),
        class_name="field",
    )


def one_time_field(label: Any, copy_label: Any, help_text: Any) -> rx.Component:
    """Return a field in which a new secret is shown once, by `state.console.one_time_secret.reveal_once`."""
    copied = [rx.call_script(COPY_SCRIPT), rx.toast.success(t("Copied"))]
    return rx.el.div(
        rx.el.label(label, html_for=FIELD_ID),
        rx.flex(
            rx.el.input(read_only=True, id=FIELD_ID, auto_complete="off", class_name="native grow code shown-once"),
            icon_button("copy", copy_label, copied, small=True),
            spacing="2",
            align="center",
        ),
        rx.el.span(help_text, class_name="help"),
        class_name="field",
    )
