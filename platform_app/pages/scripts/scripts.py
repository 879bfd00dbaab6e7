"""Scripts: the list page."""

import reflex as rx

from platform_app.components.agents.agent_tabs import agent_bar
from platform_app.components.console.drag import DragArea, draggable, droppable
from platform_app.components.console.listing import (
    columns,
    framed_table,
    list_page,
    no_matches,
    search_box,
    select_filter,
    switch_cell,
)
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, empty_state, icon_button, move_buttons, row_link, time_ago
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.scripts.scripts import KINDS, ScriptRow, ScriptsState


def show() -> rx.Component:
    """Return the page on which operators order, switch, copy and delete the scripts of an agent."""
    agent = rx.link(
        ScriptsState.agent_name, href=f"/manage/{CurrentUser.slug}/agents/{ScriptsState.agent}", underline="always"
    )
    create = rx.button(rx.icon("plus", size=16), t("Create script"), on_click=ScriptsState.create)
    return list_page(
        ScriptsState,
        t("Scripts"),
        rx.fragment(t("What the agent says at each stage and how it handles objections."), " ", agent),
        rx.cond(~READ_ONLY, create),
        section="Agents",
        filters=rx.fragment(agent_bar(ScriptsState.agent, "scripts"), _filters()),
        table=_table(),
        empty=empty_state(t("No scripts yet. A script tells the agent what to say and when."), icon="scroll-text"),
    )


def _filters() -> rx.Component:
    return rx.el.div(
        search_box(t("Search scripts"), ScriptsState.search, ScriptsState.set_search),
        select_filter(
            t("Kind"),
            ScriptsState.kind,
            [("all", t("All kinds")), *((code, t(words)) for code, words in KINDS.items())],
            ScriptsState.filter_kind,
        ),
        rx.select.root(
            rx.select.trigger(aria_label=t("Stage")),
            rx.select.content(
                rx.select.item(t("All stages"), value="all"),
                rx.select.item(t("Every stage"), value="none"),
                rx.foreach(ScriptsState.stages, lambda stage: rx.select.item(stage.name, value=stage.id)),
            ),
            value=ScriptsState.stage,
            on_change=ScriptsState.filter_stage,
        ),
        class_name="filters",
    )


def _table() -> rx.Component:
    return rx.fragment(
        rx.cond(
            ScriptsState.rows.length() > 0,
            DragArea.create(
                framed_table(
                    columns(t("Script"), t("Kind"), t("Stage"), t("Agents"), t("Used"), t("On"), None),
                    rx.table.body(rx.foreach(ScriptsState.rows, _row)),
                ),
                on_move=ScriptsState.drop,
            ),
            no_matches(),
        ),
        rx.el.p(ScriptsState.total_words, class_name="muted small"),
    )


def _row(script: rx.Var[ScriptRow], at: rx.Var[int]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(
            row_link(script.title, f"/manage/{CurrentUser.slug}/agents/{ScriptsState.agent}/scripts/{script.id}")
        ),
        rx.table.cell(script.kind),
        rx.table.cell(script.stage),
        rx.table.cell(script.agents),
        rx.table.cell(
            rx.cond(
                script.when != "",
                rx.fragment(script.used, " ", time_ago(script.when, script.exact)),
                rx.el.span(t("never"), class_name="muted small"),
            )
        ),
        switch_cell(
            script.title,
            script.enabled,
            lambda enabled: ScriptsState.switch(script.id, enabled),
            disabled=READ_ONLY,
        ),
        rx.table.cell(rx.cond(~READ_ONLY, _actions(script, at))),
        align="center",
        key=script.id,
        custom_attrs=draggable(script.id) | droppable(script.id),
    )


def _actions(script: rx.Var[ScriptRow], at: rx.Var[int]) -> rx.Component:
    return rx.flex(
        move_buttons(
            (t("Move “{name}” up", name=script.title), t("Move “{name}” down", name=script.title)),
            lambda up: ScriptsState.move(script.id, up),
            first=at == 0,
            last=at == ScriptsState.rows.length() - 1,
        ),
        icon_button("copy", t("Duplicate “{title}”", title=script.title), ScriptsState.duplicate(script.id)),
        icon_button("trash-2", t("Delete “{title}”", title=script.title), ScriptsState.delete(script.id)),
        spacing="4",
        justify="end",
    )


PAGES = [tenant_page("/agents/[agent_id]/scripts", "Scripts", show, ScriptsState.load)]
