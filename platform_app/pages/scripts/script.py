"""Script: the editor page."""

from typing import Any

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, field, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.console.variables import variable_text
from platform_app.components.console.versioned_editor import conflict
from platform_app.components.rules.conditions import builder
from platform_app.components.scripts.guided_steps import guided_steps
from platform_app.components.scripts.script_panel import script_panel
from platform_app.state.console.base import CurrentUser
from platform_app.state.scripts.script import ANY, ScriptState
from platform_app.state.scripts.scripts import KINDS


def show() -> rx.Component:
    """Return the page on which operators edit a script and try it on a lead and a message."""
    return frame(
        rx.cond(rx.State.is_hydrated & (ScriptState.script_key != ""), _editor(), skeleton_rows(8)),
        section="Agents",
    )


def _editor() -> rx.Component:
    return rx.fragment(
        _head(),
        conflict(ScriptState, t("Somebody else changed this script meanwhile.")),
        rx.el.div(_fields(), script_panel(), class_name="grid cols-2-1", key=ScriptState.script_key),
    )


def _head() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.h1(ScriptState.title),
            rx.el.p(ScriptState.saved, class_name="muted small"),
        ),
        rx.flex(
            rx.link(t("All scripts"), href=_up(), size="2", underline="always"),
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


def _up() -> rx.Var[str]:
    return f"/manage/{CurrentUser.slug}/agents/{ScriptState.agent}/scripts"


def _choice(name: str, label: Any, items: list[rx.Component], *, value: Any, on_change: Any) -> rx.Component:
    control = rx.select.root(
        rx.select.trigger(id=name, max_width="420px"),
        rx.select.content(*items),
        value=value,
        on_change=on_change,
        disabled=READ_ONLY,
    )
    return field(label, control, name=name)


def _area(name: str, label: Any, help_text: Any, rows: str) -> rx.Component:
    control = rx.text_area(
        id=name,
        default_value=ScriptState.initial[name],
        on_change=debounced(lambda value: ScriptState.save(name, value)),
        read_only=READ_ONLY,
        rows=rows,
        max_length=8000,
        resize="vertical",
        custom_attrs={"aria-describedby": f"{name}-help"},
    )
    return field(label, control, name=name, help_text=help_text, problem=ScriptState.problems.get(name, ""))


def _fields() -> rx.Component:
    return rx.el.div(
        _title(),
        *_choices(),
        _text(),
        rx.cond(
            ScriptState.kind == "objection",
            _area(
                "examples",
                t("What the contact says"),
                t("One example a line. The script is used when something like one of them is said."),
                "4",
            ),
        ),
        rx.el.div(
            rx.el.h2(t("Condition")),
            builder(ScriptState, empty=t("Used in every case. Add a condition to narrow it.")),
            class_name="field",
        ),
        rx.el.div(rx.el.h2(t("Steps")), guided_steps(ScriptState), class_name="field"),
        class_name="form",
    )


def _title() -> rx.Component:
    return field(
        t("Title"),
        rx.input(
            id="title",
            default_value=ScriptState.initial["title"],
            on_change=debounced(lambda value: ScriptState.save("title", value)),
            read_only=READ_ONLY,
            max_length=200,
        ),
        name="title",
        problem=ScriptState.problems.get("title", ""),
    )


def _text() -> rx.Component:
    return field(
        t("Text"),
        variable_text(
            "text",
            initial=ScriptState.initial["text"],
            variables=ScriptState.variables,
            on_change=debounced(lambda value: ScriptState.save("text", value)),
        ),
        name="text",
        help_text=t("What the agent is to say. Type {{ for variables. It is saved as you type."),
        problem=ScriptState.problems.get("text", ""),
    )


def _choices() -> list[rx.Component]:
    return [
        _choice(
            "kind",
            t("Kind"),
            [rx.select.item(t(words), value=code) for code, words in KINDS.items()],
            value=ScriptState.kind,
            on_change=lambda selected: ScriptState.save("kind", selected),
        ),
        _choice(
            "stage_id",
            t("Stage"),
            [
                rx.select.item(t("Every stage"), value=ANY),
                rx.foreach(ScriptState.stages, lambda stage: rx.select.item(stage.name, value=stage.id)),
            ],
            value=ScriptState.stage,
            on_change=lambda selected: ScriptState.save("stage_id", selected),
        ),
        _choice(
            "agents",
            t("Agents"),
            [rx.select.item(t("This agent"), value="this"), rx.select.item(t("All agents"), value="all")],
            value=rx.cond(ScriptState.for_all, "all", "this"),
            on_change=ScriptState.set_scope,
        ),
    ]


PAGES = [tenant_page("/agents/[agent_id]/scripts/[script_id]", "Script", show, ScriptState.load)]
