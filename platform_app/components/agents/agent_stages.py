"""Agent stages: the editor tab for pipeline stages and visible fields."""

import reflex as rx

from platform_app.components.console.debounced_input import later
from platform_app.components.console.parts import READ_ONLY, field
from platform_app.components.console.text import t
from platform_app.state.agents.agent import FIELD_LABELS, AgentState
from platform_app.state.agents.agent_stages import AgentStageLine, VisibleField


def tab() -> rx.Component:
    """Return the tab."""
    return rx.el.div(
        _scope_select(
            "works_in",
            AgentState.works_in,
            [("all", t("In every stage")), ("chosen", t("Only in the chosen stages"))],
            t("Without a lead there is no stage, and the agent works."),
        ),
        rx.el.h2(t("Instructions for stages")),
        rx.cond(
            AgentState.stages.length() > 0,
            rx.el.ul(rx.foreach(AgentState.stages, _stage), class_name="plain-list"),
            rx.el.p(t("There are no pipelines yet."), class_name="muted"),
        ),
        _scope_select(
            "sees",
            AgentState.sees,
            [("all", t("All fields of contact and lead")), ("chosen", t("Only the chosen fields"))],
            t("What it may not see reaches neither the model nor the texts of scripts."),
        ),
        rx.cond(
            AgentState.sees == "chosen",
            rx.el.fieldset(
                rx.el.legend(t("Chosen fields"), class_name="label"),
                rx.foreach(AgentState.visible_fields, _visible_field),
                class_name="choices",
            ),
        ),
        class_name="form",
    )


def _scope_select(
    name: str, value: rx.Var[str], choices: list[tuple[str, rx.Var[str]]], help_text: rx.Var[str]
) -> rx.Component:
    control = rx.select.root(
        rx.select.trigger(id=name, max_width="420px"),
        rx.select.content(*(rx.select.item(words, value=code) for code, words in choices)),
        value=value,
        on_change=lambda selected: AgentState.save(name, selected),
        disabled=READ_ONLY,
    )
    return field(t(FIELD_LABELS[name]), control, name=name, help_text=help_text)


def _stage(stage: rx.Var[AgentStageLine]) -> rx.Component:
    words = stage.pipeline + " · " + stage.name
    return rx.el.li(
        rx.cond(
            AgentState.works_in == "chosen",
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
            on_change=later(lambda text: AgentState.set_stage_instructions(stage.id, text)),
            placeholder=t("What else to do in this stage"),
            aria_label=t("Instructions for the stage “{title}”", title=words),
            read_only=READ_ONLY,
            max_length=4000,
            rows="2",
            resize="vertical",
        ),
        class_name="stage-line",
        key=stage.id,
    )


def _visible_field(one: rx.Var[VisibleField]) -> rx.Component:
    return rx.el.label(
        rx.checkbox(
            checked=one.selected,
            on_change=lambda selected: AgentState.toggle_visible_field(one.name, selected),
            disabled=READ_ONLY,
        ),
        one.words,
        class_name="check",
    )
