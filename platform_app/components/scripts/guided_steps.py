"""Guided steps: the editor of a guided script's steps and the fields they collect."""

from typing import Any

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.parts import READ_ONLY, icon_button, move_buttons
from platform_app.components.console.text import t
from platform_app.components.rules.condition_values import native, option
from platform_app.state.scripts.guided_steps import CollectedFieldLine, GuidedStepLine


def guided_steps(state: Any) -> rx.Component:
    """Return the editor for a state with the GuidedStepEditor mixin."""
    add = rx.button(
        rx.icon("plus", size=14),
        t("Add step"),
        size="1",
        variant="soft",
        color_scheme="gray",
        high_contrast=True,
        type="button",
        align_self="flex-start",
        on_click=state.add_step,
    )
    return rx.el.div(
        rx.el.p(
            t("Steps let the agent collect information without asking twice."),
            class_name="muted small",
        ),
        rx.el.ol(rx.foreach(state.step_lines, lambda step: _step(state, step)), class_name="plain-list"),
        rx.cond(~READ_ONLY, add),
        class_name="conditions",
        key=state.steps_key,
    )


def _step(state: Any, step: rx.Var[GuidedStepLine]) -> rx.Component:
    return rx.el.li(
        _step_head(state, step),
        rx.el.input(
            default_value=step.goal,
            on_change=debounced(lambda goal: state.set_goal(step.index, goal)),
            placeholder=t("What the step is for"),
            aria_label=t("Goal of step {number}", number=step.number),
            max_length=1000,
            read_only=READ_ONLY,
            class_name="native wide",
        ),
        rx.el.ul(rx.foreach(step.fields, lambda line: _field(state, line)), class_name="plain-list"),
        rx.cond(
            ~READ_ONLY,
            native(
                [rx.el.option(t("Add a field to collect…"), value=""), rx.foreach(state.collectable, option)],
                label=t("Field to collect in step {number}", number=step.number),
                value="",
                on_change=lambda fact: state.add_step_field(step.index, fact),
            ),
        ),
        class_name="step-line",
    )


def _step_head(state: Any, step: rx.Var[GuidedStepLine]) -> rx.Component:
    return rx.flex(
        rx.el.strong(t("Step {number}", number=step.number)),
        rx.cond(
            ~READ_ONLY,
            rx.flex(
                move_buttons(
                    (t("Move step {number} up", number=step.number), t("Move step {number} down", number=step.number)),
                    lambda up: state.move_step(step.index, up),
                    first=step.index == 0,
                    last=step.index == state.step_lines.length() - 1,
                    small=True,
                ),
                icon_button(
                    "x", t("Remove step {number}", number=step.number), state.remove_step(step.index), small=True
                ),
                spacing="2",
            ),
        ),
        spacing="3",
        align="center",
    )


def _field(state: Any, line: rx.Var[CollectedFieldLine]) -> rx.Component:
    return rx.el.li(
        rx.el.span(line.words),
        rx.el.input(
            default_value=line.hint,
            on_change=debounced(lambda hint: state.set_hint(line.step, line.index, hint)),
            placeholder=t("How to ask for it"),
            aria_label=t("How to ask for {title}", title=line.words),
            max_length=300,
            read_only=READ_ONLY,
            class_name="native",
        ),
        rx.el.label(
            rx.el.input(
                type="checkbox",
                default_checked=line.required,
                on_change=lambda required: state.set_required(line.step, line.index, required),
                disabled=READ_ONLY,
            ),
            t("Required|field"),
            class_name="check",
        ),
        rx.cond(
            ~READ_ONLY,
            icon_button(
                "x",
                t("Don’t collect {title}", title=line.words),
                state.remove_step_field(line.step, line.index),
                small=True,
            ),
        ),
        class_name="collected",
    )
