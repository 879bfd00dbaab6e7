"""Sequence steps: the editor of steps in a vertical line, with one step open."""

from typing import Any

import reflex as rx

from platform_app.automation.input_fields import input_fields
from platform_app.automation.step_base import StepInput
from platform_app.automation.steps import STEPS
from platform_app.automation.steps import label as step_words
from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.drag import DragArea, draggable, droppable
from platform_app.components.console.parts import READ_ONLY, icon_button, move_buttons, problem_line, warning_line
from platform_app.components.console.picker import choice, group, picker
from platform_app.components.console.text import t
from platform_app.components.console.variables import variable_text
from platform_app.components.rules.condition_values import native, option
from platform_app.components.sequences.sequence_conditions import conditions
from platform_app.components.sequences.sequence_timing import timing_fields
from platform_app.engine.actions.action_base import MAX_TEXT_LENGTH
from platform_app.engine.actions.actions import ACTIONS, note
from platform_app.engine.actions.actions import label as action_words
from platform_app.state.rules.condition_tree import UNITS
from platform_app.state.rules.rule_actions import ActionFieldLine
from platform_app.state.sequences.sequence import SequenceState
from platform_app.state.sequences.sequence_steps import SequenceStepLine
from platform_app.state.sequences.sequence_words import ICONS

STATE = SequenceState
_CONDITIONS = {  # kinds of steps that weigh one, with what it is called there
    kind: field.label
    for kind, step in STEPS.items()
    for field in input_fields(step)
    if field.input == StepInput.CONDITION
}


def steps() -> rx.Component:
    """Return the steps in order, with indented branches."""
    return rx.el.div(
        DragArea.create(
            rx.el.ol(rx.foreach(STATE.steps, _line), class_name="sequence-line"),
            on_move=STATE.drop_step,
        ),
        rx.cond(~READ_ONLY, _adder("", t("Add a step…"))),
        rx.el.span(STATE.announcement, class_name="visually-hidden", role="status"),
    )


def _line(line: rx.Var[SequenceStepLine]) -> rx.Component:
    return rx.el.li(
        rx.cond(line.is_branch, _branch(line), _step(line)),
        style={"margin-inline-start": f"calc({line.depth} * 28px)"},
        class_name=rx.cond(line.is_branch, "sequence-branch", "sequence-step"),
    )


def _branch(line: rx.Var[SequenceStepLine]) -> rx.Component:
    label = t("Add a step to “{branch}” of step {number}", branch=line.title, number=line.number)
    return rx.flex(
        rx.badge(line.title, variant="surface", high_contrast=True),
        rx.cond(~READ_ONLY, _adder(line.id, t("Add a step…"), label)),
        spacing="2",
        align="center",
        wrap="wrap",
    )


def _step(line: rx.Var[SequenceStepLine]) -> rx.Component:
    is_open = STATE.opened == line.id
    here = rx.cond(line.count != "", rx.badge(t("{count} waiting", count=line.count), variant="soft"))
    return rx.fragment(
        rx.el.div(rx.icon("clock", size=14, aria_hidden="true"), line.wait, class_name="sequence-wait muted small"),
        rx.el.div(
            rx.flex(
                rx.el.button(
                    _icon(line),
                    rx.el.span(line.number, ". ", line.title, class_name="clip"),
                    on_click=STATE.open_step(line.id),
                    aria_expanded=is_open,
                    class_name="plain-button sequence-title",
                    type="button",
                    custom_attrs=draggable(line.id),
                ),
                here,
                rx.cond(~READ_ONLY, _tools(line)),
                spacing="3",
                align="center",
                justify="between",
            ),
            problem_line(line.problem),
            warning_line(line.warning),
            rx.cond(is_open, _open(line)),
            class_name="step-line",
            custom_attrs=droppable(line.id),
        ),
    )


def _icon(line: rx.Var[SequenceStepLine]) -> rx.Component:
    drawn = {icon: rx.icon(icon, size=16, aria_hidden="true") for icon in dict.fromkeys(ICONS.values())}
    return rx.match(line.icon, *drawn.items(), rx.icon("zap", size=16, aria_hidden="true"))


def _tools(line: rx.Var[SequenceStepLine]) -> rx.Component:
    number = line.number
    return rx.flex(
        move_buttons(
            (t("Move step {number} up", number=number), t("Move step {number} down", number=number)),
            lambda up: STATE.move_step(line.id, up),
            first=line.first,
            last=line.last,
            small=True,
        ),
        icon_button("copy", t("Copy step {number}", number=number), STATE.copy_step(line.id), small=True),
        icon_button("x", t("Remove step {number}", number=number), STATE.remove_step(line.id), small=True),
        spacing="2",
        flex_shrink="0",
    )


def _adder(where: Any, words: Any, label: Any = None) -> rx.Component:
    acts = [
        choice(f"do:{kind}", t(action_words(kind)), icon=action.icon, note=t(note(kind)) if note(kind) else None)
        for kind, action in ACTIONS.items()
    ]
    flow = [choice(kind, t(step_words(kind)), icon=ICONS[kind]) for kind in STEPS if kind != "do"]
    return picker(
        group(t("Actions"), *acts),
        group(t("Logic"), *flow),
        label=words if label is None else label,
        shown=words,
        value="",
        on_pick=lambda what: STATE.add_step(where, what),
    )


def _open(line: rx.Var[SequenceStepLine]) -> rx.Component:
    title = rx.match(STATE.opened_kind, *((kind, t(words)) for kind, words in _CONDITIONS.items()), "")
    return rx.el.div(
        rx.cond(
            title != "",
            conditions(f"{STATE.opened}.condition", title, STATE.descriptions["step"], t("No condition yet.")),
        ),
        rx.foreach(STATE.field_lines, lambda spec: _action_field(line, spec)),
        rx.el.h3(t("Timing")),
        timing_fields(STATE, line.number),
        conditions(f"{STATE.opened}.only_if", t("Only if"), STATE.descriptions["only_if"], t("Always")),
        key=f"{STATE.opened}-{STATE.steps_key}",
        class_name="stack-small sequence-open",
    )


def _action_field(line: rx.Var[SequenceStepLine], spec: rx.Var[ActionFieldLine]) -> rx.Component:
    label = t("{words} of step {number}", words=spec.words, number=line.number)
    choose = rx.el.option(t("Choose…"), value="")
    selected, of_action = (_select(spec, label, STATE.set_action_field, *first) for first in ((choose,), ()))
    of_step = _select(spec, label, STATE.set_step)
    text = _text(line, spec, label)
    plain = _plain(spec, label, STATE.set_action_field, max_length=MAX_TEXT_LENGTH, class_name="native wide")
    percent = _plain(spec, label, STATE.set_step, max_length=3, input_mode="numeric", class_name="native")
    return rx.el.div(
        rx.el.span(
            spec.words,
            rx.cond(spec.required, "", rx.el.span(" ", t("(optional)"))),
            class_name="label",
        ),
        rx.match(
            spec.ask,
            ("text", text),
            ("line", text),
            ("to", text),
            ("template_values", text),
            ("tag", _with_known(line, spec, text)),
            ("value", _with_known(line, spec, text)),
            ("word", plain),
            ("days", plain),
            ("percent", percent),
            ("span", _span(spec, label)),
            ("choice", of_step),
            ("one_of", of_action),
            selected,
        ),
        problem_line(spec.problem),
        class_name="field",
    )


def _select(spec: rx.Var[ActionFieldLine], label: Any, set_value: Any, *first: rx.Component) -> rx.Component:
    return native(
        [*first, rx.foreach(spec.options, option)],
        label=label,
        value=spec.value,
        on_change=lambda value: set_value(spec.name, value),
    )


def _text(line: rx.Var[SequenceStepLine], spec: rx.Var[ActionFieldLine], label: Any) -> rx.Component:
    return variable_text(
        f"step-{line.id}-{spec.name}",
        initial=spec.value,
        variables=STATE.variables,
        on_change=debounced(lambda value: STATE.set_action_field(spec.name, value)),
        label=label,
        rows=rx.cond(spec.ask == "line", 1, 3),
    )


def _with_known(line: rx.Var[SequenceStepLine], spec: rx.Var[ActionFieldLine], text: rx.Component) -> rx.Component:
    """Return a text field with a select field of known values."""
    known = native(
        [rx.el.option(t("Choose…"), value=""), rx.foreach(spec.options, option)],
        label=t("Known values of {words} of step {number}", words=spec.words, number=line.number),
        value="",
        on_change=lambda value: STATE.select_action_field(spec.name, value),
    )
    is_offered = (spec.options.length() > 0) & ~READ_ONLY
    return rx.el.div(rx.el.div(text, class_name="grow"), rx.cond(is_offered, known), class_name="with-known")


def _plain(spec: rx.Var[ActionFieldLine], label: Any, on_change: Any, **more: Any) -> rx.Component:
    return rx.el.input(
        default_value=spec.value,
        on_change=debounced(lambda value: on_change(spec.name, value)),
        read_only=READ_ONLY,
        aria_label=label,
        **more,
    )


def _span(spec: rx.Var[ActionFieldLine], label: Any) -> rx.Component:
    count, unit = spec.value.split(" ")[0], spec.value.split(" ")[1]
    return rx.flex(
        rx.el.input(
            default_value=count,
            on_change=debounced(lambda value: STATE.set_step(spec.name, f"{value} {unit}")),
            input_mode="numeric",
            max_length=6,
            read_only=READ_ONLY,
            aria_label=label,
            class_name="native short",
        ),
        native(
            [rx.el.option(t(unit), value=unit) for unit in UNITS],
            label=t("Unit: {what}", what=label),
            value=unit,
            on_change=lambda value: STATE.set_step(spec.name, f"{count} {value}"),
        ),
        spacing="2",
    )
