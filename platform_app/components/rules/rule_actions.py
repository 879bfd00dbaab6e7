"""Rule actions: the editor of a rule's actions."""

from typing import Any

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.drag import DragArea, draggable, droppable
from platform_app.components.console.parts import READ_ONLY, icon_button, move_buttons, problem_line, warning_line
from platform_app.components.console.picker import choice, picker
from platform_app.components.console.text import t
from platform_app.components.console.variables import variable_text
from platform_app.components.rules.condition_values import native, option
from platform_app.engine.actions.action_base import MAX_TEXT_LENGTH
from platform_app.engine.actions.actions import ACTIONS, label, note
from platform_app.state.rules.rule_actions import ActionFieldLine, ActionLine


def rule_actions(state: Any) -> rx.Component:
    """Return the editor for a state with the ActionBuilder mixin."""
    add = picker(
        *(choice(kind, t(label(kind)), icon=action.icon, note=_note(kind)) for kind, action in ACTIONS.items()),
        label=t("Action to add"),
        shown=t("Add an action…"),
        value="",
        on_pick=state.add_action,
    )
    return rx.el.div(
        DragArea.create(
            rx.el.ol(
                rx.foreach(state.action_lines, lambda line, at: _action(state, line, at)), class_name="plain-list"
            ),
            on_move=state.drop_action,
            key=state.actions_key,
        ),
        rx.cond(~READ_ONLY, add),  # outside what is redrawn: an open list of actions stays open
        class_name="conditions",
    )


def _note(kind: str) -> Any:
    return t(note(kind)) if note(kind) else None


def _action(state: Any, line: rx.Var[ActionLine], at: rx.Var[int]) -> rx.Component:
    return rx.el.li(
        rx.flex(
            rx.cond(~READ_ONLY, _grip(line)),
            rx.el.strong(line.number, ". ", line.title),
            rx.cond(~READ_ONLY, _tools(state, line, at)),
            spacing="3",
            align="center",
        ),
        problem_line(line.problem),
        warning_line(line.warning),
        rx.foreach(line.fields, lambda spec: _action_field(state, line, spec)),
        class_name="step-line",
        custom_attrs=droppable(line.index),
    )


def _grip(line: rx.Var[ActionLine]) -> rx.Component:
    """Return the drag handle of an action; the move buttons do the same by keyboard."""
    return rx.el.span(
        rx.icon("grip-vertical", size=14), class_name="grip", custom_attrs=draggable(line.index), aria_hidden="true"
    )


def _tools(state: Any, line: rx.Var[ActionLine], at: rx.Var[int]) -> rx.Component:
    place, number = line.index.to(int), line.number
    return rx.flex(
        move_buttons(
            (t("Move action {number} up", number=number), t("Move action {number} down", number=number)),
            lambda up: state.move_action(place, up),
            first=at == 0,
            last=at == state.action_lines.length() - 1,
            small=True,
        ),
        icon_button("x", t("Remove action {number}", number=number), state.remove_action(place), small=True),
        spacing="2",
    )


def _action_field(state: Any, line: rx.Var[ActionLine], spec: rx.Var[ActionFieldLine]) -> rx.Component:
    place, label = line.index.to(int), t("{words} of action {number}", words=spec.words, number=line.number)
    text = variable_text(
        f"action-{line.index}-{spec.name}",
        initial=spec.value,
        variables=state.variables,
        on_change=debounced(lambda value: state.set_action_field(place, spec.name, value)),
        label=label,
        rows=rx.cond((spec.ask == "text") | (spec.ask == "template_values"), 3, 1),
    )
    plain = rx.el.input(
        default_value=spec.value,
        on_change=debounced(lambda value: state.set_action_field(place, spec.name, value)),
        max_length=MAX_TEXT_LENGTH,
        read_only=READ_ONLY,
        aria_label=label,
        class_name="native wide",
    )
    choose = rx.el.option(t("Choose…"), value="")
    selected, one_of = (_select(state, line, spec, first) for first in ([choose], []))
    return rx.el.div(
        rx.el.span(spec.words, rx.cond(spec.required, "", rx.el.span(" ", t("(optional)"))), class_name="label"),
        rx.match(
            spec.ask,
            ("text", text),
            ("line", text),
            ("to", text),
            ("template_values", text),
            ("tag", _with_known(state, line, spec, text)),
            ("value", _with_known(state, line, spec, text)),
            ("word", plain),
            ("days", plain),
            ("one_of", one_of),
            selected,
        ),
        problem_line(spec.problem),
        class_name="field",
    )


def _select(
    state: Any, line: rx.Var[ActionLine], spec: rx.Var[ActionFieldLine], first: list[rx.Component]
) -> rx.Component:
    return native(
        [*first, rx.foreach(spec.options, option)],
        label=t("{words} of action {number}", words=spec.words, number=line.number),
        value=spec.value,
        on_change=lambda value: state.set_action_field(line.index.to(int), spec.name, value),
    )


def _with_known(
    state: Any, line: rx.Var[ActionLine], spec: rx.Var[ActionFieldLine], text: rx.Component
) -> rx.Component:
    """Return a text field with a select field of known values."""
    known = native(
        [rx.el.option(t("Choose…"), value=""), rx.foreach(spec.options, option)],
        label=t("Known values of {words} of action {number}", words=spec.words, number=line.number),
        value="",
        on_change=lambda value: state.select_action_field(line.index.to(int), spec.name, value),
    )
    is_offered = (spec.options.length() > 0) & ~READ_ONLY
    return rx.el.div(rx.el.div(text, class_name="grow"), rx.cond(is_offered, known), class_name="with-known")
