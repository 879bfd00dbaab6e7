"""Action fields: the fields of an action or a step, in the editors of rules and sequences."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.parts import READ_ONLY, problem_line
from platform_app.components.console.picker import choice
from platform_app.components.console.text import t
from platform_app.components.console.variables import variable_text
from platform_app.components.rules.condition_values import native, option
from platform_app.components.rules.field_blur import when_left
from platform_app.engine.actions.action_base import MAX_TEXT_LENGTH
from platform_app.engine.actions.actions import ACTIONS, label, note
from platform_app.state.console.option_lists import Option
from platform_app.state.rules.action_fields import ActionFieldLine


@dataclass(frozen=True)
class FieldOwner:
    """What a field belongs to: its names for screen readers, its events, and what is known there."""

    label: Callable[[Any], Any]  # of a field, from its words
    known_label: Callable[[Any], Any]
    area: str | rx.Var[str]  # beginning of the ids of text areas
    variables: rx.Var[list[Option]]
    on_change: Callable[[Any, Any], Any]  # takes the field's name and its value
    on_select: Callable[[Any, Any], Any]  # the same for a known value, which the field has to show
    on_leave: Callable[[Any], Any]  # takes the field's name


def action_choices(prefix: str = "") -> list[rx.Component]:
    """Return the options of the list of actions; `prefix` stands before the kind of each."""
    return [
        choice(f"{prefix}{kind}", t(label(kind)), icon=action.icon, note=t(note(kind)) if note(kind) else None)
        for kind, action in ACTIONS.items()
    ]


def action_field(spec: rx.Var[ActionFieldLine], owner: FieldOwner, *more: tuple[str, rx.Component]) -> rx.Component:
    """Return a field with its label and problem; `more` are kinds of input that only the caller knows."""
    text = _text(spec, owner)
    plain = rx.el.input(
        default_value=spec.value,
        on_change=debounced(lambda value: owner.on_change(spec.name, value)),
        max_length=MAX_TEXT_LENGTH,
        read_only=READ_ONLY,
        aria_label=owner.label(spec.words),
        class_name="native wide",
    )
    return rx.el.div(
        rx.el.span(spec.words, rx.cond(spec.required, "", rx.el.span(" ", t("(optional)"))), class_name="label"),
        rx.match(
            spec.ask,
            ("text", text),
            ("line", text),
            ("to", text),
            ("template_values", text),
            ("quick_replies", text),
            ("tag", _with_known(spec, owner, text)),
            ("value", _with_known(spec, owner, text)),
            ("word", plain),
            ("days", plain),
            ("one_of", _select(spec, owner)),
            *more,
            _select(spec, owner, rx.el.option(t("Choose…"), value="")),
        ),
        problem_line(spec.problem),
        on_blur=when_left(owner.on_leave(spec.name)),
        class_name="field",
    )


def _select(spec: rx.Var[ActionFieldLine], owner: FieldOwner, *first: rx.Component) -> rx.Component:
    return native(
        [*first, rx.foreach(spec.options, option)],
        label=owner.label(spec.words),
        value=spec.value,
        on_change=lambda value: owner.on_change(spec.name, value),
    )


def _text(spec: rx.Var[ActionFieldLine], owner: FieldOwner) -> rx.Component:
    return variable_text(
        f"{owner.area}-{spec.name}",
        initial=spec.value,
        variables=owner.variables,
        on_change=debounced(lambda value: owner.on_change(spec.name, value)),
        label=owner.label(spec.words),
        rows=rx.match(spec.ask, ("text", 3), ("template_values", 3), ("quick_replies", 3), 1),
    )


def _with_known(spec: rx.Var[ActionFieldLine], owner: FieldOwner, text: rx.Component) -> rx.Component:
    """Return a text field with a select field of known values."""
    known = native(
        [rx.el.option(t("Choose…"), value=""), rx.foreach(spec.options, option)],
        label=owner.known_label(spec.words),
        value="",
        on_change=lambda value: owner.on_select(spec.name, value),
    )
    is_offered = (spec.options.length() > 0) & ~READ_ONLY
    return rx.el.div(rx.el.div(text, class_name="grow"), rx.cond(is_offered, known), class_name="with-known")
