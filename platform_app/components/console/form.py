"""Form: controls for the fields of a class, drawn from what the class says of them."""

from collections.abc import Callable, Mapping
from typing import Any

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.parts import READ_ONLY, field
from platform_app.components.console.text import t
from platform_app.components.console.time_input import time_input
from platform_app.form_fields import Control, FormField


def autosaved_section(
    form: Mapping[str, FormField], section: str, state: Any, own: Mapping[str, Callable[[], rx.Component]]
) -> list[rx.Component]:
    """Return the controls of a section, in the order of the class; `own` draws the fields that it names.

    A field with a control of kind CUSTOM that `own` does not name is not drawn.
    """
    shown = [entry for entry in form.values() if entry.section == section]
    return [
        own[entry.name]() if entry.name in own else autosaved_field(entry, state)
        for entry in shown
        if entry.name in own or entry.control != Control.CUSTOM
    ]


def autosaved_field(
    shown: FormField, state: Any, *, options: list[rx.Component] | None = None, help_values: Any = None
) -> rx.Component:
    """Return a control with its label, help and problem that sends each change to `state.save(name, value)`.

    The state has `initial` (texts), `flags` (switches), `choices` (selected values) and `problems`, each by name.
    `options` stand in place of those of the class; `help_values` fill the places of the help.
    """
    if shown.control == Control.SELECT:
        control = _select(shown, state, options)
    elif shown.control == Control.SWITCH:
        control = rx.switch(
            id=shown.name,
            checked=state.flags[shown.name],
            on_change=lambda value: state.save(shown.name, value),
            disabled=READ_ONLY,
        )
    else:
        control = _typed(shown, state)
    help_text = t(shown.help_text, **(help_values or {})) if shown.help_text else None
    return field(
        t(shown.label), control, name=shown.name, help_text=help_text, problem=state.problems.get(shown.name, "")
    )


def chosen_field(
    shown: FormField, value: Any, on_change: Callable[[Any], Any], *, options: list[rx.Component] | None = None
) -> rx.Component:
    """Return a select with its label and help, for a state that has its own variable for the value.

    `options` stand in place of those of the class.
    """
    control = _select_root(shown, options, value=value, on_change=on_change)
    return field(t(shown.label), control, name=shown.name, help_text=t(shown.help_text) if shown.help_text else None)


def _labels(shown: FormField) -> dict[str, Any]:
    return {value: label if value in shown.untranslated else t(label) for value, label in shown.options.items()}


def _select(shown: FormField, state: Any, options: list[rx.Component] | None) -> rx.Component:
    return _select_root(
        shown,
        options,
        value=state.choices[shown.name],
        on_change=lambda selected: state.save(shown.name, selected),
    )


def _select_root(shown: FormField, options: list[rx.Component] | None, **given: Any) -> rx.Component:
    items = options or [rx.select.item(label, value=value) for value, label in _labels(shown).items()]
    placeholder = {"placeholder": t(shown.placeholder)} if shown.placeholder else {}
    return rx.select.root(
        rx.select.trigger(id=shown.name, max_width="420px", **placeholder),
        rx.select.content(*items),
        disabled=READ_ONLY,
        **given,
    )


def _typed(shown: FormField, state: Any) -> rx.Component:
    given = {
        "id": shown.name,
        "default_value": state.initial[shown.name],
        "on_change": debounced(lambda value: state.save(shown.name, value)),
        "read_only": READ_ONLY,
        "custom_attrs": {"aria-describedby": f"{shown.name}-help"} if shown.help_text else {},
    }
    if shown.control == Control.TIME:
        return time_input(
            field_id=shown.name,
            value=state.initial[shown.name],
            described_by=f"{shown.name}-help" if shown.help_text else "",
            on_change=lambda value: state.save(shown.name, value),
        )
    if shown.control == Control.TEXT_AREA:
        return rx.text_area(**given, rows=f"{shown.rows}", max_length=shown.max_length, resize="vertical")
    if shown.control == Control.NUMBER:
        limits = {"min": shown.minimum, "max": shown.maximum, "step": shown.step}
        given["custom_attrs"] |= {name: limit for name, limit in limits.items() if limit is not None}
        return rx.input(**given, type="number", max_width="180px")
    return rx.input(**given, **_input_kind(shown), placeholder=shown.placeholder, max_width="420px")


def submitted_section(form: Mapping[str, FormField], section: str, state: Any) -> list[rx.Component]:
    """Return the controls of a section of a form that is sent as a whole, in the order of the class."""
    return [submitted_field(shown, state) for shown in form.values() if shown.section == section]


def submitted_field(shown: FormField, state: Any, *, help_text: Any = None) -> rx.Component:
    """Return a control with its label, help and problem for a form that is sent as a whole.

    The state has `initial` (texts by name), `problem` and `problem_field`. `help_text` is that of a class
    without one.
    """
    is_wrong = state.problem_field == shown.name
    given = {"id": shown.name, "name": shown.name}
    if shown.control == Control.PASSWORD:
        control = rx.input(**given, type="password", auto_complete="new-password")
    elif shown.control == Control.SELECT:
        options = (rx.el.option(label, value=value) for value, label in _labels(shown).items())
        control = rx.el.select(*options, **given, default_value=state.initial[shown.name], class_name="native")
    elif shown.control == Control.TEXT_AREA:
        control = rx.text_area(
            **given, default_value=state.initial[shown.name], rows=f"{shown.rows}", max_length=shown.max_length
        )
    elif shown.control == Control.TIME:
        control = time_input(
            field_id=shown.name, name=shown.name, value=state.initial[shown.name], is_invalid=is_wrong, read_only=False
        )
    else:
        control = rx.input(
            **given,
            **_input_kind(shown),
            default_value=state.initial[shown.name],
            placeholder=shown.placeholder,
            required=bool(shown.min_length or shown.minimum),
            auto_complete="off",
            custom_attrs={"aria-invalid": rx.cond(is_wrong, "true", "false")},
        )
    words = t(shown.help_text) if shown.help_text else help_text
    return field(
        t(shown.label), control, name=shown.name, help_text=words, problem=rx.cond(is_wrong, state.problem, "")
    )


def _input_kind(shown: FormField) -> dict[str, Any]:
    if shown.control == Control.NUMBER:
        return {"input_mode": "numeric"}
    kind = {"type": "email"} if shown.control == Control.EMAIL else {}
    return kind if shown.max_length is None else kind | {"max_length": shown.max_length}
