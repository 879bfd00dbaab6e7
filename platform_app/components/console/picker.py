"""Picker: a select field with search."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.text import t


def _picked(code: rx.Var[str]) -> tuple[rx.Var[str]]:
    return (code,)


def _picked_text(code: rx.Var[str], text: rx.Var[str]) -> tuple[rx.Var[str], rx.Var[str]]:
    return (code, text)


class Picker(rx.Component):
    """A button that opens a searched list; what lies inside with data-option are the options."""

    library = "$/public/picker.jsx"
    tag = "Picker"

    label: rx.Var[str]
    shown: rx.Var[str]  # on the button
    search: rx.Var[str]
    nothing: rx.Var[str]
    value: rx.Var[str]
    disabled: rx.Var[bool]
    name: rx.Var[str]  # id of the button
    text_of: rx.Var[str]  # selector of the field whose text `on_pick_text` is given

    on_pick: rx.EventHandler[_picked]
    on_pick_text: rx.EventHandler[_picked_text]


def picker(
    *options: rx.Component, label: Any, shown: Any, value: Any, on_pick: Any, name: str = "", class_name: str = ""
) -> rx.Component:
    """Return the button with the id `name`; `shown` is its text, `options` are made by `choice` and `group`."""
    return Picker.create(
        *options,
        label=label,
        shown=shown,
        search=t("Search"),
        nothing=t("No results. Try another search."),
        value=value,
        disabled=READ_ONLY,
        name=name,
        class_name=class_name,
        on_pick=on_pick,
    )


def text_picker(*options: rx.Component, label: Any, text_of: str, on_pick: Any) -> rx.Component:
    """Return the button of a menu that acts on a text: `on_pick` is given the choice and the text of a field."""
    return Picker.create(
        *options,
        label=label,
        shown=label,
        search=t("Search"),
        nothing=t("No results. Try another search."),
        value="",
        text_of=text_of,
        on_pick_text=on_pick,
    )


def choice(code: Any, words: Any, *, icon: str = "", note: Any = None) -> rx.Component:
    """Return an option: its label, with an optional icon and note."""
    return rx.el.div(
        rx.icon(icon, size=16, aria_hidden="true") if icon else rx.fragment(),
        rx.el.span(
            rx.el.span(words),
            rx.el.span(note, class_name="muted small") if note is not None else rx.fragment(),
            class_name="picker-words",
        ),
        role="option",
        class_name="picker-option",
        custom_attrs={"data-option": code},
    )


def group(name: Any, *options: rx.Component) -> rx.Component:
    """Return options under a heading."""
    return rx.el.div(
        rx.el.div(name, class_name="picker-group", aria_hidden="true"), *options, role="group", aria_label=name
    )
