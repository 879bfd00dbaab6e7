"""Rule actions: the editor of a rule's actions as numbered cards, of which one is open."""

from typing import Any

import reflex as rx

from platform_app.components.console.drag import DragArea, draggable, droppable
from platform_app.components.console.parts import READ_ONLY, problem_line, warning_line
from platform_app.components.console.picker import picker
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
from platform_app.engine.actions.actions import ACTIONS
from platform_app.state.rules.rule_actions import ADD_ACTION, ActionLine


def rule_actions(state: Any) -> rx.Component:
    """Return the editor for a state with the ActionBuilder mixin."""
    add = picker(
        *action_choices(),
        label=t("Action to add"),
        shown=t("Add an action…"),
        value="",
        on_pick=state.add_action,
        name=ADD_ACTION,
        class_name="adder",
    )
    return rx.el.div(
        rx.el.div(
            DragArea.create(
                rx.el.ol(rx.foreach(state.action_lines, lambda line, at: _action(state, line, at)), class_name="cards"),
                on_move=state.drop_action,
                key=state.actions_key,
            ),
            custom_attrs={"data-area": "actions", "data-drawn": state.actions_key},
        ),
        rx.cond(~READ_ONLY, add),  # outside what is redrawn: an open list of actions stays open
        class_name="conditions",
    )


def _action(state: Any, line: rx.Var[ActionLine], at: rx.Var[int]) -> rx.Component:
    place, is_open = line.index.to(int), state.opened_action == line.index
    insert = picker(
        *action_choices(),
        label=t("Insert an action before action {number}", number=line.number),
        shown="",
        value="",
        on_pick=lambda kind: state.insert_action(place, kind),
        class_name="inserter",
    )
    card = rx.el.div(
        rx.el.div(
            rx.cond(~READ_ONLY, _grip(line)),
            collapse_button(
                numbered(line.number, kind_icon(line.icon, _icons()), line.summary),
                is_open=is_open,
                on_click=state.open_action(place),
            ),
            off_badge(line.is_off),
            _menu(state, line, at),
            class_name="card-head",
        ),
        problem_line(rx.cond(is_open, line.problem, line.closed_problem)),
        warning_line(line.warning),
        rx.cond(is_open, _fields(state, line)),
        class_name=rx.cond(line.is_off, "step-line is-off", "step-line"),
        custom_attrs=droppable(line.index),
    )
    between = rx.el.div(rx.cond(~READ_ONLY, insert), class_name="between")
    return rx.el.li(rx.cond(at > 0, between), card, custom_attrs={"data-row": line.index})


def _icons() -> list[str]:
    return [action.icon for action in ACTIONS.values()]


def _grip(line: rx.Var[ActionLine]) -> rx.Component:
    """Return the drag handle of an action; the menu does the same by keyboard."""
    return rx.el.span(
        rx.icon("grip-vertical", size=14), class_name="grip", custom_attrs=draggable(line.index), aria_hidden="true"
    )


def _menu(state: Any, line: rx.Var[ActionLine], at: rx.Var[int]) -> rx.Component:
    place, number = line.index.to(int), line.number
    is_last = at == state.action_lines.length() - 1
    up, down = state.move_action(place, True), state.move_action(place, False)
    return card_menu(
        t("Menu of action {number}", number=number),
        menu_item("copy", t("Duplicate action {number}", number=number), state.copy_action(place)),
        menu_item("arrow-up", t("Move action {number} up", number=number), up, disabled=at == 0),
        menu_item("arrow-down", t("Move action {number} down", number=number), down, disabled=is_last),
        switch_item(
            line.is_off,
            (t("Turn on action {number}", number=number), state.switch_action(place, True)),
            (t("Turn off action {number}", number=number), state.switch_action(place, False)),
        ),
        delete_item(t("Delete action {number}", number=number), state.remove_action(place)),
    )


def _fields(state: Any, line: rx.Var[ActionLine]) -> rx.Component:
    place = line.index.to(int)
    owner = FieldOwner(
        label=lambda words: t("{words} of action {number}", words=words, number=line.number),
        known_label=lambda words: t("Known values of {words} of action {number}", words=words, number=line.number),
        area=f"action-{line.index}",
        variables=state.variables,
        on_change=lambda name, value: state.set_action_field(place, name, value),
        on_select=lambda name, value: state.select_action_field(place, name, value),
        on_leave=lambda name: state.leave_action_field(place, name),
    )
    return rx.el.div(
        rx.foreach(line.fields, lambda spec: action_field(spec, owner)),
        class_name="card-fields",
        custom_attrs={"data-fields": "yes"},
    )
