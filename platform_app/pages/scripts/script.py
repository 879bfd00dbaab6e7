"""Script: the editor page."""

from typing import Any

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.form import autosaved_field, chosen_field
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, field, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.console.variables import variable_text
from platform_app.components.console.versioned_editor import conflict
from platform_app.components.rules.conditions import builder
from platform_app.components.scripts.guided_steps import guided_steps
from platform_app.components.scripts.script_panel import script_panel
from platform_app.models.script import SCRIPT_FORM
from platform_app.state.scripts.script import ANY, ScriptState


def show() -> rx.Component:
    """Return the page on which operators edit a script and try it on a lead and a message."""
    return frame(
        rx.cond(rx.State.is_hydrated & (ScriptState.script_key != ""), _editor(), skeleton_rows(8)),
        section="Agents",
        up=(t("Scripts"), f"/agents/{ScriptState.agent}/scripts"),
    )


def _editor() -> rx.Component:
    return rx.fragment(
        _head(),
        conflict(ScriptState, t("Someone else has changed this script since you opened it.")),
        rx.el.div(_fields(), script_panel(), class_name="grid cols-2-1", key=ScriptState.script_key),
    )


def _head() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.h1(ScriptState.title),
            rx.el.p(ScriptState.saved, class_name="muted small"),
        ),
        rx.flex(
            rx.el.label(
                rx.switch(checked=ScriptState.enabled, on_change=ScriptState.switch, disabled=READ_ONLY),
                t("On"),
                class_name="status",
            ),
            spacing="4",
            align="center",
        ),
        class_name="page-head",
    )


def _fields() -> rx.Component:
    return rx.el.div(
        autosaved_field(SCRIPT_FORM["title"], ScriptState),
        *_choices(),
        _text(),
        autosaved_field(SCRIPT_FORM["quick_replies"], ScriptState),
        rx.cond(ScriptState.kind == "objection", autosaved_field(SCRIPT_FORM["examples"], ScriptState)),
        rx.el.div(
            rx.el.h2(t(SCRIPT_FORM["condition"].label)),
            builder(ScriptState, empty=t("Always used. Add a condition to narrow it down.")),
            class_name="field",
        ),
        rx.el.div(rx.el.h2(t(SCRIPT_FORM["steps"].label)), guided_steps(ScriptState), class_name="field"),
        class_name="form",
    )


def _text() -> rx.Component:
    shown = SCRIPT_FORM["text"]
    return field(
        t(shown.label),
        variable_text(
            shown.name,
            initial=ScriptState.initial[shown.name],
            variables=ScriptState.variables,
            on_change=debounced(lambda value: ScriptState.save("text", value)),
        ),
        name=shown.name,
        help_text=t(shown.help_text),
        problem=ScriptState.problems.get(shown.name, ""),
    )


def _choices() -> list[rx.Component]:
    stages = [
        rx.select.item(t("Every stage"), value=ANY),
        rx.foreach(ScriptState.stages, lambda stage: rx.select.item(stage.name, value=stage.id)),
    ]
    scopes = [rx.select.item(t("This agent"), value="this"), rx.select.item(t("All agents"), value="all")]
    scope = rx.cond(ScriptState.for_all, "all", "this")
    return [
        _chosen("kind", ScriptState.kind),
        _chosen("stage_id", ScriptState.stage, stages),
        chosen_field(SCRIPT_FORM["agent_id"], scope, ScriptState.set_scope, options=scopes),
    ]


def _chosen(name: str, value: Any, options: list[rx.Component] | None = None) -> rx.Component:
    return chosen_field(SCRIPT_FORM[name], value, lambda selected: ScriptState.save(name, selected), options=options)


PAGES = [tenant_page("/agents/[agent_id]/scripts/[script_id]", "Script", show, ScriptState.load)]
