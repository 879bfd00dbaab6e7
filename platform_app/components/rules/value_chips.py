"""Value chips: several values of a condition as chips in one field."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.text import t


def _changed(values: rx.Var[str]) -> tuple[rx.Var[str]]:
    return (values,)


class Chips(rx.Component):
    """A field with a chip for each value; `on_change` receives the values, one per line."""

    library = "$/public/chips.jsx"
    tag = "Chips"

    values: rx.Var[list[str]]
    label: rx.Var[str]
    remove: rx.Var[str]  # name of the button that takes a value away, with {value}
    hint: rx.Var[str]
    read_only: rx.Var[bool]

    on_change: rx.EventHandler[_changed]


def value_chips(values: rx.Var[list[str]], *, label: Any, on_change: Callable[[Any], Any]) -> rx.Component:
    """Return the field; `on_change` takes the values, one per line."""
    return Chips.create(
        values=values,
        label=label,
        remove=t("Remove “{value}”"),
        hint=t("Type a value and press Enter"),
        read_only=READ_ONLY,
        on_change=on_change,
    )
