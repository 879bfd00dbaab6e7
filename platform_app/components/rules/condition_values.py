"""Condition values: the inputs for the value of a condition, by fact and operator."""

from typing import Any

import reflex as rx

from platform_app.components.console.date_input import date_input
from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.text import t
from platform_app.components.console.time_input import time_input
from platform_app.components.rules.value_chips import value_chips
from platform_app.state.console.option_lists import Option
from platform_app.state.rules.condition_tree import UNITS, ConditionLine


def option(choice: rx.Var[Option]) -> rx.Component:
    """Return an option of a native select field."""
    return rx.el.option(choice.name, value=choice.id)


def native(options: list[rx.Component], *, label: Any, value: Any, on_change: Any) -> rx.Component:
    """Return a native select field."""
    return rx.el.select(
        *options, value=value, on_change=on_change, disabled=READ_ONLY, aria_label=label, class_name="native"
    )


def value(state: Any, line: rx.Var[ConditionLine]) -> rx.Component:
    """Return the input for the value of a condition."""
    label = t("Value of condition {number}", number=line.number)
    selected = native(
        [rx.el.option(t("Choose…"), value=""), rx.foreach(line.options, option)],
        label=label,
        value=line.value,
        on_change=lambda value: state.set_value(line.path, value),
    )
    chips = value_chips(line.selected, label=label, on_change=lambda values: state.set_value(line.path, values))
    fields = rx.match(
        line.input,
        ("text", _with_known(state, line, _input(line.value, label, lambda v: state.set_value(line.path, v)))),
        ("number", _input(line.value, label, lambda value: state.set_value(line.path, value), kind="decimal")),
        ("date", _moment(line.value, label, lambda value: state.set_value(line.path, value))),
        ("time", time_input(value=line.value, label=label, on_change=lambda value: state.set_value(line.path, value))),
        ("lines", _with_known(state, line, chips)),
        ("choice", selected),
        ("choices", _choices(state, line, label)),
        ("two", _two(state, line)),
        ("span", _span(state, line, label)),
        rx.fragment(),
    )
    return rx.fragment(fields, key=line.field_key)


def _with_known(state: Any, line: rx.Var[ConditionLine], field: rx.Component) -> rx.Component:
    """Return a field with a select field of known values, such as tags."""
    known = native(
        [rx.el.option(t("Choose…"), value=""), rx.foreach(line.options, option)],
        label=t("Known values of condition {number}", number=line.number),
        value="",
        on_change=lambda value: state.add_value(line.path, value),
    )
    is_offered = (line.options.length() > 0) & ~READ_ONLY
    return rx.flex(field, rx.cond(is_offered, known), spacing="2", align="start", wrap="wrap")


def _input(value: Any, label: Any, event: Any, *, kind: str = "text") -> rx.Component:
    return rx.el.input(
        default_value=value,
        on_change=debounced(lambda typed: event(typed)),
        input_mode=kind,
        max_length=1000,
        read_only=READ_ONLY,
        aria_label=label,
        class_name="native",
    )


def _moment(value: Any, label: Any, event: Any) -> rx.Component:
    return date_input(value=value, label=label, with_time=True, on_change=event)


def _choices(state: Any, line: rx.Var[ConditionLine], label: Any) -> rx.Component:
    def one(option: rx.Var[Option]) -> rx.Component:
        return rx.el.label(
            rx.el.input(
                type="checkbox",
                checked=line.selected.contains(option.id),
                on_change=lambda selected: state.toggle_option(line.path, option.id, selected),
                disabled=READ_ONLY,
            ),
            option.name,
        )

    return rx.el.div(rx.foreach(line.options, one), role="group", aria_label=label, class_name="choices")


def _two(state: Any, line: rx.Var[ConditionLine]) -> rx.Component:
    def bound(place: int, value: Any, words: str) -> rx.Component:
        label = t(words, number=line.number)
        return rx.match(
            line.kind,
            ("date", _moment(value, label, lambda v: state.set_part(line.path, place, v))),
            ("time", time_input(value=value, label=label, on_change=lambda v: state.set_part(line.path, place, v))),
            _input(value, label, lambda v: state.set_part(line.path, place, v), kind="decimal"),
        )

    return rx.flex(
        bound(0, line.value, "Minimum of condition {number}"),
        rx.el.span("–", aria_hidden="true"),
        bound(1, line.second, "Maximum of condition {number}"),
        spacing="2",
        align="center",
    )


def _span(state: Any, line: rx.Var[ConditionLine], label: Any) -> rx.Component:
    return rx.flex(
        _input(line.value, label, lambda value: state.set_part(line.path, 0, value), kind="numeric"),
        native(
            [rx.el.option(t(unit), value=unit) for unit in UNITS],
            label=t("Unit of condition {number}", number=line.number),
            value=line.second,
            on_change=lambda unit: state.set_part(line.path, 1, unit),
        ),
        spacing="2",
    )
