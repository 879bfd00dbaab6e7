"""Agent stages: the editor tab for pipeline stages and visible fields."""

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.form import autosaved_section
from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.text import t
from platform_app.models.agent import AGENT_FORM
from platform_app.state.agents.agent import AgentState
from platform_app.state.agents.agent_stages import AgentStageLine, VisibleField


def tab() -> rx.Component:
    """Return the tab on which operators choose the stages of an agent and the fields that it sees."""
    own = {"stage_instructions": _stages, "seen_fields": _visible_fields}
    return rx.el.div(*autosaved_section(AGENT_FORM, "pipelines", AgentState, own), class_name="form")


def _stages() -> rx.Component:
    """Return the stages: whether the agent works in each, and its instructions there."""
    return rx.fragment(
        rx.el.h2(t(AGENT_FORM["stage_instructions"].label)),
        rx.cond(
            AgentState.stages.length() > 0,
            rx.el.ul(rx.foreach(AgentState.stages, _stage), class_name="plain-list"),
            rx.el.p(t("No pipelines yet."), class_name="muted"),
        ),
    )


def _visible_fields() -> rx.Component:
    return rx.cond(
        AgentState.choices["sees"] == "chosen",
        rx.el.fieldset(
            rx.el.legend(t(AGENT_FORM["seen_fields"].label), class_name="label"),
            rx.foreach(AgentState.visible_fields, _visible_field),
            class_name="choices",
        ),
    )


def _stage(stage: rx.Var[AgentStageLine]) -> rx.Component:
    words = stage.pipeline + " · " + stage.name
    return rx.el.li(
        rx.cond(
            AgentState.choices["works_in"] == "chosen",
            rx.el.label(
                rx.checkbox(
                    checked=stage.selected,
                    on_change=lambda selected: AgentState.toggle_stage(stage.id, selected),
                    disabled=READ_ONLY,
                ),
                words,
                class_name="check",
            ),
            rx.el.span(words),
        ),
        rx.text_area(
            default_value=stage.text,
            on_change=debounced(lambda text: AgentState.set_stage_instructions(stage.id, text)),
            placeholder=t("Extra instructions for this stage"),
            aria_label=t("Instructions for the stage “{title}”", title=words),
            read_only=READ_ONLY,
            max_length=4000,
            rows="2",
            resize="vertical",
        ),
        class_name="stage-line",
        key=stage.id,
    )


def _visible_field(field: rx.Var[VisibleField]) -> rx.Component:
    return rx.el.label(
        rx.checkbox(
            checked=field.selected,
            on_change=lambda selected: AgentState.toggle_visible_field(field.name, selected),
            disabled=READ_ONLY,
        ),
        field.words,
        class_name="check",
    )
