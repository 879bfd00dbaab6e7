"""Time input: the field for a time of day, in the console's own format, which the arrow keys change."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.text import t


def _changed(value: rx.Var[str]) -> tuple[rx.Var[str]]:
    return (value,)


class TimeInput(rx.Component):
    """A text field that is read as a time of day; `on_change` receives it as "09:30", or "" if it was emptied."""

    library = "$/public/time_input.jsx"
    tag = "TimeInput"

    field_id: rx.Var[str]
    name: rx.Var[str]
    value: rx.Var[str]
    label: rx.Var[str]
    described_by: rx.Var[str]
    read_only: rx.Var[bool]
    required: rx.Var[bool]
    is_invalid: rx.Var[bool]
    words: rx.Var[dict[str, str]]

    on_change: rx.EventHandler[_changed]


def time_input(
    *,
    value: Any,
    field_id: Any = "",
    name: Any = "",
    label: Any = "",
    read_only: Any = READ_ONLY,
    on_change: Any = None,
    **more: Any,
) -> rx.Component:
    """Return the field: `value`, and what `on_change` and a form get by `name`, is a text such as "09:30".

    `label` is its name for screen readers where no label names `field_id`. `more` may be `described_by`, the id of its
    help, `is_invalid`, and `required`: what is emptied becomes the former time again.
    """
    events = {} if on_change is None else {"on_change": on_change}
    return TimeInput.create(
        field_id=field_id,
        name=name,
        value=value,
        label=label,
        read_only=read_only,
        words={"hint": t("hh:mm"), "wrong": t("Enter a time, for example 09:30.")},
        **more,
        **events,
    )
