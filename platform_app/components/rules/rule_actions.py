"""Rule actions: the actions of a rule in their order, each drawn from its class."""

from typing import Any

import reflex as rx

from platform_app.components.console.debounced_input import later
from platform_app.components.console.drag import DragArea, draggable, droppable
from platform_app.components.console.parts import READ_ONLY, icon_tool, move_tools, problem_line
from platform_app.components.console.picker import choice, picker
from platform_app.components.console.text import t
from platform_app.components.console.variables import variable_text
from platform_app.components.rules.condition_values import native, option
from platform_app.engine.actions.action_base import MAX_TEXT_LENGTH
from platform_app.engine.actions.actions import ACTIONS, label, note
from platform_app.state.rules.rule_actions import ActionLine, AskLine


def rule_actions(state: Any) -> rx.Component:
    """Show the actions of a state that has the RuleActions mixin."""
    add = picker(
        *(choice(kind, t(label(kind)), icon=one.icon, note=_note(kind)) for kind, one in ACTIONS.items()),
        label=t("Action to add"),
        shown=t("Add an action…"),
        value="",
        on_pick=state.add_action,
    )
    return rx.el.div(
        DragArea.create(
            rx.el.ol(rx.foreach(state.acts, lambda line, at: _action(state, line, at)), class_name="plain-list"),
            on_move=state.drop_action,
        ),
        rx.cond(~READ_ONLY, add),
        class_name="conditions",
        key=state.acts_key,
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
        rx.foreach(line.asked, lambda asked: _asked(state, line, asked)),
        class_name="step-line",
        custom_attrs=droppable(line.place),
    )


def _grip(line: rx.Var[ActionLine]) -> rx.Component:
    """Show what an action is dragged by; the arrows beside it do the same by keyboard."""
    return rx.el.span(
        rx.icon("grip-vertical", size=14), class_name="grip", custom_attrs=draggable(line.place), aria_hidden="true"
    )


def _tools(state: Any, line: rx.Var[ActionLine], at: rx.Var[int]) -> rx.Component:
    place, number = line.place.to(int), line.number
    return rx.flex(
        move_tools(
            (t("Move action {number} up", number=number), t("Move action {number} down", number=number)),
            lambda up: state.move_action(place, up),
            first=at == 0,
            last=at == state.acts.length() - 1,
            small=True,
        ),
        icon_tool("x", t("Remove action {number}", number=number), state.remove_action(place), small=True),
        spacing="2",
    )


def _asked(state: Any, line: rx.Var[ActionLine], asked: rx.Var[AskLine]) -> rx.Component:
    place, label = line.place.to(int), t("{words} of action {number}", words=asked.words, number=line.number)
    text = variable_text(
        f"action-{line.place}-{asked.name}",
        initial=asked.value,
        variables=state.variables,
        on_change=later(lambda value: state.set_asked(place, asked.name, value)),
        label=label,
        rows=rx.cond(asked.ask == "text", 3, 1),
    )
    plain = rx.el.input(
        default_value=asked.value,
        on_change=later(lambda value: state.set_asked(place, asked.name, value)),
        max_length=MAX_TEXT_LENGTH,
        read_only=READ_ONLY,
        aria_label=label,
        class_name="native wide",
    )
    selected = native(
        [rx.el.option(t("Choose…"), value=""), rx.foreach(asked.options, option)],
        label=label,
        value=asked.value,
        on_change=lambda value: state.set_asked(place, asked.name, value),
    )
    return rx.el.div(
        rx.el.span(asked.words, rx.cond(asked.needed, "", rx.el.span(" ", t("(if wanted)"))), class_name="label"),
        rx.match(
            asked.ask,
            ("text", text),
            ("line", text),
            ("to", text),
            ("tag", _with_known(state, line, asked, text)),
            ("value", _with_known(state, line, asked, text)),
            ("word", plain),
            ("days", plain),
            selected,
        ),
        problem_line(asked.problem),
        class_name="field",
    )


def _with_known(state: Any, line: rx.Var[ActionLine], asked: rx.Var[AskLine], text: rx.Component) -> rx.Component:
    """Show a text with what is known to stand there, to be taken from a list."""
    known = native(
        [rx.el.option(t("Choose…"), value=""), rx.foreach(asked.options, option)],
        label=t("Known values of {words} of action {number}", words=asked.words, number=line.number),
        value="",
        on_change=lambda value: state.pick_asked(line.place.to(int), asked.name, value),
    )
    is_offered = (asked.options.length() > 0) & ~READ_ONLY
    return rx.el.div(rx.el.div(text, class_name="grow"), rx.cond(is_offered, known), class_name="with-known")
