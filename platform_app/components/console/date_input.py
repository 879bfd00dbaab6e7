"""Date input: the field for a date, or a date and a time of day, with a calendar; values are of the company's zone."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser


def _changed(value: rx.Var[str]) -> tuple[rx.Var[str]]:
    return (value,)


class DateInput(rx.Component):
    """A text field that is read as a date; `on_change` receives an ISO text once a date is typed or picked."""

    library = "$/public/date_input.jsx"
    tag = "DateInput"

    field_id: rx.Var[str]
    name: rx.Var[str]
    value: rx.Var[str]
    label: rx.Var[str]
    described_by: rx.Var[str]
    language: rx.Var[str]
    zone: rx.Var[str]
    with_time: rx.Var[bool]
    read_only: rx.Var[bool]
    required: rx.Var[bool]
    max: rx.Var[str]
    words: rx.Var[dict[str, str]]

    on_change: rx.EventHandler[_changed]


def _words(label: Any) -> dict[str, Any]:
    return {
        "open": t("Choose a date"),
        "date": t("Date"),
        "hint": t("Date") if isinstance(label, str) and not label else label,
        "hintTime": t("Date and time"),
        "wrong": t("Enter a date, for example Nov 29, 2026."),
        "wrongTime": t("Enter a date and a time, for example Nov 29, 2026, 13:24."),
        "previous": t("Previous month"),
        "next": t("Next month"),
        "today": t("Today"),
        "clear": t("Clear"),
    }


def date_input(
    *,
    field_id: Any = "",
    name: str = "",
    value: Any = "",
    label: Any = "",
    with_time: bool = False,
    required: bool = False,
    latest: Any = "",
    on_change: Any = None,
) -> rx.Component:
    """Return the field: `value`, and what `on_change` and a form get by `name`, is "2026-11-29" or "2026-11-29T13:24".

    `label` is its name where no label names `field_id`, shown while it is empty; `latest` is the last day that may be
    chosen.
    """
    events = {} if on_change is None else {"on_change": on_change}
    return DateInput.create(
        field_id=field_id,
        name=name,
        value=value,
        label=label,
        language=CurrentUser.language,
        zone=CurrentUser.time_zone,
        with_time=with_time,
        read_only=READ_ONLY,
        required=required,
        max=latest,
        words=_words(label),
        **events,
    )
