"""Sequence steps: the editor of steps in a vertical line, with one step open."""

from typing import Any

import reflex as rx

from platform_app.automation.input_fields import input_fields
from platform_app.automation.step_base import StepInput
from platform_app.automation.steps import STEPS
from platform_app.automation.steps import label as step_words
from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.drag import DragArea, draggable, droppable
from platform_app.components.console.parts import READ_ONLY, problem_line, warning_line
from platform_app.components.console.picker import choice, group, picker
from platform_app.components.console.text import t
from platform_app.components.rules.action_fields import FieldOwner, action_choices, action_field
from platform_app.components.rules.card_menu import (
    card_menu,
    collapse_button,
    delete_item,
    kind_icon,
    menu_item,
    numbered,
    off_badge,
    switch_item,
)
from platform_app.components.rules.condition_values import native, option
from platform_app.components.sequences.sequence_conditions import conditions
from platform_app.components.sequences.sequence_timing import timing_fields
from platform_app.state.rules.action_fields import ActionFieldLine
from platform_app.state.rules.condition_tree import UNITS
from platform_app.state.sequences.sequence import SequenceState
from platform_app.state.sequences.sequence_step_lines import SequenceStepLine
from platform_app.state.sequences.sequence_steps import ADD_STEP
from platform_app.state.sequences.sequence_words import ACTION_ICONS, ICONS

STATE = SequenceState
_CONDITIONS = {  # kinds of steps that weigh one, with what it is called there
    kind: field.label
    for kind, step in STEPS.items()
    for field in input_fields(step)
    if field.input == StepInput.CONDITION
}


def steps() -> rx.Component:
    """Return the steps in order, with indented branches."""
    add = picker(
        *_choices(),
        label=t("Add a step…"),
        shown=t("Add a step…"),
        value="",
        on_pick=lambda what: STATE.add_step("", what),
        name=ADD_STEP,
        class_name="adder",
    )
    return rx.el.div(
        rx.el.div(
            DragArea.create(
                rx.el.ol(rx.foreach(STATE.steps, _line), class_name="sequence-line"),
                on_move=STATE.drop_step,
            ),
            custom_attrs={"data-area": "steps", "data-drawn": STATE.steps_key},
        ),
        rx.cond(~READ_ONLY, add),
        rx.el.span(STATE.announcement, class_name="visually-hidden", role="status"),
    )


def _line(line: rx.Var[SequenceStepLine]) -> rx.Component:
    return rx.el.li(
        rx.cond(line.is_branch, _branch(line), _step(line)),
        style={"margin-inline-start": f"calc({line.depth} * 28px)"},
        class_name=rx.cond(line.is_branch, "sequence-branch", "sequence-step"),
        custom_attrs={"data-row": line.id},
    )


def _branch(line: rx.Var[SequenceStepLine]) -> rx.Component:
    add = picker(
        *_choices(),
        label=t("Add a step to “{branch}” of step {number}", branch=line.title, number=line.number),
        shown=t("Add a step…"),
        value="",
        on_pick=lambda what: STATE.add_step(line.id, what),
    )
    return rx.flex(
        rx.badge(line.title, variant="surface", high_contrast=True),
        rx.cond(~READ_ONLY, add),
        spacing="2",
        align="center",
        wrap="wrap",
    )


def _step(line: rx.Var[SequenceStepLine]) -> rx.Component:
    is_open = STATE.opened == line.id
    here = rx.cond(line.count != "", rx.badge(t("{count} waiting", count=line.count), variant="soft"))
    title = numbered(line.number, kind_icon(line.icon, (*ICONS.values(), *ACTION_ICONS.values())), line.summary)
    return rx.fragment(
        _wait(line),
        rx.el.div(
            rx.el.div(
                collapse_button(
                    title, is_open=is_open, on_click=STATE.open_step(line.id), custom_attrs=draggable(line.id)
                ),
                here,
                off_badge(line.is_off),
                _menu(line),
                class_name="card-head",
            ),
            problem_line(rx.cond(is_open, line.own_problem, line.problem)),
            warning_line(line.warning),
            rx.cond(is_open, _open(line)),
            class_name=rx.cond(line.is_off, "step-line is-off", "step-line"),
            custom_attrs=droppable(line.id),
        ),
    )


def _wait(line: rx.Var[SequenceStepLine]) -> rx.Component:
    """Return the line before a step: how long is waited, and the button that inserts a step there."""
    insert = picker(
        *_choices(),
        label=t("Insert a step before step {number}", number=line.number),
        shown="",
        value="",
        on_pick=lambda what: STATE.insert_step(line.id, what),
        class_name="inserter",
    )
    return rx.el.div(
        rx.cond(~READ_ONLY, insert),
        rx.icon("clock", size=14, aria_hidden="true"),
        rx.el.span(line.wait),
        class_name="between sequence-wait muted small",
    )


def _menu(line: rx.Var[SequenceStepLine]) -> rx.Component:
    number = line.number
    up, down = STATE.move_step(line.id, True), STATE.move_step(line.id, False)
    return card_menu(
        t("Menu of step {number}", number=number),
        menu_item("copy", t("Duplicate step {number}", number=number), STATE.copy_step(line.id)),
        menu_item("arrow-up", t("Move step {number} up", number=number), up, disabled=line.first),
        menu_item("arrow-down", t("Move step {number} down", number=number), down, disabled=line.last),
        switch_item(
            line.is_off,
            (t("Turn on step {number}", number=number), STATE.switch_step(line.id, True)),
            (t("Turn off step {number}", number=number), STATE.switch_step(line.id, False)),
        ),
        delete_item(t("Delete step {number}", number=number), STATE.remove_step(line.id)),
    )


def _choices() -> list[rx.Component]:
    flow = [choice(kind, t(step_words(kind)), icon=ICONS[kind]) for kind in STEPS if kind != "do"]
    return [group(t("Actions"), *action_choices("do:")), group(t("Logic"), *flow)]


def _open(line: rx.Var[SequenceStepLine]) -> rx.Component:
    title = rx.match(STATE.opened_kind, *((kind, t(words)) for kind, words in _CONDITIONS.items()), "")
    return rx.el.div(
        rx.cond(
            title != "",
            conditions(f"{STATE.opened}.condition", title, STATE.descriptions["step"], t("No condition yet.")),
        ),
        rx.foreach(STATE.field_lines, lambda spec: _field(line, spec)),
        rx.el.h3(t("Timing")),
        timing_fields(STATE, line.number),
        conditions(f"{STATE.opened}.only_if", t("Only if"), STATE.descriptions["only_if"], t("Always")),
        key=f"{STATE.opened}-{STATE.steps_key}",
        class_name="card-fields sequence-open",
        custom_attrs={"data-fields": "yes"},
    )


def _field(line: rx.Var[SequenceStepLine], spec: rx.Var[ActionFieldLine]) -> rx.Component:
    owner = FieldOwner(
        label=lambda words: t("{words} of step {number}", words=words, number=line.number),
        known_label=lambda words: t("Known values of {words} of step {number}", words=words, number=line.number),
        area=f"step-{line.id}",
        variables=STATE.variables,
        on_change=STATE.set_action_field,
        on_select=STATE.select_action_field,
        on_leave=STATE.leave_field,
    )
    label = owner.label(spec.words)
    percent = rx.el.input(
        default_value=spec.value,
        on_change=debounced(lambda value: STATE.set_step(spec.name, value)),
        max_length=3,
        input_mode="numeric",
        read_only=READ_ONLY,
        aria_label=label,
        class_name="native",
    )
    chosen = native(
        [rx.foreach(spec.options, option)],
        label=label,
        value=spec.value,
        on_change=lambda value: STATE.set_step(spec.name, value),
    )
    return action_field(spec, owner, ("percent", percent), ("span", _span(spec, label)), ("choice", chosen))


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
